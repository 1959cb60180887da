"""Steering an operator from another program: the sync and the async client."""
