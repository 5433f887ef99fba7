"""The report as one HTML file that loads nothing: what templates/page.html lays out, and what it is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from voxdag.core import params
from voxdag.reporting import glance, heard, left_out, limits, measured, origin, pictures, tables
from voxdag.reporting.cells import Difference, Table, Value
from voxdag.reporting.chosen import Chosen, choose
from voxdag.reporting.measured import Task
from voxdag.tasks.explained import Measure

TEMPLATES = Path(__file__).with_name("templates")
PAGE = "page.html"


@dataclass(frozen=True)
class Asked:
    """What a report is asked to be.

    out              where it is to lie: what of it git knows is no change of the run
    tasks, names     what it is about, see `choose`
    revision, preset what parameters are compared with, see `origin.base`
    """

    out: Path
    tasks: Sequence[str] = ()
    names: Sequence[str] = ()
    revision: str = "HEAD"
    preset: str | None = None


@dataclass(frozen=True)
class Section:
    """A task as the template takes it; figures of systems and of recordings that were made up by their names."""

    task: Task
    glance: glance.Glance | None
    headline: Table
    every_metric: Table
    members: Table | None
    judged: Table | None
    every_pair: Table | None
    unpaired: Sequence[str]
    groups: Sequence[Table]
    matrix: Sequence[Table]
    matrix_words: str
    quality: Sequence[Table]
    published: Table | None
    drawn: Sequence[pictures.Picture]
    of_systems: Mapping[str, Sequence[pictures.Picture]]
    of_synthetic: Mapping[str, Sequence[pictures.Picture]]
    account: left_out.Account
    limits: Sequence[str]
    settings: Mapping[str, str]


def render(asked: Asked) -> str:
    """The page. Raises Refused for a name that params.yaml does not have, and for what lies here and is damaged."""
    tree = params.read()
    chosen = choose(tree, asked.tasks, asked.names)
    sections = [section(tree, one) for one in chosen]
    files = [file for one in sections for file in one.task.files]
    systems = [name for one in chosen for name in one.systems]
    base = origin.base(asked.revision, asked.preset)
    return (
        _environment()
        .get_template(PAGE)
        .render(
            sections=sections,
            whole=all(one.whole for one in chosen) and len(chosen) == len(choose(tree)),
            simulated=[one.task.title for one in sections if one.task.simulated],
            commit=origin.commit(asked.out),
            base=base[0] if base else None,
            changes=origin.changes(tree, base[1]) if base else [],
            proof=origin.proof(tree, files),
            machines=origin.machines(tree, systems),
            recorded=origin.recorded_class(),
            pins=origin.pins(),
            of_all=limits.OF_ALL,
            marked=limits.explained([one.task for one in sections]),
            measures=_words(sections),
            confidences=" or ".join(dict.fromkeys(f"{100 * one.task.scoring.confidence:g} %" for one in sections)),
            apart=any(len(heard.by_recordings(one.task)) > 1 for one in sections),
            missing=[line for one in sections for line in one.task.missing],
        )
    )


def section(tree: Mapping[str, Any], chosen: Chosen) -> Section:
    """All that is said of a task."""
    task = measured.read(tree, chosen)
    return Section(
        task=task,
        glance=glance.glance(task),
        headline=tables.headline(task),
        every_metric=tables.every_metric(task),
        members=tables.members(task),
        judged=tables.judged(task),
        every_pair=tables.every_pair(task),
        unpaired=tables.unpaired(task),
        groups=list(tables.groups(task)),
        matrix=list(tables.matrix(task)),
        matrix_words=tables.matrix_words(task),
        quality=[tables.quality(entry, table) for entry, table in task.quality.items()],
        published=tables.published(task),
        drawn=pictures.of_comparison(task),
        of_systems={name: found for name in chosen.systems if (found := pictures.of_system(task, name))},
        of_synthetic={name: found for name in task.quality if (found := pictures.of_synthetic(task, name))},
        account=left_out.account(chosen.task),
        limits=limits.of_task(task, tree),
        settings={name: _yaml(tree, name) for name in chosen.names},
    )


def _words(sections: Sequence[Section]) -> dict[str, list[Measure]]:
    """The metrics that stand in the tables and have words, by the titles of tasks."""
    found = {}
    for one in sections:
        shown = [one.headline, one.every_metric, *one.groups, *one.matrix]
        measures = dict.fromkeys(_measures(shown))
        found[one.task.title] = [measure for measure in measures if measure.meaning]
    return {title: measures for title, measures in found.items() if measures}


def _measures(shown: Sequence[Table]) -> list[Measure]:
    cells = (cell for table in shown for row in table.rows for cell in row.cells)
    return [cell.measure for cell in cells if isinstance(cell, Value)]


def _yaml(tree: Mapping[str, Any], name: str) -> str:
    """The block of a system or baseline as params.yaml has it, without its comments."""
    group = "systems" if name in (tree["systems"] or {}) else "baselines"
    return yaml.safe_dump(tree[group][name], sort_keys=False, allow_unicode=True)


def _environment() -> Environment:
    """Everything that a template is given is escaped; a name that it is not given is an error."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.tests["value"] = lambda cell: isinstance(cell, Value)
    environment.tests["difference"] = lambda cell: isinstance(cell, Difference)
    return environment
