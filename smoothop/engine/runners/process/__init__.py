"""Handlers that live in child processes: what `run_in="process"` adds to a thread of its own.

The slot is driven in the parent, by the same runner as on a thread; only its calls go to a child.
So supervision, hooks, metrics and receipts know nothing of processes. This package has what runs
in the parent and what both sides share; its package `inside` has what runs in the child.
"""
