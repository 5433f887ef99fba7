"""Simulated emotional speech corpus: actors of the source-filter synthesiser, the layout of RAVDESS.

    studio     room, microphone and noise: the same in the whole corpus
    actor      voice and gain: the same in all of an actor's utterances, so loudness tells emotions apart
    emotion    a departure from the actor's neutral delivery (emotions.py), larger if strong
    manner     the actor's own way to express that emotion, the same in all of an actor's utterances of it
    utterance  a further departure, other words, and silence before and after

Written once to <corpora folder>/<root>/<fingerprint>/Actor_NN/03-01-EE-II-SS-RR-NN.flac, where the fingerprint covers
the options and the code that the corpus is made by: a change of any of them makes another corpus and leaves the old one
alone. Odd actors are male, as in RAVDESS, and neutral has no strong intensity. Departures: the audio is 16 kHz; a
statement fixes the number of syllables and of pauses, but the words are new in each utterance.
"""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from voxdag.core import bounds, command, streams
from voxdag.core.errors import Refused
from voxdag.core.parallel import parallel_map
from voxdag.corpora.corpus import Corpus
from voxdag.corpora.emotional import FOLDS, rotation
from voxdag.corpora.making import beside, made, write_flac
from voxdag.corpora.readers import ravdess
from voxdag.data.folds import Fold
from voxdag.simulation.emotions import DELIVERIES, STRONG, express, vary
from voxdag.simulation.speech import SAMPLE_RATE, Delivery, Scene, Speaker, draw_scene, draw_speaker, record, synthesise

ACTORS = 24  # of RAVDESS, and the most that there can be
REPETITIONS = 2  # likewise
GROUPS = 4  # of actors in the standard folds
STRENGTHS = {1: 1.0, 2: STRONG}  # by the code of the intensity
STATEMENTS = {1: (7, 0), 2: (7, 1)}  # by the code of the statement: syllables and pauses
SENTENCES = "the words are new in each utterance: no text of train, dev or eval is the same"
PHRASE_SYLLABLES = 4.0  # mean length of a phrase before a pause
PAUSE = 1.1  # mean pause, in units of the speaker's
SILENCE = (0.4, 0.8)  # s before the speech, and after it
MANNER, MOMENT = 1.8, 0.3  # spread between actors who express an emotion, and between utterances of one
EXPRESSIVENESS = 0.25  # standard deviation, over actors and emotions, of the logarithm of the emotion's strength
GAIN_DB = -14.0  # of the microphone, on average: leaves room for a shout
GAIN_SPREAD_DB = 2.0  # an actor's departure from it, at most
NOISE_DB = -84.0  # of the studio, dB re full scale
RT60 = 0.15  # s: a treated room


@dataclass(frozen=True)
class Options:
    """The corpus's root and size: 30 utterances per actor and repetition.

    folds: "standard", four groups of actors of which one is eval, the next dev; or "leave_one_speaker_out".

    Raises Refused if `actors` is not an even number from 6 to 24, `repetitions` not 1 or 2, or `folds` unknown.
    """

    root: str = "simulated_emotional"
    seed: int = 1
    actors: int = 24
    repetitions: int = 2
    folds: str = "standard"

    def __post_init__(self) -> None:
        if self.actors not in range(6, ACTORS + 1, 2):
            raise Refused(f"actors is {self.actors}, expected an even number from 6 to {ACTORS}")
        bounds.inside(self, "the corpora folder", "root")
        bounds.within(self, 1, REPETITIONS, "repetitions")
        bounds.one_of(self, FOLDS, "folds")


@dataclass(frozen=True)
class Utterance:
    """One utterance to make: the codes of its name."""

    actor: int
    emotion: int
    intensity: int
    statement: int
    repetition: int

    @property
    def path(self) -> str:
        """Where it lies below the corpus's root."""
        codes = (3, 1, self.emotion, self.intensity, self.statement, self.repetition, self.actor)
        return f"Actor_{self.actor:02d}/{'-'.join(f'{code:02d}' for code in codes)}.flac"


def provide(folder: Path, options: Options) -> None:
    """Make the corpus unless it is there. A killed run leaves no half corpus; a second run at the same time waits."""
    _made(folder, options)


