"""Write a run down as one HTML file that needs no network, or a system of it as a model card.

Usage:  python -m voxdag.report                              all tasks, to report.html (`make report`)
        python -m voxdag.report OUT.html --task emotion      a task alone; --system tier1 svm: some systems or baselines
        python -m voxdag.report --against v1.0 --preset P    params.yaml beside that of a commit, with a preset applied
        python -m voxdag.report --card aasist README.md      a system's model card, in the form of Hugging Face
Reads:  params.yaml, dvc.lock                                what was run
        metrics/, plots/, compare/                           what it gave
        data/manifest, data/features, data/runs              what was left out, and the machine: as far as they are here
Writes: OUT.html or the card, whole or not at all. The same run gives the same bytes: no time of day is in it
"""

from __future__ import annotations

import argparse
from pathlib import Path

from voxdag.core import artifacts, command, lock
from voxdag.core.errors import Refused
from voxdag.reporting import card, page

OUT = {False: Path("report.html"), True: Path("MODEL_CARD.md")}


def main() -> None:
    """Read the command line, and write what it asks for."""
    arguments = _parser().parse_args()
    out = arguments.out or OUT[arguments.card is not None]
    if out.is_dir():
        raise Refused(f"{out} is a folder, expected a file to write")
    if arguments.card is not None:
        if arguments.task or arguments.system or arguments.preset:
            raise Refused("--card is of one system: expected neither --task, --system nor --preset beside it")
        text = card.card(arguments.card, arguments.license, out)
    else:
        text = page.render(page.Asked(out, arguments.task, arguments.system, arguments.against, arguments.preset))
    artifacts.write_bytes(out, text.encode("utf-8", "backslashreplace"))
    command.log.info("%s: %.0f kB", out, len(text) / 1e3)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", nargs="?", type=Path, help="the file to write: report.html, or MODEL_CARD.md of a card")
    parser.add_argument("--task", nargs="+", default=[], metavar="T", help="these tasks alone")
    parser.add_argument("--system", nargs="+", default=[], metavar="S", help="these systems and baselines alone")
    parser.add_argument("--against", default=lock.COMMIT, metavar="REV", help="whose params.yaml is compared with")
    parser.add_argument("--preset", metavar="NAME", help="a preset that is applied to it first")
    parser.add_argument("--card", metavar="SYSTEM", help="a model card of this system instead")
    parser.add_argument("--license", metavar="ID", help="of the weights, on the card")
    return parser


if __name__ == "__main__":
    command.guarded(main)
