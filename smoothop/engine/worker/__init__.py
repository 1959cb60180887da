"""One worker: its state, its runs and slots, what is decided and noted, how it is shown."""
