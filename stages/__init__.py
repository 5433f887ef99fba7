"""The stages of the pipeline: each reads files, calls one pure function and writes files."""
