"""DNS Challenge: its synthetic test set, and training pairs as its own program writes them.

    test_set/synthetic/{no_reverb,with_reverb}/noisy/clnsp1_train_69005_1_snr15_tl-21_fileid_158.wav
                                               clean/clean_fileid_158.wav                  (or clean_y)
    training/noisy/book_00000_chp_0009_reader_06709_0_door_Freesound_validated_409299_0_snr15_tl-24_fileid_7.wav
             clean/clean_fileid_7.wav

A noisy file and its clean one have one number, behind `fileid_`; sorted by name they would be paired wrongly. The name
says the SNR (dB), the level of the mixture (`tl`, dBFS: column level) and, of what Freesound gave, the type of noise;
of what AudioSet gave it says a video's id, so the type is unknown. The speaker is the reader; where the name tells
none, the clean recording is taken for one. Dev are readers of the training pairs.

Source: Reddy et al., "The INTERSPEECH 2020 deep noise suppression challenge", Interspeech 2020
(github.com/microsoft/DNS-Challenge, noisyspeech_synthesizer_singleprocess.py): 150 pairs in each part of the test set.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pandas as pd

from voxdag.core import bounds
from voxdag.core.errors import Refused
from voxdag.corpora import listing, pairs
from voxdag.corpora.corpus import Corpus, CorpusMissing
from voxdag.corpora.listing import File, LeftOut
from voxdag.corpora.pairs import Pair

GET = "https://github.com/microsoft/DNS-Challenge (branch interspeech2020/master, with Git LFS)"
REVERB = ("no_reverb", "with_reverb")
TEST_PAIRS = 150
CLEAN_FOLDERS = ("clean", "clean_y")
FILE_ID = re.compile(r".*fileid_(\d+)")
NOISY = re.compile(r"(.+)_snr(-?\d+)_tl(-?\d+)_fileid_\d+")
READER = re.compile(r"(?:^|_)reader_(\d+)(?=_|$)")
TEST_SPEECH = re.compile(r"(clnsp\d+)_")
# A Freesound clip: its type and number, as in "traffic_248091_3" and "door_Freesound_validated_409299_0".
FREESOUND = re.compile(r"(?:^|_)([A-Za-z]+)(?:_Freesound(?:_validated)?_\d+|_\d{4,})_\d+$")


@dataclass(frozen=True)
class Options:
    """Where the corpus is, and how it is split.

    root              its folder, or that of a clone
    training          the folder with noisy and clean, below root
    reverb            the part of the test set that is eval: no_reverb or with_reverb
    dev_share         of the training speakers, held out as dev
    seed              of that draw
    official          list every departure of the test set from the published one
    allow_departures  go on where there are some
    """

    root: str
    training: str
    reverb: str
    dev_share: float
    seed: int
    official: bool
    allow_departures: bool

    def __post_init__(self) -> None:
        bounds.one_of(self, REVERB, "reverb")
        bounds.share(self, "dev_share")


def provide(folder: Path, options: Options) -> None:
    """Check that the test set is there. Raises CorpusMissing."""
    if _test(folder, options) is None:
        raise CorpusMissing.at(
            folder / options.root / "test_set" / "synthetic" / options.reverb / "noisy",
            what="DNS Challenge",
            get=GET,
            put=str(folder / options.root),
        )


def read(folder: Path, options: Options) -> Corpus:
    """Read the two sets; trials has the extra column level (dBFS).

    Raises CorpusMissing; Refused for a noisy file whose name has a file id but no SNR, or two noisy files of one id.
    """
    provide(folder, options)
    left_out: LeftOut = {}
    root = PurePosixPath(options.root)
    test = _pairs(folder, _test(folder, options), "eval", left_out)  # type: ignore[arg-type]
    train = _pairs(folder, root / options.training, "train", left_out)
    held = _dev(train, options)
    listed = pairs.table(train + test)
    listed = listed.assign(
        split=listed["split"].mask(listed["speaker"].isin(held) & (listed["split"] == "train"), "dev")
    )
    trials = listed.assign(level=[NOISY.fullmatch(PurePosixPath(path).stem)[3] for path in listed["path"]])  # type: ignore[index]
    departures = _departures(trials) if options.official else None
    report = pairs.report(trials, left_out)
    if departures is not None:
        report["departures"] = list(departures)
    return Corpus(trials, {}, report, departures=departures)


def _test(folder: Path, options: Options) -> PurePosixPath | None:
    """The folder of the chosen part of the test set, from the corpora folder on; None where there is none."""
    part = f"synthetic/{options.reverb}"
    held = listing.holding(folder / options.root, f"{part}/noisy/")
    return None if held is None else PurePosixPath(options.root) / held / part


def _pairs(folder: Path, place: PurePosixPath, split: str, left_out: LeftOut) -> list[Pair]:
    """The pairs of a folder with noisy and clean, matched by file id; none where it is not there."""
    if not (folder / place / "noisy").is_dir():
        return []
    other = next((name for name in CLEAN_FOLDERS if _holds_files(folder / place / name)), CLEAN_FOLDERS[0])
    noisy, clean = (
        _by_id(pairs.files_by(pairs.match(FILE_ID), folder, place / side, left_out)) for side in ("noisy", other)
    )
    pairs.unpaired(clean, noisy, left_out)
    return [
        _pair(split, number, file, clean.get(number, (place / other / f"clean_fileid_{number}.{pairs.FORMAT}", None)))
        for number, file in noisy.items()
    ]


def _holds_files(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())


def _by_id(files: Mapping[str, File]) -> dict[str, File]:
    """File id -> its file. Raises Refused where two names have one."""
    found: dict[str, File] = {}
    for name, file in files.items():
        other = found.setdefault(FILE_ID.fullmatch(name)[1], file)  # type: ignore[index]
        if other != file:
            raise Refused(f"{other[0]} and {file[0]} have one file id, expected one noisy and one clean file of each")
    return found


def _pair(split: str, number: str, noisy: File, clean: File) -> Pair:
    """What a noisy file's name says."""
    said = NOISY.fullmatch(noisy[0].stem)
    if not said:
        raise Refused(f"{noisy[0]}: expected a name like clnsp1_door_69005_1_snr15_tl-21_fileid_158")
    sources, snr, _ = said.groups()
    name = f"{split}_{number}"
    return Pair(name, split, _speaker(sources) or name, _noise(sources), float(snr), noisy, clean)


def _speaker(sources: str) -> str | None:
    reader, speech = READER.search(sources), TEST_SPEECH.match(sources)
    return f"reader_{reader[1]}" if reader else speech and speech[1]


def _noise(sources: str) -> str | None:
    """The type of a Freesound clip; None of any other."""
    found = FREESOUND.search(sources)
    return found[1].lower() if found else None


def _dev(train: list[Pair], options: Options) -> frozenset[str]:
    """Who are held out: readers, or, where no name tells a reader, clean recordings."""
    speakers = {pair.speaker for pair in train}
    readers = {speaker for speaker in speakers if speaker.startswith("reader_")}
    if not train:
        return frozenset()
    return pairs.hold_out(readers if len(readers) > 1 else speakers, options.dev_share, options.seed, "DNS speakers")


def _departures(trials: pd.DataFrame) -> tuple[str, ...]:
    count = (trials["split"] == "eval").sum()
    return () if count == TEST_PAIRS else (f"the test set has {count} pairs, published are {TEST_PAIRS}",)
