"""ASVspoof 2019 logical access (LA), and any other corpus in its layout.

    LA/ASVspoof2019_LA_{train,dev,eval}/flac/<utterance>.flac
    LA/ASVspoof2019_LA_cm_protocols/ASVspoof2019.LA.cm.{train.trn,dev.trl,eval.trl}.txt   SPEAKER UTTERANCE - ATTACK KEY
    LA/ASVspoof2019_LA_asv_scores/ASVspoof2019.LA.asv.{dev,eval}.gi.trl.scores.txt        ATTACK|bonafide KEY SCORE

ATTACK in a protocol is `-` for bona fide speech. The audio may be in any format that libsndfile reads.

Source: Wang et al., "ASVspoof 2019: A large-scale public database of synthesized, converted and replayed speech",
Computer Speech and Language 64, 2020; counts are those of the published protocols.
"""

import logging
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pandas as pd

from voxdag.core.errors import Refused
from voxdag.corpora import listing, protocols
from voxdag.corpora.corpus import Corpus, CorpusMissing
from voxdag.corpora.listing import LeftOut
from voxdag.corpora.protocols import SPLITS

log = logging.getLogger(__name__)

FORM = "SPEAKER UTTERANCE - ATTACK KEY"
PROTOCOLS = {
    "train": "ASVspoof2019_LA_cm_protocols/ASVspoof2019.LA.cm.train.trn.txt",
    "dev": "ASVspoof2019_LA_cm_protocols/ASVspoof2019.LA.cm.dev.trl.txt",
    "eval": "ASVspoof2019_LA_cm_protocols/ASVspoof2019.LA.cm.eval.trl.txt",
}
ASV_SCORES = {
    "dev": "ASVspoof2019_LA_asv_scores/ASVspoof2019.LA.asv.dev.gi.trl.scores.txt",
    "eval": "ASVspoof2019_LA_asv_scores/ASVspoof2019.LA.asv.eval.gi.trl.scores.txt",
}
AUDIO = {split: f"ASVspoof2019_LA_{split}/flac" for split in SPLITS}
FORMAT = "flac"  # of the published recordings
SEEN_ATTACKS = tuple(f"A{number:02d}" for number in range(1, 7))  # in train and dev
UNSEEN_ATTACKS = tuple(f"A{number:02d}" for number in range(7, 20))  # in eval only
OFFICIAL_TRIALS = {
    "train": {"bonafide": 2580} | dict.fromkeys(SEEN_ATTACKS, 3800),
    "dev": {"bonafide": 2548} | dict.fromkeys(SEEN_ATTACKS, 3716),
    "eval": {"bonafide": 7355} | dict.fromkeys(UNSEEN_ATTACKS, 4914),
}
OFFICIAL_ASV = {
    "dev": {"target": 1484, "nontarget": 5768, "spoof": 22296},
    "eval": {"target": 5370, "nontarget": 33327, "spoof": 63882},
}


@dataclass(frozen=True)
class Options:
    """Where the corpus is, and whether it is the published one.

    root              the folder LA, or a folder that holds it
    official          compare attacks and counts with the published ones; False for another corpus in the same layout
    allow_departures  go on where counts differ, or recordings are absent
    """

    root: str = "asvspoof2019_la/LA"
    official: bool = True
    allow_departures: bool = False


def provide(folder: Path, options: Options) -> None:
    """Check that the protocols and ASV scores are on disk; absent audio is counted by `read`, not refused here.

    Raises CorpusMissing, naming the first file that is not there.
    """
    base = folder / _root(folder, options)
    for name in [*PROTOCOLS.values(), *ASV_SCORES.values()]:
        if not (base / name).is_file():
            raise CorpusMissing.at(
                base / name,
                what="ASVspoof 2019 LA",
                get="https://datashare.ed.ac.uk/handle/10283/3336 (LA.zip, ODC-By)",
                put=str(folder / options.root),
            )


