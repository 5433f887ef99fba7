"""Write an anti-spoofing corpus in the layout of ASVspoof 2019 LA from bona fide recordings.

    recordings of a speaker --+-- 2/3 --> bona fide utterances ---------------------------------+--> equalise --> FLAC
                              +-- 1/3 --> sources --> attack, with donors of the same speaker --+

Attacks A01-A06 make the spoofs of train and dev, A07-A19 those of eval. A voice conversion (A06, A19) turns another
speaker of the split into the claimed one, whose sources are its donors; other attacks counterfeit the claimed speaker's
own sources. What is random about an utterance depends on (seed, purpose, utterance id) alone, so the number of
processes changes nothing.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice, zip_longest
from pathlib import Path

import numpy as np
import pandas as pd

from voxdag.core import streams
from voxdag.core.errors import Refused
from voxdag.core.files import naming
from voxdag.core.parallel import parallel_map
from voxdag.corpora.making import beside, write_flac
from voxdag.corpora.protocols import SPLITS
from voxdag.corpora.readers.asvspoof2019_la import ASV_SCORES, AUDIO, PROTOCOLS, SEEN_ATTACKS, UNSEEN_ATTACKS
from voxdag.simulation import asv
from voxdag.simulation.attacks import spoof
from voxdag.simulation.equalise import RATE, draw_target, equalise

ATTACKS = {"train": SEEN_ATTACKS, "dev": SEEN_ATTACKS, "eval": UNSEEN_ATTACKS}
FIRST_ID = 1_000_001  # ids follow a shuffled order, so they say nothing
CONVERSIONS = frozenset({"A06", "A19"})  # aim at the donors' voice
SHORTEST = 1.0  # s an utterance may last: lead and tail take up to 0.6 s
SPARE = 0.3  # s beyond an utterance's length that its recording had better have, for the cut to choose from
DONORS = 4  # at most, of the claimed speaker


@dataclass(frozen=True)
class Recording:
    """One bona fide recording, which `name` identifies within the corpus."""

    speaker: str
    name: str


@dataclass(frozen=True)
class Material:
    """What one split is made from: its recordings, and the numbers of bona fide and spoofed utterances to make."""

    recordings: tuple[Recording, ...]
    bonafide: int
    spoof: int


@dataclass(frozen=True)
class Utterance:
    """One utterance to make; speaker is the one that it claims, attack is None for bona fide speech."""

    id: str
    split: str
    speaker: str
    attack: str | None
    source: Recording
    donors: tuple[Recording, ...]


Load = Callable[[Recording], np.ndarray]  # -> (n,) at 16 kHz; must be picklable
Attack = Callable[[str, np.ndarray, Sequence[np.ndarray], np.random.Generator], np.ndarray]


def plan(material: Mapping[str, Material], seed: int) -> list[Utterance]:
    """Decide what every utterance of every split is made from, in the order of ids.

    Two thirds of a speaker's recordings are bona fide utterances, the others sources, each of which several attacks may
    use. Speakers and attacks take turns.

    Raises Refused for a speaker in two splits or with a single recording, fewer than two speakers in a split, or too
    few recordings.
    """
    _check_speakers(material)
    return [utterance for split in SPLITS for utterance in _plan_split(split, material[split], seed)]


def write(
    folder: Path,
    material: Mapping[str, Material],
    load: Load,
    seconds: tuple[float, float],
    seed: int,
    jobs: int,
    attack: Attack = spoof,
) -> None:
    """Make the corpus as `folder` (the folder LA), whole or not at all: beside it first, and moved when complete.

    `seconds` bounds the length of the utterances; `jobs` is the number of processes. Only within `alone(folder)`.

    Raises Refused as `plan` does or if an utterance cannot be made, and FileExistsError if `folder` is there.
    """
    if not SHORTEST <= seconds[0] <= seconds[1]:
        raise Refused(f"utterances of {seconds[0]} to {seconds[1]} s, expected {SHORTEST} s or more, in rising order")
    if folder.exists():
        raise FileExistsError(f"{folder} is there already, expected a new folder")
    utterances = plan(material, seed)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with beside(folder) as work:
        store, unfinished = work / "recordings", work / folder.name
        for needed in [store, *(unfinished / AUDIO[split] for split in SPLITS)]:
            needed.mkdir(parents=True)
        recordings = sorted({r for u in utterances for r in (u.source, *u.donors)}, key=lambda r: r.name)
        parallel_map(partial(_keep, load=load, store=store), recordings, jobs, "recordings")
        make = partial(_make, folder=unfinished, store=store, seconds=seconds, seed=seed, attack=attack)
        embeddings = np.stack(parallel_map(make, utterances, jobs, "utterances"))
        _write_protocols(unfinished, utterances)
        _write_asv_scores(unfinished, utterances, embeddings, seed)
        unfinished.replace(folder)


def _check_speakers(material: Mapping[str, Material]) -> None:
    home: dict[str, str] = {}
    for split in SPLITS:
        speakers = sorted({recording.speaker for recording in material[split].recordings})
        if len(speakers) < 2:
            raise Refused(f"{split} has {len(speakers)} speakers, expected at least 2")
        for speaker in speakers:
            if speaker in home:
                raise Refused(f"speaker {speaker} is in {home[speaker]} and {split}, expected in one split")
            home[speaker] = split


def _plan_split(split: str, material: Material, seed: int) -> list[Utterance]:
    rng = streams.generator(seed, "plan", split)
    bonafide, sources = _shares(split, material.recordings, rng)
    if len(bonafide) < material.bonafide:
        raise Refused(f"{split} has recordings for {len(bonafide)} bona fide utterances, expected {material.bonafide}")
    made: list[tuple[str | None, Recording]] = [(None, recording) for recording in bonafide[: material.bonafide]]
    made += zip(_attacks(split, material.spoof, rng), islice(cycle(sources), material.spoof), strict=True)
    utterances = []
    for number, k in enumerate(rng.permutation(len(made)), start=FIRST_ID):
        attack, recording = made[k]
        source, donors = _source_and_donors(attack, recording, sources, rng)
        name = f"LA_{split[0].upper()}_{number}"
        utterances.append(Utterance(name, split, recording.speaker, attack, source, donors))
    return utterances


def _source_and_donors(
    attack: str | None, recording: Recording, sources: list[Recording], rng: np.random.Generator
) -> tuple[Recording, tuple[Recording, ...]]:
    if attack is None:
        return recording, ()
    shuffled = [sources[k] for k in rng.permutation(len(sources))]
    own = [source for source in shuffled if source.speaker == recording.speaker]
    if attack in CONVERSIONS:
        return next(source for source in shuffled if source.speaker != recording.speaker), tuple(own[:DONORS])
    return recording, tuple(source for source in own if source != recording)[:DONORS]


def _shares(split: str, recordings: tuple[Recording, ...], rng: np.random.Generator) -> tuple[list, list]:
    """Bona fide recordings and sources, no recording in both; in each, speakers take turns."""
    bonafide, sources = [], []
    for speaker in sorted({recording.speaker for recording in recordings}):
        own = [recording for recording in recordings if recording.speaker == speaker]
        if len(own) < 2:
            raise Refused(f"speaker {speaker} of {split} has {len(own)} recording, expected at least 2")
        own = [own[k] for k in rng.permutation(len(own))]
        count = max(1, len(own) // 3)
        bonafide.append(own[count:])
        sources.append(own[:count])
    return _in_turn(bonafide), _in_turn(sources)


def _in_turn(lists: list[list[Recording]]) -> list[Recording]:
    return [item for turn in zip_longest(*lists) for item in turn if item is not None]


def _attacks(split: str, count: int, rng: np.random.Generator) -> list[str]:
    """Each attack of the split as often as any other, give or take one, in random order."""
    rounds = -(-count // len(ATTACKS[split]))
    return [str(name) for _ in range(rounds) for name in rng.permutation(ATTACKS[split])][:count]


def _file(store: Path, recording: Recording) -> Path:
    return store / f"{hashlib.blake2b(recording.name.encode(), digest_size=16).hexdigest()}.npy"


def _keep(recording: Recording, load: Load, store: Path) -> None:
    """Write a recording once, as float32, for all the utterances that are made from it."""
    with naming(path := _file(store, recording)):
        np.save(path, load(recording).astype(np.float32))


def _make(
    utterance: Utterance, folder: Path, store: Path, seconds: tuple[float, float], seed: int, attack: Attack
) -> np.ndarray:
    """Write one utterance's file; returns its speaker embedding."""
    recording = _kept(utterance.source, store)
    target = draw_target(seconds, streams.generator(seed, "target", utterance.id))
    try:
        wave = recording
        if utterance.attack:
            donors = [_kept(donor, store) for donor in utterance.donors]
            rng = streams.generator(seed, "attack", utterance.id)
            wave = attack(utterance.attack, _stretch(recording, target.seconds, rng), donors, rng)
        samples = equalise(wave, recording, target, streams.generator(seed, "equalise", utterance.id))
    except Refused as error:
        kind = utterance.attack or "bona fide"
        raise Refused(f"{utterance.id} ({kind}, from {utterance.source.name}): {error}") from error
    write_flac(folder / AUDIO[utterance.split] / f"{utterance.id}.flac", samples, RATE)
    return asv.embed(samples / 32768, RATE)


