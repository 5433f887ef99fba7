"""What a run was made with: commit, parameters, lock, machine, packages. No time of day, so that a report is the same
whenever it is made."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from voxdag.core import artifacts, code, lock, params, presets
from voxdag.core.errors import Refused
from voxdag.core.workspace import workspace
from voxdag.data.shards import INDEX

RECORDS = Path("data/runs")  # what `train` writes of each training (stages/train.py)
CODE = Path("data/code")  # the code that each stage depends on, as the checkout has it (stages/code.py)
SPREAD = Path("metrics/spread.json")  # says which class of machine made the committed result
PINS = Path("requirements.in")
DIRECT = re.compile(r"([\w.-]+)==(\S+)")
ABSENT = "(not there)"


@dataclass(frozen=True)
class Commit:
    """The commit that a run stands on.

    changed   files that are not as committed, but for the report itself
    of_run    whether it is the last that changed dvc.lock, which is as committed: what lies here is its run. Else it is
              the one that the folder stands on
    """

    name: str
    date: str
    subject: str
    changed: tuple[str, ...]
    of_run: bool = False


@dataclass(frozen=True)
class Change:
    """A parameter that is not as in what it is compared with."""

    key: str
    before: str
    after: str


@dataclass(frozen=True)
class Code:
    """Which results are of other code than the checkout, whose code data/code writes down (stages/code.py).

    behind  the stages whose results are
    known   whether data/code is here: it is no part of what git keeps
    """

    behind: tuple[str, ...] = ()
    known: bool = True

    @property
    def words(self) -> str:
        """The stages in words, those of one name together; nothing where there are none."""
        items: dict[str, list[str]] = {}
        for stage in self.behind:
            name, _, item = stage.partition("@")
            items.setdefault(name, []).append(item)
        return "; ".join(f"{name} {', '.join(filter(None, some))}".strip() for name, some in items.items())


@dataclass(frozen=True)
class Proof:
    """dvc.lock, and what contradicts it.

    digest    first digits of its SHA-256
    stages    how many there are
    files     files of the report that are other ones than it says
    settings  parameters of stages that are other ones than params.yaml says now
    code      whether their code is that of the checkout
    """

    digest: str
    stages: int
    files: tuple[str, ...]
    settings: tuple[str, ...]
    code: Code


@dataclass(frozen=True)
class Machine:
    """Where systems were trained: their names, the machine in words, versions of packages."""

    systems: tuple[str, ...]
    words: Mapping[str, str]
    packages: Mapping[str, str]


def commit(out: Path) -> Commit | None:
    """The commit that the run is of: that which has this dvc.lock. Where none has it, the one that the folder stands
    on; None where git does not know its params.yaml."""
    if lock.committed(params.FILE) is None:
        return None
    changed = tuple(sorted(set(lock.uncommitted()) - {out.as_posix(), _relative(out)}))
    of_run = lock.committed(lock.LOCK) is not None and lock.LOCK not in changed
    only = ["--", lock.LOCK] if of_run else []
    name, date, subject = _git("log", "-1", "--format=%H%n%cs%n%s", lock.COMMIT, *only).split("\n")[:3]
    return Commit(name, date, subject, changed, of_run)


def base(revision: str, preset: str | None) -> tuple[str, Mapping[str, Any]] | None:
    """What parameters are compared with, in words and as a tree: those of a revision, with a preset applied to them.
    None where git knows none. Raises Refused for an unknown revision or preset, and a preset that does not fit."""
    done = subprocess.run(["git", "show", f"{revision}:./{params.FILE}"], capture_output=True, text=True)
    if done.returncode and revision == lock.COMMIT:
        return None
    if done.returncode:
        raise Refused(f"git has no {params.FILE} of {revision!r}: expected a commit, a branch or a tag")
    tree = yaml.safe_load(done.stdout)
    where = f"{params.FILE} of {revision}"
    if preset is None:
        return where, tree
    return f"{where} with the preset {preset}", presets.applied(presets.read(preset), tree)


def changes(tree: Mapping[str, Any], before: Mapping[str, Any]) -> list[Change]:
    """The parameters in which two trees differ, in the order of the first."""
    old, new = dict(_leaves(before)), dict(_leaves(tree))
    keys = [key for key in {**new, **old} if _comparable(old.get(key, ABSENT)) != _comparable(new.get(key, ABSENT))]
    return [Change(key, _text(old.get(key, ABSENT)), _text(new.get(key, ABSENT))) for key in keys]


def proof(tree: Mapping[str, Any], files: Sequence[Path]) -> Proof | None:
    """What dvc.lock says of the files of a report; None where it is not here. Raises Refused for a damaged one."""
    path = Path(lock.LOCK)
    if not path.is_file():
        return None
    content = path.read_bytes()
    stages = lock.stages(content.decode("utf-8", "replace"))
    outs = {out: md5 for stage in stages.values() for out, md5 in stage.outs.items()}
    settings = {key: value for stage in stages.values() for key, value in stage.settings.items()}
    return Proof(
        digest=hashlib.sha256(content).hexdigest()[:16],
        stages=len(stages),
        files=tuple(file.as_posix() for file in files if _md5(file) != outs.get(file.as_posix())),
        settings=tuple(key for key, value in settings.items() if _differs(tree, key, value)),
        code=_code_of(stages),
    )


def code_behind(system: str) -> Code:
    """Of the results of a system and of all that they were made of. Raises Refused for a damaged dvc.lock."""
    stages = _behind(system)
    return Code(known=False) if stages is None else _code_of(stages)


def check_settings(tree: Mapping[str, Any], system: str) -> None:
    """Raises Refused where params.yaml is not what the results of a system were made with, or dvc.lock is damaged: what
    is said of the system would be of another."""
    stages = _behind(system) or {}
    settings = {key: value for stage in stages.values() for key, value in stage.settings.items()}
    if changed := [key for key, value in settings.items() if _differs(tree, key, value)]:
        more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
        raise Refused(
            f"params.yaml is not what {system} was made with ({', '.join(changed[:3])}{more}): `git checkout "
            f"params.yaml` takes that back, `dvc repro evaluate@{system}` makes the system anew"
        )


def _behind(system: str) -> dict[str, lock.Stage] | None:
    """The stages of a system and those before them, in order; None without a lock."""
    path = Path(lock.LOCK)
    if not path.is_file():
        return None
    stages = lock.stages(path.read_text(encoding="utf-8"))
    above = lock.in_order(stages)
    own = {name for name in stages if name.partition("@")[2] == system}
    wanted = own.union(*(above[name] for name in own))
    return {name: stages[name] for name in above if name in wanted}


def machines(tree: Mapping[str, Any], systems: Sequence[str]) -> list[Machine]:
    """Where these systems were trained, by the records of trainings with the settings that they have now; systems of
    one machine together. Those without such a record are in none."""
    found: dict[str, tuple[list[str], dict]] = {}
    for name in systems:
        for record in _records(tree, name):
            about = {"words": _machine(record), "packages": record.get("packages", {})}
            names, _ = found.setdefault(json.dumps(about, sort_keys=True), ([], about))
            if name not in names:
                names.append(name)
    return [Machine(tuple(names), about["words"], about["packages"]) for names, about in found.values()]


def recorded_class() -> dict[str, str]:
    """The class of machine of the committed result, where it is recorded; else nothing."""
    return artifacts.read_json(SPREAD).get("machine", {}) if SPREAD.is_file() else {}


def pins() -> dict[str, str]:
    """The packages that the pipeline asks for itself, with the versions that it pins; nothing where no list is here."""
    return dict(DIRECT.findall(PINS.read_text(encoding="utf-8"))) if PINS.is_file() else {}


def _code_of(stages: Mapping[str, lock.Stage]) -> Code:
    """DVC's own question, of code alone: `dvc status` would look at all data too."""
    if not CODE.is_dir():
        return Code(known=False)
    older = _older()
    return Code(tuple(name for name, stage in stages.items() if any(_is_other(*dep, older) for dep in _of_code(stage))))


