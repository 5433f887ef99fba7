"""The stages of the pipeline: each reads files, calls one pure function and writes files."""

import voxdag  # noqa: F401  first of all: it says how threads wait, before torch is imported
