"""Async slots on an event loop: parked ones hold no task, carriers drive those that are due."""
