"""Put a trained system with all that scoring needs, and where it comes from, into one folder or zip.

Usage:  python -m voxdag.bundle aasist OUT                 a folder: all members, with ONNX files
        python -m voxdag.bundle aasist OUT.zip             the same in one file
        python -m voxdag.bundle aasist OUT --member seed-1 --no-onnx
Reads:  params.yaml, dvc.yaml, dvc.lock, requirements.txt, pyproject.toml, LICENSE, CITATION.cff
        data/checkpoints/<system>/, data/predictions/<system>/decisions.csv     which must be those of dvc.lock
        data/<recordings>/dev             some recordings, to hold ONNX against torch, where they are here
        metrics/<system>/                 for the model card
Writes: OUT, which must not be there yet, whole or not at all:
            bundle.json                   what it is of, how files are scored, and the SHA-256 of every other file
            weights/<member>.safetensors, decisions.csv
            onnx/<member>.onnx            with the largest difference from torch in bundle.json, 1e-4 at most; where a
                                          network cannot be written so, bundle.json says why
            onnx/<member>_step.onnx       of a causal enhancer: one hop
            others/                       weights of others that these need
            README.md                     the model card
            licences.json                 of what it was trained on
            ro-crate-metadata.json        what made it of what, from dvc.lock (RO-Crate)
            sbom.cdx.json                 the packages that it ran with (CycloneDX)
            run/                          params.yaml, dvc.yaml, dvc.lock
            LICENSE, CITATION.cff
Prints: JSON: the place, its bytes, the SHA-256 of bundle.json, and what is said of ONNX
The same run gives the same bytes. `python -m voxdag.predict --bundle OUT PATH...` scores with it, anywhere.
ONNX files need the packages of the group `export`.
"""

from __future__ import annotations

import argparse
import datetime
import json
from collections.abc import Sequence
from pathlib import Path

from voxdag.core import command
from voxdag.release import contents, manifest, writing


def run(arguments: argparse.Namespace) -> None:
    """Make what the command line names. Raises Refused as `contents.contents` and `writing.write` do."""
    writing.check(arguments.out)
    date = arguments.date.isoformat() if arguments.date is not None else None
    about, files = contents.contents(contents.Asked(arguments.system, arguments.member, not arguments.no_onnx, date))
    own = about.text().encode()
    writing.write(arguments.out, files | {manifest.FILE: own})
    size = len(own) + sum(checked.bytes for checked in about.files.values())
    said = {"bundle": str(arguments.out), "bytes": size, "sha256": manifest.checked(own).sha256, "onnx": about.onnx}
    print(json.dumps(said, indent=2, ensure_ascii=False))


def parse(line: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("system", metavar="SYSTEM", help="a system of params.yaml")
    parser.add_argument("out", type=Path, metavar="OUT", help="a folder, or a name that ends in .zip")
    parser.add_argument("--member", help="one training, such as seed-1 or fold-3_seed-1; default: all")
    parser.add_argument("--no-onnx", action="store_true", help="without ONNX files")
    parser.add_argument(
        "--date", type=datetime.date.fromisoformat, help="of the release; default: of the commit that dvc.lock is of"
    )
    return parser.parse_args(line)


def main() -> None:
    """Read the command line and make the bundle."""
    run(parse())


if __name__ == "__main__":
    command.guarded(main)
