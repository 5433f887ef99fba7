"""A system's model card in the form of the model hub of Hugging Face: what its page shows, and its index of results.

Front matter: the fields of huggingface.co/docs/hub/model-cards (license, library_name, pipeline_tag, tags, datasets,
metrics, model-index); behind it Markdown. Values in the index are as in metrics/: rates are fractions, and the name of
a metric says where it was leaky, transductive or optimised.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

import models
from voxdag.core import params
from voxdag.core.errors import NotHere, Refused
from voxdag.core.params import System
from voxdag.reporting import cells, heard, limits, markdown, measured, origin, tables
from voxdag.reporting.cells import Table, Value
from voxdag.reporting.chosen import Chosen, choose
from voxdag.reporting.measured import SIMULATED, Task
from voxdag.scoring import verdicts
from voxdag.tasks import results

LIBRARY = "voxdag"
OWN_LICENSE = "mit"  # of weights that nothing but the pipeline's own corpus went into
OTHER = "other"
AUDIO = "audio-to-audio"  # the hub's name of what makes audio
LICENSE = re.compile(r"[a-z0-9][a-z0-9.-]*")
CITATION = """@software{voxdag,
  title   = {voxdag: reproducible speech and audio experiments as one DVC pipeline},
  author  = {{The voxdag authors}},
  license = {MIT}
}"""


def card(name: str, license: str | None = None, out: Path = Path()) -> str:
    """The card of a system, as text: a README.md of the hub.

    out: where it is to lie; what of it git knows is no change of the run
    license: of the weights, an identifier of the hub (cc-by-4.0, ...); None: MIT where only a simulated corpus went
    into them, else `other`, since the licences of corpus and initial weights decide.

    Raises Refused as `of_commit` does.
    """
    return of_commit(name, origin.commit(out), license)


def of_commit(
    name: str, commit: origin.Commit | None, license: str | None = None, use: Sequence[str] | None = None
) -> str:
    """The card of a system that was made with a commit; None: with none that is known.

    use: the paragraphs that say how it is used, where it lies with other files than a checkpoint

    Raises Refused for a name that is no system of params.yaml, for a licence that is no identifier, where params.yaml
    is not what the system was made with, and, as NotHere, where the system has not been measured.
    """
    tree = params.read()
    system = params.system(tree, name)
    if license is not None and not LICENSE.fullmatch(license):
        raise Refused(f"the license is {license!r}, expected an identifier such as mit or cc-by-nc-4.0")
    origin.check_settings(tree, name)
    (chosen,) = choose(tree, [system.task])
    task = measured.read(tree, chosen)
    if name not in task.measured:
        raise NotHere(f"metrics/{name}/intervals.csv is not here: `dvc repro evaluate@{name}` writes it")
    front = yaml.safe_dump(front_matter(task, name, system, license), sort_keys=False, allow_unicode=True, width=120)
    return f"---\n{front}---\n\n" + "\n\n".join(_body(tree, task, name, system, commit, use)) + "\n"


def front_matter(task: Task, name: str, system: System, license: str | None) -> dict[str, Any]:
    """What the hub reads of the card."""
    rows = _rows(task, name)
    own = task.trained_on.startswith(SIMULATED) and system.model.init_weights is None
    chosen = license or (OWN_LICENSE if own else OTHER)
    named = {"license_name": "as-corpus-and-initial-weights-say"} if chosen == OTHER else {}
    explained = task.explained
    return {
        "license": chosen,
        **named,
        "library_name": LIBRARY,
        **({"pipeline_tag": explained.HUB_TASK} if explained else {}),
        "tags": ["audio", *(explained.TAGS if explained else ()), system.network, *(["simulated"] * task.simulated)],
        "datasets": list(dict.fromkeys([task.trained_on, task.corpus])),
        "metrics": [row["metric"] for row in rows],
        "model-index": [{"name": name, "results": [_result(task, name, rows)]}],
    }


def _result(task: Task, name: str, rows: list[Mapping]) -> dict[str, Any]:
    """The one result of the index: all metrics on eval of the corpus."""
    return {
        "task": {"type": task.explained.HUB_TASK if task.explained else task.name, "name": task.title},
        "dataset": {"type": task.corpus, "name": _heard(task, name), "split": "eval"},
        "metrics": [
            {"type": row["metric"], "name": _named(task, row["metric"]), "value": float(row["value"])} for row in rows
        ],
    }


def _rows(task: Task, name: str) -> list[Mapping]:
    """The leading metrics of a system that are defined, means over its trainings."""
    means = task.means[(task.means["system"] == name) & task.means["value"].notna()]
    by_plain = {verdicts.measured(row["metric"]): row for row in means.to_dict("records")}
    return [by_plain[metric] for metric in task.leading if metric in by_plain]


def _named(task: Task, metric: str) -> str:
    notes = measured.marks(metric)
    return task.measure(metric).name + (f" ({', '.join(notes)})" if notes else "")


def _corpus(task: Task) -> str:
    return f"{task.corpus} (simulated)" if task.simulated else task.corpus


def _heard(task: Task, name: str) -> str:
    """The corpus of eval in words, and the codecs that it was heard through."""
    codecs = task.heard.get(name, "")
    return f"{_corpus(task)}, {heard.words(codecs)}" if codecs else _corpus(task)


def _body(
    tree: Mapping[str, Any],
    task: Task,
    name: str,
    system: System,
    commit: origin.Commit | None,
    use: Sequence[str] | None,
) -> Iterator[str]:
    """The parts of the card behind its front matter."""
    explained = task.explained
    yield f"# {markdown.text(name)}"
    yield markdown.text(f"{task.title} with the network {system.network} ({system.model.config}).")
    if explained:
        yield explained.QUESTION
    if task.simulated:
        yield f"> **Simulated.** {limits.NOTHING_COMPARES}"
    yield "## Intended use"
    yield explained.USE if explained else "Research."
    if explained:
        yield f"**Not for:** {explained.MISUSE}"
    yield from _training(tree, task, name, system)
    yield from _evaluation(task, name)
    yield "## Limits"
    yield markdown.items([*limits.of_task(_alone(task, name), tree), *limits.explained([task]), *limits.OF_ALL])
    yield "## How to use"
    yield from _of_weights(task, system) if use is None else use
    yield from _anew(name, commit)
    yield "## Citation"
    yield markdown.fenced(CITATION, "bibtex")
    source = _source(system.network)
    if source:
        yield f"The network: {markdown.text(source)}"


def _training(tree: Mapping[str, Any], task: Task, name: str, system: System) -> Iterator[str]:
    count = len(system.seeds)
    chosen = {"averaged": "the mean of the weights of the end of training", "last": "those of the last step"}
    weights = chosen.get(system.evaluate.checkpoint, f"{system.evaluate.checkpoint.replace('_', ' ')} on dev")
    yield "## Training"
    yield markdown.items(
        [
            f"Data: the train split of {results.corpus(tree, task.name, 'train')}, as {system.recordings}.",
            f"Procedure: {system.train['epochs']} epochs, batches of {system.train['batch_size']}, "
            f"{system.train['optimizer']}, learning rate {system.train['lr']}; "
            f"seeds {', '.join(map(str, system.seeds))}.",
            f"Initial weights: {system.model.init_weights or 'drawn'}. Weights that are scored: {weights}.",
            f"Figures are means over {count} trainings." if count > 1 else "Figures are of one training.",
        ]
    )
    yield "All settings, as in params.yaml:"
    yield markdown.fenced(yaml.safe_dump({name: tree["systems"][name]}, sort_keys=False, allow_unicode=True), "yaml")


def _evaluation(task: Task, name: str) -> Iterator[str]:
    yield "## Evaluation"
    confidence = f"{100 * task.scoring.confidence:g} %"
    yield (
        f"On eval {heard.words(task.heard.get(name, ''))}, which nothing was chosen on; in brackets {confidence} "
        "bootstrap intervals. What they draw stands at each table. Thresholds, temperatures and checkpoints are dev's."
    )
    yield markdown.table(tables.headline(_alone(task, name)))
    judged = tables.judged(task)
    mine = [row for row in judged.rows if name in row.head.split(f" {tables.MINUS} ")] if judged else []
    if judged is not None and mine:
        yield "The verdict is on the first of the two systems:"
        yield markdown.table(replace(judged, rows=mine))
    for table in tables.groups(_alone(task, name)):
        yield markdown.table(table)
    published = tables.published(_alone(task, name))
    if published:
        yield markdown.table(published)
    yield "What the metrics are:"
    yield markdown.items(_words(tables.headline(_alone(task, name))))


def _words(table: Table) -> list[str]:
    """The metrics of a table's first row in words."""
    measures = dict.fromkeys(one.measure for row in table.rows[:1] for one in row.cells if isinstance(one, Value))
    return [f"{cells.head(measure)}: {measure.meaning}" for measure in measures if measure.meaning]


