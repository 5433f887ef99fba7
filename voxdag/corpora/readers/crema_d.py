"""CREMA-D, the Crowd-sourced Emotional Multimodal Actors Dataset: its audio.

    AudioWAV/1001_DFA_ANG_XX.wav          ACTOR_SENTENCE_EMOTION_INTENSITY; also without the folder AudioWAV
    processedResults/summaryTable.csv     FileName, VoiceVote: what most listeners heard, letters joined by `:` in a tie

also below another folder, as in a zip of the repository.
The acted emotion is what the actor was asked for. Listeners who only heard the voice voted for it in 42 % of the clips;
options.labels_from says which of the two is the label.

Source: Cao et al., "CREMA-D: Crowd-sourced Emotional Multimodal Actors Dataset", IEEE Trans. Affective Computing 5(4),
2014; counts, sexes (VideoDemographics.csv) and votes are those of github.com/CheyneyComputerScience/CREMA-D. Folds:
the five of EMO-SUPERB (Wu et al., "EMO-SUPERB: An in-depth look at speech emotion recognition", 2024;
github.com/EMOsuperb/EMO-SUPERB-submission, data/CREMA-D/Primary/labels_consensus_{1..5}.csv), whose groups are runs of
actor numbers.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath

from voxdag.core import bounds, texts
from voxdag.core.errors import Refused
from voxdag.corpora import emotional
from voxdag.corpora.corpus import Corpus, CorpusMissing
from voxdag.corpora.emotional import OTHER_NAME, Published, Utterance, known
from voxdag.corpora.listing import holding

__all__ = ["Options", "provide", "read"]

AUDIO = "AudioWAV"
VOTES = "processedResults/summaryTable.csv"
LABELS_FROM = ("acted", "voice_vote")
NAME = re.compile(r"(\d{4})_([A-Z]{3})_([A-Z]{3})_([A-Z]{2})")
MISNAMED = {"1040_ITH_SAD_X": "1040_ITH_SAD_XX"}  # in early releases; the summary table has the name in full
EMOTIONS = {
    "NEU": "neutral",
    "HAP": "happy",
    "SAD": "sad",
    "ANG": "angry",
    "FEA": "fearful",
    "DIS": "disgust",
}
LETTERS = {code[0]: label for code, label in EMOTIONS.items()}
INTENSITIES = {"LO": "low", "MD": "medium", "HI": "high", "XX": "unspecified"}
SENTENCES = ("DFA", "IEO", "IOM", "ITH", "ITS", "IWL", "IWW", "MTI", "TAI", "TIE", "TSI", "WSI")
WOMEN = (
    "1002 1003 1004 1006 1007 1008 1009 1010 1012 1013 1018 1020 1021 1024 1025 1028 1029 1030 1037 1043 1046 1047 "
    "1049 1052 1053 1054 1055 1056 1058 1060 1061 1063 1072 1073 1074 1075 1076 1078 1079 1082 1084 1089 1091"
)
ACTORS = tuple(str(actor) for actor in range(1001, 1092))
GROUPS = {str(k + 1): ACTORS[18 * k : 18 * (k + 1) if k < 4 else None] for k in range(5)}
PUBLISHED = Published(
    name="CREMA-D",
    get="https://github.com/CheyneyComputerScience/CREMA-D (with Git LFS; Open Database License)",
    labels={label: 1087 if label == "neutral" else 1271 for label in EMOTIONS.values()},
    sexes={actor: "female" if actor in WOMEN.split() else "male" for actor in ACTORS},
    speakers=dict.fromkeys(ACTORS, 82) | {"1002": 81, "1008": 76, "1009": 76, "1019": 76, "1076": 81},
    standard=emotional.rotation(GROUPS),
    sentences="the 12 sentences are said by all actors in all emotions: the text of train, dev and eval is the same",
    expected="names like 1001_DFA_ANG_XX.wav",
)
# Of the 7,442 clips 644 are ties. How many are left of an actor is not published.
PUBLISHED_VOTES = replace(
    PUBLISHED,
    labels={"neutral": 3897, "happy": 353, "sad": 370, "angry": 986, "fearful": 645, "disgust": 547},
    speakers={},
)


@dataclass(frozen=True)
class Options(emotional.Options):
    """labels_from: "acted", the emotion asked of the actor, or "voice_vote", the one that most listeners heard."""

    labels_from: str

    def __post_init__(self) -> None:
        super().__post_init__()
        bounds.one_of(self, LABELS_FROM, "labels_from")


def provide(folder: Path, options: Options) -> None:
    """Check that the corpus's folder, and the table of votes if it is wanted, are there. Raises CorpusMissing."""
    emotional.provide(folder, options, PUBLISHED)
    if options.labels_from == "voice_vote":
        _votes_path(folder, options)


