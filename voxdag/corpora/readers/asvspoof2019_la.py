"""ASVspoof 2019 logical access (LA), and any other corpus in its layout.

    LA/ASVspoof2019_LA_{train,dev,eval}/flac/<utterance>.flac
    LA/ASVspoof2019_LA_cm_protocols/ASVspoof2019.LA.cm.{train.trn,dev.trl,eval.trl}.txt   SPEAKER UTTERANCE - ATTACK KEY
    LA/ASVspoof2019_LA_asv_scores/ASVspoof2019.LA.asv.{dev,eval}.gi.trl.scores.txt        ATTACK|bonafide KEY SCORE

ATTACK in a protocol is `-` for bona fide speech. The audio may be in any format that libsndfile reads.

Source: Wang et al., "ASVspoof 2019: A large-scale public database of synthesized, converted and replayed speech",
Computer Speech and Language 64, 2020; counts are those of the published protocols.
"""

import logging
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path, PurePosixPath

import pandas as pd

from voxdag.core import texts
from voxdag.core.errors import Refused
from voxdag.corpora import listing
from voxdag.corpora.corpus import Corpus, CorpusMissing
from voxdag.corpora.listing import LeftOut

log = logging.getLogger(__name__)

SPLITS = ("train", "dev", "eval")
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
    _refuse_ids_in_two_splits(trials)
    trials, files, left_out = _with_files(trials, base, root)
    asv = pd.concat([_asv_scores(base / name, split) for split, name in ASV_SCORES.items()], ignore_index=True)
    for split, name in ASV_SCORES.items():
        _tell_of_asv(asv[asv["split"] == split], trials[trials["split"] == split], base / name)
    report = _report(trials, asv, files)
    if left_out:
        report["left_out"] = {reason: listing.summary(names) for reason, names in sorted(left_out.items())}
    departures = _departures(report["trials"], report["asv"]) if options.official else None
    if departures is not None:
        report["departures"] = list(departures)
    return Corpus(trials, {"asv": asv}, report, departures=departures)


def _root(folder: Path, options: Options) -> Path:
    """The folder LA, relative to the corpora folder (or absolute, as given)."""
    root = Path(options.root)
    held = listing.holding(folder / root, PurePosixPath(PROTOCOLS["train"]).parts[0])
    return root if held is None else root / held


def _lines(path: Path, form: str) -> Iterator[tuple[str, list[str]]]:
    """Each line's place and columns. Raises Refused if their number is not that of `form`."""
    expected = len(form.split())
    for number, line in texts.lines(path):
        columns = line.split()
        place = f"{path}:{number}: {line.rstrip()!r}"
        if len(columns) != expected:
            raise Refused(f"{place} has {len(columns)} columns, expected {expected}: {form}")
        yield place, columns


def _protocol(path: Path, split: str, official: bool) -> pd.DataFrame:
    rows: dict[str, tuple] = {}
    for place, (speaker, utterance, _, attack, key) in _lines(path, "SPEAKER UTTERANCE - ATTACK KEY"):
        if key not in ("bonafide", "spoof"):
            raise Refused(f"{place} has the key {key!r}, expected bonafide or spoof")
        if (attack == "-") != (key == "bonafide"):
            raise Refused(f"{place} is {key} with the attack {attack!r}, expected - for bona fide speech alone")
        if official and attack != "-" and attack not in SEEN_ATTACKS + UNSEEN_ATTACKS:
            raise Refused(f"{place} has the attack {attack!r}, expected A01 to A19")
        if utterance in rows:
            raise Refused(f"{place} lists {utterance} for the second time, expected each utterance once")
        rows[utterance] = (utterance, split, speaker, key, None if attack == "-" else attack)
    return pd.DataFrame(list(rows.values()), columns=["id", "split", "speaker", "label", "attack"], dtype=object)


def _asv_scores(path: Path, split: str) -> pd.DataFrame:
    rows = []
    for place, (attack, key, score) in _lines(path, "ATTACK|bonafide KEY SCORE"):
        if key not in ("target", "nontarget", "spoof"):
            raise Refused(f"{place} has the key {key!r}, expected target, nontarget or spoof")
        if (attack == "bonafide") == (key == "spoof"):
            raise Refused(f"{place} is {key} with the attack {attack!r}, expected bonafide unless the key is spoof")
        rows.append((split, None if attack == "bonafide" else attack, key, _finite(score, place)))
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


