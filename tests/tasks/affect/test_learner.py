"""Training an affect regression: its loss by hand, it learns, controls do not, draws do not depend on the order of
work, resume to the byte."""

import logging
import math

import numpy as np
import pytest
import torch

from tests.training.toys import KillAt, all_bytes, killed_and_resumed, loop, nothing
from voxdag.audio.augment import SpecAugment
from voxdag.core import params
from voxdag.core.errors import Refused
from voxdag.data import shards
from voxdag.scoring.concordance import ccc
from voxdag.tasks.affect import inference
from voxdag.tasks.affect.learner import LossWeights, RandomCrops, Settings, concordance, make
from voxdag.training.averaging import Averaging
from voxdag.training.batches import LoaderSettings
from voxdag.training.early_stopping import StoppingRules
from voxdag.training.learner import Materials
from voxdag.training.loop import Loop
from voxdag.training.recipe import Recipe
from voxdag.training.run_state import RunState

CPU = torch.device("cpu")
UNMASKED = SpecAugment(0, 0, 0, 0, 0.0)
BUSY = {"spec_augment": SpecAugment(1, 6, 1, 10, 0.3), "mixup": 0.4}
RECIPE = Recipe(
    epochs=12, batch_size=12, optimizer="adamw", lr=1e-2, lr_floor=1e-4, warmup=4, betas=(0.9, 0.999),
    weight_decay=1e-4, clip_norm=1.0, precision="fp32", max_nonfinite=2, averaging=Averaging("none", 0.0),
    stopping=StoppingRules("ccc", None, 0.0, 0.0, 1),
)  # fmt: skip


def settings(**changes):
    values = {"loss": LossWeights(0.5, 0.5), "crops": 1, "spec_augment": UNMASKED, "mixup": 0.0}
    values["shuffle_labels"] = False
    return Settings(**(values | changes))


@pytest.fixture
def learner(packed, scoring, network):
    def made(recipe=RECIPE, splits=packed, system=None, **changes):
        loader = LoaderSettings(recipe.batch_size, 1, CPU, 0)
        return make(Materials(splits, {}, loader, recipe, system or network()), settings(**changes), scoring())

    return made


def test_settings_are_those_of_params():
    masks = {"freq_masks": 2, "freq_width": 24, "time_masks": 2, "time_width": 40, "time_share": 0.2}
    tree = {"loss": {"mse": 0.5, "ccc": 0.5}, "crops": 4, "spec_augment": masks, "mixup": 0.4, "shuffle_labels": False}
    assert params.bind(Settings, tree, "systems.ast.objective").spec_augment.freq_width == 24
    wrong = [
        ({"crops": 0}, "objective.crops is 0, expected 1 or more"),
        ({"mixup": -1}, "objective.mixup is -1.0, expected 0 or more"),
        ({"loss": {"mse": 0, "ccc": 0}}, "objective.loss.mse is 0.0 and ccc 0.0, expected one of them above 0"),
        ({"loss": {"mse": 1, "ccc": -1}}, "objective.loss.ccc is -1.0, expected 0 or more"),
    ]
    for change, message in wrong:
        with pytest.raises(Refused, match=message):
            params.bind(Settings, tree | change, "systems.ast.objective")


def test_concordance_of_a_batch_is_that_of_scoring():
    labels, outputs = torch.randn(2, 40, 2, generator=torch.Generator().manual_seed(0))
    outputs = labels + 0.5 * outputs
    np.testing.assert_allclose(concordance(labels, outputs), ccc(labels.T, outputs.T), rtol=1e-5)


def test_where_all_is_alike_concordance_has_no_gradient_and_no_nan():
    outputs = torch.full((3, 2), 0.25, requires_grad=True)
    concordance(torch.full((3, 2), 0.25), outputs).sum().backward()
    assert outputs.grad.eq(0).all()


def test_the_loss_by_hand(learner):
    for weights in (LossWeights(0.5, 0.5), LossWeights(1.0, 0.0), LossWeights(0.0, 2.0)):
        ours = learner(loss=weights)
        batch = next(ours.batches(0, 0))
        outputs = ours.network(*ours.inputs(batch)).detach().double().numpy().T  # (2, B)
        labels = batch["labels"].double().numpy().T
        expected = weights.mse * ((outputs - labels) ** 2).mean() + weights.ccc * (1 - ccc(labels, outputs).mean())
        assert ours.loss(batch).item() == pytest.approx(expected, rel=1e-5)


def test_the_parts_of_the_loss_stand_in_the_history(learner, tmp_path):
    row = trained(learner(), tmp_path).progress.history[0]
    assert row["train_loss"] == pytest.approx((row["train_mse"] + row["train_one_minus_ccc"]) / 2)


def test_the_network_knows_mean_and_deviation_of_train_before_training(learner, packed, scoring, network):
    ours = learner()
    known = inference.feature_statistics(inference.waves(packed["train"]), scoring(), CPU)
    assert (ours.network.feature_mean.item(), ours.network.feature_sd.item()) == pytest.approx(known)
    assert ours.network.feature_sd.item() > 1  # log power of tones in noise


