"""Noisy speech mixed from a folder of clean speech and a folder of noise, in any audio format and at any rate.

    <speech>/**    a speaker is the folder that a file lies in, the first one below <speech>, or what a name begins with
    <noise>/**     a type of noise is the folder that a file lies in

    speech   files cut into equal pieces of at most max_seconds, averaged over channels, at 16 kHz  -> the clean file
    noise    a stretch from a drawn place, repeated where it is shorter                             -> scaled to the SNR
    noisy    their sum; where it would pass full scale, both files are turned down alike

Speakers of dev and eval are in no other split. Noises of eval are of types that train and dev do not hear, or other
files of the same types (Options); those of dev are other files than train's.

Written once to <corpora folder>/<root>/<fingerprint>/{train,dev,eval}/{noisy,clean}/<id>.flac, with mixtures.csv, which
says what each was made of. The fingerprint covers the options, the names and sizes of the files in the two folders, and
the code: a change of any of them makes another corpus and leaves the old one alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import cycle, islice, permutations, zip_longest
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from voxdag.audio.mixing import mix
from voxdag.core import artifacts, bounds, command, streams
from voxdag.core.errors import Refused
from voxdag.core.files import naming
from voxdag.core.parallel import parallel_map
from voxdag.corpora import listing, material, pairs
from voxdag.corpora.corpus import Corpus, CorpusMissing
from voxdag.corpora.listing import LeftOut
from voxdag.corpora.making import beside, made, write_flac
from voxdag.corpora.material import RATE, SHORTEST, SPEAKER_RULES, Piece
from voxdag.corpora.pairs import SPLITS, Pair

TABLE, ACCOUNT = "mixtures.csv", "left_out.json"
UNSEEN = ("type", "file")
LIMIT_DB = 60.0  # of an SNR, to either side
COLUMNS = {"snr": float, "start": int, "stop": int}


@dataclass(frozen=True)
class Sources:
    """Two folders below the corpora folder, or absolute paths."""

    speech: str
    noise: str


@dataclass(frozen=True)
class Sizes:
    """Utterances of each split; null: each piece of speech once. With fewer pieces they come again, in other noise."""

    train: int | None
    dev: int | None
    eval: int | None

    def __post_init__(self) -> None:
        bounds.at_least(self, 1, *SPLITS)


@dataclass(frozen=True)
class Options:
    """What is mixed, and how.

    root                   the folder, inside the corpora folder, of what is made
    sources                the folders of speech and of noise
    speaker                what names the speaker: the folder that a file is in (parent), the first folder below that
                           of speech (top), or its name up to the first "-" or "_" (prefix)
    unseen                 what of eval's noises train and dev do not hear: their type, or the files
    dev_share, eval_share  of the speakers, and of the noises
    train_snrs, eval_snrs  dB, each as often as any other; dev has those of train
    max_seconds            of an utterance
    utterances             of each split
    seed                   of all that is drawn
    """

    root: str
    sources: Sources
    speaker: str
    unseen: str
    dev_share: float
    eval_share: float
    train_snrs: tuple[float, ...]
    eval_snrs: tuple[float, ...]
    max_seconds: float
    utterances: Sizes
    seed: int

    def __post_init__(self) -> None:
        bounds.inside(self, "the corpora folder", "root")
        bounds.one_of(self, SPEAKER_RULES, "speaker")
        bounds.one_of(self, UNSEEN, "unseen")
        bounds.share(self, "dev_share", "eval_share")
        bounds.not_empty(self, "train_snrs", "eval_snrs")
        bounds.distinct(self, "train_snrs", "eval_snrs")
        bounds.within(self, -LIMIT_DB, LIMIT_DB, "train_snrs", "eval_snrs")
        bounds.at_least(self, 2 * SHORTEST, "max_seconds")


@dataclass(frozen=True)
class Mixture:
    """One utterance to make: a piece of speech, a file of noise and its type, and the SNR in dB."""

    id: str
    split: str
    speaker: str
    noise: str
    snr: float
    speech_file: str
    start: int
    stop: int
    noise_file: str

    @property
    def name(self) -> str:
        """What it is called while it is worked on."""
        return f"{self.id} ({self.speech_file}, {self.noise_file})"

    def path(self, side: str) -> str:
        """Where its noisy or clean file lies below the corpus's root."""
        return f"{self.split}/{side}/{self.id}.flac"


def provide(folder: Path, options: Options) -> None:
    """Make the corpus unless it is there. A killed run leaves no half corpus; a second run at the same time waits.

    Raises CorpusMissing without one of the two folders, and Refused where there is no audio in it, too few speakers or
    noises for three splits, or nothing that can be used.
    """
    _made(folder, options)


