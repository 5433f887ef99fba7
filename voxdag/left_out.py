"""Leave one codec out: what a countermeasure loses on a codec that training left out, codec by codec.

Usage:  python -m voxdag.left_out OUT SYSTEM
Reads:  params.yaml                     systems.SYSTEM, whose recordings come through an entry of `coded`
        DVC's experiments               those that are there already
Makes:  experiments SYSTEM-all, SYSTEM-without-<codec> of each codec that train has: trained on all of them, and on all
        but that one (dev too); eval comes through all of them. What is done is not done again
Writes: OUT/left_out.csv                for each codec, on the eval recordings that came through it: EER with it in
                                        training and without it, the paired difference with its interval, the verdict

An experiment is named after what it is; one of that name with other parameters is refused, and not overwritten.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from voxdag.audio.codecs import NONE
from voxdag.core import artifacts, command, params
from voxdag.core.errors import NotHere, Refused
from voxdag.core.modules import load_module
from voxdag.data import coded
from voxdag.data.coded import CODEC
from voxdag.tasks import asked, results, revisions, summary

TASK, METRIC = "antispoof", "eer"
SPLITS = ("train", "dev", "eval")
KEPT = ("with_codec", "without_codec", "difference", "low", "high", "p", "better")


def codecs(tree: Mapping[str, Any], system: str) -> tuple[str, list[str]]:
    """The entry of `coded` that a system's recordings come through, and the codecs of its train split.

    Raises Refused for a system without such, and for fewer codecs than two.
    """
    (name,) = asked.systems(tree, TASK, [system], "systems")
    entry = params.coded_by(tree, params.system(tree, name).recordings)
    if not entry:
        raise Refused(f"systems.{name}.recordings come through no codec: expected those of an entry of coded")
    found = [codec for codec in tree["coded"][entry]["settings"]["train"]["codecs"] if codec != NONE]
    if len(found) < 2:
        raise Refused(f"coded.{entry}.settings.train.codecs is {found}, expected two or more, one to leave out")
    where = f"systems.{name}.objective.coded_share"
    if not tree["systems"][name]["objective"].get("coded_share"):
        raise Refused(f"{where} is 0: training hears no codec that could be left out")
    if not tree["coded"][entry]["settings"]["eval"]["versions"]:
        raise Refused(f"coded.{entry}.settings.eval.versions is 0: no eval recording comes through a codec")
    for left_out in (None, *found):
        _bound(tree, entry, found, left_out)
    return entry, found


def _bound(tree: Mapping[str, Any], entry: str, every: list[str], left_out: str | None) -> None:
    """Raises Refused for settings of an experiment that the stage would refuse."""
    settings = tree["coded"][entry]["settings"]
    lists = changed(entry, every, left_out).values()
    rules = {split: settings[split] | {"codecs": own} for split, own in zip(SPLITS, lists, strict=True)}
    params.bind(coded.Settings, settings | rules, f"coded.{entry}.settings without {left_out}")


def changed(entry: str, every: list[str], left_out: str | None) -> dict[str, list[str]]:
    """What an experiment changes in params.yaml: the codecs of each split."""
    heard = [codec for codec in every if codec != left_out]
    lists = heard, [NONE, *heard], [NONE, *every]
    return {f"coded.{entry}.settings.{split}.codecs": own for split, own in zip(SPLITS, lists, strict=True)}


def experiment(tree: Mapping[str, Any], system: str, left_out: str | None, folder: Path) -> Mapping[str, pd.DataFrame]:
    """The predictions of an experiment by split, run first where it is not there.

    Raises Refused where one of its name has other parameters, and where it fails.
    """
    entry, every = codecs(tree, system)
    name = f"{system}-all" if left_out is None else f"{system}-without-{left_out}"
    changes = changed(entry, every, left_out)
    try:
        revision = revisions.read(name, system, folder)
    except NotHere:
        flags = [word for key, value in changes.items() for word in ("-S", f"{key}=[{','.join(value)}]")]
        words = ["exp", "run", "--temp", "-n", name, *flags, f"evaluate@{system}"]
        if subprocess.call([sys.executable, "-m", "dvc", *words]):
            raise Refused(f"the experiment {name} failed, see above") from None
        revision = revisions.read(name, system, folder)
    held = tree["coded"][entry]["settings"]
    settings = {split: held[split] | {"codecs": own} for split, own in zip(SPLITS, changes.values(), strict=True)}
    if decisive(revision.tree, entry, system) != decisive(tree, entry, system) | {"settings": held | settings}:
        raise Refused(f"the experiment {name} is there with other parameters: dvc exp remove {name}, or rename it")
    return revision.predictions[system]


def decisive(tree: Mapping[str, Any], entry: str, system: str) -> dict[str, object]:
    """The parameters that decide what a system predicts."""
    held = dict(tree["coded"][entry])
    found = {"settings": held.pop("settings"), "coded": held, "system": tree["systems"][system]}
    found |= {section: tree[section] for section in params.BETWEEN if section != "coded"}
    return found | {"task": tree["tasks"][TASK], **{name: tree[name] for name in ("seed", "num_threads", "device")}}


def lost(every: Mapping[str, pd.DataFrame], without: Mapping[str, pd.DataFrame], codec: str, tree: Mapping) -> dict:
    """What training without a codec changes on the eval recordings that came through it: METRIC in both, and KEPT."""
    report, scoring = load_module("voxdag.tasks.{task}.report", task=TASK), results.scoring(tree, TASK)
    before, after = ({**held, "eval": held["eval"][held["eval"][CODEC] == codec]} for held in (every, without))
    if not len(before["eval"]):
        raise Refused(f"no eval recording came through {codec}")
    no_tables: dict[str, dict] = {split: {} for split in results.SPLITS}  # an EER needs none
    rows = summary.differences(before, after, no_tables, report, scoring, params.run(tree).seed)
    found = rows.set_index("metric").loc[METRIC].rename({"before": "with_codec", "after": "without_codec"})
    better = {"before": "with the codec", "after": "without it"}.get(found["better"], found["better"])
    return {CODEC: codec, **found.reindex([*KEPT]).to_dict(), "better": better, "n": len(before["eval"])}


def run(arguments: argparse.Namespace) -> None:
    """Run what is missing, measure, write, print."""
    tree = params.read()
    _, every = codecs(tree, arguments.system)
    with tempfile.TemporaryDirectory() as place:
        held = {
            left_out: experiment(tree, arguments.system, left_out, Path(place) / str(left_out))
            for left_out in (None, *every)
        }
    table = pd.DataFrame([lost(held[None], held[codec], codec, tree) for codec in every])
    artifacts.write_table(arguments.out / "left_out.csv", table)
    print(table.to_string(index=False, float_format="%.3f"))


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, metavar="OUT", help="folder for the table")
    parser.add_argument("system", metavar="SYSTEM", help="a system whose recordings come through codecs")
    run(parser.parse_args())


if __name__ == "__main__":
    command.guarded(main)
