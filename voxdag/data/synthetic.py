"""How an index tells recordings that were made up from real ones."""

SYNTHETIC = "synthetic"  # its column: 1 of recordings that were made up, 0 of real ones
