"""IEMOCAP, the Interactive Emotional Dyadic Motion Capture database: five sessions of a woman and a man in dialogue.

    Session1/dialog/EmoEvaluation/Ses01F_impro01.txt    [START - END]<tab>TURN<tab>EMOTION<tab>[V, A, D]
    Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav

also inside a folder such as IEMOCAP_full_release. A turn is named after its dialogue (whose letter says who wore the
motion capture markers) and its own speaker: Ses01F_impro01_M000 is said by the man of session 1, here "Ses01M".

Source: Busso et al., "IEMOCAP: interactive emotional dyadic motion capture database", Language Resources and Evaluation
42(4), 2008. The four classes neutral, happy (with excited), sad, angry, 5,531 turns, are those of most publications;
their counts by speaker are those of EmoBox (Ma et al., Interspeech 2024; github.com/emo-box/EmoBox, data/iemocap).
Folds: leave one session out, the next session in dev.
"""

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath

from voxdag.core import bounds, texts
from voxdag.core.errors import Refused
from voxdag.corpora import emotional, listing
from voxdag.corpora.corpus import Corpus
from voxdag.corpora.emotional import Published, Utterance, known
from voxdag.corpora.listing import LeftOut

__all__ = ["Options", "provide", "read"]

EVALUATIONS = "Session*/dialog/EmoEvaluation"
TURN = re.compile(r"\[[\d.]+ - [\d.]+\]\t(Ses0[1-5][FM]_(impro|script)\w*_([FM])\w{3})\t([a-z]{3})\t\[.*\]")
KINDS = {"impro": "improvised", "script": "scripted"}
EMOTIONS = {"neu": "neutral", "hap": "happy", "exc": "happy", "sad": "sad", "ang": "angry"}
RARE = {"fea": "fearful", "dis": "disgust", "sur": "surprised"}
CLASSES = {"four": EMOTIONS, "seven": EMOTIONS | RARE}
OUTSIDE = {
    "fea": "fear",
    "dis": "disgust",
    "sur": "surprise",
    "fru": "frustration",
    "oth": "another emotion",
    "xxx": "no majority",
}
CODES = (*EMOTIONS, *OUTSIDE)
SESSIONS = {str(n): (f"Ses0{n}F", f"Ses0{n}M") for n in range(1, 6)}
SEXES = {name: "female" if name[-1] == "F" else "male" for pair in SESSIONS.values() for name in pair}
FOUR = Published(
    name="IEMOCAP",
    get="https://sail.usc.edu/iemocap (on request; licence for research)",
    labels={"neutral": 1708, "happy": 595 + 1041, "sad": 1084, "angry": 1103},
    sexes=SEXES,
    speakers=dict(zip(SEXES, (528, 557, 481, 542, 522, 629, 528, 503, 590, 651), strict=True)),
    standard=emotional.rotation(SESSIONS),
    sentences="the scripted dialogues are the same in all sessions: their text is in train, dev and eval",
    expected="evaluations like Session1/dialog/EmoEvaluation/Ses01F_impro01.txt",
)
PUBLISHED = {
    "four": FOUR,
    "seven": replace(FOUR, labels=dict(FOUR.labels) | {"fearful": 40, "disgust": 2, "surprised": 107}, speakers={}),
}


@dataclass(frozen=True)
class Options(emotional.Options):
    """classes: "four" (neutral, happy with excited, sad, angry), or "seven" (and fearful, disgust, surprised)."""

    classes: str

    def __post_init__(self) -> None:
        super().__post_init__()
        bounds.one_of(self, CLASSES, "classes")


def provide(folder: Path, options: Options) -> None:
    """Check that the evaluations are on disk; absent audio is counted by `read`, not refused here.

    Raises CorpusMissing.
    """
    known(CLASSES, options.classes, "classes", FOUR.name)
    if listing.holding(folder / options.root, EVALUATIONS) is None:
        raise emotional.missing(folder, options, FOUR, _everything(folder / options.root))


def read(folder: Path, options: Options) -> Corpus:
    """Read the evaluations and find the turns' audio; sentence is "scripted" or "improvised".

    Turns without a majority, or with an emotion outside the classes, are left out and counted.

    Raises CorpusMissing without evaluations, and Refused, with file and line, for a turn in another form, with an
    emotion that IEMOCAP does not define, or listed twice.
    """
    provide(folder, options)
    published = PUBLISHED[options.classes]
    emotional.check(options, published)
    root = _root(folder, options)
    turns, left_out = _turns(folder / root, CLASSES[options.classes])
    files = _files(folder / root, left_out)
    rows = [asdict(turn) | emotional.located(root, *files.get(turn.id, (_wav(turn.id), None))) for turn in turns]
    return emotional.corpus(rows, left_out, options, published)


def _wav(turn: str) -> PurePosixPath:
    """Where the release has a turn's audio."""
    return PurePosixPath(f"Session{turn[4]}/sentences/wav", turn.rpartition("_")[0], f"{turn}.wav")


def _root(folder: Path, options: Options) -> Path:
    """The folder that holds the sessions, relative to the corpora folder (or absolute, as given)."""
    return Path(options.root) / (listing.holding(folder / options.root, EVALUATIONS) or ".")


def _everything(base: Path) -> LeftOut:
    """What is there where no evaluation is: even audio cannot be used without one."""
    audio, left_out = listing.audio_files(base)
    return left_out | ({"audio that no evaluation lists": [path.as_posix() for path, _ in audio]} if audio else {})


def _lines(base: Path, left_out: LeftOut) -> Iterator[tuple[str, str]]:
    """Place and text of every line that begins with a time, `[`: the others are the single evaluators' answers."""
    for path in sorted(base.glob(f"{EVALUATIONS}/*.txt")):
        if path.name.startswith("._"):
            left_out.setdefault("a macOS resource fork", []).append(path.relative_to(base).as_posix())
            continue
        # Evaluators' comments are not all UTF-8; no line that is read holds one.
        for number, line in texts.lines(path, errors="replace"):
            if line.startswith("["):
                yield f"{path}:{number}: {line.rstrip()!r}", line.rstrip()


def _turns(base: Path, emotions: dict[str, str]) -> tuple[list[Utterance], LeftOut]:
    turns: dict[str, Utterance | None] = {}
    left_out: LeftOut = {}
    for place, line in _lines(base, left_out):
        match = TURN.fullmatch(line)
        if not match:
            raise Refused(f"{place} is not in the form [START - END]<tab>TURN<tab>EMOTION<tab>[V, A, D]")
        name, kind, letter, emotion = match.groups()
        if name in turns:
            raise Refused(f"{place} lists {name} for the second time, expected each turn once")
        known(CODES, emotion, "emotion", place)
        if emotion in emotions:
            turns[name] = Utterance(name, f"{name[:5]}{letter}", emotions[emotion], None, KINDS[kind])
        else:
            turns[name] = None
            left_out.setdefault(f"{OUTSIDE[emotion]} ({emotion})", []).append(name)
    return [turn for turn in turns.values() if turn], left_out


def _files(base: Path, left_out: LeftOut) -> dict[str, listing.File]:
    """Path below `base` and size (bytes) of the turns' audio, by turn."""
    named = []
    for folder in sorted(base.glob("Session*/sentences/wav")):
        files, others = listing.audio_files(folder)
        below = folder.relative_to(base).as_posix()
        named += [(path.stem, below / path, size) for path, size in files]
        for reason, names in others.items():
            left_out.setdefault(reason, []).extend(f"{below}/{name}" for name in names)
    return listing.one_file_each(base, named, left_out, emotional.FORMAT)
