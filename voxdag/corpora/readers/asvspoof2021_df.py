"""ASVspoof 2021 DF: spoofed speech of three sources, through the codecs of media files.

Layout and source: `voxdag.corpora.asvspoof2021`. Columns to break results down by: compression (nocodec, low_mp3,
high_mp3, low_m4a, high_m4a, low_ogg, high_ogg, mp3m4a, oggm4a), source (asvspoof, vcc2018, vcc2020) and vocoder (of
spoofs).
"""

from __future__ import annotations

from pathlib import Path

from voxdag.corpora import asvspoof2021
from voxdag.corpora.asvspoof2021 import Options, Track
from voxdag.corpora.corpus import Corpus

__all__ = ["Options", "provide", "read"]

TRACK = Track(
    name="DF",
    form="SPEAKER TRIAL COMPRESSION SOURCE ATTACK KEY TRIM SUBSET VOCODER TASK TEAM GENDER_PAIR LANGUAGE",
    groups={"COMPRESSION": "compression", "SOURCE": "source", "VOCODER": "vocoder"},
    published=(611_829, 533_928),
    get="zenodo.org/records/4835108 (recordings, ODC-By), www.asvspoof.org/index2021.html (DF-keys-full)",
)


def provide(folder: Path, options: Options) -> None:
    """Check that the keys are on disk. Raises CorpusMissing."""
    asvspoof2021.provide(folder, options, TRACK)


def read(folder: Path, options: Options) -> Corpus:
    """Read the keys and find the recordings, as `asvspoof2021.read` does."""
    return asvspoof2021.read(folder, options, TRACK)
