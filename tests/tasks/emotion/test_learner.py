"""Training a recogniser: it learns, controls do not, draws do not depend on the order of work."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from voxdag.audio.augment import Augmentation, SpecAugment
from voxdag.core.errors import Refused
from voxdag.data import shards
from voxdag.networks import by_name
from voxdag.tasks.emotion import inference
from voxdag.tasks.emotion.data import LABELS, targets
from voxdag.tasks.emotion.learner import Mixup, Settings, make
from voxdag.training.averaging import Averaging
from voxdag.training.batches import LoaderSettings
from voxdag.training.early_stopping import StoppingRules
from voxdag.training.learner import Materials
from voxdag.training.loop import Loop
from voxdag.training.recipe import Recipe
from voxdag.training.run_state import RunState

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


RECIPE = Recipe(
    epochs=8, batch_size=6, optimizer="adamw", lr=3e-3, lr_floor=1e-5, warmup=4, betas=(0.9, 0.999), weight_decay=1e-2,
    clip_norm=1.0, precision="fp32", max_nonfinite=2, averaging=Averaging("none", 0.0),
    stopping=StoppingRules("uar", None, 0.0, 0.0, 1),
)  # fmt: skip


def network():
    torch.manual_seed(0)
    return by_name.build("tier1", "tier1_2d", {}, inference.OUTPUT_SIZE, inference.BUFFERS)


class Filter(nn.Module):
    """A network of waves (B, N): a short convolution, its energy over a recording's own samples, a linear layer."""

    TAKES = "waves"

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.kernel, self.head = nn.Conv1d(1, 16, 32, bias=False), nn.Linear(16, len(LABELS))
        for name, value in inference.BUFFERS.items():
            self.register_buffer(name, value.clone())

    def forward(self, wave, lengths):
        energy = self.kernel(wave[:, None]).square().sum(2) / lengths[:, None]  # (B, 16)
        embedding = energy.clamp(min=1e-8).log()
        return embedding, self.head(embedding)


def materials(packed, batch_size=6, system=None):
    return Materials(packed, {}, LoaderSettings(batch_size, 1, CPU, 0), RECIPE, system or network())


@pytest.fixture
def learner(packed, scoring):
    return lambda **changes: make(materials(packed), settings(**changes), scoring())


def test_the_loss_is_the_cross_entropy_over_the_classes_of_train(learner):
    ours = learner()
    ours.network.eval()
    batch = next(ours.batches(0, 0))
    features, frames = ours.inputs(batch)
    logits = ours.network(features, frames)[:, [0, 2, 3]]  # neutral, happy, sad
    labels = torch.tensor([[0, 2, 3].index(label) for label in batch["labels"].tolist()])
    log_p = F.log_softmax(logits, 1)
    smooth = 0.9 * F.one_hot(labels, 3) + 0.1 / 3  # by hand, Szegedy et al. 2016; weights are 1: classes are balanced
    expected = -(smooth * log_p).sum(1).mean()
    torch.testing.assert_close(ours.loss(batch), expected)


def test_rare_classes_weigh_more(tmp_path, pack, scoring):
    packed = {"train": pack(tmp_path / "t", "ab"), "dev": pack(tmp_path / "d", "c")}
    rows = packed["train"].index["label"]
    keep = ~((rows == "sad") & packed["train"].index["id"].str.endswith(("1", "2", "3")))
    packed["train"] = packed["train"].chosen(keep.to_numpy())
    ours = make(materials(packed, 4), settings(), scoring())
    # 8 neutral, 8 happy, 2 sad: 18 / (3 * n)
    torch.testing.assert_close(ours._weights, torch.tensor([0.75, 0.75, 3.0]))


def test_augmentation_is_a_function_of_epoch_and_utterance(learner):
    first, second = learner(augmentation=BUSY), learner(augmentation=BUSY)
    list(second.batches(0, 0))  # an epoch more was drawn before
    for mine, theirs in zip(first.batches(3, 1), second.batches(3, 1), strict=True):
        assert all(torch.equal(value, theirs[name]) for name, value in mine.items())
        assert torch.equal(first.inputs(mine)[0], second.inputs(theirs)[0])
    assert not np.array_equal(
        first._batches.loader.dataset.augmented(0, 0), first._batches.loader.dataset.augmented(1, 0)
    )


def test_inputs_and_loss_see_the_same_mixture(learner):
    ours = learner(mixup=Mixup(1.0, 0.4), spec_augment=SpecAugment(2, 8, 2, 20, 0.25))
    batch = next(ours.batches(0, 0))
    assert torch.equal(ours.inputs(batch)[0], ours.inputs(batch)[0])
    soft = ours._mixed(batch)[2]
    torch.testing.assert_close(soft.sum(1), torch.ones(6))
    assert ((soft > 0) & (soft < 1)).any()