def _of_code(stage: lock.Stage) -> Iterator[tuple[Path, str]]:
    yield from ((Path(path), md5) for path, md5 in stage.read.items() if Path(path).is_relative_to(CODE))


def _is_other(path: Path, md5: str, older: frozenset[str]) -> bool:
    """Whether the lock names other code than data/code does, or data/code is older than the checkout."""
    files = sorted(path.rglob("*.txt")) if path.is_dir() else [path]
    if not all(file.is_file() for file in files):
        return False  # an item that params.yaml does not have any more
    found = lock.folder_hash(path) if path.is_dir() else _md5(path)
    return found != md5 or any(line in older for file in files for line in file.read_text("utf-8").splitlines())


def _older() -> frozenset[str]:
    """The lines of data/code that are not of the files as they lie here: these were changed, and `stages.code` has not
    run since."""
    listed = {line for file in CODE.rglob("*.txt") for line in file.read_text("utf-8").splitlines()}
    by_file = {line.split()[0]: line for line in listed if line.split()[0].endswith(".py")}
    looked_at = by_file.keys() & _changed_since_the_run(by_file)
    there = [file for file in looked_at if Path(file).is_file()]
    modules = [file.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for file in there]
    now = code.describe(modules, {}, Path.cwd()).splitlines() if modules else []
    return frozenset(by_file[file] for file in looked_at) - frozenset(now)


