"""Training a generator against a discriminator, in turns; the latter also sees what was made in earlier steps."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import Dataset

from voxdag.core import streams
from voxdag.data.shards import Shards
from voxdag.networks.by_name import Further
from voxdag.tasks import scoring_loop
from voxdag.tasks.gan import criteria, data, inference
from voxdag.tasks.gan.data import LABELS
from voxdag.tasks.labels import targets
from voxdag.training.batches import Batch, Batches
from voxdag.training.learner import Materials, Update
from voxdag.training.optimizers import make_optimizer

GENERATOR, DISCRIMINATOR = "generator", "discriminator"


@dataclass(frozen=True)
class Settings:
    """replay: places of the buffer of what was made in earlier steps
    lr_ratio: of the discriminator's learning rate to the generator's
    """

    replay: int
    lr_ratio: float
    discriminator: Further


class Described(Dataset):
    """Descriptors of recordings, their kinds, and noise that is drawn by epoch and recording."""

    def __init__(self, shards: Shards, noise: int, seed: int):
        self.ids, self.noise, self.seed = shards.index["id"].tolist(), noise, seed
        self.real = torch.tensor(inference.describe(shards.waves(data.RATE, data.TASK)))
        self.kinds = torch.tensor(targets(shards.index["label"], LABELS))

    def __len__(self) -> int:
        return len(self.ids)

    def __getitems__(self, items: Sequence[tuple[int, int]]) -> Batch:
        """real (B, D), kinds (B,), noise (B, noise)."""
        rows = [i for _, i in items]
        drawn = [
            streams.generator(self.seed, "noise", epoch, self.ids[i]).normal(size=self.noise) for epoch, i in items
        ]
        noise = torch.stack([torch.tensor(values, dtype=torch.float32) for values in drawn])
        return {"real": self.real[rows], "kinds": self.kinds[rows], "noise": noise}


class Gan:
    """The task's learner (see `voxdag.training.learner.Learner`)."""

    HIGHER: frozenset[str] = frozenset()
    main = GENERATOR

    def __init__(self, materials: Materials, settings: Settings, scoring: inference.Settings):
        self.generator, self.device = materials.network, materials.loader.device
        scoring_loop.check_takes(self.generator, inference.TAKES, data.TASK)
        self.discriminator = settings.discriminator.build(outputs=1).to(self.device)
        self.networks = {GENERATOR: self.generator, DISCRIMINATOR: self.discriminator}
        self.optimizers = {
            GENERATOR: make_optimizer(materials.recipe, self.generator),
            DISCRIMINATOR: make_optimizer(materials.recipe, self.discriminator, {"": settings.lr_ratio}),
        }
        dataset = Described(materials.splits["train"], self.generator.config.noise, materials.loader.seed)
        self._batches, self._seed, self._places = (
            Batches(dataset, materials.loader),
            materials.loader.seed,
            settings.replay,
        )
        self._dev, self._scoring = materials.splits["dev"], scoring
        self.past = torch.zeros(0, len(LABELS) + len(data.DESCRIPTOR), device=self.device)

    def __len__(self) -> int:
        return len(self._batches)

    def batches(self, epoch: int, first: int):
        """The dataset's."""
        return self._batches.epoch(epoch, first)

    def inputs(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """What the generator is given."""
        features = inference.conditioned(batch["kinds"], batch["noise"]).to(self.device)
        return features, torch.ones(len(features), dtype=torch.int64, device=self.device)

    def step(self, batch: Batch, update: Update) -> dict[str, float | Tensor]:
        """The discriminator, then the generator (non-saturating)."""
        condition = F.one_hot(batch["kinds"], len(LABELS)).float().to(self.device)
        made, real = self.generator(*self.inputs(batch)), batch["real"].to(self.device)
        seen = torch.cat([torch.cat([condition, made.detach()], dim=1), self.replayed(update.step, len(made))])
        conditions, fakes = seen[:, : len(LABELS)], seen[:, len(LABELS) :]
        judged = F.softplus(-self.discriminator(condition, real)).mean()
        judged = judged + F.softplus(self.discriminator(conditions, fakes)).mean()
        losses = {DISCRIMINATOR: update(DISCRIMINATOR, judged)}
        losses[GENERATOR] = update(GENERATOR, F.softplus(-self.discriminator(condition, made)).mean())
        self.past = torch.cat([self.past, torch.cat([condition, made.detach()], dim=1)])[-self._places :]
        return losses

    def replayed(self, step: int, count: int) -> Tensor:
        """(count or fewer, condition and descriptor): drawn from what earlier steps made."""
        chosen = streams.generator(self._seed, "replay", step).permutation(len(self.past))[:count]
        return self.past[chosen.tolist()]

    def criteria(self) -> dict[str, float | None]:
        """Those of the predictions of dev."""
        return criteria.criteria(inference.predict(self.generator, self._dev, self._scoring, self.device, {}))

    def calibrate(self, chosen_by: Collection[str]) -> None:
        """Nothing is fitted after training."""

    def state(self) -> dict[str, object]:
        """The replay buffer."""
        return {"past": self.past}

    def load(self, state: dict[str, object]) -> None:
        """Go on from it."""
        self.past = state["past"]


def make(materials: Materials, settings: Settings, scoring: inference.Settings) -> Gan:
    """The learner of a run."""
    return Gan(materials, settings, scoring)