def read(folder: Path, options: Options) -> Corpus:
    """Make the corpus unless it is there, and read it; trials has the extra columns speech_file and noise_file."""
    root = PurePosixPath(_made(folder, options).as_posix())
    table = artifacts.read_table(folder / root / TABLE, COLUMNS)
    left_out: LeftOut = {}
    files = {
        (split, side): pairs.files_by(str, folder, root / split / side, left_out)
        for split in SPLITS
        for side in ("noisy", "clean")
    }
    found = [
        Pair(
            **{name: row[name] for name in ("id", "split", "speaker", "noise", "snr")},
            noisy=files[row["split"], "noisy"].get(row["id"], (root / f"{row['split']}/noisy/{row['id']}.flac", None)),
            clean=files[row["split"], "clean"].get(row["id"], (root / f"{row['split']}/clean/{row['id']}.flac", None)),
        )
        for row in table.to_dict("records")
    ]
    trials = pairs.table(found).merge(table[["id", "speech_file", "noise_file"]], on="id", validate="1:1")
    sources = artifacts.read_json(folder / root / ACCOUNT)
    return Corpus(trials, {}, pairs.report(trials, left_out) | {"sources_left_out": sources})


def plan(pieces: Sequence[Piece], noises: Mapping[str, str], options: Options) -> list[Mixture]:
    """Which piece of speech meets which noise at which SNR, split by split.

    noises: file -> type. Speakers take turns; types of noise and SNRs do, in drawn rounds.

    Raises Refused for fewer than three speakers, or fewer types (files) of noise than the splits need.
    """
    speakers = sorted({piece.speaker for piece in pieces})
    if len(speakers) < len(SPLITS):
        rules = ", ".join(rule for rule in SPEAKER_RULES if rule != options.speaker)
        raise Refused(
            f"{len(speakers)} speakers ({', '.join(speakers)}) by the rule {options.speaker}, expected one each for "
            f"train, dev and eval; other rules are {rules}"
        )
    homes = _homes(speakers, options, "speakers")
    if options.unseen == "type" and len(kinds := sorted(set(noises.values()))) < 2:
        raise Refused(f"one type of noise ({', '.join(kinds)}), expected two folders of it or more; or `unseen: file`")
    heard = _noises(noises, options)
    return [
        mixture
        for split in SPLITS
        for mixture in _of_split(split, [p for p in pieces if homes[p.speaker] == split], heard[split], options)
    ]


def _of_split(split: str, pieces: list[Piece], noises: Mapping[str, list[str]], options: Options) -> list[Mixture]:
    """noises: type -> its files."""
    rng = streams.generator(options.seed, "plan", split)
    ordered = _in_turn(pieces, rng)
    count = getattr(options.utterances, split) or len(ordered)
    snrs = _rounds(options.eval_snrs if split == "eval" else options.train_snrs, count, rng)
    types = _rounds(sorted(noises), count, rng)
    return [
        Mixture(
            id=f"{split}_{number:05d}",
            split=split,
            speaker=piece.speaker,
            noise=noise,
            snr=float(snr),
            speech_file=piece.path,
            start=piece.start,
            stop=piece.stop,
            noise_file=noises[noise][rng.integers(len(noises[noise]))],
        )
        for number, (piece, noise, snr) in enumerate(zip(islice(cycle(ordered), count), types, snrs, strict=True), 1)
    ]


def _homes(names: Sequence[str], options: Options, what: str) -> dict[str, str]:
    """Name -> the split that it is in."""
    held = pairs.hold_out(names, options.eval_share, options.seed, what, "of eval")
    rest = [name for name in names if name not in held]
    dev = pairs.hold_out(rest, options.dev_share, options.seed, what, "of dev")
    return dict.fromkeys(names, "train") | dict.fromkeys(held, "eval") | dict.fromkeys(dev, "dev")


def _noises(noises: Mapping[str, str], options: Options) -> dict[str, dict[str, list[str]]]:
    """Split -> type of noise -> its files there."""
    if options.unseen == "file":
        homes = _homes(sorted(noises), options, "files of noise")
    else:
        held = pairs.hold_out(set(noises.values()), options.eval_share, options.seed, "types of noise of eval")
        rest = sorted(file for file, kind in noises.items() if kind not in held)
        dev = pairs.hold_out(rest, options.dev_share, options.seed, "files of noise of dev")
        homes = {file: "eval" if kind in held else "dev" if file in dev else "train" for file, kind in noises.items()}
    heard: dict[str, dict[str, list[str]]] = {split: {} for split in SPLITS}
    for file in sorted(noises):
        heard[homes[file]].setdefault(noises[file], []).append(file)
    return heard