def _changed_since_the_run(files: Iterable[str]) -> set[str]:
    """Those that are other ones than in the commit that has this dvc.lock; all where none has it."""
    if lock.committed(lock.LOCK) != Path(lock.LOCK).read_text(encoding="utf-8"):
        return set(files)
    name = _git("log", "-1", "--format=%H", lock.COMMIT, "--", lock.LOCK).strip()
    return set(_git("diff", "--name-only", "--relative", "-z", name).split("\0"))


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], capture_output=True, text=True, check=True).stdout


def _relative(path: Path) -> str:
    try:
        return path.resolve().relative_to(Path.cwd()).as_posix()
    except ValueError:
        return path.as_posix()


def _leaves(tree: object, where: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(tree, Mapping) and tree:
        for name, value in tree.items():
            yield from _leaves(value, f"{where}.{name}" if where else str(name))
    elif where:
        yield where, None if tree == {} else tree


def _text(value: object) -> str:
    return value if value is ABSENT else json.dumps(value, ensure_ascii=False, default=str)


def _md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()  # DVC's own


def _differs(tree: Mapping[str, Any], key: str, value: object) -> bool:
    """Whether params.yaml says another value; of an entry that it does not have any more, no."""
    branch: Any = tree
    *path, last = key.split(".")
    for name in path:
        branch = branch.get(name) if isinstance(branch, Mapping) else None
    if path and not isinstance(branch, Mapping):
        return False
    return _comparable(branch.get(last)) != _comparable(value)


def _comparable(value: object) -> object:
    """A value as two writers of YAML agree on it: 5e-05 is a number to DVC, which reads YAML 1.2, and text to 1.1; an
    empty mapping is none."""
    if isinstance(value, Mapping):
        return {key: _comparable(item) for key, item in value.items()} or None
    if isinstance(value, (list, tuple)):
        return [_comparable(item) for item in value]
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


def _records(tree: Mapping[str, Any], name: str) -> Iterator[dict[str, Any]]:
    """The records of trainings of a system with its settings, on the recordings that lie here, where some do."""
    settings = json.loads(json.dumps(asdict(params.system(tree, name))))
    for path in sorted((workspace() / RECORDS / name).glob("*.json")):
        record = artifacts.read_json(path)
        if _same(record.get("settings", {}), settings) and _is_of_these(record.get("recordings", {})):
            yield record


def _same(recorded: Mapping[str, Any], settings: Mapping[str, Any]) -> bool:
    """Whether two blocks of a system are the same, but for what only scoring depends on."""
    return all(recorded.get(key) == settings.get(key) for key in {**recorded, **settings} if key != "evaluate")


def _is_of_these(recordings: Mapping[str, Mapping[str, str]]) -> bool:
    return all(_index_is(split) for split in recordings.values())


def _index_is(split: Mapping[str, str]) -> bool:
    index = Path(split["folder"]) / INDEX
    return not index.is_file() or hashlib.sha256(index.read_bytes()).hexdigest() == split["index_sha256"]


def _code(git: Mapping[str, Any]) -> str:
    """The commit that a training ran on, and whether its tree was as committed."""
    changed = len(git.get("changed_files", ()))
    return git.get("commit", "")[:12] + (f" and {changed} changed files" if changed else "")


def _machine(record: Mapping[str, Any]) -> dict[str, str]:
    """The machine of a record in words: neither its name nor its system."""
    machine = record.get("machine", {})
    said = {
        "Processor": record.get("processor") or machine.get("processor"),
        "Instruction sets": machine.get("isa"),
        "GPU": machine.get("gpu"),
        "Device": record.get("device"),
        "Threads": record.get("threads"),
        "Python": record.get("python"),
        "PyTorch": machine.get("torch"),
        "CUDA": record.get("cuda"),
        "Commit": _code(record.get("git") or {}),
    }
    return {name: str(value) for name, value in said.items() if value not in (None, "")}
