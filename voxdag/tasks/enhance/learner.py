"""Training an enhancer: the reconstruction of crops, and later a discriminator that guesses metrics of what was made.

    a step     enhanced = generator(noisy)
               crops (clean, enhanced) go to the processes that label them      where the adversarial weight is above 0
               generator:      reconstruction + weight * |D(clean, enhanced) - 1|^2
               discriminator:  |D(clean, clean) - 1|^2 + |D(clean, enhanced) - labels|^2, of crops of `label_delay`
                               updates ago

Source: Fu et al., "MetricGAN", ICML 2019; Cao et al., CMGAN, Interspeech 2022. Departures from their programs: labels
are used a fixed number of updates later, so that measuring them takes no time of the training; a crop without a label
(PESQ finds no utterance) is left out and counted, where theirs leave out the whole batch.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from voxdag.audio.segments import fit_length
from voxdag.core import bounds, command, ranks
from voxdag.core.errors import Refused
from voxdag.core.processes import Processes
from voxdag.data.shards import PackedTrack, Shards
from voxdag.networks.by_name import Further
from voxdag.scoring.pairs import Pair
from voxdag.scoring.pairs import table as score_pairs
from voxdag.tasks import scoring_loop
from voxdag.tasks.enhance import criteria, losses, marks, names, stretches
from voxdag.tasks.enhance.data import TASK
from voxdag.tasks.enhance.labels import LEAST, RANGES, Labels, quality
from voxdag.tasks.enhance.tracks import RATE, track
from voxdag.tasks.scoring_loop import float_waves
from voxdag.training.batches import Batch, Batches, Crops
from voxdag.training.learner import Materials, Update
from voxdag.training.optimizers import make_optimizer

GENERATOR, DISCRIMINATOR = "generator", "discriminator"
PERFECT = 1.0  # what the discriminator is to say of a recording that equals its reference
BLOCK = 20 * RATE  # samples of a dev recording whose loss is taken at once


@dataclass(frozen=True)
class Settings:
    """samples        of a training crop; a shorter recording is repeated until it fills one, both tracks alike
    crops          of each recording in an epoch, at the end of which dev is measured
    reconstruction weights of its terms
    adversarial    the weight of the discriminator's part, epoch by epoch
    discriminator  a network beside the system's own; null, as an adversarial weight of 0: the reconstruction alone is
                   trained
    metrics        what the discriminator learns to say
    label_delay    updates from a crop to the use of its labels; 0: each step waits for its own
    """

    samples: int
    crops: int
    reconstruction: losses.Weights
    adversarial: losses.Adversarial
    discriminator: Further | None
    metrics: tuple[str, ...]
    label_delay: int

    def __post_init__(self) -> None:
        bounds.at_least(self, 1, "samples", "crops")
        bounds.at_least(self, 0, "label_delay")
        if not self.metrics or len(set(self.metrics)) < len(self.metrics) or set(self.metrics) - set(RANGES):
            raise Refused(f"metrics is {list(self.metrics)}, expected one or more of {', '.join(RANGES)}, each once")

    def judges(self, epochs: int) -> bool:
        """Whether a discriminator has a say in a training of so many epochs."""
        return self.discriminator is not None and self.adversarial.weight > 0 and self.adversarial.start < epochs


def make_discriminator(settings: Settings) -> nn.Module:
    """The discriminator, which can say its metrics of crops of `samples`. Raises Refused for one that cannot."""
    further, network = settings.discriminator, settings.discriminator.build(outputs=len(settings.metrics))  # type: ignore[union-attr]
    if hasattr(network, "TAKES"):
        raise Refused(f"discriminator.network is {further.network}, which takes {network.TAKES}: it judges no pairs")  # type: ignore[union-attr]
    least = max((network.FRAMES - 1) * losses.HOP, *(LEAST[metric] for metric in settings.metrics))  # type: ignore[operator]
    if settings.samples < least:  # type: ignore[operator]
        raise Refused(
            f"samples is {settings.samples}, expected {least} or more: in shorter crops the discriminator, or a metric "
            "that it learns, has nothing to say"
        )
    return network


class Pairs(Crops):
    """Crops of noisy and clean recordings, at the same place; `crops` of each in an epoch."""

    def __init__(self, noisy: PackedTrack, clean: PackedTrack, length: int, crops: int, seed: int):
        super().__init__(noisy, np.zeros(len(noisy), np.int64), length, seed)
        self.tracks, self.crops = {"noisy": noisy, "clean": clean}, crops

    def __len__(self) -> int:
        return self.crops * len(self.recordings)

    def __getitems__(self, items: Sequence[tuple[int, int]]) -> Batch:
        """noisy, clean (B, length) int16."""
        count = len(self.recordings)
        places = [(i % count, self.start(epoch * self.crops + i // count, i % count)) for epoch, i in items]
        return {
            name: torch.from_numpy(np.stack([fit_length(waves[i], start, self.length) for i, start in places]))
            for name, waves in self.tracks.items()
        }


class Enhancer:
    """The task's learner (see `voxdag.training.learner.Learner`)."""

    HIGHER = criteria.HIGHER
    main = GENERATOR

    def __init__(self, materials: Materials, settings: Settings, scoring: stretches.Settings):
        self.settings, self.scoring, self.device = settings, scoring, materials.loader.device
        self.generator = materials.network
        scoring_loop.check_takes(self.generator, stretches.TAKES, TASK)
        self.networks = {GENERATOR: self.generator}
        if settings.judges(materials.recipe.epochs):
            self.networks[DISCRIMINATOR] = make_discriminator(settings).to(self.device)
        self.optimizers = {name: make_optimizer(materials.recipe, network) for name, network in self.networks.items()}
        noisy, clean = (track(materials.splits["train"], name) for name in ("noisy", "clean"))
        self._batches = Batches(
            Pairs(noisy, clean, settings.samples, settings.crops, materials.loader.seed), materials.loader
        )
        self._check_delay(materials.recipe.epochs)
        self._dev, self._epochs = materials.splits["dev"], materials.recipe.epochs
        # by the weights that training starts from
        self._brought = self.generator.get_buffer(names.OPTIMISED).tolist()
        self.jobs = max(1, command.jobs() // ranks.on_these_processors())
        self.executor = Processes(self.jobs, program=False)
        self.labels = Labels(settings.metrics, settings.label_delay, self.executor)

    def __len__(self) -> int:
        return len(self._batches)

    def _check_delay(self, epochs: int) -> None:
        """Raises Refused where no label is due before training ends: the discriminator would object untaught."""
        updates = (epochs - self.settings.adversarial.start) * len(self)
        if DISCRIMINATOR in self.networks and self.settings.label_delay >= updates:
            raise Refused(
                f"label_delay is {self.settings.label_delay}, expected less than the {updates} updates in which the "
                "discriminator has a say"
            )

    def batches(self, epoch: int, first: int) -> Iterator[Batch]:
        """Crops of an epoch from batch `first` on."""
        return self._batches.epoch(epoch, first)

    def inputs(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Waves (B, samples) and their lengths (B,)."""
        noisy = float_waves(batch["noisy"], self.device)
        return noisy, torch.full((len(noisy),), noisy.shape[1], device=self.device)

    def step(self, batch: Batch, update: Update) -> Mapping[str, float | Tensor]:
        """One update of the generator, and one of the discriminator where it has a say."""
        weight = self.adversarial_weight(update.step)
        clean = float_waves(batch["clean"], self.device)
        enhanced = self.generator(*self.inputs(batch)).float()
        if weight > 0:
            self.labels.send(clean, enhanced)
        parts = losses.terms(enhanced, clean)
        loss = losses.reconstruction(parts, self.settings.reconstruction).mean()
        said = {name: value.mean().detach() for name, value in parts.items()} | {"loss": loss.detach()}
        if weight == 0:
            update(GENERATOR, loss)
            return said
        objection = self.objection(clean, enhanced)
        update(GENERATOR, loss + weight * objection)
        return {**said, "adversarial": objection.detach(), **self.teach(update)}

    def adversarial_weight(self, step: int) -> float:
        """Of this global step."""
        return self.settings.adversarial.at(step / len(self)) if DISCRIMINATOR in self.networks else 0.0

    def objection(self, clean: Tensor, enhanced: Tensor) -> Tensor:
        """How far what the discriminator says of crops is from perfect."""
        said = self.judge(clean, enhanced)
        return losses.judged(said, torch.full_like(said, PERFECT))

    def judge(self, clean: Tensor, enhanced: Tensor) -> Tensor:
        """What the discriminator says of crops (B, samples): (B, metrics)."""
        spectra = (losses.magnitudes(losses.spectrum(waves)) for waves in (clean, enhanced))
        return self.networks[DISCRIMINATOR](*spectra).float()

    def teach(self, update: Update) -> Mapping[str, float | Tensor]:
        """Update the discriminator on the crops whose labels are due: its loss, and the share of labels that are
        undefined."""
        due = self.labels.due()
        if due is None:
            return {}
        (clean, enhanced), labels = due
        clean, enhanced, labels = (tensor.to(self.device) for tensor in (clean, enhanced, labels))
        perfect = torch.full_like(labels, PERFECT)
        loss = losses.judged(self.judge(clean, clean), perfect) + losses.judged(self.judge(clean, enhanced), labels)
        return {DISCRIMINATOR: update(DISCRIMINATOR, loss), "unlabelled": labels.isnan().float().mean()}

    def criteria(self) -> Mapping[str, float | None]:
        """Of whole dev recordings: the reconstruction loss, PESQ and STOI, and the composite of all three."""
        return criteria.criteria(self.measured(self._dev))

    def measured(self, shards: Shards) -> pd.DataFrame:
        """The columns of `criteria.COLUMNS`: metrics in processes, of one recording after the other. Of several that
        train together each has a stretch of whole batches."""
        size, rows = self.scoring.batch_size, np.arange(len(shards))
        own = ranks.share(-(-len(shards) // size))
        chosen = shards.chosen((rows >= own.start * size) & (rows < own.stop * size))
        tables = ranks.gathered(self._measured(chosen))
        return pd.concat([table for table in tables if len(table)], ignore_index=True)

    def _measured(self, shards: Shards) -> pd.DataFrame:
        noisy, clean = (track(shards, name) for name in ("noisy", "clean"))
        lost: list[float] = []

        def pairs() -> Iterator[Pair]:
            made = stretches.enhance(self.generator, noisy, self.scoring, self.device)
            for i, (name, wave) in enumerate(zip(clean.ids, made, strict=True)):
                lost.append(self.reconstruction(wave, clean.wave(i)))
                yield Pair(name, np.asarray(clean[i]), wave)

        table = score_pairs(pairs(), RATE, (quality,), self.jobs, self.executor)
        return table.assign(loss=lost)

    def reconstruction(self, enhanced: np.ndarray, clean: np.ndarray) -> float:
        """The reconstruction loss of a recording (n,): the mean over blocks, by their lengths."""
        total = 0.0
        for start in range(0, len(clean), BLOCK):
            waves = (torch.from_numpy(wave[start : start + BLOCK])[None].to(self.device) for wave in (enhanced, clean))
            loss = losses.reconstruction(losses.terms(*waves), self.settings.reconstruction)
            total += float(loss) * len(clean[start : start + BLOCK])
        return total / len(clean)

    def calibrate(self, chosen_by: Collection[str]) -> None:
        """Write down which metrics had a part in these weights: by the discriminator, by what chose them, and in the
        weights that training started from."""
        learned = self.settings.metrics if self.settings.judges(self._epochs) else ()
        own = marks.mask({*learned, *criteria.metrics_of(chosen_by)})
        either = [mark or brought for mark, brought in zip(own, self._brought, strict=True)]
        self.generator.get_buffer(names.OPTIMISED).copy_(torch.tensor(either))

    def state(self) -> dict[str, Any]:
        """The crops whose labels are on their way."""
        return {"waiting": self.labels.state()}

    def load(self, state: dict[str, Any]) -> None:
        """Go on from them."""
        self.labels.load(state["waiting"])


def make(materials: Materials, settings: Settings, scoring: stretches.Settings) -> Enhancer:
    """The learner of a run."""
    return Enhancer(materials, settings, scoring)
