"""Simulated noisy speech: the source-filter synthesiser in drawn rooms, noises from equations, the layout of
VoiceBank+DEMAND.

    speech   a speaker says something new, in a room, to a microphone                     -> the clean file
    noise    of a drawn type, from another place of the room, to the same microphone      -> scaled to the SNR
    noisy    their sum; where it would pass full scale, both files are turned down alike

The clean file keeps the room: what is asked for is to remove noise, not reverberation. Test speakers and types of noise
are in neither train nor dev (`simulation.noises`), and the test's SNRs lie between those of train. Both are as in the
original, whose test has SNRs of 2.5 to 17.5 dB; -2.5 dB is added, where a gate that listens for the quietest moments
fails, and train has what surrounds them.

Written once to <corpora folder>/<root>/<fingerprint>, where the fingerprint covers the options and the code that the
corpus is made by: a change of any of them makes another corpus and leaves the old one alone. The folders are called as
the original's (28spk, wav) whatever they hold: FLAC at 16 kHz.
"""

from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
from scipy.signal import fftconvolve, sosfilt

from voxdag.audio.mixing import mix
from voxdag.core import bounds, command, streams
from voxdag.core.parallel import parallel_map
from voxdag.corpora.corpus import Corpus
from voxdag.corpora.making import beside, made, write_flac
from voxdag.corpora.readers import voicebank_demand
from voxdag.simulation import noises
from voxdag.simulation.scene import Scene, impulse_response, microphone
from voxdag.simulation.speech import SAMPLE_RATE, draw_scene, draw_speaker, record, synthesise

SETS = {"train": "trainset_28spk", "dev": "trainset_28spk", "eval": "testset"}  # split -> the original's name
TYPES = {"train": noises.LEARNED, "dev": noises.LEARNED, "eval": noises.HELD}
SEXES = ("female", "male")
SHORTEST, LONGEST = 1.8, 60.0  # s of a recording: speech quality is not defined for less than a syllable or two
SILENCE = (0.1, 0.4)  # s of it before the speech, and after it: noise alone, which tells what it is like
QUIET_DB = -84.0  # of the microphone in the clean file, dB re full scale
ELSEWHERE_DB = (-3.0, 9.0)  # direct sound over reflections, of the noise's place
LEAD = 0.5  # s of the noise before the recording begins, so that its reflections have begun too
LIMIT_DB = 60.0  # of an SNR, to either side: beyond, one of the two is not there


@dataclass(frozen=True)
class Split:
    """Numbers of speakers (who alternate in sex) and of utterances; the SNRs (dB), each as often as any other."""

    speakers: int
    utterances: int
    snrs: tuple[float, ...]

    def __post_init__(self) -> None:
        bounds.within(self, 1, 999, "speakers")
        bounds.at_least(self, 1, "utterances")
        bounds.not_empty(self, "snrs")
        bounds.distinct(self, "snrs")
        bounds.within(self, -LIMIT_DB, LIMIT_DB, "snrs")


@dataclass(frozen=True)
class Options:
    """The corpus's root and size; recordings last from seconds[0] to seconds[1]."""

    root: str = "simulated_noisy"
    seed: int = 1
    train: Split = Split(speakers=24, utterances=400, snrs=(-5.0, 0.0, 5.0, 10.0, 15.0, 20.0))
    dev: Split = Split(speakers=4, utterances=40, snrs=(-2.5, 2.5, 7.5, 12.5, 17.5))
    eval: Split = Split(speakers=10, utterances=60, snrs=(-2.5, 2.5, 7.5, 12.5, 17.5))
    seconds: tuple[float, float] = (2.3, 2.7)

    def __post_init__(self) -> None:
        bounds.inside(self, "the corpora folder", "root")
        bounds.within(self, SHORTEST, LONGEST, "seconds")
        bounds.range_in_order(self, "seconds")


@dataclass(frozen=True)
class Utterance:
    """One utterance to make; sex is its speaker's."""

    id: str
    split: str
    speaker: str
    sex: str
    noise: str
    snr: float

    @property
    def name(self) -> str:
        """What it is called while it is worked on."""
        return self.id

    def path(self, side: str) -> str:
        """Where its noisy or clean file lies below the corpus's root."""
        return f"{side}_{SETS[self.split]}_wav/{self.id}.flac"