def test_synthetic_recordings_are_learned_from_and_change_no_statistic(learner, packed, pack, tmp_path):
    real = learner().network
    about = packed["train"].about
    made = pack(tmp_path / "made", 12, seed=9, prefix="made")
    rows = [(row | {"synthetic": 0}, packed["train"][i]) for i, row in enumerate(about.to_dict("records"))]
    rows += [
        (row | {"synthetic": 1}, {"wave": made[i]["wave"] // 8}) for i, row in enumerate(made.about.to_dict("records"))
    ]
    shards.write(tmp_path / "both", rows, shards.wave_at(16000), 100)
    both = shards.Shards(tmp_path / "both")
    ours = learner(splits=packed | {"train": both})
    assert len(ours) == 5 and len(learner()) == 4  # batches of 12
    assert ours.network.feature_mean == real.feature_mean and ours.network.feature_sd == real.feature_sd
    only = both.chosen((both.index["synthetic"] == 1).to_numpy())
    with pytest.raises(Refused, match="all 12 recordings of .*both are synthetic, expected real ones among them"):
        learner(splits=packed | {"train": only})


def test_a_crop_is_a_function_of_epoch_and_recording(packed):
    recordings = inference.waves(packed["train"])
    crops = RandomCrops(recordings, np.zeros((48, 2), np.float32), 4800, 1, 1)
    long = int(np.argmax(recordings.lengths))
    found = [crops.crop(epoch, long) for epoch in range(40)]
    assert np.array_equal(found[3], crops.crop(3, long)) and len(found[3]) == 4800
    places = {one.ctypes.data for one in found}
    assert len(places) > 35  # uniform over some 4,800 places
    spare = int(recordings.lengths[long]) - 4800
    firsts = np.array([one.ctypes.data - recordings[long].ctypes.data for one in found]) // 2
    assert firsts.min() >= 0 and firsts.max() <= spare and np.ptp(firsts) > 0.7 * spare
    short = int(np.argmin(recordings.lengths))
    assert len(crops.crop(0, short)) == recordings.lengths[short] < 4800


def test_each_recording_has_as_many_crops_in_an_epoch_as_are_asked_for(packed):
    recordings, labels = inference.waves(packed["train"]), np.arange(96, dtype=np.float32).reshape(48, 2)
    crops = RandomCrops(recordings, labels, 4800, 3, 1)
    long = int(np.argmax(recordings.lengths))
    places = {crops.crop(epoch, long + 48 * which).ctypes.data for epoch in range(4) for which in range(3)}
    assert len(crops) == 144 and len(places) == 12  # each of its own
    batch = crops.__getitems__([(0, long), (0, long + 48), (0, long + 96)])
    assert (batch["labels"] == torch.from_numpy(labels[long])).all()


def test_a_batch_of_unlike_lengths_is_padded(packed):
    recordings = inference.waves(packed["train"])
    crops = RandomCrops(recordings, np.arange(96, dtype=np.float32).reshape(48, 2), 4800, 1, 1)
    rows = np.argsort(recordings.lengths)[[0, -1]]
    batch = crops.__getitems__([(0, int(i)) for i in rows])
    assert batch["lengths"].tolist() == [recordings.lengths[rows[0]], 4800] and batch["waves"].shape == (2, 4800)
    assert batch["waves"][0, batch["lengths"][0] :].eq(0).all()
    assert batch["labels"].tolist() == [[2 * i, 2 * i + 1] for i in rows]


def test_draws_are_a_function_of_epoch_and_recordings(learner):
    first, second = learner(**BUSY), learner(**BUSY)
    list(second.batches(0, 0))  # an epoch more was drawn before
    for mine, theirs in zip(first.batches(3, 1), second.batches(3, 1), strict=True):
        assert all(torch.equal(value, theirs[name]) for name, value in mine.items())
        assert torch.equal(first.inputs(mine)[0], second.inputs(theirs)[0])
    batch = next(first.batches(0, 0))
    for other in ({"epoch": torch.tensor(1)}, {"first": batch["first"] + 1}):
        assert not torch.equal(first.inputs(batch)[0], first.inputs(batch | other)[0])


def test_masks_hold_the_mean_of_train_and_change_no_other_value(learner):
    batch = next(learner().batches(0, 0))
    plain, masked = (learner(spec_augment=masks).inputs(batch)[0] for masks in (UNMASKED, BUSY["spec_augment"]))
    hidden = masked != plain
    assert masked[hidden].eq(0).all() and 0.02 < hidden.float().mean() < 0.6


def test_inputs_and_labels_are_mixed_alike(learner):
    ours, plain = learner(mixup=0.4), learner()
    batch = next(ours.batches(0, 0))
    features, frames, labels = ours._mixed(batch)
    before, own, _ = plain._mixed(batch)
    # labels = w y_i + (1 - w) y_j of a permutation j: of two recordings as long as they are mixed, so are the features
    shares = np.linspace(0, 1, 2001)
    found = []
    for i in range(12):
        mixed = (
            shares[:, None, None] * batch["labels"][i].numpy() + (1 - shares[:, None, None]) * batch["labels"].numpy()
        )
        error = np.abs(mixed - labels[i].numpy()).max(-1)  # (shares, 12)
        found.append(np.unravel_index(error.argmin(), error.shape))
        assert error.min() < 1e-3
    weights = [shares[k] for (k, j), i in zip(found, range(12), strict=True) if i != j]
    assert np.ptp(weights) < 2e-3 and 0 < weights[0] < 1
    w = float(np.mean(weights))
    alike = [(i, int(j)) for i, (_, j) in enumerate(found) if i != j and own[i] == own[j]]
    assert alike
    for i, j in alike:
        np.testing.assert_allclose(features[i], w * before[i] + (1 - w) * before[j], atol=0.02)
        assert frames[i] == own[i]


def trained(learner, folder):
    made = Loop(learner, RECIPE, 1, CPU, RunState(folder, math.inf, {}))
    made.run()
    return made


@pytest.mark.parametrize("changes", [{}, BUSY, {"loss": LossWeights(1.0, 0.0)}], ids=["plain", "busy", "mse alone"])
def test_it_learns_labels_that_are_easy_and_keeps_the_best_by_the_higher_ccc(learner, tmp_path, changes):
    made = trained(learner(**changes), tmp_path)
    found = [row["dev_ccc"] for row in made.progress.history]
    assert max(found) > 0.8 > found[0]
    assert made.progress.best["ccc"] == {"value": max(found), "epoch": found.index(max(found)) + 1}
    errors = [row["dev_rmse"] for row in made.progress.history]
    assert made.progress.best["rmse"]["value"] == min(errors)


def test_shuffled_labels_teach_nothing(learner, tmp_path):
    made = trained(learner(shuffle_labels=True), tmp_path)
    # 24 dev clips: the standard deviation of a correlation with nothing is .2, of the mean of two .15
    assert np.mean([row["dev_ccc"] for row in made.progress.history[2:]]) < 0.4


def test_short_clips_are_counted(learner, caplog):
    with caplog.at_level(logging.INFO):
        ours = learner()
    lengths = ours._batches.loader.dataset.recordings.lengths
    assert f"train: {(lengths < 4800).sum()} of 48 recordings are shorter than a crop of 4800 samples" in caplog.text
    assert "dev: " in caplog.text


class OfWaves(torch.nn.Linear):
    TAKES = "waves"


def test_what_does_not_fit_is_refused_before_training(learner, packed, tmp_path):
    with pytest.raises(Refused, match="OfWaves takes waves; the affect task can give features"):
        learner(system=OfWaves(1, 1))
    rows = ((row, {"wave": np.ones(99, np.int16)}) for row in packed["train"].about.to_dict("records"))
    shards.write(tmp_path / "slow", rows, shards.wave_at(8000), 1)
    with pytest.raises(Refused, match="is at 8000 Hz, the affect task takes 16000 Hz"):
        learner(splits=packed | {"train": shards.Shards(tmp_path / "slow")})
    single = Recipe(**(vars(RECIPE) | {"batch_size": 1}))
    with pytest.raises(Refused, match="batch_size is 1, expected 2 or more: one item has no concordance"):
        learner(single)
    assert len(learner(single, loss=LossWeights(1.0, 0.0))) == 48


# A run that is killed and started again

UPDATES = 8  # two epochs of four
KILLED_BEFORE = (1, 4, 5, 8)  # the ends of both
OF_RUN = {"epochs": 2, "batch_size": 12, "stopping": StoppingRules("ccc", None, 0.0, 0.0, 1)}


@pytest.fixture
def breaking(learner, network):
    """make_learner(recipe, fault): the fault comes before every update."""

    def made(recipe, fault=nothing):
        ours = learner(recipe, system=network(dropout=0.2), **BUSY)
        step = ours.step

        def faulty(batch, update):
            fault()
            return step(batch, update)

        ours.step = faulty
        return ours

    return made


def test_a_run_killed_before_any_update_ends_with_the_same_bytes(breaking, tmp_path):
    updates = KillAt(-1)
    unbroken = loop(tmp_path / "unbroken", lambda recipe: breaking(recipe, updates), **OF_RUN)
    unbroken.run()
    assert updates.calls == UPDATES
    expected = all_bytes(unbroken, tmp_path)
    for update in KILLED_BEFORE:
        folder = tmp_path / f"killed-{update}"
        folder.mkdir()
        assert killed_and_resumed(folder, breaking, update, **OF_RUN) == expected


def test_control_a_run_that_forgets_its_optimizer_differs(breaking, tmp_path):
    def forget(run):
        run.learner.optimizers["main"].load_state_dict = nothing

    (tmp_path / "a").mkdir(), (tmp_path / "b").mkdir()
    expected = killed_and_resumed(tmp_path / "a", breaking, 6, **OF_RUN)
    assert killed_and_resumed(tmp_path / "b", breaking, 6, forget, **OF_RUN) != expected