def read(folder: Path, options: Options) -> Corpus:
    """Read the names of the recordings; speakers are "1001" to "1091", intensity is low, medium, high or unspecified.

    Where the labels are votes, ties are left out and counted.

    Raises CorpusMissing where there is none, and Refused, naming the file, for a code that CREMA-D does not define.
    """
    provide(folder, options)
    under = _audio(folder, options)
    if options.labels_from == "acted":
        corpus = emotional.read(folder, options, PUBLISHED, _parse, under)
    else:
        votes = _votes(_votes_path(folder, options))
        corpus = emotional.read(folder, options, PUBLISHED_VOTES, partial(_parse_voted, votes=votes), under)
    return replace(corpus, report=corpus.report | {"labels_from": options.labels_from})


def _parse(path: PurePosixPath) -> Utterance | str:
    name = MISNAMED.get(path.stem, path.stem)
    match = NAME.fullmatch(name)
    if not match:
        return OTHER_NAME
    actor, sentence, emotion, intensity = match.groups()
    known(PUBLISHED.sexes, actor, "actor", path)
    known(SENTENCES, sentence, "sentence", path)
    known(EMOTIONS, emotion, "emotion", path)
    known(INTENSITIES, intensity, "intensity", path)
    return Utterance(name, actor, EMOTIONS[emotion], INTENSITIES[intensity], sentence)


def _parse_voted(path: PurePosixPath, votes: Mapping[str, str | None]) -> Utterance | str:
    utterance = _parse(path)
    if isinstance(utterance, str):
        return utterance
    if utterance.id not in votes:
        return "not in the table of votes"
    vote = votes[utterance.id]
    return replace(utterance, label=vote) if vote else "a tie in the voice vote"


def _audio(folder: Path, options: Options) -> str:
    """The folder with the audio, below the root: a clone holds every clip as MP3 too, under the same name."""
    repository = holding(folder / options.root, AUDIO)
    return "." if repository is None else (repository / AUDIO).as_posix()


def _votes_path(folder: Path, options: Options) -> Path:
    """The table of votes, beside the folder AudioWAV or in the root."""
    base = folder / options.root
    for path in ((base / _audio(folder, options)).parent / VOTES, base / VOTES):
        if path.is_file():
            return path
    raise CorpusMissing.at(
        base / VOTES,
        what="CREMA-D's table of votes (labels_from: voice_vote)",
        get=PUBLISHED.get,
        put=str(base / VOTES),
    )


def _votes(path: Path) -> dict[str, str | None]:
    """The label that won the voice vote, by utterance; None in a tie."""
    votes: dict[str, str | None] = {}
    for place, (name, letters) in texts.rows(path, ["FileName", "VoiceVote"]):
        labels = [LETTERS[known(LETTERS, letter, "vote", f"{place}: {name}")] for letter in letters.split(":")]
        vote = labels[0] if len(labels) == 1 else None
        if votes.setdefault(name, vote) != vote:
            raise Refused(f"{place}: another vote for {name} than above, expected one of each clip")
    return votes
