"""Recordings, networks and settings small enough to train a GAN in a fraction of a second."""

from dataclasses import replace

import numpy as np
import torch

from tests.training.toys import recipe
from voxdag.data import shards
from voxdag.networks.by_name import Further
from voxdag.synthesis import fit, learner
from voxdag.synthesis.augmentation import Augmentation
from voxdag.synthesis.collapse import Limits
from voxdag.synthesis.conditions import Continuous
from voxdag.synthesis.losses import Loss
from voxdag.synthesis.mels import Mels
from voxdag.synthesis.place import Place
from voxdag.training.averaging import Averaging
from voxdag.training.early_stopping import StoppingRules
from voxdag.training.loop import Loop
from voxdag.training.run_state import RunState

CPU, RATE = torch.device("cpu"), 16000
DIMENSIONS = ("valence", "arousal")
MELS = Mels(bands=16, size=512, hop=128, frames=16, floor=1e-6)
LOSS = Loss(
    "relativistic", r1=1.0, r2=1.0, every=2, mismatched=0.5, spectral_norm=False, real=(0.8, 1.0), fake=(0.0, 0.2)
)
GENERATOR = Further(
    "mel_generator", "quick", {"bands": 16, "frames": 16, "noise": 6, "channels": 2, "cell": 8, "style": 6}
)
DISCRIMINATOR = Further("mel_discriminator", "quick", {"channels": 2, "cell": 8, "hidden": 4})
DCGAN = (
    Further("dcgan_generator", "quick", {"bands": 16, "frames": 64, "noise": 6}),
    Further("dcgan_discriminator", "quick", {"bands": 16, "frames": 64}),
)
GAN = learner.Settings(
    generator=GENERATOR,
    discriminator=DISCRIMINATOR,
    loss=LOSS,
    augmentation=Augmentation(probability=0.5, roll=0.5, cutout=0.3, gain=0.1),
    lr_ratios=(1.0, 0.5),
    decay=0.9,
    average=0.8,
    extra=0,
    extra_above=1.0,
    collapse=Limits(accuracy=1.0, epochs=9, diversity=0.0),
)
RECIPE = {
    "epochs": 3,
    "batch_size": 4,
    "lr": 2e-3,
    "lr_floor": 1e-4,
    "warmup": 2,
    "betas": (0.0, 0.99),
    "weight_decay": 0.0,
    "clip_norm": 10.0,
    "averaging": Averaging("none", 0.0),
    "stopping": StoppingRules(None, None, 0.0, 0.0, 1),
}


def recipe_of(**changes):
    return recipe(**RECIPE | changes)


def gan_of(**changes):
    """The settings of a GAN; `loss` may be the changes of that."""
    if isinstance(changes.get("loss"), dict):
        changes["loss"] = replace(LOSS, **changes["loss"])
    return replace(GAN, **changes)


def tone(i, samples, valence, arousal):
    """A pulsed tone in noise, the higher the more positive, the louder the more aroused."""
    time, rng = np.arange(samples) / RATE, np.random.default_rng([i, samples])
    pulsed = np.sin(2 * np.pi * 1200 * 3**valence * time) * (1.1 + np.sin(2 * np.pi * (5 + i % 4) * time + i))
    wave = 10 ** (-1.2 + 0.5 * arousal) * (0.4 * pulsed + 0.1 * rng.normal(size=samples))
    return np.int16(np.clip(wave, -1, 1) * 32767)


def recordings(count, seed=0, samples=(2300, 3400), **columns):
    """(row, arrays) of `count` tones of drawn lengths and labels; columns: others of the index, a value each."""
    rng = np.random.default_rng([seed, count])
    for i in range(count):
        valence, arousal = rng.uniform(-0.9, 0.9, 2)
        row = {"id": f"s{seed}-{i:03d}", "split": "train", "speaker": f"p{i // 2}", "valence": valence}
        row |= {"arousal": arousal} | {name: values[i] for name, values in columns.items()}
        yield row, {"wave": tone(1000 * seed + i, int(rng.integers(*samples)), valence, arousal)}


def packed_in(folder, count, seed=0, samples=(2300, 3400), rate=RATE, **columns):
    shards.write(folder, recordings(count, seed, samples, **columns), shards.wave_at(rate), 100)
    return shards.Shards(folder)


def conditions_of(packed):
    return Continuous.of(packed.index, DIMENSIONS, -1, 1, 1.0)


def settings_of(**changes):
    """The settings of a synthesize module."""
    values = {
        "seed": 1, "count": 5, "mels": MELS, "range": "matched", "rounds": 2, "batch_size": 3, "gan": GAN,
        "train": recipe_of(),
    }  # fmt: skip
    return fit.Settings(**values | changes)


def place_in(folder, save_seconds=0.0):
    return Place("it", folder / "fitted", RunState(folder / "state", save_seconds, {}), CPU)


def learner_of(packed, gan=GAN, made_recipe=None, mels=MELS, matched=True, seed=1, conditions=None):
    waves = packed.track("wave")
    materials = learner.Materials(waves, conditions or conditions_of(packed), RATE, mels, matched, seed, CPU, 0)
    return learner.Gan(materials, gan, made_recipe or recipe_of())


def loop_of(one, folder):
    return Loop(one, recipe_of(), 1, CPU, RunState(folder, 0.0, {}))