def read(folder: Path, options: Options) -> Corpus:
    """Make the corpus unless it is there, and read it as RAVDESS is read."""
    root = _made(folder, options).as_posix()
    as_ravdess = ravdess.Options(
        root, labels=None, speakers=None, folds="leave_one_speaker_out", official=False, allow_departures=False
    )
    corpus = ravdess.read(folder, as_ravdess)
    report = corpus.report | {"folds": options.folds, "sentences": SENTENCES}
    speakers = list(corpus.report["speakers"])
    folds = standard_folds(speakers) if options.folds == "standard" else corpus.folds
    return replace(corpus, report=report, folds=folds)


def standard_folds(speakers: list[str]) -> tuple[Fold, ...]:
    """Up to four folds: of the speakers in turn, two go to the first group, two to the second, and so on, round."""
    count = min(GROUPS, len(speakers) // 2)
    groups = {
        str(group + 1): speakers[2 * group :: 2 * count] + speakers[2 * group + 1 :: 2 * count]
        for group in range(count)
    }
    return rotation(groups)


def utterances(options: Options) -> list[Utterance]:
    """All utterances of the corpus, actor by actor."""
    return [
        Utterance(actor, emotion, intensity, statement, repetition)
        for actor in range(1, options.actors + 1)
        for emotion in range(1, len(DELIVERIES) + 1)
        for intensity in (STRENGTHS if emotion > 1 else [1])
        for statement in STATEMENTS
        for repetition in range(1, options.repetitions + 1)
    ]


def perform(utterance: Utterance, seed: int) -> np.ndarray:
    """The recording of an utterance, (n,) at 16 kHz, peak below full scale."""
    speaker, scene = _actor(utterance.actor, seed)
    rng = streams.generator(seed, "utterance", utterance.path)
    delivery = _delivery(utterance, seed, rng)
    syllables, pauses = STATEMENTS[utterance.statement]
    if pauses:
        speaker = replace(speaker, phrase_syllables=PHRASE_SYLLABLES)
    seconds = syllables / (speaker.syllables_per_s * delivery.tempo) + pauses * PAUSE * speaker.pause_s * delivery.pause
    dry = synthesise(speaker, seconds, rng, delivery)
    silence = np.round(rng.uniform(*SILENCE, 2) * SAMPLE_RATE).astype(int)
    return record(np.pad(dry, silence), scene, rng)


def _actor(actor: int, seed: int) -> tuple[Speaker, Scene]:
    """Who speaks, and where into what: odd actors are male."""
    rng = streams.generator(seed, "actor", actor)
    gain_db = GAIN_DB + rng.uniform(-GAIN_SPREAD_DB, GAIN_SPREAD_DB)
    studio = draw_scene(streams.generator(seed, "studio"))
    speaker = draw_speaker(rng, "male" if actor % 2 else "female")
    return speaker, replace(studio, gain_db=gain_db, noise_db=NOISE_DB, rt60_s=RT60)


def _delivery(utterance: Utterance, seed: int, rng: np.random.Generator) -> Delivery:
    """The emotion, as this actor expresses it, this time."""
    own = streams.generator(seed, "manner", utterance.actor, utterance.emotion)
    strength = STRENGTHS[utterance.intensity] * np.exp(EXPRESSIVENESS * own.standard_normal())
    emotion = list(DELIVERIES)[utterance.emotion - 1]
    return vary(vary(express(emotion, strength), MANNER, own), MOMENT, rng)


def _made(folder: Path, options: Options) -> Path:
    """The corpus's root, relative to `folder`, after making what is not there."""
    make = partial(_make, options=options, jobs=command.jobs())
    return made(folder, options, __name__, make, aside=("folds",))


def _make(target: Path, options: Options, jobs: int) -> None:
    """Make the corpus as the folder `target`, whole or not at all: beside it first, and moved when complete."""
    with beside(target) as folder:
        unfinished = folder / target.name
        for actor in range(1, options.actors + 1):
            (unfinished / f"Actor_{actor:02d}").mkdir(parents=True)
        parallel_map(partial(_write, folder=unfinished, seed=options.seed), utterances(options), jobs, "utterances")
        unfinished.replace(target)


def _write(utterance: Utterance, folder: Path, seed: int) -> None:
    write_flac(folder / utterance.path, perform(utterance, seed), SAMPLE_RATE)
