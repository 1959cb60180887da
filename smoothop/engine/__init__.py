"""The engine: runs handlers as supervised workers.

It knows the words (errors, results, config, events, handlers) and nothing of plugins, files, the
command line or the network. Read it in this order: `supervision` (what to do next, pure),
`machine` (time, locks, threads), `waiting`, `receipt`, `mailbox`, `slot` (one loop of a worker),
`thread_runner`, `pool_runner` and `loop_runner` (who drives a slot), `run`, then `worker_news`,
`worker_slots` and `core` (the state of one worker), `operator`. Where slots share threads:
`agenda`, `growth`, `pool`; where they share tasks: `loop_crew`, `loop_carrier`. Who waits for
whom: `circles`, `current`. What hangs: `stuck`, `watchdog`, `replacing`.
"""
