"""ASVspoof 5, track 1 (stand-alone detection).

    ASVspoof5.{train,dev.track_1,eval.track_1}.tsv     lines of ten columns, in any folder
    flac_T, flac_D, flac_E_eval/<utterance>.flac       in any folders

The columns have spaces between them and no header: SPEAKER FLAC_FILE GENDER CODEC CODEC_Q CODEC_SEED ATTACK_TAG
ATTACK_LABEL KEY TMP. CODEC is C01 to C11 and CODEC_Q its quality, `-` where a recording was not coded, as all of train
and dev are.

Source: Wang et al., "ASVspoof 5: crowdsourced speech data, deepfakes, and adversarial attacks at scale", ASVspoof
workshop 2024, arXiv 2408.08739; counts are those of the published protocols.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from voxdag.corpora import listing, protocols
from voxdag.corpora.corpus import Corpus, CorpusMissing
from voxdag.corpora.listing import LeftOut
from voxdag.corpora.protocols import NONE, SPLITS

FORM = "SPEAKER FLAC_FILE GENDER CODEC CODEC_Q CODEC_SEED ATTACK_TAG ATTACK_LABEL KEY TMP"
PROTOCOLS = {
    "train": "ASVspoof5.train.tsv",
    "dev": "ASVspoof5.dev.track_1.tsv",
    "eval": "ASVspoof5.eval.track_1.tsv",
}
AUDIO = {"train": "flac_T", "dev": "flac_D", "eval": "flac_E_eval"}
FORMAT = "flac"
SEXES = {"F": "female", "M": "male"}
OFFICIAL_TRIALS = {
    "train": {"bonafide": 18_797, "spoof": 163_560},
    "dev": {"bonafide": 31_334, "spoof": 109_616},
    "eval": {"bonafide": 138_688, "spoof": 542_086},
}
COLUMNS = ["id", "split", "speaker", "sex", "label", "attack", "codec", "quality"]


@dataclass(frozen=True)
class Options:
    """Where the corpus is, and whether it is the published one.

    root              the folder that holds protocols and recordings
    official          compare counts with the published ones; False for another corpus in the same layout
    allow_departures  go on where counts differ, or recordings are absent
    """

    root: str
    official: bool
    allow_departures: bool


def provide(folder: Path, options: Options) -> None:
    """Check that the protocols are on disk; absent audio is counted by `read`, not refused here.

    Raises CorpusMissing, naming the first file that is not there.
    """
    _protocols(folder, options)


def read(folder: Path, options: Options) -> Corpus:
    """Read the protocols, and find the recordings.

    trials has the extra columns attack (A01..A32; None for bona fide speech), codec and quality ("none" of what was
    not coded), sex.

    Raises CorpusMissing without the protocols; Refused, with file and line, for a line that is not in the published
    form.
    """
    paths, base = _protocols(folder, options), folder / options.root
    trials = pd.concat([_protocol(paths[split], split) for split in SPLITS], ignore_index=True)
    protocols.refuse_ids_in_two_splits(trials)
    left_out: LeftOut = {}
    shared = protocols.recordings(base, "", FORMAT, left_out)
    left_out.pop(listing.NOT_AUDIO, None)  # the protocols, and what else the corpus consists of
    files, expected = dict.fromkeys(SPLITS, shared), {split: f"{AUDIO[split]}/{{}}.{FORMAT}" for split in SPLITS}
    trials, found = protocols.located(trials, files, Path(options.root), expected)
    report = protocols.report(trials, found, left_out)
    report["codecs"] = protocols.counts(trials["split"], trials["codec"])
    published = protocols.counts(trials["split"], trials["label"])
    departures = tuple(protocols.departures(published, OFFICIAL_TRIALS, "trials")) if options.official else None
    if departures is not None:
        report["departures"] = list(departures)
    return Corpus(trials, {}, report, departures=departures)


def _protocols(folder: Path, options: Options) -> Mapping[str, Path]:
    found = listing.called(folder / options.root, PROTOCOLS.values())
    for name, paths in found.items():
        if not paths:
            raise CorpusMissing.at(
                folder / options.root / name,
                what="ASVspoof 5 (track 1)",
                get="https://zenodo.org/records/14498691 (ODC-By)",
                put=str(folder / options.root),
            )
    return {split: found[name][0] for split, name in PROTOCOLS.items()}


def _protocol(path: Path, split: str) -> pd.DataFrame:
    rows = (_row(place, columns, split) for place, columns in protocols.lines(path, FORM))
    return protocols.table(rows, COLUMNS)


def _row(place: str, columns: list[str], split: str) -> tuple[str, tuple]:
    speaker, utterance, gender, codec, quality, _, _, written, key, _ = columns
    attack = protocols.attack_of(written, key, place)
    coded = (NONE if value == "-" else value for value in (codec, quality))
    return place, (utterance, split, speaker, SEXES.get(gender, gender), key, attack, *coded)
