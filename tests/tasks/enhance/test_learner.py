"""Training an enhancer: pairs cut alike, when the discriminator has a say, labels that are late, resume to the byte."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from tests.executors import Now
from tests.training.toys import KillAt, all_bytes, killed_and_resumed, loop, nothing, recipe
from voxdag.core.errors import Refused
from voxdag.core.processes import Processes
from voxdag.data import shards
from voxdag.data.shards import Track
from voxdag.networks.by_name import Further
from voxdag.scoring import enhancement
from voxdag.tasks.enhance import inference, learner, losses, marks, names
from voxdag.tasks.enhance.labels import LEAST, label
from voxdag.tasks.enhance.learner import Settings
from voxdag.tasks.enhance.losses import Adversarial, Weights
from voxdag.tasks.scoring_loop import float_waves
from voxdag.training.batches import LoaderSettings
from voxdag.training.early_stopping import StoppingRules
from voxdag.training.learner import Materials

CPU = torch.device("cpu")
SAMPLES, LENGTH = 4096, 6400  # of a crop and of a recording
STEPS, EPOCHS = 3, 5  # of an epoch
# 3 steps without a discriminator, one whose weight is 0, one whose labels are not there yet, and 10 of two updates
UPDATES = STEPS + 1 + 1 + 2 * (STEPS * EPOCHS - 5)
SCHEDULE = Adversarial(weight=0.3, start=1, warmup=1)
SETTINGS = {
    "samples": SAMPLES,
    "crops": 1,
    "reconstruction": Weights(0.45, 0.45, 0.1),
    "adversarial": SCHEDULE,
    "discriminator": Further("metric_discriminator", "half", {}),
    "metrics": ("ssnr",),
    "label_delay": 1,
}
SCORING = inference.Settings(batch_size=2, samples=16000, overlap=1000)


class Filter(nn.Module):
    """Two convolutions, with batch norm and dropout between."""

    TAKES = "waves"

    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        norm = (nn.BatchNorm1d(4), nn.Dropout(0.2), nn.Tanh())
        self.layers = nn.Sequential(nn.Conv1d(1, 4, 9, padding=4), *norm, nn.Conv1d(4, 1, 9, padding=4))
        self.register_buffer(names.OPTIMISED, inference.BUFFERS[names.OPTIMISED].clone())

    def forward(self, waves, lengths):
        return waves + self.layers(waves[:, None])[:, 0]


def recordings(count, split, silent=()):
    """Pulsed tones, and the same in noise; of `silent` ones the clean recording is silence. STOI needs 0.4 s of dev."""
    length = LENGTH if split == "train" else 16000
    rng, time = np.random.default_rng(len(split)), np.arange(length) / 16000
    for i in range(count):
        clean = 6000 * np.sin(2 * np.pi * 200 * (i + 1) * time) * (np.sin(2 * np.pi * 5 * time) > 0) * (i not in silent)
        noisy = clean + rng.normal(0, 800, length)
        row = {"id": f"{split}{i}", "speaker": "s", "split": split, "snr": 5.0, "noise": "white"}
        yield row, {"noisy": noisy.astype(np.int16), "clean": clean.astype(np.int16)}


@pytest.fixture(scope="module")
def splits(tmp_path_factory):
    folder, kind = tmp_path_factory.mktemp("packed"), Track("int16", (), 16000)
    for split, count in {"train": 6, "dev": 2}.items():
        shards.write(folder / split, recordings(count, split), {"noisy": kind, "clean": kind}, 1)
    return {split: shards.Shards(folder / split) for split in ("train", "dev")}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """PESQ and STOI of dev take a fifth of a second, and are measured by a test of their own."""
    monkeypatch.setattr(learner, "Processes", lambda jobs, program: Now())


def dev_by_ssnr(clean, enhanced, rate):
    return {name: enhancement.over_frames(clean, enhanced)["ssnr"] for name in ("pesq", "stoi")}


def made(splits, made_recipe=None, network=None, **changes):
    made_recipe = made_recipe or recipe_of()
    materials = Materials(
        splits, {}, LoaderSettings(made_recipe.batch_size, 1, CPU, 0), made_recipe, network or Filter()
    )
    torch.manual_seed(4)
    return learner.make(materials, Settings(**SETTINGS | changes), SCORING)


RECIPE = {"epochs": EPOCHS, "batch_size": 2, "stopping": StoppingRules("loss", None, 0.0, 0.0, 1)}


def recipe_of(**changes):
    return recipe(**RECIPE | changes)


class Update:
    """Calls `fault`, then makes the update, where there is one."""

    def __init__(self, update=None, step=0, fault=nothing):
        self.update, self.step, self.fault, self.names = update, step if update is None else update.step, fault, []

    def __call__(self, name, loss):
        self.fault()
        self.names.append(name)
        return float(loss.detach()) if self.update is None else self.update(name, loss)


def test_both_tracks_are_cut_at_one_place_and_what_is_short_is_repeated(splits):
    batch = next(made(splits).batches(0, 0))
    wholes = {name: [np.asarray(splits["train"].track(name)[i]) for i in range(6)] for name in ("noisy", "clean")}
    for noisy, clean in zip(batch["noisy"].numpy(), batch["clean"].numpy(), strict=True):
        places = [
            (i, start)
            for i in range(6)
            for start in range(LENGTH - SAMPLES + 1)
            if (wholes["noisy"][i][start : start + 40] == noisy[:40]).all()
        ]
        ((i, start),) = places
        assert (wholes["clean"][i][start : start + SAMPLES] == clean).all()
    long = next(made(splits, samples=LENGTH + 100).batches(0, 0))
    for track in ("noisy", "clean"):
        assert (long[track][:, LENGTH:] == long[track][:, :100]).all()


def test_an_epoch_of_several_crops_a_recording_is_as_many_epochs_of_one(splits):
    one, three = made(splits), made(splits, crops=3)
    assert len(three) == 3 * len(one) == 9
    dataset, items = three._batches.loader.dataset, [(1, i) for i in range(18)]
    expected = one._batches.loader.dataset.__getitems__([(epoch, i) for epoch in (3, 4, 5) for i in range(6)])
    found = dataset.__getitems__(items)
    assert all(torch.equal(found[name], expected[name]) for name in ("noisy", "clean"))


def test_what_goes_in_is_the_noisy_track(splits):
    one = made(splits)
    batch = next(one.batches(0, 0))
    waves, lengths = one.inputs(batch)
    assert torch.equal(waves, float_waves(batch["noisy"], CPU)) and lengths.tolist() == [SAMPLES, SAMPLES]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"label_delay": (EPOCHS - 1) * STEPS}, "label_delay is 12, expected less than the 12 updates"),
        ({"label_delay": 10**9}, "label_delay is 1000000000, expected less than"),
        ({"samples": 100}, "samples is 100, expected 1920 or more"),
        ({"samples": 3999, "metrics": ("ssnr", "pesq")}, "samples is 3999, expected 4000 or more"),
        ({"samples": 6599, "metrics": ("estoi",)}, "samples is 6599, expected 6600 or more"),
        ({"discriminator": Further("bsrnn", "tiny", {})}, "network is bsrnn, which takes waves: it judges no pairs"),
        ({"discriminator": Further("aasist", "aasist_s", {})}, "network is aasist, which takes wave"),
    ],
)
def test_a_discriminator_that_could_not_be_taught_is_refused(splits, changes, message):
    with pytest.raises(Refused, match=message):
        made(splits, **changes)
    made(splits, **changes | {"adversarial": Adversarial(0.0, 0, 0)})  # where it has no say it does not matter


@pytest.mark.parametrize("metric", LEAST)
def test_the_shortest_crop_that_is_taken_has_a_label_and_a_much_shorter_one_has_none(metric):
    time = np.arange(LEAST[metric]) / 16000
    speech = 0.2 * np.sin(2 * np.pi * 200 * time) * (1.2 + np.sin(2 * np.pi * 9 * time))
    noisy = speech + np.random.default_rng(0).normal(0, 0.02, time.size)
    assert np.isfinite(label(speech, noisy, [metric])).all()
    shorter = 9 * time.size // 10
    assert np.isnan(label(speech[:shorter], noisy[:shorter], [metric])).all()


def test_before_its_start_the_discriminator_has_no_say_and_nothing_is_measured(splits):
    one, update = made(splits), Update(step=STEPS - 1)
    said = one.step(next(one.batches(0, 0)), update)
    assert update.names == ["generator"] and one.executor.done == 0
    assert set(said) == {"loss", "real_imaginary", "magnitude", "time"}
    at_start = Update(step=STEPS)  # the warm-up begins at 0
    one.step(next(one.batches(1, 0)), at_start)
    assert at_start.names == ["generator"] and one.executor.done == 0


def test_afterwards_it_learns_from_the_crops_of_the_step_before(splits):
    one = made(splits)
    batches = list(one.batches(1, 0))
    first, second = Update(step=4), Update(step=5)
    said = one.step(batches[0], first)
    assert first.names == ["generator"] and one.executor.done == 2 and "discriminator" not in said
    sent = one.labels.state()[0]
    taught = []
    one.judge = lambda clean, enhanced: taught.append((clean, enhanced)) or torch.full((2, 1), 0.25, requires_grad=True)
    said = one.step(batches[1], second)
    assert second.names == ["generator", "discriminator"] and one.executor.done == 4
    (clean, noisy), (perfect, same), (reference, enhanced) = taught
    assert torch.equal(clean, float_waves(batches[1]["clean"], CPU)) and noisy.requires_grad
    assert torch.equal(reference, sent[0]) and torch.equal(enhanced, sent[1]) and torch.equal(perfect, same)
    assert not torch.equal(clean, reference)
    labels = [enhancement.over_frames(*map(np.float64, pair))["ssnr"] for pair in zip(*sent, strict=True)]
    wanted = [(0.25 - (label + 10) / 45) ** 2 for label in labels]
    assert float(said["discriminator"]) == pytest.approx(0.75**2 + np.mean(wanted), rel=1e-4)
    assert float(said["adversarial"]) == pytest.approx(0.75**2) and float(said["unlabelled"]) == 0


def test_the_loss_in_the_history_is_the_reconstruction_and_the_update_has_the_rest(splits):
    one, lowered = made(splits), {}
    update = Update(step=7)  # 2.33 epochs: the weight is whole
    update_of = update.__call__
    batch = next(one.batches(2, 0))

    class Told(Update):
        def __call__(self, name, loss):
            lowered[name] = float(loss.detach())
            return update_of(name, loss)

    one.labels.send(torch.rand(2, SAMPLES), torch.rand(2, SAMPLES))
    said = {name: float(value) for name, value in one.step(batch, Told(step=7)).items()}
    parts = 0.45 * said["real_imaginary"] + 0.45 * said["magnitude"] + 0.1 * said["time"]
    assert said["loss"] == pytest.approx(parts, rel=1e-5)
    assert lowered["generator"] == pytest.approx(said["loss"] + 0.3 * said["adversarial"], rel=1e-5)
    assert lowered["discriminator"] == pytest.approx(said["discriminator"], rel=1e-5)


@pytest.mark.parametrize(
    "changes",
    [{"discriminator": None}, {"adversarial": Adversarial(0.0, 0, 0)}, {"adversarial": Adversarial(0.3, EPOCHS, 0)}],
)
def test_without_a_discriminator_the_reconstruction_is_trained_alone(splits, changes):
    one, update = made(splits, **changes), Update(step=14)
    said = one.step(next(one.batches(4, 0)), update)
    assert set(one.networks) == set(one.optimizers) == {"generator"} and update.names == ["generator"]
    assert "adversarial" not in said and one.executor.done == 0


def test_a_crop_without_a_label_is_left_out_and_counted(tmp_path):
    kind = Track("int16", (), 16000)
    for split, silent in {"train": range(3), "dev": ()}.items():
        shards.write(tmp_path / split, recordings(4, split, silent), {"noisy": kind, "clean": kind}, 1)
    one = made({split: shards.Shards(tmp_path / split) for split in ("train", "dev")}, recipe_of(batch_size=4))
    batch, update = next(one.batches(0, 0)), Update(step=9)
    one.step(batch, update)
    said = one.step(batch, update)
    assert float(said["unlabelled"]) == 0.75 and math.isfinite(said["discriminator"])


def test_dev_is_measured_whole_and_its_loss_is_the_reconstruction(splits):
    one = made(splits)
    one.generator.eval()
    with torch.inference_mode():
        found = one.criteria()
    values, loss = [], []
    for i in range(2):
        noisy, clean = (splits["dev"].track(name).wave(i) for name in ("noisy", "clean"))
        with torch.inference_mode():
            wave = one.generator(torch.from_numpy(noisy)[None], None)[0]
        values.append(enhancement.score(clean, wave.numpy(), 16000))
        parts = losses.terms(wave[None], torch.from_numpy(clean)[None])
        loss.append(losses.reconstruction(parts, Weights(0.45, 0.45, 0.1)).item())
    pesq, stoi = (np.mean([row[name] for row in values]) for name in ("pesq", "stoi"))
    expected = {"loss": np.mean(loss), "pesq": pesq, "stoi": stoi}
    expected["composite"] = 0.5 * (pesq - 1) / 3.5 + 0.3 * stoi - 0.2 * expected["loss"]
    assert found == pytest.approx(expected, rel=1e-4)


def test_the_loss_of_a_long_recording_is_that_of_its_blocks(splits, monkeypatch):
    one = made(splits)
    rng = np.random.default_rng(0)
    enhanced, clean = rng.normal(0, 0.1, (2, 5000)).astype(np.float32)
    monkeypatch.setattr(learner, "BLOCK", 4000)
    blocks = [one.reconstruction(enhanced[part], clean[part]) for part in (slice(4000), slice(4000, None))]
    assert one.reconstruction(enhanced, clean) == pytest.approx(0.8 * blocks[0] + 0.2 * blocks[1])


@pytest.mark.parametrize(
    ("changes", "chosen_by", "expected"),
    [
        ({}, {"loss"}, {"ssnr", "cbak"}),
        ({}, set(), {"ssnr", "cbak"}),
        ({"discriminator": None}, set(), set()),
        ({"discriminator": None}, {"loss"}, set()),
        ({"discriminator": None}, {"stoi"}, {"stoi", "estoi"}),
        ({"discriminator": None}, {"composite"}, {"pesq", "pesq_nb", "csig", "cbak", "covl", "stoi", "estoi"}),
        ({"adversarial": Adversarial(0.3, EPOCHS, 1)}, set(), set()),
        ({"adversarial": Adversarial(0.0, 0, 1)}, set(), set()),
    ],
)
def test_the_weights_say_which_metrics_had_a_part_in_them(splits, changes, chosen_by, expected):
    one = made(splits, **changes)
    one.calibrate(chosen_by)
    assert set(marks.of_mask(one.generator.optimised.tolist())) == expected


def test_what_the_first_weights_were_optimised_for_stays_with_them(splits):
    brought = Filter()
    brought.optimised.copy_(torch.tensor(marks.mask({"stoi"})))
    one = made(splits, network=brought, discriminator=None)
    for _ in range(2):
        one.calibrate({"loss"})
        assert set(marks.of_mask(one.generator.optimised.tolist())) == {"stoi", "estoi"}


@pytest.mark.parametrize("wrong", [[], ["pesq", "pesq"], ["wss"]])
def test_metrics_that_a_discriminator_cannot_learn_are_refused(wrong):
    with pytest.raises(Refused, match="expected one or more of pesq, stoi, estoi, ssnr, each once"):
        Settings(**SETTINGS | {"metrics": tuple(wrong)})


def test_labels_of_processes_are_those_of_this_one():
    waves = torch.from_numpy(np.random.default_rng(0).normal(0, 0.1, (2, 2, SAMPLES)).astype(np.float32))
    found = []
    for executor in (Now(), Processes(1)):
        waiting = learner.Labels(("pesq", "ssnr"), 0, executor)
        waiting.send(*waves)
        found.append(waiting.due()[1])
    assert torch.equal(*found) and found[0].isfinite().all()


# A run that is killed and started again


@pytest.fixture
def cheap(monkeypatch):
    monkeypatch.setattr(learner, "quality", dev_by_ssnr)


def breaking(splits):
    """make_learner(recipe, fault): the fault comes before every update."""

    def make(made_recipe, fault=nothing):
        one = made(splits, made_recipe)
        step = one.step
        one.step = lambda batch, update: step(batch, Update(update, fault=fault))
        return one

    return make


@pytest.fixture(scope="module")
def unbroken(splits, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(learner, "Processes", lambda jobs, program: Now())
        patch.setattr(learner, "quality", dev_by_ssnr)
        folder, updates = tmp_path_factory.mktemp("unbroken"), KillAt(-1)
        finished = loop(folder / "state", lambda made_recipe: breaking(splits)(made_recipe, updates), **RECIPE)
        finished.run()
    assert updates.calls == UPDATES and len(finished.learner.labels.state()) == 1
    assert {"train_discriminator", "train_adversarial", "train_unlabelled"} <= set(finished.progress.history[-1])
    return all_bytes(finished, folder)


@pytest.mark.parametrize("update", range(1, UPDATES + 1))
def test_a_run_killed_before_any_update_ends_with_the_same_bytes(splits, tmp_path, unbroken, cheap, update):
    assert killed_and_resumed(tmp_path, breaking(splits), update, **RECIPE) == unbroken


@pytest.mark.parametrize(
    "forget",
    [
        lambda run: setattr(run.learner, "load", nothing),
        lambda run: setattr(run.learner.optimizers["discriminator"], "load_state_dict", nothing),
        lambda run: setattr(run.learner.optimizers["generator"], "load_state_dict", nothing),
        lambda run: setattr(run.learner.networks["discriminator"], "load_state_dict", nothing),
    ],
    ids=["crops that wait", "the discriminator's optimizer", "the generator's optimizer", "the discriminator"],
)
def test_control_without_a_part_of_the_state_the_run_differs(splits, tmp_path, unbroken, cheap, forget):
    assert killed_and_resumed(tmp_path, breaking(splits), 16, forget, **RECIPE) != unbroken
