"""Sync slots on shared threads: parked ones hold none, carriers drive those that are due."""
