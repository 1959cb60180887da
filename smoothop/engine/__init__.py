"""The engine: runs handlers as supervised workers.

It knows the words (errors, results, config, events, handlers) and nothing of plugins, files, the
command line or the network. Its rooms:

- `worker`: one worker. Read `supervision` (what to do next, pure) and `slot` (one loop) first.
- `messages`: the mailbox, the receipt of who sends, the way in.
- `runners`: who drives a slot: a thread of its own, the pool, an event loop, a child process.
- `watching`: events and who gets them, observers, what is stuck.

Beside them stands what all share: `machine` (time, locks, threads), `waiting`, `agenda`, `timers`,
`completion`, `cancellation`, whose code runs here (`current`) and who waits for whom (`circles`).
`operator` is the face of it all.
"""
