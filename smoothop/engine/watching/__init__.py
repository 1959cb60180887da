"""Looking on: event streams, calls that are stuck, the sign of life."""
