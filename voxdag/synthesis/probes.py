"""Small networks that are fitted to spectrograms to ask them something: which set they are of, which condition."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models import mel_probe
from voxdag.core import bounds, streams
from voxdag.synthesis.conditions import Classes, Conditions
from voxdag.training.seeding import seed_global

SIZE = "quick"
RATE, DECAY = 2e-3, 1e-2  # of AdamW
ROLL = 1.0  # share of the frames that a spectrogram is rolled by at most: where it begins tells nothing


@dataclass(frozen=True)
class Probes:
    """epochs and batch size of each network; seed of what is drawn."""

    epochs: int
    batch_size: int
    seed: int

    def __post_init__(self) -> None:
        bounds.at_least(self, 1, "epochs", "batch_size")


def of_set(a: np.ndarray, b: np.ndarray, settings: Probes) -> nn.Module:
    """A network that tells spectrograms b (n, F, T), output above 0, from a (m, F, T)."""
    targets = np.concatenate([np.zeros(len(a)), np.ones(len(b))]).astype(np.float32)[:, None]
    return _fit(np.concatenate([a, b]), targets, settings, "set", F.binary_cross_entropy_with_logits)


def of_condition(spectrograms: np.ndarray, told: np.ndarray, conditions: Conditions, settings: Probes) -> nn.Module:
    """A network that says the conditions (n, size) of spectrograms (n, F, T)."""
    classes = isinstance(conditions, Classes)
    targets = told.argmax(1) if classes else told.astype(np.float32)
    return _fit(spectrograms, targets, settings, "condition", F.cross_entropy if classes else F.mse_loss, told.shape[1])


@torch.inference_mode()
def ask(network: nn.Module, spectrograms: np.ndarray, batch_size: int) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings (n, D) and outputs (n, O), float64."""
    network.eval()
    parts = [network(torch.from_numpy(part)) for part in _parts(spectrograms, batch_size)]
    embeddings, outputs = (torch.cat(tensors).double().numpy() for tensors in zip(*parts, strict=True))
    return embeddings, outputs


def _fit(
    spectrograms: np.ndarray,
    targets: np.ndarray,
    settings: Probes,
    what: str,
    loss: Callable[[Tensor, Tensor], Tensor],
    outputs: int = 1,
) -> nn.Module:
    """Train one from its first weights; what it draws is a function of the seed and of what it is asked."""
    seed_global(settings.seed, "probe", what)
    network = mel_probe.build(mel_probe.CONFIGS[SIZE], outputs).train()
    steps = settings.epochs * -(-len(spectrograms) // settings.batch_size)
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(steps, 1))
    for epoch in range(settings.epochs):
        rng = streams.generator(settings.seed, "probe", what, epoch)
        order = rng.permutation(len(spectrograms))
        for rows in _parts(order, settings.batch_size):
            if len(rows) < 2 and len(order) > 1:  # batch norm has no deviation of one
                continue
            shown = _rolled(spectrograms[rows], rng)
            optimizer.zero_grad(set_to_none=True)
            value: Tensor = loss(network(torch.from_numpy(shown))[1], torch.from_numpy(targets[rows]))
            value.backward()
            optimizer.step()
            schedule.step()
    return network.eval()


def _rolled(spectrograms: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    frames = spectrograms.shape[2]
    shifts = rng.integers(max(int(ROLL * frames), 1), size=len(spectrograms))
    return np.stack([np.roll(one, shift, axis=1) for one, shift in zip(spectrograms, shifts, strict=True)])


def _parts(rows: np.ndarray, size: int) -> list[np.ndarray]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]
