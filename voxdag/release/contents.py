"""What goes into a bundle, by name: from the repository's run, checked against dvc.lock. Eval is not opened."""

from __future__ import annotations

import hashlib
import io
import logging
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from voxdag.core import lock, params
from voxdag.core.errors import NotHere, Refused
from voxdag.core.folders import named
from voxdag.core.modules import load_optional
from voxdag.corpora import licences
from voxdag.data import layout
from voxdag.networks import by_name
from voxdag.networks.official import DENOISERS
from voxdag.networks.weights import read_weights
from voxdag.release import crate, manifest, onnx_files, sbom, use
from voxdag.release.manifest import Checked, Held, Manifest, json_text
from voxdag.reporting import card, origin
from voxdag.tasks import decisions, opened, sources
from voxdag.tasks.opened import Opened
from voxdag.tasks.sources import Source

WEIGHTS, ONNX, OTHERS, RUN = "weights", "onnx", "others", "run"  # folders of a bundle
DECISIONS, CARD, BILL, LICENCES = "decisions.csv", crate.README, "sbom.cdx.json", "licences.json"
COPIED = ("LICENSE", "CITATION.cff")
OF_RUN = ("dvc.yaml", lock.LOCK, params.FILE)
LEFT_AWAY = "left away when the bundle was made (--no-onnx)"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Asked:
    """What a bundle is to be of.

    member  one training; None: all     onnx  whether with ONNX files
    date    of the release, ISO 8601; None: that of the commit that dvc.lock is of
    """

    system: str
    member: str | None
    onnx: bool
    date: str | None


Files = dict[str, bytes | Path]  # name in the bundle -> its bytes, or the file that has them


def contents(asked: Asked) -> tuple[Manifest, Files]:
    """What bundle.json says, and every other file.

    Raises Refused for a system that is not trained, whose checkpoints or decisions are not those of dvc.lock, or of
    which decisions were not fitted; NotHere for a file of the repository that belongs into a bundle.
    """
    tree, found = params.read(), sources.of_system(asked.system, asked.member)
    stages = _stages(asked.system)
    run = opened.run_settings(found, None)
    there = opened.opened(found, opened.run_settings(found, "cpu"))
    names = [file.parent.name for file in found.files]
    weights: Files = {f"{WEIGHTS}/{name}.safetensors": file for name, file in zip(names, found.files, strict=True)}
    fitted, others = _decisions(found, there), _others(found)
    made = _onnx(asked, there, names, found.scoring.recordings)
    used = _licences(tree, found, others)
    files = weights | fitted | {f"{OTHERS}/{name}": path for name, path in others.items()} | made.files
    files |= _of_repository() | {LICENCES: json_text(used).encode(), CARD: _card(found, names, made.about).encode()}
    files[BILL] = json_text(sbom.of_checkout(manifest.product())).encode()
    made_of = {name: layout.checkpoints(asked.system).as_posix() for name in weights}
    made_of |= {name: layout.predictions(asked.system).as_posix() for name in fitted}
    files[crate.FILE] = json_text(_crate(asked, tree, stages, files, made_of)).encode()
    about = Manifest(
        format=manifest.FORMAT,
        product=manifest.product(),
        system=asked.system,
        task=found.scoring.task,
        network=dict(zip(by_name.WORDS, (*found.words, there.inference.OUTPUT_SIZE), strict=True)),
        members=tuple(_held(name, made.files) for name in names),
        scoring=found.scoring,
        run=run,
        decisions=DECISIONS if fitted else None,
        others=OTHERS if others else None,
        onnx=made.about,
        licences=used,
        files={name: _checked(content) for name, content in sorted(files.items())},
    )
    return about, files


def _card(found: Source, members: list[str], onnx: dict) -> str:
    """The model card, which says how a bundle is used. What else lies uncommitted beside the run is no part of it."""
    commit, explained = origin.commit(Path()), load_optional("voxdag.tasks.{task}.explained", task=found.scoring.task)
    packed = use.Packed(
        version=manifest.product()["version"],
        result=card.result(explained),
        members=members,
        onnx=onnx,
        says=explained.NETWORK_SAYS if explained is not None else "",
    )
    own = replace(commit, changed=()) if commit is not None else None
    return card.of_commit(found.name, own, use=list(use.paragraphs(packed)))


@dataclass(frozen=True)
class _Made:
    files: Files
    about: dict


def _onnx(asked: Asked, there: Opened, names: list[str], recordings: str) -> _Made:
    if not asked.onnx:
        return _Made({}, {"reason": LEFT_AWAY})
    made = onnx_files.written(there, names, recordings)
    files: Files = {f"{ONNX}/{name}.onnx": content for name, content in made.files.items()}
    return _Made(files | {f"{ONNX}/{name}": content for name, content in made.extra.items()}, made.about)


def _held(name: str, files: Mapping[str, object]) -> Held:
    onnx = f"{ONNX}/{name}.onnx"
    return Held(name, f"{WEIGHTS}/{name}.safetensors", onnx if onnx in files else None)


