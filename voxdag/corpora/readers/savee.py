"""SAVEE, the Surrey Audio-Visual Expressed Emotion database: four male speakers of British English.

    AudioData/DC/a01.wav    or, re-packaged,    DC/a01.wav    ALL/DC_a01.wav    DC_a01.wav

SPEAKER, emotion (a, d, f, h, n, sa, su) and number of the sentence within the emotion: 15 each, 30 neutral. Ids are as
in "DC_a01", sentence is "a01".

Source: Jackson and Haq, "Surrey Audio-Visual Expressed Emotion (SAVEE) database", University of Surrey, 2014; Haq and
Jackson, "Multimodal emotion recognition", in Machine Audition, IGI Global, 2010. Folds: leave one speaker out, the next
speaker in dev.
"""

import re
from functools import partial
from pathlib import PurePosixPath

from voxdag.corpora import emotional
from voxdag.corpora.emotional import OTHER_NAME, Options, Published, Utterance, known

__all__ = ["Options", "provide", "read"]

NAME = re.compile(r"(?:([A-Z]{2})_)?(([a-z]{1,2})(\d\d))")
SPEAKER = re.compile(r"[A-Z]{2}")
EMOTIONS = {
    "n": "neutral",
    "h": "happy",
    "sa": "sad",
    "a": "angry",
    "f": "fearful",
    "d": "disgust",
    "su": "surprised",
}
SENTENCES = {emotion: [f"{n:02d}" for n in range(1, 31 if emotion == "n" else 16)] for emotion in EMOTIONS}
SEXES = dict.fromkeys(("DC", "JE", "JK", "KL"), "male")
PUBLISHED = Published(
    name="SAVEE",
    get="http://kahlan.eps.surrey.ac.uk/savee (AudioData.zip, free for research, on registration)",
    labels={label: 120 if label == "neutral" else 60 for label in EMOTIONS.values()},
    sexes=SEXES,
    speakers=dict.fromkeys(SEXES, 120),
    standard=emotional.leave_one_speaker_out(SEXES),
    sentences="all speakers say the same sentences, and 10 of the 15 sentences of an emotion are said in no other: "
    "the text of eval is in train, and tells the emotion",
    expected="names like DC/a01.wav or DC_a01.wav",
)


def _parse(path: PurePosixPath) -> Utterance | str:
    match = NAME.fullmatch(path.stem)
    speaker = match and (match[1] or path.parent.name)
    if not speaker or not SPEAKER.fullmatch(speaker):
        return OTHER_NAME
    _, sentence, emotion, number = match.groups()  # type: ignore[union-attr]
    known(SEXES, speaker, "speaker", path)
    known(EMOTIONS, emotion, "emotion", path)
    known(SENTENCES[emotion], number, "sentence", path)
    return Utterance(f"{speaker}_{sentence}", speaker, EMOTIONS[emotion], None, sentence)


provide = partial(emotional.provide, published=PUBLISHED)
read = partial(emotional.read, published=PUBLISHED, parse=_parse)
