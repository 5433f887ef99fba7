"""VoiceBank+DEMAND, the noisy speech database of the University of Edinburgh, at 48 kHz or resampled.

    {clean,noisy}_trainset_{28,56}spk_wav/p226_001.wav    one folder of each zip, or one folder deeper
    {clean,noisy}_testset_wav/p232_001.wav
    log_trainset_{28,56}spk.txt, log_testset.txt          UTTERANCE NOISE SNR

or, as many programs keep it, {train,test}/{clean,noisy}. A noisy file and its clean one have the same name, which
begins with the speaker ("p226"). There is no official dev: two training speakers are held out (Options). An utterance
that no log lists has neither noise nor SNR, and is counted.

Source: Valentini-Botinhao et al., "Investigating RNN-based speech enhancement methods for noise-robust text-to-speech",
SSW 9, 2016 (datashare.ed.ac.uk/handle/10283/2791). 11,572 and 824 utterances: the published lists. Means of the noisy
test set: the per-file table of CMGAN (github.com/ruizhecao96/CMGAN, at 16 kHz; its STOI line has two digits swapped,
the mean of its rows is .9211).
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import pandas as pd

from voxdag.core import bounds, texts
from voxdag.core.errors import Refused
from voxdag.corpora import files, listing, pairs
from voxdag.corpora.corpus import Corpus, CorpusMissing
from voxdag.corpora.listing import File, LeftOut
from voxdag.corpora.pairs import Pair

NAME = "VoiceBank+DEMAND"
GET = (
    "https://datashare.ed.ac.uk/handle/10283/2791 (clean_ and noisy_ zips of trainset_28spk and testset, logfiles.zip)"
)
UTTERANCE = re.compile(r"[ps]\d+_\d+")
SPEAKERS = (28, 56)  # of the two training sets
TRAIN_UTTERANCES = {28: 11_572}
TEST_UTTERANCES = {"p232": 393, "p257": 431}
TRAIN_SNRS, TEST_SNRS = (0, 5, 10, 15), (2.5, 7.5, 12.5, 17.5)  # dB
# Means over the 824 noisy test files, and how far a correct program may be from them. Another resampler from 48 to 16
# kHz moved PESQ by .004 to .007 (an elliptic low pass by .02) and the segmental SNR by .014 dB, in the mean of 25 files
# taken to 48 kHz and back; pystoi differed from the published program by .0002.
NOISY_TEST = {"pesq": (1.972, 0.02), "ssnr": (1.679, 0.05), "stoi": (0.9211, 0.002)}


logger = logging.getLogger(__name__)


class Log(NamedTuple):
    """What a log says of an utterance: noise, and SNR in dB."""

    noise: str
    snr: float


@dataclass(frozen=True)
class Options:
    """Where the corpus is, and who of train is dev.

    root              its folder
    speakers          of the training set: 28 or 56
    dev_speakers      held out of train: [p226, p287] (MetricGAN-U, speechbrain) or [p286, p287] (denoiser)
    official          list every departure from what was published; false for another corpus in this layout
    allow_departures  go on where there are some
    """

    root: str
    speakers: int
    dev_speakers: tuple[str, ...]
    official: bool
    allow_departures: bool

    def __post_init__(self) -> None:
        bounds.one_of(self, SPEAKERS, "speakers")
        bounds.not_empty(self, "dev_speakers")
        bounds.distinct(self, "dev_speakers")


def provide(folder: Path, options: Options) -> None:
    """Check that the noisy test set is there. Raises CorpusMissing."""
    base = folder / options.root
    if _place(base, "noisy", "testset") is None:
        found = listing.in_words(listing.audio_files(base)[1]) if base.is_dir() else ""
        raise CorpusMissing.at(base / "noisy_testset_wav", what=NAME, get=GET, put=str(base), found=found)


def read(folder: Path, options: Options) -> Corpus:
    """Read folders and logs.

    tables has "published_noisy" (split, metric, score, tolerance) where the corpus is said to be the published one and
    its test set is whole: the means that the noisy files of eval must have.

    Raises CorpusMissing; Refused for a log line of another form.
    """
    provide(folder, options)
    left_out: LeftOut = {}
    unlisted: list[str] = []
    found: list[Pair] = []
    for split, name in (("train", f"trainset_{options.speakers}spk"), ("eval", "testset")):
        found += _pairs(folder, options, split, name, left_out, unlisted)
    trials = _with_dev(pairs.table(found), options)
    report = pairs.report(trials, left_out) | {"not_in_log": listing.summary(unlisted)}
    departures = _departures(trials, options, unlisted) if options.official else None
    if departures is not None:
        report["departures"] = list(departures)
    tables = {"published_noisy": _published()} if options.official and _whole_test(trials) else {}
    return Corpus(trials, tables, report, departures=departures)


def _pairs(folder: Path, options: Options, split: str, name: str, left_out: LeftOut, unlisted: list[str]) -> list[Pair]:
    """The pairs of one set: what lies in its folders, and what its log lists. None where the set is not there."""
    root = PurePosixPath(options.root)
    log = _log(folder / root, f"log_{name}.txt")
    place = _place(folder / root, "noisy", name)
    if place is None:
        return []
    other = _place(folder / root, "clean", name) or place.with_name(place.name.replace("noisy", "clean"))
    key = pairs.match(UTTERANCE) if options.official else str
    noisy, clean = (pairs.files_by(key, folder, root / where, left_out) for where in (place, other))
    listed = {**dict.fromkeys(noisy), **dict.fromkeys(log)}
    pairs.unpaired(clean, listed, left_out)
    unlisted += [utterance for utterance in noisy if utterance not in log]
    return [
        Pair(  # type: ignore[call-arg]
            utterance,
            split,
            utterance.partition("_")[0],
            *log.get(utterance, (None, None)),
            noisy.get(utterance, _absent(root / place, utterance)),
            clean.get(utterance, _absent(root / other, utterance)),
        )
        for utterance in listed
    ]


def _absent(place: PurePosixPath, utterance: str) -> File:
    return place / f"{utterance}.{pairs.FORMAT}", None


def _place(base: Path, side: str, name: str) -> PurePosixPath | None:
    """The folder, below `base`, of the clean or the noisy side of a set; None where there is none."""
    for pattern in (f"{side}_{name}_wav*/", f"{name.partition('set')[0]}/{side}/"):
        held = listing.holding(base, pattern)
        if held is not None:
            return PurePosixPath(min((base / held).glob(pattern)).relative_to(base).as_posix())
    return None


def _log(base: Path, name: str) -> Mapping[str, Log]:
    """What a log says, utterance by utterance; nothing where it is not there."""
    held = listing.holding(base, name)
    said: dict[str, Log] = {}
    for number, line in texts.lines(base / held / name) if held is not None else ():
        place, columns = f"{base / held / name}:{number}: {line.strip()!r}", line.split()  # type: ignore[operator]
        if len(columns) != 3:
            raise Refused(f"{place} has {len(columns)} columns, expected 3: UTTERANCE NOISE SNR")
        utterance, noise, snr = columns
        line_says = Log(noise, _decibel(snr, place))
        if said.setdefault(utterance, line_says) != line_says:
            raise Refused(f"{place} lists {utterance} again, and otherwise: expected each utterance once")
    return said


def _decibel(text: str, place: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise Refused(f"{place} has the SNR {text!r}, expected a finite number of dB")
    return value


def _with_dev(trials: pd.DataFrame, options: Options) -> pd.DataFrame:
    """The held-out speakers' utterances are dev's. Who is not there is said.

    Where nobody is, dev is empty: only a corpus that is trained on is refused for that.
    """
    train = trials["split"] == "train"
    known = sorted(trials.loc[train, "speaker"].unique())
    unknown = [speaker for speaker in options.dev_speakers if speaker not in known]
    if known and unknown:
        logger.warning("%s: dev_speakers names %s, train has %s", options.root, ", ".join(unknown), ", ".join(known))
    dev = train & trials["speaker"].isin(options.dev_speakers)
    return trials.assign(split=trials["split"].mask(dev, "dev"))


def _published() -> pd.DataFrame:
    rows = [("eval", metric, *values) for metric, values in NOISY_TEST.items()]
    return pd.DataFrame(rows, columns=["split", "metric", "score", "tolerance"])


def _of_test(trials: pd.DataFrame) -> dict[str, int]:
    test = trials[trials["split"] == "eval"]
    return test["speaker"].value_counts().to_dict()


def _whole_test(trials: pd.DataFrame) -> bool:
    """Whether eval is the published test set, with all its files."""
    complete = files.absent(trials[trials["split"] == "eval"]).isna().all()
    return bool(complete) and _of_test(trials) == TEST_UTTERANCES


def _departures(trials: pd.DataFrame, options: Options, unlisted: list[str]) -> tuple[str, ...]:
    """Every count and SNR that is not the published one, before speakers are held out, as a sentence."""
    train, test = trials[trials["split"] != "eval"], _of_test(trials)
    found = []
    expected = TRAIN_UTTERANCES.get(options.speakers, len(train))
    if len(train) != expected:
        found.append(f"train has {len(train)} utterances, published are {expected}")
    if (speakers := train["speaker"].nunique()) != options.speakers:
        found.append(f"train has {speakers} speakers, published are {options.speakers}")
    for speaker in sorted(test | TEST_UTTERANCES):
        if test.get(speaker, 0) != TEST_UTTERANCES.get(speaker, 0):
            published = TEST_UTTERANCES.get(speaker, 0)
            found.append(f"the test set has {test.get(speaker, 0)} utterances of {speaker}, published are {published}")
    for what, rows, snrs in (
        ("train", train, TRAIN_SNRS),
        ("the test set", trials[trials["split"] == "eval"], TEST_SNRS),
    ):
        other = sorted(set(rows["snr"].dropna()) - set(snrs))
        if other:
            found.append(f"{what} has an SNR of {other[0]:g} dB, published are {', '.join(f'{snr:g}' for snr in snrs)}")
    if unlisted:
        found.append(f"{len(unlisted)} utterances are in no log, such as {min(unlisted)}: noise and SNR are unknown")
    return tuple(found)