def _stages(system: str) -> dict[str, Mapping]:
    """The stages behind a system. Raises Refused where what they made, or were made with, is not what lies here."""
    if not Path(lock.LOCK).is_file():
        raise NotHere(f"{lock.LOCK} is not here, which says what made the weights: `dvc repro` writes it")
    origin.check_settings(params.read(), system)
    stages = crate.stages_of(Path(lock.LOCK).read_text(encoding="utf-8"), system)
    proved = {out["path"]: out["md5"] for entry in stages.values() for out in entry.get("outs", ())}
    for folder in (layout.checkpoints(system), layout.predictions(system)):
        expected = proved.get(folder.as_posix())
        if expected is not None and folder.is_dir() and lock.folder_hash(folder) != expected:
            raise Refused(
                f"{folder} is not what {lock.LOCK} says: `dvc checkout {folder}` takes that back, and `dvc repro "
                f"evaluate@{system}` makes it anew"
            )
    return stages


def _decisions(found: Source, there: Opened) -> Files:
    """The rows of these weights, as evaluate wrote them; nothing of a task that decides nothing."""
    decision = load_optional("voxdag.tasks.{task}.decision", task=found.scoring.task)
    if decision is None:
        return {}
    path, fits = layout.decisions(found.name), f"`dvc repro evaluate@{found.name}` fits it"
    if not path.is_file():
        raise NotHere(f"{path} is not here, which decisions need: {fits}")
    table = decisions.of_weights(decisions.read(path, decision), there.hashes, found.scoring.inference)
    if table is None:
        raise Refused(f"{path} holds nothing that was fitted for these weights: {fits}")
    rows = pd.read_csv(path, dtype=str, keep_default_na=False).loc[table.index]
    text = io.StringIO()
    rows.to_csv(text, index=False, lineterminator="\n")
    return {DECISIONS: text.getvalue().encode()}


def _others(found: Source) -> dict[str, Path]:
    """Weights of others without which these are nothing, by their name in the weights folder."""
    front_end = found.scoring.front_end or {}
    names = [DENOISERS[front_end["denoise"]]] if front_end.get("denoise") in DENOISERS else []
    files: dict[str, Path] = {}
    waiting = [_base(file) for file in found.files]
    for first in (*names, *filter(None, waiting)):
        name: str | None = first
        while name is not None and name not in files:
            manifest.check_name(name, f"a weights file of {found.name}")
            files[name] = by_name.weights_file(name)
            name = _base(files[name])
    for name in files:
        log.info("with weights of others: %s (licence: %s)", name, licences.of_weights(name).terms)
    return files


def _base(file: Path) -> str | None:
    header = read_weights(file)[1]
    return str(header["base"]) if header.get("frozen") else None


def _of_repository() -> dict[str, Path]:
    found = {name: Path(name) for name in COPIED} | {f"{RUN}/{name}": Path(name) for name in OF_RUN}
    for path in found.values():
        if not path.is_file():
            raise NotHere(f"{path} is not here, which belongs into a bundle: run from the repository's root")
    return found


def _licences(tree: Mapping[str, Any], found: Source, others: Mapping[str, Path]) -> dict[str, dict]:
    """Of the corpora that a system was trained on and chosen by, of what was mixed in, and of weights of others."""
    system, prepare = params.system(tree, found.name), params.task(tree, found.scoring.task).prepare
    corpus = prepare["corpus"]
    options = (prepare.get("corpora") or {}).get(corpus) or {}
    initial = [system.model.init_weights] if system.model.init_weights else []
    of = {
        "corpora": {corpus: licences.of_corpus(corpus, options)},
        "folders": {folder: licences.of_folder(folder) for folder in named(system.objective)},
        "weights": {name: licences.of_weights(name) for name in sorted({*others, *initial})},
    }
    for kind, entries in of.items():
        for name, licence in entries.items():
            if licence == licences.UNKNOWN:
                log.warning("the licence of %s %s is not known here (voxdag/corpora/licences.py)", kind, name)
    return {kind: {name: asdict(licence) for name, licence in entries.items()} for kind, entries in of.items()}


def _crate(
    asked: Asked, tree: Mapping[str, Any], stages: Mapping[str, Mapping], files: Files, made_of: Mapping[str, str]
) -> dict:
    task, product = params.system(tree, asked.system).task, manifest.product()
    about = {
        "name": f"{asked.system}, a system of {task}, with the run that made it",
        "description": "Weights, settings, decisions and provenance of one system of voxdag. The licence is that of "
        f"the program; {LICENCES} has those of what the weights were trained on.",
        "date": asked.date or _committed(),
        "version": product["version"],
        "workflow": f"{RUN}/dvc.yaml",
        "licence": COPIED[0],
    }
    return crate.crate(about, stages, {name: _checked(content) for name, content in files.items()}, made_of)


def _committed() -> str:
    """The day of the commit that dvc.lock is of."""
    command = ["git", "log", "-1", "--format=%cs", "--", lock.LOCK]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode or not done.stdout.strip():
        raise Refused(f"{lock.LOCK} is in no commit, whose day would be that of the release: commit the run, or --date")
    return done.stdout.strip()


def _checked(content: bytes | Path) -> Checked:
    if isinstance(content, bytes):
        return manifest.checked(content)
    with content.open("rb") as file:
        return Checked(content.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())