def _finite(score: str, place: str) -> float:
    try:
        value = float(score)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise Refused(f"{place} has the score {score!r}, expected a finite number")
    return value


def _refuse_ids_in_two_splits(trials: pd.DataFrame) -> None:
    twice = trials[trials["id"].duplicated(keep=False)].sort_values("id", kind="stable")
    if len(twice):
        utterance, splits = twice["id"].iloc[0], " and ".join(twice["split"].iloc[:2])
        raise Refused(f"utterance {utterance} is listed in the protocols of {splits}, expected in one split")


def _scan(base: Path, split: str, left_out: LeftOut) -> dict[str, listing.File]:
    """Path below `base` and size (bytes) of every utterance of a split that has a file, by name without ending."""
    files, others = listing.audio_files(base / AUDIO[split])
    for reason, names in others.items():
        left_out.setdefault(reason, []).extend(f"{AUDIO[split]}/{name}" for name in names)
    named = [(path.stem, AUDIO[split] / path, size) for path, size in files]
    return listing.one_file_each(base, named, left_out, FORMAT)


def _with_files(trials: pd.DataFrame, base: Path, root: Path) -> tuple[pd.DataFrame, dict[str, list[str]], LeftOut]:
    """Add path and bytes.

    Also the paths of utterances that have no file (`absent`), the files that no protocol lists (`extra`), and what else
    lies there, by reason.
    """
    left_out: LeftOut = {}
    files = {split: _scan(base, split, left_out) for split in SPLITS}
    paths, sizes = [], []
    for split, utterance in zip(trials["split"], trials["id"], strict=True):
        path, size = files[split].pop(utterance, (f"{AUDIO[split]}/{utterance}.{FORMAT}", None))
        paths.append(f"{root.as_posix()}/{path}")
        sizes.append(size)
    trials = trials.assign(path=pd.Series(paths, dtype=object), bytes=pd.array(sizes, dtype="Int64"))
    extra = sorted(str(path) for split in SPLITS for path, _ in files[split].values())
    absent = list(trials.loc[trials["bytes"].isna(), "path"])
    trials = trials[["id", "path", "split", "speaker", "label", "attack", "bytes"]]
    return trials, {"absent": absent, "extra": extra}, left_out


def _report(trials: pd.DataFrame, asv: pd.DataFrame, files: dict[str, list[str]]) -> dict[str, object]:
    speakers = {split: set(rows["speaker"]) for split, rows in trials.groupby("split")}
    shared = {f"{a}, {b}": sorted(speakers.get(a, set()) & speakers.get(b, set())) for a, b in combinations(SPLITS, 2)}
    return {
        "trials": _counts(trials["split"], trials["attack"].where(trials["attack"].notna(), "bonafide")),
        "asv": _counts(asv["split"], asv["key"]),
        "speakers": {split: len(speakers[split]) for split in SPLITS if split in speakers},
        "shared_speakers": {pair: names for pair, names in shared.items() if names},
        **{kind: listing.summary(names) for kind, names in files.items()},
    }


def _counts(splits: pd.Series, kinds: pd.Series) -> dict[str, dict[str, int]]:
    counts = Counter(zip(splits, kinds, strict=True))
    present = [split for split in SPLITS if split in set(splits)]
    return {split: {kind: counts[split, kind] for other, kind in sorted(counts) if other == split} for split in present}


def _departures(trials: dict[str, dict[str, int]], asv: dict[str, dict[str, int]]) -> tuple[str, ...]:
    """Every count that is not the published one, as a sentence."""
    found = []
    for table, counts, official in (("trials", trials, OFFICIAL_TRIALS), ("ASV scores", asv, OFFICIAL_ASV)):
        for split, expected in official.items():
            present = counts.get(split, {})
            for kind in sorted(expected | present):
                has, wants = present.get(kind, 0), expected.get(kind, 0)
                if has != wants:
                    found.append(f"{split} has {has} {kind} {table}, published are {wants}")
    return tuple(found)
