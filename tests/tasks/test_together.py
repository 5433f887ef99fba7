"""The learners of the tasks in two processes: history and dev criteria are those of one.

In float32, where Adam may turn a gradient that is 0 but for rounding into a step: histories agree to 1e-3 of their
values here. A loss, a mixup or labels of a share alone are off by more than a tenth.
"""

from contextlib import ExitStack
from unittest import mock

import pandas as pd
import pytest
import torch
from torch import nn

from tests.executors import Now
from tests.tasks.affect import conftest as affect
from tests.tasks.antispoof import test_domains as antispoof
from tests.tasks.emotion import conftest as emotion
from tests.tasks.emotion import test_learner as recogniser
from tests.tasks.enhance import test_learner as enhance
from tests.training import toys
from tests.training.together import together
from voxdag.audio.augment import SpecAugment
from voxdag.core import ranks
from voxdag.data import shards
from voxdag.data.shards import Track
from voxdag.networks import by_name
from voxdag.networks.by_name import Further
from voxdag.tasks.affect.learner import LossWeights
from voxdag.tasks.affect.learner import Settings as AffectSettings
from voxdag.tasks.affect.learner import make as make_regression
from voxdag.tasks.antispoof.domains import Domains
from voxdag.tasks.emotion import inference
from voxdag.tasks.emotion.learner import Mixup
from voxdag.tasks.emotion.learner import make as make_recogniser
from voxdag.training.batches import LoaderSettings
from voxdag.training.early_stopping import StoppingRules
from voxdag.training.learner import Materials

TOLERANCE = 1e-3
MASKS = SpecAugment(1, 6, 1, 10, 0.3)


def still(network):
    """Without dropout."""
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return network


def materials(splits, made, network):
    return Materials(splits, {}, LoaderSettings(made.batch_size, 1, toys.CPU, 0), made, still(network))


def recognition(folder, made):
    """Augmented waves, masks, mixup, weights of classes, batch norm."""
    packed = {split: emotion.packed_in(folder / split, names) for split, names in {"train": "abc", "dev": "de"}.items()}
    network = by_name.build("tier1", "tier1_2d", {}, inference.OUTPUT_SIZE, inference.BUFFERS)
    settings = recogniser.settings(augmentation=recogniser.BUSY, spec_augment=MASKS, mixup=Mixup(1.0, 0.4))
    scoring = inference.Settings(emotion.acoustic(), batch_size=5, window_seconds=0.5)
    return make_recogniser(materials(packed, made, network), settings, scoring)


def regression(folder, made):
    """Concordance over the batch, masks, mixup."""
    packed = {split: affect.packed_in(folder / split, n, 0, split) for split, n in {"train": 20, "dev": 12}.items()}
    settings = AffectSettings(LossWeights(0.5, 0.5), 1, MASKS, 0.4, False)
    return make_regression(materials(packed, made, affect.Pooled()), settings, affect.scoring_settings())


def opposed(folder, made):
    """Heads of domains, some of whose targets are not there, behind a reversed gradient."""
    splits = {split: antispoof.packed(folder / split, count, 2) for split, count in {"train": 20, "dev": 8}.items()}
    still_head = Further("domain_head", "quick", {"inputs": antispoof.WIDTH, "hidden": [], "dropout": 0.0})
    domains = Domains(still_head, antispoof.BOTH, antispoof.STRENGTH)
    return antispoof.learner(splits, made, still(antispoof.Embeds()), 0.5, domains)


def enhancement(folder, made):
    """A discriminator with spectral norms that learns labels of an update ago."""
    kind = Track("int16", (), 16000)
    for split, count in {"train": 10, "dev": 3}.items():
        shards.write(folder / split, enhance.recordings(count, split), {"noisy": kind, "clean": kind}, 1)
    splits = {split: shards.Shards(folder / split) for split in ("train", "dev")}
    quiet = Further("metric_discriminator", "half", {"dropout": 0.0})
    generator = still(enhance.Filter())
    generator.layers[
        0
    ].bias = None  # batch norm takes it away again: its gradient is rounding alone, which Adam scales up
    made_learner = enhance.made(splits, made, generator, discriminator=quiet)
    for network in made_learner.networks.values():
        still(network)
    return made_learner


LEARNERS = {"recognition": recognition, "regression": regression, "opposed": opposed, "enhancement": enhancement}
CRITERION = {"recognition": "uar", "regression": "ccc", "opposed": "eer", "enhancement": "loss"}


def history(folder, name):
    """Rows of numbers of two epochs, and which columns."""
    own = folder / f"{name}-{ranks.rank()}-of-{ranks.count()}"
    torch.manual_seed(0)
    rules = StoppingRules(CRITERION[name], None, 0.0, 0.0, 1)
    with ExitStack() as patches:
        patches.enter_context(mock.patch.object(enhance.learner, "Processes", lambda jobs, program: Now()))
        patches.enter_context(mock.patch.object(enhance.learner, "quality", enhance.dev_by_ssnr))
        make = lambda made: LEARNERS[name](own, made)  # noqa: E731
        epochs = 3 if name == "enhancement" else 2
        run = toys.loop(folder / name, make, batch_size=5, epochs=epochs, stopping=rules, log_every=1)
        table = pd.DataFrame(run.run().history).astype(float)
    return {"columns": list(table), "rows": torch.tensor(table.to_numpy())}


def histories(folder):
    return {name: history(folder, name) for name in LEARNERS}


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    return together(histories, tmp_path_factory.mktemp("two"))


@pytest.mark.parametrize("name", LEARNERS)
def test_a_learner_in_two_processes_has_the_history_of_one(two, tmp_path, name):
    alone = history(tmp_path, name)
    assert len(alone["rows"]) >= 2 and alone["rows"][:, alone["columns"].index("step")].max() >= 4
    if name == "enhancement":
        assert {"train_discriminator", "train_adversarial", "dev_pesq"} <= set(alone["columns"])
    for of_process in two:
        assert of_process[name]["columns"] == alone["columns"]
        torch.testing.assert_close(
            of_process[name]["rows"], alone["rows"], rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True
        )
