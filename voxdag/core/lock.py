"""dvc.lock as a graph of stages, and where a run departs from the committed one."""

from __future__ import annotations

import graphlib
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from voxdag.core.errors import NotHere, Refused

LOCK = "dvc.lock"
COMMIT = "HEAD"
OBJECTS = "files/md5"  # within DVC's cache: <two digits>/<the others>
REMEDY = f"`git checkout {LOCK}` restores the committed one; python -m voxdag.doctor then names what it does not know"
ALWAYS = "always changed"  # what DVC says of a stage that runs every time
# What DVC says of an output that is not the lock's; of one that its cache lacks it says no more, there or not
GONE, OTHER = ("deleted", "not in cache"), ("modified", "new")


@dataclass(frozen=True)
class Stage:
    """outs, read: path -> hash, of what it wrote and what it read; settings: params, dotted name -> value."""

    outs: Mapping[str, str]
    deps: tuple[str, ...]
    settings: Mapping[str, Any]
    read: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Disk:
    """Where the disk departs from the lock that lies on it, and from the commit.

    gone, changed  outputs that are not there (or not in DVC's cache), and whose content is another
    behind         stage -> what it depends on and what has changed since it ran
    uncommitted    files that are not as committed, or not in the commit and not ignored
    """

    gone: frozenset[str] = frozenset()
    changed: frozenset[str] = frozenset()
    behind: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    uncommitted: frozenset[str] = frozenset()


def stages(text: str) -> dict[str, Stage]:
    """The stages of a lock's text, by name.

    Raises Refused, with the remedy, for one with the marks of a merge, and for an empty one (DVC was stopped).
    """
    try:
        return {name: _stage(entry) for name, entry in yaml.safe_load(text)["stages"].items()}
    except (yaml.YAMLError, AttributeError, KeyError, TypeError) as error:
        raise Refused(f"{LOCK} is damaged ({type(error).__name__}): {REMEDY}") from None


def committed(path: str) -> str | None:
    """The text of a file as the commit has it; None where it has none."""
    done = subprocess.run(["git", "show", f"{COMMIT}:./{path}"], capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else None


def commit() -> str:
    """The commit that a run is compared with, shortened. Raises NotHere where there is none."""
    done = subprocess.run(["git", "rev-parse", "--short", COMMIT], capture_output=True, text=True)
    if done.returncode:
        raise NotHere("there is no commit to compare with: run in a clone of the repository")
    return done.stdout.strip()


def disk() -> Disk:
    """What DVC and git say of the outputs that lie here. Raises Refused with DVC's own words where it fails."""
    done = subprocess.run([sys.executable, "-m", "dvc", "status", "--json"], capture_output=True, text=True)
    if done.returncode:
        raise Refused(f"dvc status failed: {done.stderr.strip()}")
    return departures(json.loads(done.stdout or "{}"), uncommitted())


def uncommitted() -> list[str]:
    """Files that are not as committed, or not in the commit and not ignored."""
    changed = ["git", "diff", "--name-only", "--relative", "-z", COMMIT]
    unknown = ["git", "ls-files", "--others", "--exclude-standard", "-z"]
    listed = (subprocess.run(command, capture_output=True, text=True, check=True) for command in (changed, unknown))
    return [path for done in listed for path in done.stdout.split("\0") if path]


def unsaved(graph: Mapping[str, Stage], cache: Path) -> dict[str, list[str]]:
    """stage -> outputs in data/ that lie here although the cache lacks what the lock says of them.

    So it is where the lock went back (`git checkout .`) behind a run that was not committed: `dvc checkout` would
    delete what lies here, and `dvc repro` make it again. cache: DVC's folder (`dvc cache dir`).
    """
    found = {
        name: [path for path, md5 in stage.outs.items() if path.startswith("data/") and _only_here(path, md5, cache)]
        for name, stage in graph.items()
    }
    return {name: paths for name, paths in found.items() if paths}


def cache() -> Path:
    """DVC's cache. Raises Refused with DVC's own words where it fails."""
    done = subprocess.run([sys.executable, "-m", "dvc", "cache", "dir"], capture_output=True, text=True)
    if done.returncode:
        raise Refused(f"dvc cache dir failed: {done.stderr.strip()}")
    return Path(done.stdout.strip())


def departures(status: Mapping[str, list], uncommitted: Iterable[str]) -> Disk:
    """`dvc status --json` sorted by what it says."""
    outs: dict = {}
    behind: dict = {}
    for stage, entries in status.items():
        for entry in entries:
            named = entry if isinstance(entry, dict) else {}
            outs |= named.get("changed outs", {})
            reasons = [entry] if isinstance(entry, str) and entry != ALWAYS else list(named.get("changed deps", {}))
            if reasons:
                behind[stage] = (*behind.get(stage, ()), *reasons)
    return Disk(
        gone=frozenset(path for path, what in outs.items() if what in GONE),
        changed=frozenset(path for path, what in outs.items() if what in OTHER),
        behind=behind,
        uncommitted=frozenset(uncommitted),
    )


def parents(graph: Mapping[str, Stage]) -> dict[str, list[str]]:
    """The stages that each one depends on directly: an output is one of its dependencies, or holds it or lies in it."""
    return {
        name: [
            other
            for other, above in graph.items()
            if other != name and any(overlap(dep, out) for dep in stage.deps for out in above.outs)
        ]
        for name, stage in graph.items()
    }


def in_order(graph: Mapping[str, Stage]) -> dict[str, frozenset[str]]:
    """The stages in the order in which they run; each with all that it depends on, directly or not."""
    above: dict[str, frozenset[str]] = {}
    direct = parents(graph)
    for name in graphlib.TopologicalSorter(direct).static_order():
        above[name] = frozenset(direct[name]).union(*(above[parent] for parent in direct[name]))
    return above


def folder_hash(folder: Path) -> str:
    """What DVC writes of a folder in the lock: the MD5 of the JSON list of its files and their MD5s."""
    found = sorted((path.relative_to(folder).as_posix(), path) for path in folder.rglob("*") if path.is_file())
    listed = [{"md5": hashlib.md5(path.read_bytes()).hexdigest(), "relpath": name} for name, path in found]
    return f"{hashlib.md5(json.dumps(listed, sort_keys=True).encode()).hexdigest()}.dir"


def overlap(one: str, other: str) -> bool:
    """Whether two paths are one, or one lies in the other."""
    first, second = PurePosixPath(one), PurePosixPath(other)
    return first.is_relative_to(second) or second.is_relative_to(first)


def _stage(entry: Mapping) -> Stage:
    return Stage(
        outs={out["path"]: out["md5"] for out in entry.get("outs", ())},
        deps=tuple(dep["path"] for dep in entry.get("deps", ())),
        settings={name: value for file in entry.get("params", {}).values() for name, value in file.items()},
        read={dep["path"]: dep["md5"] for dep in entry.get("deps", ()) if "md5" in dep},
    )


def _only_here(path: str, md5: str, cache: Path) -> bool:
    return Path(path).exists() and not (cache / OBJECTS / md5[:2] / md5[2:]).exists()