def read(folder: Path, options: Options) -> Corpus:
    """Read protocols, ASV scores and the folders of audio.

    trials has the extra column attack (A01..A19; None for bona fide), tables has "asv": split, attack (None for target
    and nontarget), key (target, nontarget, spoof), score.

    Raises CorpusMissing without the protocols or ASV scores, and Refused, with file and line, for a line that is
    not in the published form.
    """
    provide(folder, options)
    root = _root(folder, options)
    base = folder / root
    trials = pd.concat([_protocol(base / PROTOCOLS[split], split, options.official) for split in SPLITS])
    trials = trials.reset_index(drop=True)
    protocols.refuse_ids_in_two_splits(trials)
    left_out: LeftOut = {}
    files = {split: protocols.recordings(base, AUDIO[split], FORMAT, left_out) for split in SPLITS}
    trials, found = protocols.located(trials, files, root, {split: f"{AUDIO[split]}/{{}}.{FORMAT}" for split in SPLITS})
    trials = trials[["id", "path", "split", "speaker", "label", "attack", "bytes"]]
    asv = pd.concat([_asv_scores(base / name, split) for split, name in ASV_SCORES.items()], ignore_index=True)
    for split, name in ASV_SCORES.items():
        _tell_of_asv(asv[asv["split"] == split], trials[trials["split"] == split], base / name)
    report = protocols.report(trials, found, left_out) | {"asv": protocols.counts(asv["split"], asv["key"])}
    departures = _departures(report["trials"], report["asv"]) if options.official else None
    if departures is not None:
        report["departures"] = list(departures)
    return Corpus(trials, {"asv": asv}, report, departures=departures)


def _root(folder: Path, options: Options) -> Path:
    """The folder LA, relative to the corpora folder (or absolute, as given)."""
    root = Path(options.root)
    held = listing.holding(folder / root, PurePosixPath(PROTOCOLS["train"]).parts[0])
    return root if held is None else root / held


def _protocol(path: Path, split: str, official: bool) -> pd.DataFrame:
    rows = (_row(place, columns, split, official) for place, columns in protocols.lines(path, FORM))
    return protocols.table(rows, ["id", "split", "speaker", "label", "attack"])


def _row(place: str, columns: list[str], split: str, official: bool) -> tuple[str, tuple]:
    speaker, utterance, _, written, key = columns
    attack = protocols.attack_of(written, key, place, ("-",))
    if official and attack is not None and attack not in SEEN_ATTACKS + UNSEEN_ATTACKS:
        raise Refused(f"{place} has the attack {attack!r}, expected A01 to A19")
    return place, (utterance, split, speaker, key, attack)


def _asv_scores(path: Path, split: str) -> pd.DataFrame:
    rows = []
    for place, (attack, key, score) in protocols.lines(path, "ATTACK|bonafide KEY SCORE"):
        if key not in ("target", "nontarget", "spoof"):
            raise Refused(f"{place} has the key {key!r}, expected target, nontarget or spoof")
        if (attack == "bonafide") == (key == "spoof"):
            raise Refused(f"{place} is {key} with the attack {attack!r}, expected bonafide unless the key is spoof")
        rows.append((split, None if attack == "bonafide" else attack, key, protocols.finite(score, place)))
    return pd.DataFrame(rows, columns=["split", "attack", "key", "score"], dtype=object).astype({"score": float})


def _tell_of_asv(asv: pd.DataFrame, trials: pd.DataFrame, path: Path) -> None:
    """A line for scores that t-DCF cannot be computed from, and for those of other attacks than the trials: t-DCF
    weighs errors by what the ASV system lets through."""
    for key in sorted({"target", "nontarget"} - set(asv["key"])):
        log.warning("%s has no %s score: t-DCF is not defined", path, key)
    scored, tried = (set(rows["attack"].dropna()) for rows in (asv, trials))
    if scored != tried:
        differing = ", ".join(sorted(scored ^ tried))
        log.warning("%s: its attacks and those of the protocol differ in %s, and t-DCF with them", path, differing)


def _departures(trials: dict[str, dict[str, int]], asv: dict[str, dict[str, int]]) -> tuple[str, ...]:
    """Every count that is not the published one, as a sentence."""
    found = protocols.departures(trials, OFFICIAL_TRIALS, "trials")
    return (*found, *protocols.departures(asv, OFFICIAL_ASV, "ASV scores"))
