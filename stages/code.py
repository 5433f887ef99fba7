"""Write down which code and packages each stage depends on, item by item: what every stage has as its code dependency.

Usage:  python -m stages.code
Reads:  dvc.yaml                          the stages, and which section of params.yaml each goes over
        params.yaml                       the task, network and corpora of each item
        stages, models, voxdag            their syntax trees
Writes: data/code/<stage>/<item>.txt      one line per file in the stage's import closure, and per package

It runs on every `dvc repro`, since what is installed may change without a file of ours; equal text reruns nothing.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from voxdag.core import code, command, params
from voxdag.core.files import write_text

FOLDER = Path("data/code")
EXTERNAL = "external"  # the section whose entries depend on others of it


def items(stages: Mapping, tree: Mapping) -> Iterator[tuple[str, str, Mapping]]:
    """(stage, item's name, item) of every stage that can be up to date; one that goes over nothing has "all".

    An entry of `external` has beside its own keys `freezing`: the entries whose dev scores freeze for its system.
    """
    for stage, body in stages.items():
        if "foreach" in body:
            group = body["foreach"].removeprefix("${").removesuffix("}")
            for name, item in (tree[group] or {}).items():
                yield stage, name, {**(item or {}), **(_freezing(tree, name) if group == EXTERNAL else {})}
        elif not body.get("always_changed"):
            yield stage, "all", {}


def _freezing(tree: Mapping, name: str) -> Mapping:
    return {"freezing": [tree[EXTERNAL][other] for other in params.freezing(tree, name)]}


def picked(name: str, item: Mapping) -> dict[str, list[str]]:
    """What an item picks by name: its task (itself, where it is one), its networks, the corpora that it reads.

    A network is picked by every key `network`, however deep: that of a system is one, a discriminator among its
    objective's settings is another.
    """
    prepare = item.get("prepare") or {}
    corpora = [prepare.get("corpus"), prepare.get("eval_corpus"), item.get("corpus")]
    corpora += [entry.get("corpus") for entry in item.get("freezing", ())]
    names = {"task": [item.get("task", name)], "network": _of_key("network", item), "corpus": corpora}
    return {place: [name for name in listed if name] for place, listed in names.items()}


def _of_key(key: str, settings: object) -> list:
    """The values of a key, however deep it stands."""
    if isinstance(settings, Mapping):
        own = [settings[key]] if key in settings else []
        return own + [value for below in settings.values() for value in _of_key(key, below)]
    return [value for below in settings for value in _of_key(key, below)] if isinstance(settings, list) else []


def main() -> None:
    stages = yaml.safe_load(Path("dvc.yaml").read_text(encoding="utf-8"))["stages"]
    if FOLDER.exists():
        shutil.rmtree(FOLDER)  # an item that is gone leaves nothing behind
    for stage, name, item in items(stages, params.read()):
        text = code.describe([f"stages.{stage}"], picked(name, item))
        write_text(FOLDER / stage / f"{name}.txt", text)


if __name__ == "__main__":
    command.guarded(main)
