"""Networks only: one paper a file, no I/O."""
