"""EMO-DB, the Berlin Database of Emotional Speech: ten actors, ten German sentences, seven emotions.

    wav/03a01Fa.wav    speaker (2 digits), text (3), emotion (1, the German word's initial), version (1)

Speakers are as in "03", sentence as in "a01".

Source: Burkhardt et al., "A database of German emotional speech", Interspeech 2005, and its web page for sexes and
codes; counts are those of the published files. Folds: leave one speaker out. In dev are the next speaker, cyclically,
and the next after it of the other sex.
"""

import re
from functools import partial
from pathlib import PurePosixPath

from voxdag.corpora import emotional
from voxdag.corpora.emotional import OTHER_NAME, Options, Published, Utterance, known
from voxdag.data.folds import Fold

__all__ = ["Options", "provide", "read"]

NAME = re.compile(r"(\d\d)([a-z]\d\d)([A-Z])[a-z]?")
EMOTIONS = {
    "N": "neutral",
    "F": "happy",  # Freude
    "T": "sad",  # Trauer
    "W": "angry",  # Wut
    "A": "fearful",  # Angst
    "E": "disgust",  # Ekel
    "L": "bored",  # Langeweile
}
TEXTS = ("a01", "a02", "a04", "a05", "a07", "b01", "b02", "b03", "b09", "b10")
SEXES = {
    "03": "male",
    "08": "female",
    "09": "female",
    "10": "male",
    "11": "male",
    "12": "male",
    "13": "female",
    "14": "female",
    "15": "male",
    "16": "female",
}


def _leave_one_speaker_out() -> tuple[Fold, ...]:
    speakers, folds = list(SEXES), []
    for index, held in enumerate(speakers):
        following, *others = speakers[index + 1 :] + speakers[:index]
        other = next(speaker for speaker in others if SEXES[speaker] != SEXES[following])
        folds.append(Fold(str(index + 1), frozenset({following, other}), frozenset({held})))
    return tuple(folds)


PUBLISHED = Published(
    name="EMO-DB",
    get="http://emodb.bilderbar.info/download (download.zip; free, to be cited)",
    labels={"neutral": 79, "happy": 71, "sad": 62, "angry": 127, "fearful": 69, "disgust": 46, "bored": 81},
    sexes=SEXES,
    speakers=dict(zip(SEXES, (49, 58, 43, 38, 55, 35, 61, 69, 56, 71), strict=True)),
    standard=_leave_one_speaker_out(),
    sentences="all speakers say the same ten sentences in all emotions: the text of train, dev and eval is the same",
    expected="names like 03a01Fa.wav",
)


def _parse(path: PurePosixPath) -> Utterance | str:
    match = NAME.fullmatch(path.stem)
    if not match:
        return OTHER_NAME
    speaker, text, emotion = match.groups()
    known(SEXES, speaker, "speaker", path)
    known(TEXTS, text, "text", path)
    known(EMOTIONS, emotion, "emotion", path)
    return Utterance(path.stem, speaker, EMOTIONS[emotion], None, text)


provide = partial(emotional.provide, published=PUBLISHED)
read = partial(emotional.read, published=PUBLISHED, parse=_parse)
