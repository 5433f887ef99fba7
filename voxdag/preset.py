"""Run a preset: what a published recipe changes in params.yaml, as the flags of `dvc exp run`.

Usage:  python -m voxdag.preset                                      the presets there are
        python -m voxdag.preset aasist_la2019 --run --temp -n la     runs it; what follows --run is for `dvc exp run`
        python -m voxdag.preset aasist_la2019 --beside big --run     its system stands beside aasist, under the name big
        python -m voxdag.preset aasist_la2019 --write                writes it into params.yaml
        python -m voxdag.preset aasist_la2019                        prints the flags
Reads:  presets/<name>.yaml, only what differs from params.yaml; params.yaml, to refuse what it does not have
Writes: params.yaml, with --write

A preset that is refused prints a flag that DVC refuses, so `dvc exp run $(python -m voxdag.preset tpyo)` runs nothing.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

from voxdag.core import command, params, presets
from voxdag.core.errors import Refused

REFUSED = "-S this.preset.was.refused=1"  # no key of params.yaml: DVC ends with an error


def main() -> None:
    """Read the command line; print names or flags, write, or run DVC."""
    arguments = parsed()
    if arguments.name is None:
        print("\n".join(presets.names()))
        return
    try:
        preset = presets.read(arguments.name)
        preset = presets.beside(preset, arguments.beside) if arguments.beside else preset
        flags = presets.flags(preset, params.read())
    except Refused:
        if arguments.run is None and not arguments.write:
            print(REFUSED)
        raise
    if arguments.write:
        write(flags)
    elif arguments.run is None:
        print(" ".join(flags))
    else:
        sys.exit(subprocess.call([sys.executable, "-m", "dvc", "exp", "run", *flags, *arguments.run]))


def write(flags: list[str]) -> None:
    """Change params.yaml as `dvc exp run` would, comments kept."""
    from dvc.utils.hydra import apply_overrides  # not at the top: it takes a second to import

    apply_overrides("params.yaml", flags[1::2])


def parsed() -> argparse.Namespace:
    """The command line. One that cannot be read prints REFUSED too."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="?", help="a file of presets/, without .yaml")
    parser.add_argument("--beside", metavar="NEW", help="let its system stand beside the one it changes, as NEW")
    parser.add_argument("--write", action="store_true", help="write it into params.yaml")
    parser.add_argument("--run", nargs=argparse.REMAINDER, help="run `dvc exp run` with it, and with what follows")
    try:
        return parser.parse_args()
    except SystemExit as ended:
        if ended.code:
            print(REFUSED)
        raise


if __name__ == "__main__":
    command.guarded(main)
