"""Reproducible speech and audio experiments as one DVC pipeline."""

import os
import sys
from types import TracebackType

# How long a thread of torch's OpenMP (GNU) turns round while it waits for the others, before it sleeps; read when torch
# is imported. By default it turns so long that beside another job two threads take ten times as long as one. No sum
# depends on it (docs/RESULTS.md has what was measured).
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "5000")

if sys.argv[:1] == ["-m"]:  # a command, whose modules are imported before it can see to an interrupt itself
    _shown = sys.excepthook

    def _in_one_line(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not issubclass(kind, KeyboardInterrupt):
            _shown(kind, error, trace)
            return
        print("interrupted; start the same command again", file=sys.stderr)
        os._exit(130)

    sys.excepthook = _in_one_line
