"""A model card in a few lines: what a system is, what it gave, how it is used."""

from __future__ import annotations

from voxdag.core import artifacts, params
from voxdag.data import layout
from voxdag.tasks import results


def card(name: str) -> str:
    """Of a system, in Markdown; its metrics where evaluate has written them."""
    tree = params.read()
    system = params.system(tree, name)
    path = layout.metrics(name) / "evaluate.json"
    measured = artifacts.read_json(path) if path.is_file() else {}
    rows = [f"| {metric} | {'' if value is None else value} |" for metric, value in sorted(measured.items())]
    table = ["| metric (eval) | value |", "| --- | --- |", *rows, ""] if rows else []
    trained, measured = results.corpus(tree, system.task, "train"), results.corpus(tree, system.task)
    what = f"{system.network} ({system.model.config}) of the task {system.task}"
    used = "    python -m voxdag.predict --bundle FOLDER PATH..."
    return "\n".join([f"# {name}", "", f"{what}, trained on {trained}, measured on {measured}.", "", *table, used, ""])
