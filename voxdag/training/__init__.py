"""One loop for every system, and what it needs: schedule, random streams, averaging, stopping, checkpoints."""