def provide(folder: Path, options: Options) -> None:
    """Make the corpus unless it is there. A killed run leaves no half corpus; a second run at the same time waits."""
    _made(folder, options)


def read(folder: Path, options: Options) -> Corpus:
    """Make the corpus unless it is there, and read it as VoiceBank+DEMAND is read."""
    root = _made(folder, options).as_posix()
    dev = tuple(dict.fromkeys(utterance.speaker for utterance in utterances(options) if utterance.split == "dev"))
    return voicebank_demand.read(
        folder, voicebank_demand.Options(root, speakers=28, dev_speakers=dev, official=False, allow_departures=False)
    )


def utterances(options: Options) -> list[Utterance]:
    """All utterances, split by split. Speakers take turns, and so do types of noise and SNRs, in drawn rounds."""
    made, first = [], 1
    for split in SETS:
        size: Split = getattr(options, split)
        rng = streams.generator(options.seed, "plan", split)
        types, snrs = (_rounds(values, size.utterances, rng) for values in (TYPES[split], size.snrs))
        for k, (noise, snr) in enumerate(zip(types, snrs, strict=True)):
            number, take = first + k % size.speakers, 1 + k // size.speakers
            speaker = f"p{number:03d}"
            made.append(Utterance(f"{speaker}_{take:03d}", split, speaker, SEXES[number % 2], noise, float(snr)))
        first += size.speakers
    return made


def pair(utterance: Utterance, seconds: tuple[float, float], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The noisy and the clean recording of an utterance, (n,) each at 16 kHz, peaks below full scale."""
    rng = streams.generator(seed, "utterance", utterance.id)
    speaker = draw_speaker(streams.generator(seed, "speaker", utterance.speaker), utterance.sex)
    scene = replace(draw_scene(rng), noise_db=QUIET_DB)
    silence = rng.uniform(*SILENCE, 2)
    speech = synthesise(speaker, rng.uniform(*seconds) - silence.sum(), rng)
    clean = record(np.pad(speech, np.round(silence * SAMPLE_RATE).astype(int)), scene, rng)
    noise = elsewhere(noises.draw_noise(utterance.noise, len(clean) + round(LEAD * SAMPLE_RATE), rng), scene, rng)
    noisy, clean, _ = mix(clean, noise[-len(clean) :], utterance.snr)
    return noisy, clean


def elsewhere(noise: np.ndarray, scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """What the microphone of `scene` hears of a noise (n,) from another place in the same room: (n,)."""
    ratio, seed = rng.uniform(*ELSEWHERE_DB), int(rng.integers(2**32))
    place = replace(scene, direct_to_reverberant_db=ratio, seed=seed)
    return sosfilt(microphone(scene), fftconvolve(noise, impulse_response(place))[: len(noise)])


def _rounds(values: tuple, count: int, rng: np.random.Generator) -> list:
    """`count` of the values: each as often as any other, give or take one, in rounds of drawn orders."""
    rounds = (values[k] for _ in range(-(-count // len(values))) for k in rng.permutation(len(values)))
    return list(islice(rounds, count))


def _made(folder: Path, options: Options) -> Path:
    """The corpus's root, relative to `folder`, after making what is not there."""
    return made(folder, options, __name__, lambda target: _make(target, options, command.jobs()))


def _make(target: Path, options: Options, jobs: int) -> None:
    """Make the corpus as the folder `target`, whole or not at all: beside it first, and moved when complete."""
    with beside(target) as folder:
        unfinished, listed = folder / target.name, utterances(options)
        for side in ("noisy", "clean"):
            for name in dict.fromkeys(SETS.values()):
                (unfinished / f"{side}_{name}_wav").mkdir(parents=True)
        write = partial(_write, folder=unfinished, seconds=options.seconds, seed=options.seed)
        parallel_map(write, listed, jobs, "utterances")
        for name in dict.fromkeys(SETS.values()):
            lines = [f"{u.id} {u.noise} {u.snr:g}\n" for u in listed if SETS[u.split] == name]
            (unfinished / f"log_{name}.txt").write_text("".join(lines), encoding="utf-8")
        unfinished.replace(target)


def _write(utterance: Utterance, folder: Path, seconds: tuple[float, float], seed: int) -> None:
    for side, samples in zip(("noisy", "clean"), pair(utterance, seconds, seed), strict=True):
        write_flac(folder / utterance.path(side), samples, SAMPLE_RATE)
