"""MS-SNSD, Microsoft's scalable noisy speech dataset, as its own program writes it.

    NoisySpeech_training/noisy1_SNRdb_0.0_clnsp1.wav     number, SNR (dB), number of the clean file
    CleanSpeech_training/clnsp1.wav                      one for all SNRs

Each has its own pairs, made of the clean speech and the noises that the repository brings, so there is neither a fixed
split nor a published count: clean files are drawn into dev and eval, each with all its noisy ones. No name tells the
speaker or the type of noise: a clean file counts as a speaker, and the noise is unknown. Speech that the program drew
for two clean files is in both: splits may share it.

Source: Reddy et al., "A scalable noisy speech dataset and online subjective test framework", Interspeech 2019
(github.com/microsoft/MS-SNSD, noisyspeech_synthesizer.py).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from voxdag.core import bounds
from voxdag.corpora import listing, pairs
from voxdag.corpora.corpus import Corpus, CorpusMissing
from voxdag.corpora.listing import LeftOut
from voxdag.corpora.pairs import Pair

GET = "https://github.com/microsoft/MS-SNSD (noisyspeech_synthesizer.py makes it; MIT, sounds under their own licences)"
NOISY_FOLDER, CLEAN_FOLDER = "NoisySpeech_training", "CleanSpeech_training"
NOISY = re.compile(r"noisy(\d+)_SNRdb_(-?\d+(?:\.\d+)?)_(clnsp\d+)")
CLEAN = re.compile(r"clnsp\d+")


@dataclass(frozen=True)
class Options:
    """Where the corpus is, and how it is split.

    root                   the folder that holds NoisySpeech_training
    dev_share, eval_share  of the clean files
    seed                   of that draw
    """

    root: str
    dev_share: float
    eval_share: float
    seed: int

    def __post_init__(self) -> None:
        bounds.share(self, "dev_share", "eval_share")


def provide(folder: Path, options: Options) -> None:
    """Check that the noisy files are there. Raises CorpusMissing."""
    if listing.holding(folder / options.root, f"{NOISY_FOLDER}/") is None:
        base = folder / options.root
        raise CorpusMissing.at(base / NOISY_FOLDER, what="MS-SNSD", get=GET, put=str(base))


def read(folder: Path, options: Options) -> Corpus:
    """Read the two folders. Raises CorpusMissing, and Refused for fewer than three clean files."""
    provide(folder, options)
    left_out: LeftOut = {}
    base = PurePosixPath(options.root) / listing.holding(folder / options.root, f"{NOISY_FOLDER}/")  # type: ignore[operator]
    noisy = pairs.files_by(pairs.match(NOISY), folder, base / NOISY_FOLDER, left_out)
    clean = pairs.files_by(pairs.match(CLEAN), folder, base / CLEAN_FOLDER, left_out)
    speech = {name: NOISY.fullmatch(name)[3] for name in noisy}  # type: ignore[index]
    pairs.unpaired(clean, set(speech.values()), left_out)
    held = _held(sorted(set(speech.values())), options)
    found = [
        Pair(
            name,
            held.get(speech[name], "train"),
            speech[name],
            None,
            float(NOISY.fullmatch(name)[2]),  # type: ignore[index]
            file,
            clean.get(speech[name], (base / CLEAN_FOLDER / f"{speech[name]}.{pairs.FORMAT}", None)),
        )
        for name, file in noisy.items()
    ]
    trials = pairs.table(found)
    return Corpus(trials, {}, pairs.report(trials, left_out))


def _held(speech: list[str], options: Options) -> dict[str, str]:
    """Clean file -> the split that it is held out for."""
    held = pairs.hold_out(speech, options.eval_share, options.seed, "clean files of eval")
    rest = [name for name in speech if name not in held]
    dev = pairs.hold_out(rest, options.dev_share, options.seed, "clean files of dev")
    return dict.fromkeys(held, "eval") | dict.fromkeys(dev, "dev")
