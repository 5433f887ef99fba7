"""Make the simulated corpora of a task where they are gone: in another clone, or after their folder was emptied.

Usage:  python -m stages.provide <task>
Reads:  params.yaml                     tasks.<task>.prepare
Writes: the corpora folder              a corpus in a folder named after its options and the code that makes it

It runs before `stages.features`, as one stage with it. So decoding does not depend on the readers: what they make is in
the manifest, by name.
"""

from __future__ import annotations

from voxdag.core import command, params
from voxdag.corpora import manifest


def main(name: str) -> None:
    where = f"tasks.{name}.prepare"
    manifest.provide(params.bind(manifest.Prepare, params.task(params.read(), name).prepare, where), where)


if __name__ == "__main__":
    command.main(main)