def _alone(task: Task, name: str) -> Task:
    """The task with this system and the baselines alone."""
    kept = Chosen(task.name, (name,), task.chosen.baselines)
    shown = task.intervals[task.intervals["system"].isin(kept.names)]
    breakdown = {system: table for system, table in task.breakdown.items() if system == name}
    return replace(task, chosen=kept, intervals=shown, breakdown=breakdown)


def result(explained: ModuleType | None) -> str:
    """What `voxdag.predict` is told of where the answer of a task goes; explained: its words."""
    return "-o enhanced" if explained is not None and explained.HUB_TASK == AUDIO else "> scores.csv"


def _of_weights(task: Task, system: System) -> Iterator[str]:
    file = f"{system.evaluate.checkpoint}.safetensors"
    yield "With voxdag installed; the weights say themselves how files are scored with them:"
    yield markdown.fenced(f"python -m voxdag.predict --weights {file} recordings {result(task.explained)}", "sh")


def _anew(name: str, commit: origin.Commit | None) -> Iterator[str]:
    """How the run is made again, by the commit that has it, and what speaks against that."""
    code = origin.code_behind(name)
    yield "To make them anew, in a clone of the repository:"
    checkout = f"git checkout {commit.name}\n" if commit else ""
    yield markdown.fenced(f"{checkout}dvc repro evaluate@{name}", "sh")
    if commit and not commit.of_run:
        yield "No commit has the dvc.lock of this run: the one above is that which its folder stood on."
    if code.behind:
        yield f"The checkout that this card was written in has other code than made these results ({code.words})."
    if commit and commit.changed:
        yield f"When this card was written {len(commit.changed)} files were not as committed."


def _source(network: str) -> str:
    """What the file of a network says of its source; nothing where it says none."""
    file = Path(models.__path__[0], f"{network}.py")
    words = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) if file.is_file() else None
    found = re.search(r"^Source: (.+?)(?:\n\n|\Z)", words or "", re.DOTALL | re.MULTILINE)
    return found[1] if found else ""