def _stretch(wave: np.ndarray, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """As much of a recording as the utterance needs and a little to choose from, to spare the attack the rest."""
    length = round((seconds + SPARE) * RATE)
    start = int(rng.integers(max(1, len(wave) - length + 1)))
    return wave[start : start + length]


def _kept(recording: Recording, store: Path) -> np.ndarray:
    return np.load(_file(store, recording)).astype(np.float64)


def _label(utterance: Utterance) -> str:
    return "spoof" if utterance.attack else "bonafide"


def _write_protocols(folder: Path, utterances: list[Utterance]) -> None:
    for split in SPLITS:
        lines = [
            f"{utterance.speaker} {utterance.id} - {utterance.attack or '-'} {_label(utterance)}\n"
            for utterance in utterances
            if utterance.split == split
        ]
        _write_lines(folder / PROTOCOLS[split], lines)


def _write_asv_scores(folder: Path, utterances: list[Utterance], embeddings: np.ndarray, seed: int) -> None:
    rows = [(u.split, u.speaker, _label(u), u.attack) for u in utterances]
    table = pd.DataFrame(rows, columns=["split", "speaker", "label", "attack"], dtype=object)
    fit = ((table["split"] == "train") & (table["label"] == "bonafide")).to_numpy()
    verifier = asv.train(embeddings[fit], table.loc[fit, "speaker"].to_numpy())
    for split, name in ASV_SCORES.items():
        own = (table["split"] == split).to_numpy()
        scores = asv.trials(verifier, table[own], embeddings[own], streams.generator(seed, "asv", split))
        _write_lines(folder / name, [f"{a or 'bonafide'} {k} {s:.6f}\n" for a, k, s in scores.itertuples(index=False)])


def _write_lines(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(exist_ok=True)
    with naming(path):
        path.write_text("".join(lines), encoding="utf-8")
