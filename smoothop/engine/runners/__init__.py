"""The ways to run a slot: a thread of its own, shared threads, an event loop, a child process."""
