"""Training a recogniser: it learns, controls do not, draws do not depend on the order of work."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from voxdag.audio.augment import Augmentation, SpecAugment
from voxdag.networks import by_name
from voxdag.tasks.emotion import inference
from voxdag.tasks.emotion.data import LABELS, targets
from voxdag.tasks.emotion.learning import Mixup, Objective, Settings
from voxdag.training.averaging import Averaging
from voxdag.training.batches import Supply
from voxdag.training.loop import Loop, Recipe
from voxdag.training.stopping import Stopping
from voxdag.training.workshop import Workshop

CPU = torch.device("cpu")
QUIET = Augmentation(0.0, 2.0, 0.0, (0.8, 1.25), 0.0, (10.0, 40.0), 0.0, 6.0)
BUSY = Augmentation(1.0, 2.0, 1.0, (0.8, 1.25), 1.0, (10.0, 40.0), 1.0, 6.0)
UNMASKED = SpecAugment(0, 0, 0, 0, 0.0)


def settings(**changes):
    values = {
        "augmentation": QUIET, "spec_augment": UNMASKED, "mixup": Mixup(0.0, 0.4), "label_smoothing": 0.1,
        "class_weights": "balanced", "shuffle_labels": False,
    }  # fmt: skip
    return Settings(**(values | changes))


@pytest.fixture
def objective(packed, scoring):
    return lambda **changes: Objective(packed, {}, settings(**changes), scoring(), Supply(6, 1, CPU, 0))


def network():
    torch.manual_seed(0)
    return by_name.build("tier1", "tier1_2d", {}, inference.OUTPUT_SIZE, inference.BUFFERS)


def test_the_loss_is_the_cross_entropy_over_the_classes_of_train(objective):
    ours, net = objective(), network().eval()
    batch = next(ours.batches(0, 0))
    features, frames = ours.inputs(batch)
    logits = net(features, frames)[:, [0, 2, 3]]  # neutral, happy, sad
    labels = torch.tensor([[0, 2, 3].index(label) for label in batch[2].tolist()])
    log_p = F.log_softmax(logits, 1)
    smooth = 0.9 * F.one_hot(labels, 3) + 0.1 / 3  # by hand, Szegedy et al. 2016; weights are 1: classes are balanced
    expected = -(smooth * log_p).sum(1).mean()
    torch.testing.assert_close(ours.loss(net, batch), expected)


def test_rare_classes_weigh_more(tmp_path, pack, scoring):
    packed = {"train": pack(tmp_path / "t", "ab"), "dev": pack(tmp_path / "d", "c")}
    rows = packed["train"].index["label"]
    keep = ~((rows == "sad") & packed["train"].index["id"].str.endswith(("1", "2", "3")))
    packed["train"].index = packed["train"].index[keep].reset_index(drop=True)
    packed["train"]._places = packed["train"]._places[keep]
    ours = Objective(packed, {}, settings(), scoring(), Supply(4, 1, CPU, 0))
    # 8 neutral, 8 happy, 2 sad: 18 / (3 * n)
    torch.testing.assert_close(ours._weights, torch.tensor([0.75, 0.75, 3.0]))


def test_augmentation_is_a_function_of_epoch_and_utterance(objective):
    first, second = objective(augmentation=BUSY), objective(augmentation=BUSY)
    list(second.batches(0, 0))  # an epoch more was drawn before
    for mine, theirs in zip(first.batches(3, 1), second.batches(3, 1), strict=True):
        assert all(torch.equal(a, b) for a, b in zip(mine, theirs, strict=True))
        assert torch.equal(first.inputs(mine)[0], second.inputs(theirs)[0])
    assert not np.array_equal(
        first._batches.loader.dataset.augmented(0, 0), first._batches.loader.dataset.augmented(1, 0)
    )


def test_inputs_and_loss_see_the_same_mixture(objective):
    ours = objective(mixup=Mixup(1.0, 0.4), spec_augment=SpecAugment(2, 8, 2, 20, 0.25))
    batch = next(ours.batches(0, 0))
    assert torch.equal(ours.inputs(batch)[0], ours.inputs(batch)[0])
    soft = ours._mixed(batch)[2]
    torch.testing.assert_close(soft.sum(1), torch.ones(6))
    assert ((soft > 0) & (soft < 1)).any()


def trained(objective, folder, **changes):
    recipe = Recipe(
        epochs=8, batch_size=6, optimizer="adamw", lr=3e-3, lr_floor=1e-5, warmup=4, betas=(0.9, 0.999),
        weight_decay=1e-2, clip_norm=1.0, precision="fp32", max_nonfinite=2, averaging=Averaging("none", 0.0),
        stopping=Stopping("uar", None, 0.0, 0.0, 1),
    )  # fmt: skip
    loop = Loop(network(), objective, recipe, 1, CPU, Workshop(folder, math.inf, {}))
    loop.run()
    return loop


def test_it_learns_classes_that_are_easy_and_keeps_the_best_by_the_higher_uar(objective, tmp_path):
    loop = trained(objective(), tmp_path)
    uar = [row["dev_uar"] for row in loop.progress.history]
    assert max(uar) == 1.0
    assert loop.progress.best["uar"] == {"value": 1.0, "epoch": uar.index(1.0) + 1}  # the first of the ties
    assert loop.network.trained.tolist() == [label in ("neutral", "happy", "sad") for label in LABELS]


def test_shuffled_labels_teach_nothing(objective, tmp_path):
    loop = trained(objective(shuffle_labels=True), tmp_path)
    # 24 dev recordings of three classes: chance 1/3, standard deviation about 0.1 of one epoch, and 8 are looked at
    assert np.mean([row["dev_uar"] for row in loop.progress.history[2:]]) < 0.65


def test_the_temperature_is_fitted_on_dev(objective, tmp_path, packed, scoring):
    ours = objective()
    loop = trained(ours, tmp_path)
    loop.network.eval()
    with torch.inference_mode():
        ours.finish(loop.network)
    assert loop.network.temperature.item() != 1.0
    table = inference.predict(loop.network, packed["dev"], scoring(), CPU, {})
    place = [["neutral", "happy", "sad"].index(label) for label in table["label"]]

    def nll(columns):
        return -np.log(table[columns].to_numpy()[np.arange(len(table)), place]).mean()

    raw = table.filter(like="logit_").to_numpy()
    raw = np.exp(raw) / np.exp(raw).sum(1, keepdims=True)
    assert nll(["p_neutral", "p_happy", "p_sad"]) <= -np.log(raw[np.arange(len(table)), place]).mean() + 1e-9


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"class_weights": "inverse"}, "class_weights is 'inverse', expected balanced or none"),
        ({"label_smoothing": 1.0}, "label_smoothing is 1.0, expected a share from 0 to below 1"),
    ],
)
def test_a_wrong_setting_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        settings(**change)


def test_targets_of_train_are_places_in_the_labels(packed):
    assert set(targets(packed["train"].index["label"])) == {0, 2, 3}
