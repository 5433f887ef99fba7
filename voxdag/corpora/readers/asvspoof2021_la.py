"""ASVspoof 2021 LA: speech of ASVspoof 2019 LA's attacks, sent over telephone networks.

Layout and source: `voxdag.corpora.asvspoof2021`. Columns to break results down by: codec (none, alaw, pstn, g722, ulaw,
gsm, opus) and transmission (ita_tx, sin_tx, loc_tx, mad_tx).
"""

from __future__ import annotations

from pathlib import Path

from voxdag.corpora import asvspoof2021
from voxdag.corpora.asvspoof2021 import Options, Track
from voxdag.corpora.corpus import Corpus

__all__ = ["Options", "provide", "read"]

TRACK = Track(
    name="LA",
    form="SPEAKER TRIAL CODEC TRANSMISSION ATTACK KEY TRIM SUBSET",
    groups={"CODEC": "codec", "TRANSMISSION": "transmission"},
    published=(181_566, 148_176),
    get="zenodo.org/records/4837263 (recordings, ODC-By), www.asvspoof.org/index2021.html (LA-keys-full)",
)


def provide(folder: Path, options: Options) -> None:
    """Check that the keys are on disk. Raises CorpusMissing."""
    asvspoof2021.provide(folder, options, TRACK)


def read(folder: Path, options: Options) -> Corpus:
    """Read the keys and find the recordings, as `asvspoof2021.read` does."""
    return asvspoof2021.read(folder, options, TRACK)
