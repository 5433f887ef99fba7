"""Say, stage by stage, whether a run gave what the committed lock says.

Usage:  python -m voxdag.prove             after `dvc repro`: exit status 0 where it did
        python -m voxdag.prove --strict    equal bytes on any machine
        python -m voxdag.prove --record    writes metrics/spread.json; run it where the result to commit was made
Reads:  dvc.lock and the outputs           of this run, and as committed (HEAD)
        metrics/<system>/evaluate.json     of this run, and as committed
        metrics/spread.json                as committed: the class of machine that made the result, and the spread over
                                           seeds of the metrics of systems with two or more
Prints: one line per stage: equal, missing, differs, or what else is wrong; one per metric that is not as committed

Machines of one class (voxdag.core.runtime.machine_class) and one number of threads give equal bytes. Elsewhere float
sums end in other digits, and training makes other weights of them. There train and what follows it may differ, if the
metrics lie within the spread over seeds (voxdag.scoring.spread). What stands before training is equal everywhere.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from voxdag.core import artifacts, command, lock, params, runtime
from voxdag.core.errors import NotHere, Refused
from voxdag.core.lock import Disk, Stage
from voxdag.core.modules import load_module
from voxdag.data import layout
from voxdag.scoring.spread import OF_MEMBERS, interval, over_seeds
from voxdag.tasks import results

SPREAD = Path("metrics/spread.json")  # named in .dvcignore: it is of a result, not a part of one
TRAINED = "train@"  # begins the names of stages whose digits depend on the machine
HEADLINE = "evaluate.json"
DIGITS = ("num_threads", "device")  # settings, of the run or of a system, that change the last digits of sums alone

Headline = Mapping[str, float | None]


@dataclass(frozen=True)
class Proof:
    """What a run is held against, and what it gave.

    before, after        the committed lock's stages, and this run's
    disk                 where the outputs depart from this run's lock and from the commit
    metrics              system -> (committed headline, this run's)
    spread               system -> metric -> its spread over seeds, as committed
    made_on, machine     the class of machine of the committed result ({}: not recorded), and this one's
    """

    before: Mapping[str, Stage]
    after: Mapping[str, Stage]
    disk: Disk
    metrics: Mapping[str, tuple[Headline, Headline]]
    spread: Mapping[str, Mapping]
    made_on: Mapping[str, str]
    machine: Mapping[str, str]

    @property
    def elsewhere(self) -> bool:
        """Whether this machine is of another class than the committed result's."""
        return bool(self.made_on) and self.made_on != self.machine


class Line(NamedTuple):
    """What is said of a stage, and whether the proof stands with it."""

    stage: str
    words: str
    holds: bool


class Metric(NamedTuple):
    """A metric that is not as committed. ends: where the spread over `seeds` lets it lie; None: none is recorded."""

    system: str
    name: str
    value: float | None
    committed: float | None
    ends: tuple[float, float] | None
    seeds: int

    @property
    def within(self) -> bool:
        """Whether the spread explains it."""
        return self.ends is not None and self.value is not None and self.ends[0] <= self.value <= self.ends[1]

    @property
    def words(self) -> str:
        """What is said of it."""
        if self.ends is None:
            return "no spread recorded"
        low, high = self.ends
        return f"{'within' if self.within else 'OUTSIDE'} {low} to {high}, the spread over {self.seeds} seeds"


def prove(proof: Proof, strict: bool = False) -> list[Line]:
    """One line per stage, committed or not, in the order in which they run."""
    above = lock.in_order({**proof.before, **proof.after})
    return [_line(proof, name, {name, *others}, strict) for name, others in above.items()]


def _line(proof: Proof, name: str, lineage: set[str], strict: bool) -> Line:
    wrong = _wrong(proof, name)
    if wrong is not None:
        return Line(name, wrong, False)
    differing = _differing(proof, name)
    if not differing:
        return Line(name, "equal", True)
    trained = [stage for stage in proof.after if stage in lineage and stage.startswith(TRAINED)]
    words = [f"differs: {', '.join(differing)}"]
    if not trained:
        return Line(name, words[0], False)
    why = _excuse(proof, trained)
    bad = [metric for stage in trained for metric in changed_metrics(proof, stage) if not metric.within]
    words += [why or "equal bytes are expected here"]
    words += (
        [f"not within the spread: {', '.join(f'{metric.name} of {metric.system}' for metric in bad)}"] if bad else []
    )
    words += [] if bad else ["metrics within the spread"]
    return Line(name, "; ".join(words), bool(why) and not bad and not strict)


def _wrong(proof: Proof, name: str) -> str | None:
    """What no spread excuses, or None."""
    if name not in proof.before:
        return "not in the committed lock"
    if name not in proof.after:
        return "missing: the stage has not run"
    before, after = proof.before[name], proof.after[name]
    missing = [path for path in before.outs if path not in after.outs or path in proof.disk.gone]
    if missing:
        return f"missing: {', '.join(missing)}"
    settings = [key for key in {**before.settings, **after.settings} if _setting(before, key) != _setting(after, key)]
    others = sorted(key for key in settings if not _of_digits(key))
    if others:
        return f"differs: other settings, {', '.join(others)}"
    if name in proof.disk.behind:
        first, *more = proof.disk.behind[name]
        return f"behind: {first}{f' and {len(more)} more' if more else ''} changed since it ran; run `dvc repro`"
    return None


def _differing(proof: Proof, name: str) -> list[str]:
    """The outputs of a stage that are not as committed."""
    before, after, disk = proof.before[name], proof.after[name], proof.disk
    return [
        path
        for path, content in after.outs.items()
        if content != before.outs.get(path)
        or path in disk.changed
        or any(lock.overlap(path, file) for file in disk.uncommitted)
    ]


def _of_digits(key: str) -> bool:
    """Whether a setting is one of DIGITS: num_threads, systems.<system>.num_threads."""
    return key.rpartition(".")[-1] in DIGITS


def _setting(stage: Stage, key: str) -> object:
    return stage.settings.get(key)


def _excuse(proof: Proof, trained: list[str]) -> str | None:
    """Why other digits are expected of what these trainings made, or None."""
    if proof.elsewhere:
        return "another class of machine"
    for name in trained:
        before, after = proof.before.get(name), proof.after[name]
        for key in filter(_of_digits, after.settings):
            if before and _setting(before, key) != _setting(after, key):
                return f"{key} {_setting(after, key)}, committed {_setting(before, key)}"
    return None


def changed_metrics(proof: Proof, stage: str) -> list[Metric]:
    """The metrics of the system that a stage trains which are not as committed; spreads over members are not judged."""
    system = stage.removeprefix(TRAINED)
    before, after = proof.metrics[system]
    if not after:
        return [Metric(system, HEADLINE, None, None, None, 0)]
    seeds = len(proof.after[stage].settings.get(f"systems.{system}.seeds", [None]))
    changed = []
    for name in {**before, **after}:
        if name.endswith(OF_MEMBERS) or (name in after and after[name] == before.get(name)):
            continue
        known = proof.spread.get(system, {}).get(name)
        ends = tuple(round(end, artifacts.DECIMALS) for end in interval(known, seeds)) if known else None
        count = known["n"] if known else 0
        changed.append(Metric(system, name, after.get(name), before.get(name), ends, count))  # type: ignore[arg-type]
    return changed


def gather() -> Proof:
    """What lies here and in the commit. Raises NotHere where either has no lock."""
    commit, text = lock.commit(), lock.committed(lock.LOCK)
    if text is None:
        raise NotHere(f"{lock.LOCK} is not in the commit {commit}: nothing to compare with")
    if not Path(lock.LOCK).is_file():
        raise NotHere(f"{lock.LOCK} is not here: `dvc repro` writes it")
    recorded = json.loads(lock.committed(SPREAD.as_posix()) or "{}")
    after = lock.stages(Path(lock.LOCK).read_text(encoding="utf-8"))
    systems = [name.removeprefix(TRAINED) for name in after if name.startswith(TRAINED)]
    return Proof(
        before=lock.stages(text),
        after=after,
        disk=lock.disk(),
        metrics={name: _headlines(layout.metrics(name) / HEADLINE) for name in systems},
        spread=recorded.get("systems", {}),
        made_on=recorded.get("machine", {}),
        machine=runtime.machine_class(),
    )


def _headlines(path: Path) -> tuple[Headline, Headline]:
    before = json.loads(lock.committed(path.as_posix()) or "{}")
    return before, artifacts.read_json(path) if path.is_file() else {}


def record() -> None:
    """Write the class of this machine and the spread over seeds of all systems that lie here."""
    departed = lock.disk()
    if departed.gone or departed.changed or departed.behind:
        wrong = sorted({*departed.gone, *departed.changed, *departed.behind})
        raise Refused(f"the outputs are not those of {lock.LOCK}: {', '.join(wrong)}; run `dvc repro` first")
    tree = params.read()
    spread = {name: spread_of(name, system["task"]) for name, system in (tree["systems"] or {}).items()}
    for name, metrics in spread.items():
        command.log.info("%s: %s", name, f"{len(metrics)} metrics over seeds" if metrics else "one seed, so no spread")
    kept = {name: metrics for name, metrics in spread.items() if metrics}
    artifacts.write_json(SPREAD, {"machine": runtime.machine_class(), "systems": kept})


def spread_of(name: str, task: str) -> dict:
    """The spread over seeds of a system's headline, that of each seed being the mean over its folds."""
    predictions, tables = results.read(name, task), results.tables(task)
    report = load_module("voxdag.tasks.{task}.report", task=task)
    seeds = sorted(predictions["eval"]["seed"].unique())
    of_seed = [{split: rows[rows["seed"] == seed] for split, rows in predictions.items()} for seed in seeds]
    return over_seeds([report.headline(rows, tables) for rows in of_seed])


def say(proof: Proof, lines: list[Line], strict: bool) -> None:
    """Print which class is expected to give what, a line per stage, a line per changed metric, and the sum."""
    print(_expectation(proof, strict))
    width = max(len(line.stage) for line in lines)
    for line in lines:
        print(f"{' ' if line.holds else '!'} {line.stage:<{width}}  {line.words}")
    for stage in (name for name in proof.after if name.startswith(TRAINED)):
        for metric in changed_metrics(proof, stage):
            print(f"  {metric.system} {metric.name}: {metric.value}, committed {metric.committed}: {metric.words}")
    equal, failed = sum(line.words == "equal" for line in lines), sum(not line.holds for line in lines)
    print(f"{len(lines)} stages: {equal} equal, {len(lines) - equal - failed} within the spread, {failed} not proved")


def _expectation(proof: Proof, strict: bool) -> str:
    machine = ", ".join(proof.machine.values())
    if strict:
        return "equal bytes are asked for"
    if not proof.made_on:
        return f"equal bytes are expected: the commit has no {SPREAD}, which names the class of machine that made it"
    if proof.elsewhere:
        return f"made on another class of machine, {', '.join(proof.made_on.values())}; this is {machine}"
    return f"made on this class of machine, {machine}: equal bytes are expected"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--strict", action="store_true", help="demand equal bytes on any machine")
    either.add_argument("--record", action="store_true", help=f"write {SPREAD} for the next commit")
    arguments = parser.parse_args()
    if arguments.record:
        record()
        return
    proof = gather()
    lines = prove(proof, arguments.strict)
    say(proof, lines, arguments.strict)
    if not all(line.holds for line in lines):
        sys.exit(1)


if __name__ == "__main__":
    command.guarded(main)