def _in_turn(pieces: list[Piece], rng: np.random.Generator) -> list[Piece]:
    """The pieces in drawn order, speakers by turns."""
    drawn = [pieces[k] for k in rng.permutation(len(pieces))]
    own = [[piece for piece in drawn if piece.speaker == speaker] for speaker in sorted({p.speaker for p in drawn})]
    return [piece for turn in zip_longest(*own) for piece in turn if piece is not None]


def _rounds(values: Sequence, count: int, rng: np.random.Generator) -> list:
    """`count` of the values: each as often as any other, give or take one, in rounds of drawn orders."""
    rounds = (values[k] for _ in range(-(-count // len(values))) for k in rng.permutation(len(values)))
    return list(islice(rounds, count))


def _listed(folder: Path, options: Options) -> dict[str, list[tuple[str, int | None]]]:
    """The files of speech and of noise: path from the corpora folder on (or absolute), and bytes, if it is there.

    Raises CorpusMissing, and Refused where there is no audio, or where one of the folders, or of what is made, lies in
    another: noise would be heard as speech, and mixtures as clean.
    """
    _check_apart(folder, options)
    found = {}
    for what, place in asdict(options.sources).items():
        if not (folder / place).is_dir():
            at = folder / place
            raise CorpusMissing.at(at, f"the mixture's {what}", f"any {what} you have", str(at), key=f"sources.{what}")
        listing.audio_in(folder / place)  # refuses a folder without audio, with what it holds
        files, _ = listing.audio_files(folder / place)
        found[what] = [(str(PurePosixPath(place) / path), size) for path, size in files]
    return found


def _check_apart(folder: Path, options: Options) -> None:
    places = {"sources.speech": options.sources.speech, "sources.noise": options.sources.noise, "root": options.root}
    for (one, inner), (other, outer) in permutations(places.items(), 2):
        if (folder / inner).resolve().is_relative_to((folder / outer).resolve()):
            raise Refused(f"{one} is {inner}, in {other}, {outer}: expected folders of which none lies in another")


def _made(folder: Path, options: Options) -> Path:
    """The corpus's root, relative to `folder`, after making what is not there."""
    listed = _listed(folder, options)
    digest = hashlib.blake2b(repr(listed).encode(errors="surrogateescape"), digest_size=16).hexdigest()
    make = partial(_make, folder=folder, listed=listed, options=options, jobs=command.jobs())
    return made(folder, options, __name__, make, files=digest)


def _make(
    target: Path, folder: Path, listed: Mapping[str, Sequence[tuple[str, int | None]]], options: Options, jobs: int
) -> None:
    """Make the corpus as the folder `target`, whole or not at all: beside it first, and moved when complete."""
    speech, noise = ([name for name, _ in listed[what]] for what in ("speech", "noise"))
    root = options.sources.speech
    pieces, no_speech, heard_speech = material.pieces(folder, root, speech, options.speaker, options.max_seconds, jobs)
    noises, no_noise = material.noises(folder, noise, heard_speech, jobs)
    mixtures = plan(pieces, noises, options)
    with beside(target) as work:
        store, unfinished = work / "noise", work / target.name
        for needed in (store, *(unfinished / split / side for split in SPLITS for side in ("noisy", "clean"))):
            needed.mkdir(parents=True)
        heard = sorted({mixture.noise_file for mixture in mixtures})
        parallel_map(partial(_keep, folder=folder, store=store), heard, jobs, "files of noise")
        write = partial(_write, unfinished=unfinished, store=store, folder=folder, seed=options.seed)
        parallel_map(write, mixtures, jobs, "mixtures")
        artifacts.write_table(unfinished / TABLE, pd.DataFrame(map(asdict, mixtures)))
        account = {"speech": no_speech, "noise": no_noise}
        artifacts.write_json(
            unfinished / ACCOUNT,
            {what: {why: listing.summary(names) for why, names in own.items()} for what, own in account.items()},
        )
        unfinished.replace(target)


def _kept(name: str, store: Path) -> Path:
    return store / f"{hashlib.blake2b(name.encode(errors='surrogateescape'), digest_size=16).hexdigest()}.npy"


def _keep(name: str, folder: Path, store: Path) -> None:
    """Write a file of noise once, as float32, for all the mixtures that it is heard in."""
    with naming(path := _kept(name, store)):
        np.save(path, material.sound(folder / name).astype(np.float32))


def _write(mixture: Mixture, unfinished: Path, store: Path, folder: Path, seed: int) -> None:
    clean = material.stretch_of(folder / mixture.speech_file, mixture.start, mixture.stop)
    kept = np.load(_kept(mixture.noise_file, store), mmap_mode="r")
    noise = material.stretch(kept, len(clean), streams.generator(seed, "mixture", mixture.id)).astype(np.float64)
    noisy, clean, _ = mix(clean, noise, mixture.snr)
    for side, samples in (("noisy", noisy), ("clean", clean)):
        write_flac(unfinished / mixture.path(side), samples, RATE)