def test_a_mixed_recording_goes_on_with_its_mean_where_features_are_not_normalised(packed, scoring):
    ours = make(materials(packed), settings(mixup=Mixup(1.0, 0.4)), scoring(cmvn="none"))
    batch = next(ours.batches(0, 0))
    own = ours._inputs(batch["waves"], batch["lengths"], batch["rows"].numpy())[1]
    mixed, frames, _ = ours._mixed(batch)
    longer = [i for i in range(6) if frames[i] > own[i]]
    assert longer
    for i in longer:
        # the mixture behind the shorter one's end lacks neither of the two: its level is that of before. With zeros
        # there it would lack the own share, which is 0.97 for this seed
        before, behind = mixed[i, :, : own[i]].mean(), mixed[i, :, own[i] : frames[i]].mean()
        assert behind / before == pytest.approx(1.0, abs=0.3)
        assert mixed[i, :, frames[i] :].eq(0).all()


def trained(learner, folder):
    loop = Loop(learner, RECIPE, 1, CPU, RunState(folder, math.inf, {}))
    loop.run()
    return loop


def test_it_learns_classes_that_are_easy_and_keeps_the_best_by_the_higher_uar(learner, tmp_path):
    loop = trained(learner(), tmp_path)
    uar = [row["dev_uar"] for row in loop.progress.history]
    assert max(uar) == 1.0
    assert loop.progress.best["uar"] == {"value": 1.0, "epoch": uar.index(1.0) + 1}  # the first of the ties
    assert loop.network.trained.tolist() == [label in ("neutral", "happy", "sad") for label in LABELS]


def test_shuffled_labels_teach_nothing(learner, tmp_path):
    loop = trained(learner(shuffle_labels=True), tmp_path)
    # 24 dev recordings of three classes: chance 1/3, standard deviation about 0.1 of one epoch, and 8 are looked at
    assert np.mean([row["dev_uar"] for row in loop.progress.history[2:]]) < 0.65


def test_the_temperature_is_fitted_on_dev(learner, tmp_path, packed, scoring):
    ours = learner()
    loop = trained(ours, tmp_path)
    loop.network.eval()
    with torch.inference_mode():
        ours.calibrate(())
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
        ({"class_weights": "inverse"}, "class_weights is 'inverse', expected one of balanced, none"),
        ({"label_smoothing": 1.0}, "label_smoothing is 1.0, expected from 0 to below 1"),
    ],
)
def test_a_wrong_setting_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        settings(**change)


def test_targets_of_train_are_places_in_the_labels(packed):
    assert set(targets(packed["train"].index["label"])) == {0, 2, 3}


def test_a_network_of_waves_learns_the_same_task(packed, scoring, tmp_path):
    ours = make(materials(packed, system=Filter()), settings(mixup=Mixup(0.3, 0.4)), scoring())
    batch = next(ours.batches(0, 0))
    waves, lengths = ours.inputs(batch)
    # as long as a multiple, so that few lengths occur, and no longer than that
    assert waves.shape[1] % inference.STEP == 0 and 0 <= waves.shape[1] - batch["waves"].shape[1] < inference.STEP
    assert waves[:, batch["waves"].shape[1] :].eq(0).all() and lengths.shape == (6,)
    loop = trained(ours, tmp_path)
    assert max(row["dev_uar"] for row in loop.progress.history) == 1.0  # tones of three pitches


def test_waves_that_are_mixed_are_as_long_as_the_longer_one(packed, scoring):
    ours = make(materials(packed, system=Filter()), settings(mixup=Mixup(1.0, 0.4)), scoring())
    batch = next(ours.batches(0, 0))
    waves, lengths, soft = ours._mixed(batch)
    assert (lengths >= batch["lengths"]).all() and (lengths > batch["lengths"]).any()
    assert ((soft > 0) & (soft < 1)).any() and not torch.equal(waves, batch["waves"])
    for wave, length in zip(waves, lengths.tolist(), strict=True):
        assert wave[length:].eq(0).all() and wave[:length].ne(0).any()


def test_a_network_or_recordings_of_another_kind_are_refused_before_training(packed, scoring, tmp_path):
    system = Filter()
    system.TAKES = "wave"
    with pytest.raises(Refused, match="Filter takes wave; the emotion task can give features, waves"):
        make(materials(packed, system=system), settings(), scoring())
    rows = ((row, {"wave": np.ones(99, np.int16)}) for row in packed["train"].about.to_dict("records"))
    shards.write(tmp_path / "slow", rows, shards.wave_at(8000), 1)
    with pytest.raises(Refused, match="is at 8000 Hz, the emotion task takes 16000 Hz"):
        make(materials(packed | {"train": shards.Shards(tmp_path / "slow")}), settings(), scoring())
