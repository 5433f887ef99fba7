"""Reproducible speech and audio experiments as one DVC pipeline."""

import os

# How long a thread of torch's OpenMP (GNU) turns round while it waits for the others, before it sleeps; read when torch
# is imported. By default it turns so long that beside another job two threads take ten times as long as one. No sum
# depends on it (docs/RESULTS.md has what was measured).
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "5000")
