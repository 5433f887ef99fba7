"""RAVDESS, the Ryerson Audio-Visual Database of Emotional Speech and Song: its audio-only speech.

    Actor_01/03-01-06-01-02-01-12.wav   MODALITY-CHANNEL-EMOTION-INTENSITY-STATEMENT-REPETITION-ACTOR

in any nesting of folders and any audio format. Song, and recordings with video, are counted and left out. Every actor
says two statements twice: 24 actors x (neutral 4 + 7 emotions x 2 intensities x 4) = 1,440. Speakers are "01" to "24",
intensity is normal or strong, sentence kids or dogs.

Source: Livingstone and Russo, "The Ryerson Audio-Visual Database of Emotional Speech and Song (RAVDESS)", PLoS ONE
13(5), 2018. Folds: the six of EmoBox (Ma et al., Interspeech 2024; github.com/emo-box/EmoBox, data/ravdess), which have
no dev; DEV adds it.
"""

import re
from functools import partial
from pathlib import PurePosixPath

from voxdag.corpora import emotional
from voxdag.corpora.emotional import OTHER_NAME, Options, Published, Utterance, known
from voxdag.data.folds import Fold

__all__ = ["Options", "provide", "read"]

NAME = re.compile(r"(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)")
MODALITIES = {"01": "audio and video", "02": "video only", "03": "audio only"}
CHANNELS = {"01": "speech", "02": "song"}
EMOTIONS = {
    "01": "neutral",
    "02": "calm",
    "03": "happy",
    "04": "sad",
    "05": "angry",
    "06": "fearful",
    "07": "disgust",
    "08": "surprised",
}
INTENSITIES = {"01": "normal", "02": "strong"}
STATEMENTS = {"01": "kids", "02": "dogs"}  # are talking, sitting by the door
REPETITIONS = ("01", "02")
SEXES = {f"{actor:02d}": "male" if actor % 2 else "female" for actor in range(1, 25)}
EVAL = (
    ("01", "11", "20", "21"),
    ("04", "10", "12", "14"),
    ("08", "09", "19", "23"),
    ("03", "05", "07", "24"),
    ("02", "15", "16", "18"),
    ("06", "13", "17", "22"),
)
# Fold by fold, the two lowest-numbered men and the two lowest-numbered women who are not in the fold's eval and have
# not been in dev yet: each actor is in dev once.
DEV = (
    ("03", "05", "02", "04"),
    ("01", "07", "06", "08"),
    ("11", "13", "10", "12"),
    ("09", "15", "14", "16"),
    ("17", "19", "20", "22"),
    ("21", "23", "18", "24"),
)
PUBLISHED = Published(
    name="RAVDESS",
    get="https://zenodo.org/records/1188976 (Audio_Speech_Actors_01-24.zip, CC BY-NC-SA 4.0)",
    labels={label: 96 if label == "neutral" else 192 for label in EMOTIONS.values()},
    sexes=SEXES,
    speakers=dict.fromkeys(SEXES, 60),
    standard=tuple(
        Fold(str(number), frozenset(dev), frozenset(held))
        for number, (dev, held) in enumerate(zip(DEV, EVAL, strict=True), start=1)
    ),
    sentences="the two statements are said by all actors in all emotions: the text of train, dev and eval is the same",
    expected="names like 03-01-06-01-02-01-12.wav",
)


def _parse(path: PurePosixPath) -> Utterance | str:
    match = NAME.fullmatch(path.stem)
    if not match:
        return OTHER_NAME
    modality, channel, emotion, intensity, statement, repetition, actor = match.groups()
    if known(MODALITIES, modality, "modality", path) != "03":
        return MODALITIES[modality]
    if known(CHANNELS, channel, "channel", path) != "01":
        return CHANNELS[channel]
    known(EMOTIONS, emotion, "emotion", path)
    known(INTENSITIES if EMOTIONS[emotion] != "neutral" else ("01",), intensity, "intensity", path)
    known(STATEMENTS, statement, "statement", path)
    known(REPETITIONS, repetition, "repetition", path)
    known(SEXES, actor, "actor", path)
    return Utterance(path.stem, actor, EMOTIONS[emotion], INTENSITIES[intensity], STATEMENTS[statement])


provide = partial(emotional.provide, published=PUBLISHED)
read = partial(emotional.read, published=PUBLISHED, parse=_parse)
