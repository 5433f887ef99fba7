"""What a generator and its discriminator learn from: relativistic pairing, hinge, or binary cross-entropy.

    relativistic   D: softplus(D(fake) - D(real))      G: softplus(D(real) - D(fake))
    hinge          D: (1 - D(real))+ + (1 + D(fake))+  G: -D(fake)
    bce            D: mean of the cross-entropies of real and fake with smoothed labels    G: that of fake with "real"

To D's loss are added, `mismatched` times, the same loss with real recordings under the conditions of others in place of
fakes, so that it learns what a condition sounds like, and zero-centred penalties on its gradients by its inputs, r1 / 2
|grad D(real)|^2 + r2 / 2 |grad D(fake)|^2, every `every` steps, as many times stronger.

Sources: Huang et al., R3GAN, NeurIPS 2024, arXiv 2501.05441 (relativistic, r1 and r2); Reed et al., "Generative
adversarial text to image synthesis", ICML 2016, section 4.1 (conditions of others); Mescheder et al., ICML 2018 (r1);
Karras et al., StyleGAN2, CVPR 2020 (only every so many steps); Miyato et al., ICLR 2018 (hinge, with spectral norm);
Salimans et al., NeurIPS 2016 (smoothed labels).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from voxdag.core import bounds
from voxdag.core.errors import Refused

WORST = 100.0  # of a cross-entropy, as torch's BCELoss limits its logarithm


@dataclass(frozen=True)
class Loss:
    """form             relativistic, hinge or bce
    r1, r2           strengths of the penalties, on real recordings and on fakes; 0: none
    every            steps from one penalty to the next
    mismatched       weight of real recordings under other conditions, in the discriminator's loss; 0: there are none
    spectral_norm    of the discriminator's maps
    real, fake       ranges from which the discriminator's labels are drawn, of bce
    """

    form: str
    r1: float
    r2: float
    every: int
    mismatched: float
    spectral_norm: bool
    real: tuple[float, float]
    fake: tuple[float, float]

    def __post_init__(self) -> None:
        bounds.one_of(self, FORMS, "form")
        bounds.at_least(self, 0, "r1", "r2", "mismatched")
        bounds.at_least(self, 1, "every")
        bounds.within(self, 0, 1, "real", "fake")
        bounds.range_in_order(self, "real")
        bounds.range_in_order(self, "fake")
        if self.form == "bce" and self.fake[1] >= self.real[0]:
            raise Refused(
                f"fake is {list(self.fake)} and real {list(self.real)}: labels of fakes are below those of real"
            )

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Of logits (B,): a scalar."""
        return FORMS[self.form][0](self, real, fake)

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Of logits (B,): a scalar."""
        return FORMS[self.form][1](real, fake)

    def penalised(self, step: int) -> bool:
        """Whether a step has penalties."""
        return (self.r1 > 0 or self.r2 > 0) and step % self.every == 0

    def penalty(self, real: Tensor, fake: Tensor, of_real: Tensor, of_fake: Tensor) -> Tensor:
        """A scalar; inputs (B, F, T) that ask for gradients, and the logits (B,) made of them."""
        gradients = torch.autograd.grad([of_real.sum() + of_fake.sum()], [real, fake], create_graph=True)
        sizes = [gradient.square().sum((1, 2)).mean() for gradient in gradients]
        return self.every / 2 * (self.r1 * sizes[0] + self.r2 * sizes[1])


def normalised(network: nn.Module) -> nn.Module:
    """The network with spectral norm on each of its maps. One that begins at zero, and so has no norm, is drawn."""
    for module in list(network.modules()):
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            if not module.weight.any():
                module.reset_parameters()
            spectral_norm(module)
    return network


def _cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean of -y log p - (1 - y) log (1 - p), neither logarithm below -WORST."""
    yes, no = F.softplus(-logits).clamp(max=WORST), F.softplus(logits).clamp(max=WORST)
    return (labels * yes + (1 - labels) * no).mean()


def _smoothed(logits: Tensor, limits: tuple[float, float]) -> Tensor:
    return limits[0] + (limits[1] - limits[0]) * torch.rand_like(logits)


def _relativistic(loss: Loss, real: Tensor, fake: Tensor) -> Tensor:
    return F.softplus(fake - real).mean()


def _relativistic_generator(real: Tensor, fake: Tensor) -> Tensor:
    return F.softplus(real - fake).mean()


def _hinge(loss: Loss, real: Tensor, fake: Tensor) -> Tensor:
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


def _hinge_generator(real: Tensor, fake: Tensor) -> Tensor:
    return -fake.mean()


def _bce(loss: Loss, real: Tensor, fake: Tensor) -> Tensor:
    return (_cross_entropy(real, _smoothed(real, loss.real)) + _cross_entropy(fake, _smoothed(fake, loss.fake))) / 2


def _bce_generator(real: Tensor, fake: Tensor) -> Tensor:
    return _cross_entropy(fake, torch.ones_like(fake))


FORMS = {
    "relativistic": (_relativistic, _relativistic_generator),
    "hinge": (_hinge, _hinge_generator),
    "bce": (_bce, _bce_generator),
}
