"""Training a countermeasure: the loss by hand, targets the right way round, draws that depend on names alone."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from voxdag.core.errors import Refused
from voxdag.data import shards
from voxdag.scoring import tdcf
from voxdag.tasks.antispoof import inference
from voxdag.tasks.antispoof.learner import Settings, make
from voxdag.training.averaging import Averaging
from voxdag.training.batches import LoaderSettings
from voxdag.training.early_stopping import StoppingRules
from voxdag.training.learner import Materials
from voxdag.training.loop import Loop
from voxdag.training.recipe import Recipe
from voxdag.training.run_state import RunState

CPU = torch.device("cpu")
SAMPLES, LEVEL = 64, 8000  # of a crop; of the recordings, int16
RECIPE = Recipe(
    epochs=3, batch_size=4, optimizer="adam", lr=0.05, lr_floor=0.01, warmup=0, betas=(0.9, 0.999), weight_decay=0.0,
    clip_norm=None, precision="fp32", max_nonfinite=0, averaging=Averaging("none", 0.0),
    stopping=StoppingRules("eer", None, 0.0, 0.0, 1),
)  # fmt: skip


class Sign(nn.Module):
    """Hears the mean of a wave: logits (B, 2) of spoof and bona fide, of which `gain` > 0 gives bona fide the higher
    one where the mean is positive."""

    TAKES = "wave"

    def __init__(self, gain):
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(float(gain)))

    def forward(self, wave):
        log_odds = self.gain * wave.mean(1)  # (B,)
        return wave, torch.stack([-log_odds / 2, log_odds / 2], dim=1)


class Given(nn.Module):
    """Gives the logits that it was made with."""

    TAKES = "wave"

    def __init__(self, logits):
        super().__init__()
        self.logits = nn.Parameter(torch.tensor(logits))

    def forward(self, wave):
        return wave, self.logits


def packed(folder, labels, lengths=None):
    """Bona fide speech above zero, spoofed below, a ramp: a sample tells whose it is and where it stood."""
    rows = []
    for i, label in enumerate(labels):
        samples = LEVEL + 200 * i + np.arange(lengths[i] if lengths else 100)
        about = {"id": f"u{i}", "speaker": f"s{i % 2}", "label": label, "attack": "A01" if label == "spoof" else None}
        rows.append((about, {"wave": np.int16(samples if label == "bonafide" else -samples)}))
    shards.write(folder, rows, shards.wave_at(16000), 100)
    return shards.Shards(folder)


@pytest.fixture
def splits(tmp_path):
    labels = ["bonafide", "spoof", "spoof", "bonafide", "spoof", "bonafide", "spoof", "spoof"]
    return {split: packed(tmp_path / split, labels) for split in ("train", "dev")}


@pytest.fixture
def asv():
    scores = np.random.default_rng(0).normal(size=90) + np.repeat([3.0, -3.0, 2.0], 30)
    return pd.DataFrame({"key": np.repeat(["target", "nontarget", "spoof"], 30), "score": scores})


def learner(splits, network, tables=None, seed=1, **changes):
    settings = {"samples": SAMPLES, "class_weights": (0.25, 0.75), "shuffle_labels": False} | changes
    materials = Materials(splits, tables or {}, LoaderSettings(4, seed, CPU, 0), RECIPE, network)
    scoring = inference.Settings(samples=SAMPLES, batch_size=3, score="logit_difference")
    return make(materials, Settings(**settings), scoring)


def batch(*labels):
    return {"waves": torch.zeros(len(labels), SAMPLES, dtype=torch.int16), "labels": torch.tensor(labels)}


def test_the_loss_is_the_weighted_cross_entropy_by_hand(splits):
    # weights 1/4 of spoof (column 0), 3/4 of bona fide (column 1); the mean is by weight, over their sum 5/4
    #   bona fide, p(bona fide) = 3/4:  3/4 ln(4/3)
    #   spoof,     p(spoof)     = 1/4:  1/4 ln(4)
    #   spoof,     p(spoof)     = 3/4:  1/4 ln(4/3)
    network = Given([[0.0, math.log(3)], [0.0, math.log(3)], [math.log(3), 0.0]])
    loss = learner(splits, network).loss(batch(1, 0, 0))
    assert loss.item() == pytest.approx((math.log(4 / 3) + math.log(4) / 4) / (5 / 4), rel=1e-6)


def test_bona_fide_speech_with_a_high_bona_fide_logit_has_a_low_loss(splits):
    # the mean of a crop is at least 8000 / 32768 = 0.24: log odds of 24, e^-24 = 3e-11
    for right in learner(splits, Sign(100)).batches(0, 0):
        assert learner(splits, Sign(100)).loss(right).item() < 1e-9
        assert learner(splits, Sign(-100)).loss(right).item() > 20


def test_the_dev_criteria_say_which_way_round_the_scores_are(splits, asv):
    right = learner(splits, Sign(100), {"asv": asv}).criteria()
    assert right["eer"] == 0.0 and right["min_tdcf"] == pytest.approx(0.0, abs=1e-12)
    assert learner(splits, Sign(-100), {"asv": asv}).criteria()["eer"] == 1.0


def test_the_t_dcf_of_dev_is_the_legacy_form_with_its_asv_scores(splits, asv):
    ours = learner(splits, Sign(-1), {"asv": asv})
    table = inference.predict(ours.network, splits["dev"], ours._scoring, CPU, {})
    bonafide, spoof = (table.loc[table["label"] == label, "score"].to_numpy() for label in ("bonafide", "spoof"))
    rates = tdcf.asv_rates(
        *(asv.loc[asv["key"] == key, "score"].to_numpy() for key in ("target", "nontarget", "spoof"))
    )
    assert ours.criteria()["min_tdcf"] == tdcf.min_tdcf(bonafide, spoof, rates, "legacy2019")[0] > 0


def test_without_asv_scores_dev_defines_no_t_dcf(splits):
    assert learner(splits, Sign(1)).criteria()["min_tdcf"] is None


def test_waves_are_in_units_of_full_scale(splits):
    (waves,) = learner(splits, Sign(1)).inputs({"waves": torch.tensor([[-32768, 0, 16384]], dtype=torch.int16)})
    assert waves.dtype == torch.float32 and waves.tolist() == [[-1.0, 0.0, 0.5]]


def crops(ours, epoch):
    """Recording -> the place in it where its crop of an epoch starts."""
    starts = {}
    for drawn in ours.batches(epoch, 0):
        for wave in drawn["waves"].numpy().astype(int):
            recording, start = divmod(abs(wave[0]) - LEVEL, 200)
            assert np.array_equal(np.abs(wave), abs(wave[0]) + np.arange(SAMPLES))
            starts[int(recording)] = int(start)
    return starts


def test_a_crop_is_a_function_of_seed_epoch_and_utterance(splits, tmp_path):
    whole = learner(splits, Sign(1))
    list(whole.batches(0, 0))  # an epoch more was drawn before
    drawn = crops(whole, 3)
    assert len(drawn) == 8 and len(set(drawn.values())) > 1 and max(drawn.values()) <= 100 - SAMPLES
    fewer = {"train": packed(tmp_path / "fewer", splits["train"].index["label"][:4].tolist())}
    assert crops(learner(splits | fewer, Sign(1)), 3) == {i: drawn[i] for i in range(4)}
    assert crops(whole, 4) != drawn
    assert crops(learner(splits, Sign(1), seed=2), 3) != drawn


def labels_of(ours):
    return ours._batches.loader.dataset.labels.tolist()


def test_targets_are_the_columns_of_the_network(splits):
    assert labels_of(learner(splits, Sign(1))) == [1, 0, 0, 1, 0, 1, 0, 0]


def test_shuffled_labels_keep_their_counts_and_change_their_order(splits):
    plain, shuffled = learner(splits, Sign(1)), learner(splits, Sign(1), shuffle_labels=True)
    assert sorted(labels_of(shuffled)) == sorted(labels_of(plain))
    assert labels_of(shuffled) != labels_of(plain)
    assert labels_of(shuffled) == labels_of(learner(splits, Sign(1), shuffle_labels=True))
    assert labels_of(shuffled) != labels_of(learner(splits, Sign(1), shuffle_labels=True, seed=5))


def test_calibration_changes_nothing(splits):
    ours = learner(splits, Sign(3))
    ours.calibrate(())
    assert ours.network.gain.item() == 3.0


def test_training_turns_a_network_the_right_way_round(splits, asv, tmp_path):
    # from a gain of -0.1 Adam moves by at most lr = 0.05 a step, always up; 6 steps
    ours = learner(splits, Sign(-0.1), {"asv": asv})
    progress = Loop(ours, RECIPE, 1, CPU, RunState(tmp_path / "state", math.inf, {})).run()
    assert ours.network.gain.item() > 0
    assert progress.history[-1]["dev_eer"] == 0.0 and progress.best["eer"]["value"] == 0.0


def test_shuffled_labels_turn_it_no_way(tmp_path):
    # 32 recordings: the gain's pull is that of the labels' correlation with the waves, which is about 1 / sqrt(32)
    labels = ["bonafide", "spoof"] * 16
    both = {split: packed(tmp_path / split, labels) for split in ("train", "dev")}
    pulls = {}
    for shuffled in (False, True):
        ours = learner(both, Sign(0.0), class_weights=(0.5, 0.5), shuffle_labels=shuffled)
        gradients = [torch.autograd.grad(ours.loss(drawn), ours.network.gain)[0] for drawn in ours.batches(0, 0)]
        pulls[shuffled] = abs(sum(gradients).item())
    assert pulls[True] < 0.6 * pulls[False]  # 3.4 standard deviations


def test_a_network_or_recordings_of_another_kind_are_refused_before_training(tmp_path, splits):
    network = Sign(1)
    network.TAKES = "features"
    with pytest.raises(Refused, match="Sign takes features; anti-spoofing can give wave"):
        learner(splits, network)
    rows = [({"id": "a", "speaker": "s", "label": "spoof"}, {"wave": np.ones(90, np.int16)})] * 4
    shards.write(tmp_path / "slow", rows, shards.wave_at(8000), 1)
    with pytest.raises(Refused, match="is at 8000 Hz, anti-spoofing takes 16000 Hz"):
        learner(splits | {"train": shards.Shards(tmp_path / "slow")}, Sign(1))
