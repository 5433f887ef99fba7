"""The training loop on small problems: resume is exact, controls fail, skips are counted, stopping stops."""

import math
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pandas as pd
import pytest
import torch

from tests.training.toys import (
    EPOCHS,
    Accumulating,
    Drawing,
    Gan,
    NaNAt,
    PartlyFrozen,
    Regression,
    Smoothed,
    TwoHeaded,
    all_bytes,
    as_in_another_process,
    kill,
    killed_and_resumed,
    loop,
    nan_at,
    nothing,
    partly_frozen,
    recipe,
    two_heads,
)
from voxdag.core.errors import Refused
from voxdag.networks.weights import read_weights
from voxdag.training.early_stopping import StoppingRules
from voxdag.training.loop import Clock

GAN_STEPS = 18  # 6 an epoch


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbroken")
    finished = loop(folder / "state", Regression)
    finished.run()
    return all_bytes(finished, folder)


@pytest.fixture(scope="module")
def unbroken_gan(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbroken")
    finished = loop(folder / "state", Gan)
    finished.run()
    return all_bytes(finished, folder)


@pytest.mark.parametrize("step", [1, 2, 6, 7, 9, 18])
def test_a_run_killed_at_any_step_ends_with_the_same_bytes(tmp_path, unbroken, step):
    # 6 steps an epoch: the first step, mid-epoch, an epoch's last and first, mid-epoch again, the last
    assert killed_and_resumed(tmp_path, Regression, step) == unbroken


def test_a_run_killed_three_times_ends_with_the_same_bytes(tmp_path, unbroken):
    for begun in (3, 5):  # steps, of which the last is not finished: 2, then 4 more
        kill(tmp_path, Regression, begun)
    assert killed_and_resumed(tmp_path, Regression, 7) == unbroken


def test_control_without_the_dropout_stream_the_resume_differs(tmp_path, unbroken, monkeypatch):
    def forget(_):
        torch.manual_seed(0)  # a new process's stream, from the start
        monkeypatch.setattr("voxdag.training.updater.seed_global", nothing)

    assert killed_and_resumed(tmp_path, Regression, 9, forget) != unbroken


def test_control_without_the_schedule_step_the_resume_differs(tmp_path, unbroken):
    def forget(resumed):
        schedule = resumed.schedule
        resumed.schedule = lambda step: schedule(max(step - 8, 0))

    assert killed_and_resumed(tmp_path, Regression, 9, forget) != unbroken


def test_control_without_the_optimizer_state_the_resume_differs(tmp_path, unbroken):
    def forget(resumed):
        resumed.learner.optimizers["main"].load_state_dict = nothing

    assert killed_and_resumed(tmp_path, Regression, 9, forget) != unbroken


def test_control_without_the_mean_of_weights_the_resume_differs(tmp_path, unbroken):
    def forget(resumed):
        resumed.average.load = nothing

    assert killed_and_resumed(tmp_path, Regression, 14, forget) != unbroken  # one epoch is in the mean


@pytest.mark.parametrize("update", range(1, 2 * GAN_STEPS + 1))
def test_a_gan_killed_before_any_update_ends_with_the_same_bytes(tmp_path, unbroken_gan, update):
    # odd: before a step's discriminator; even: between discriminator and generator
    assert killed_and_resumed(tmp_path, Gan, update) == unbroken_gan


@pytest.mark.parametrize("optimizer", ["discriminator", "generator"])
def test_control_without_one_optimizers_state_the_gan_differs(tmp_path, unbroken_gan, optimizer):
    def forget(resumed):
        resumed.learner.optimizers[optimizer].load_state_dict = nothing

    assert killed_and_resumed(tmp_path, Gan, 19, forget) != unbroken_gan


def test_control_without_the_discriminators_weights_the_gan_differs(tmp_path, unbroken_gan):
    def forget(resumed):
        resumed.learner.networks["discriminator"].load_state_dict = nothing

    assert killed_and_resumed(tmp_path, Gan, 19, forget) != unbroken_gan


def test_control_without_the_replay_buffer_the_gan_differs(tmp_path, unbroken_gan):
    def forget(resumed):
        resumed.learner.load = nothing

    assert killed_and_resumed(tmp_path, Gan, 19, forget) != unbroken_gan


def test_control_without_the_dropout_stream_of_later_updates_the_gan_differs(tmp_path, unbroken_gan, monkeypatch):
    def forget(_):
        from voxdag.training.seeding import seed_torch

        def first_update_only(*names):
            if len(names) == 3:
                seed_torch(*names)

        monkeypatch.setattr("voxdag.training.updater.seed_global", first_update_only)

    assert killed_and_resumed(tmp_path, Gan, 19, forget) != unbroken_gan


def finished_bytes(folder, make_learner):
    finished = loop(folder / "state", make_learner)
    finished.run()
    return all_bytes(finished, folder)


@pytest.mark.parametrize("learner", [Drawing, Smoothed, Accumulating])
@pytest.mark.parametrize("call", [1, 8, 14])
def test_what_learners_do_besides_one_update_ends_with_the_same_bytes(tmp_path, learner, call):
    unbroken = finished_bytes(tmp_path / "unbroken", learner)
    as_in_another_process(5)
    assert killed_and_resumed(tmp_path, learner, call) == unbroken


def test_a_run_in_fp16_goes_on_with_its_loss_scale(tmp_path):
    # the first scale, 2^16, overflows fp16 (65,504), so it is lower by the time of the kill
    fp16 = {"precision": "fp16", "max_nonfinite": 9}
    finished = loop(tmp_path / "unbroken/state", Regression, **fp16)
    finished.run()
    assert 0 < finished.progress.history[0]["skipped"] < 6
    unbroken = all_bytes(finished, tmp_path / "unbroken")
    assert killed_and_resumed(tmp_path / "resumed", Regression, 9, **fp16) == unbroken

    def forget(resumed):
        resumed.updater.scaler.load_state_dict = nothing

    assert killed_and_resumed(tmp_path / "control", Regression, 9, forget, **fp16) != unbroken


def test_a_stopping_rule_goes_on_counting_after_a_kill(tmp_path):
    rules = StoppingRules("mse", patience=3, min_delta=100.0, train_loss_threshold=1e9, plateau_patience=99)
    kill(tmp_path, Regression, 14, epochs=9, stopping=rules)  # in the third epoch; the first has a gain
    resumed = loop(tmp_path / "state", Regression, epochs=9, stopping=rules)
    assert resumed.run().epoch == 4 and resumed.progress.early_stopping.below_threshold == 4


def test_a_run_killed_while_dev_is_scored_or_after_its_end_ends_with_the_same_bytes(tmp_path):
    class KilledOnDev(Drawing):
        def criteria(self):
            self.fault()
            return super().criteria()

        def loss(self, batch):
            fault, self.fault = self.fault, nothing
            loss = super().loss(batch)
            self.fault = fault
            return loss

    unbroken = finished_bytes(tmp_path / "unbroken", Drawing)
    for epoch in (1, 2, 3):
        as_in_another_process(epoch)
        folder = tmp_path / str(epoch)
        assert killed_and_resumed(folder, KilledOnDev, epoch) == unbroken
        as_in_another_process(epoch)
        assert finished_bytes(folder, Drawing) == unbroken  # from the state of a run that has ended


def test_the_smoothed_weights_are_not_those_that_are_trained(tmp_path):
    finished = loop(tmp_path, Smoothed, epochs=1)
    finished.run()
    smoothed, trained = (finished.learner.networks[name][0].weight for name in ("smoothed", "trained"))
    assert finished.network is finished.learner.networks["smoothed"] and not torch.equal(smoothed, trained)


def test_a_network_of_which_the_state_would_hold_nothing_is_refused(tmp_path):
    def smoothed_without_gradient(made):
        learner = Smoothed(made)
        learner.networks["smoothed"].requires_grad_(False)
        return learner

    with pytest.raises(ValueError, match="the network 'smoothed' of the learner is wholly frozen"):
        loop(tmp_path, smoothed_without_gradient)


def killed_with_nine(folder, setup):
    """Run a Regression in a process of its own, which `setup` makes kill itself."""
    script = textwrap.dedent(
        """
        import os, signal, torch
        from pathlib import Path
        from tests.training.toys import Regression, loop, nothing
        def kill():
            os.kill(os.getpid(), signal.SIGKILL)
        class At:
            def __init__(self, n):
                self.left = n
            def __call__(self, *_):
                self.left -= 1
                if self.left == 0:
                    kill()
        fault = nothing
        torch.set_num_threads(1)  # as in the test: it changes the order of float sums
        """
    )
    script += f"{textwrap.dedent(setup)}\nloop(Path({str(folder)!r}), lambda made: Regression(made, fault)).run()\n"
    environment = os.environ | {"PYTHONPATH": str(Path.cwd())}
    done = subprocess.run([sys.executable, "-c", script], env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr


def test_kill_nine_in_the_middle_of_an_epoch(tmp_path, unbroken):
    killed_with_nine(tmp_path / "state", "fault = At(10)")
    resumed = loop(tmp_path / "state", Regression)
    resumed.resume()
    assert resumed.progress.epoch == 1 and resumed.progress.tally.steps == 3  # 9 steps done, 6 of them the first epoch
    resumed.run()
    assert all_bytes(resumed, tmp_path) == unbroken


@pytest.mark.parametrize(
    ("name", "write", "steps"),
    [("state.pt", 1, None), ("state.pt", 7, 6), ("state.pt", 11, 9), ("best_mse", 2, 12)],
)
def test_kill_nine_between_writing_a_file_and_giving_it_its_name(tmp_path, unbroken, name, write, steps):
    # Saved after each of the 6 steps of an epoch and at its end: the 7th state is the first epoch's, the 11th that of
    # step 10. The mean square error falls from epoch to epoch, so the second epoch's weights are the second kept.
    killed_with_nine(
        tmp_path / "state",
        f"""
        replace, at = Path.replace, At({write})
        def replace_or_die(self, target):
            if Path(target).name.startswith({name!r}):
                at()
            return replace(self, target)
        Path.replace = replace_or_die
        """,
    )
    assert list((tmp_path / "state").glob(f".{name}*.partial"))  # it was written, and has not got its name
    resumed = loop(tmp_path / "state", Regression)
    resumed.resume()
    assert resumed.progress.step == (steps or 0)
    resumed.run()
    assert all_bytes(resumed, tmp_path) == unbroken


def test_another_seed_gives_other_bytes(tmp_path, unbroken):
    other = loop(tmp_path / "state", lambda made: Regression(made, seed=1))
    other.run()
    assert all_bytes(other, tmp_path) != unbroken


def test_losses_and_norms_of_several_updates_are_columns_of_their_own(tmp_path):
    finished = loop(tmp_path, Gan)
    finished.run()
    assert finished.columns() == [
        "epoch", "step", "lr", "train_discriminator", "train_real", "train_generator", "grad_norm_discriminator",
        "grad_norm_generator", "skipped", "dev_mse",
    ]  # fmt: skip
    assert all(0 < row["train_real"] < row["train_discriminator"] for row in finished.progress.history)


def test_a_run_without_an_epoch_has_columns_too(tmp_path):
    finished = loop(tmp_path, Regression, epochs=0)
    assert finished.run().epoch == 0
    assert finished.columns() == ["epoch", "step", "lr", "train_loss", "grad_norm", "skipped"]


@pytest.mark.parametrize(("warmup", "said"), [(12, True), (11, False)])
def test_a_warm_up_as_long_as_training_is_said(tmp_path, caplog, warmup, said):
    loop(tmp_path, Regression, epochs=2, warmup=warmup)  # of 6 steps each
    assert ("warmup is 12 steps, all 12 of training: lr is not reached" in caplog.messages) == said


def test_mean_losses_and_norms_are_those_of_the_steps(tmp_path):
    finished = loop(tmp_path, Regression, epochs=1)
    outcomes, step = [], finished.run_step

    def remember(batch):
        step(batch)
        outcomes.extend(finished.updater.outcomes)

    finished.run_step = remember
    row = finished.run().history[0]
    assert len(outcomes) == 6
    assert row["train_loss"] == pytest.approx(sum(outcome.loss for outcome in outcomes) / 6, rel=1e-12)
    assert row["grad_norm"] == pytest.approx(sum(outcome.grad_norm for outcome in outcomes) / 6, rel=1e-12)


def test_batch_norm_is_refreshed_on_the_whole_epoch_after_the_last(tmp_path):
    finished = loop(tmp_path, Regression)
    finished.run()
    asked, batches = [], finished.learner.batches
    finished.learner.batches = lambda epoch, first: asked.append((epoch, first)) or batches(epoch, first)
    assert finished.load_average() and asked == [(EPOCHS, 0)]


def test_the_learning_rate_of_an_epoch_is_that_of_its_last_step(tmp_path):
    finished = loop(tmp_path, Regression)
    used, begin = [], finished.updater.begin
    finished.updater.begin = lambda step, lr: used.append(lr) or begin(step, lr)
    assert [row["lr"] for row in finished.run().history] == [used[5], used[11], used[17]]  # 6 steps an epoch


def test_dev_is_scored_in_evaluation_without_gradients_and_training_goes_on_in_training_mode(tmp_path):
    seen = []

    class Watched(Regression):
        def criteria(self):
            seen.append(("dev", self.network[3].training, torch.is_inference_mode_enabled()))
            return super().criteria()

        def loss(self, batch):
            seen.append(("train", self.network[3].training, torch.is_inference_mode_enabled()))
            return super().loss(batch)

    loop(tmp_path, Watched).run()
    assert set(seen) == {("dev", False, True), ("train", True, False)}


def test_an_undefined_criterion_selects_nothing(tmp_path):
    finished = loop(tmp_path, Regression)
    assert finished.run().best.keys() == {"mse"}
    assert "dev_undefined" not in finished.progress.history[0]


class Scored(Regression):
    """Dev criteria as given, epoch by epoch."""

    def __init__(self, made, **values):
        super().__init__(made)
        self.values = {name: iter(of_epochs) for name, of_epochs in values.items()}

    def criteria(self):
        return {name: next(values) for name, values in self.values.items()}


class Skilled(Scored):
    HIGHER = frozenset({"mse"})


@pytest.mark.parametrize(("learner", "best"), [(Scored, 0.4), (Skilled, 0.7)])
def test_a_criterion_that_is_not_a_number_is_never_best(tmp_path, learner, best):
    values = [math.nan, 0.7, math.nan, 0.4]
    finished = loop(tmp_path, lambda made: learner(made, mse=values), epochs=4)
    assert finished.run().best == {"mse": {"value": best, "epoch": values.index(best) + 1}}
    table = pd.DataFrame(finished.progress.history, columns=finished.columns())
    assert table["dev_mse"].isna().tolist() == [True, False, True, False]


def test_a_criterion_that_dev_defined_before_may_be_undefined_for_some_weights(tmp_path):
    finished = loop(tmp_path, lambda made: Scored(made, mse=[0.7, None, 0.4]))
    assert finished.run().best == {"mse": {"value": 0.4, "epoch": 3}}
    assert "dev_mse" not in finished.progress.history[1]


def test_an_epoch_whose_criterion_is_not_a_number_enters_no_mean_of_the_best_and_gains_nothing(tmp_path):
    rules = StoppingRules("mse", patience=2, min_delta=0.0, train_loss_threshold=0.0, plateau_patience=1)
    averaging = type(recipe().averaging)("best", 0.0)
    make = lambda made: Scored(made, mse=[math.nan, 0.7, math.nan, math.nan, 0.1])  # noqa: E731
    finished = loop(tmp_path, make, epochs=5, stopping=rules, averaging=averaging)
    finished.run()
    assert finished.progress.epoch == 4 and finished.average.count == 1
    assert finished.progress.stopped == "no gain of mse above 0.0 in 2 epochs"


@pytest.mark.parametrize(("learner", "entered"), [(Scored, 3), (Skilled, 4)])
def test_an_epoch_that_ties_with_the_best_so_far_enters_the_mean_of_the_best(tmp_path, learner, entered):
    # lower is better: 0.5, its tie, 0.4; higher is better: 0.5, its tie, 0.6, its tie
    averaging = type(recipe().averaging)("best", 0.0)
    make = lambda made: learner(made, mse=[0.5, 0.5, 0.6, 0.4, 0.6])  # noqa: E731
    finished = loop(tmp_path, make, epochs=5, averaging=averaging)
    finished.run()
    assert finished.average.count == entered


def test_best_is_the_first_lowest_of_the_history(tmp_path):
    progress = loop(tmp_path, Regression, epochs=6).run()
    values = [row["dev_mse"] for row in progress.history]
    epoch = values.index(min(values)) + 1
    assert progress.best["mse"] == {"value": min(values), "epoch": epoch}
    assert [path.name for path in tmp_path.glob("best_*")] == [f"best_mse-{epoch:04d}.safetensors"]


def test_a_step_that_is_not_finite_is_skipped_and_counted(tmp_path):
    finished = loop(tmp_path, lambda made: NaNAt(made, {2, 3, 8}))
    progress = finished.run()
    assert [row["skipped"] for row in progress.history] == [2, 1, 0]
    assert all(parameter.isfinite().all() for parameter in finished.network.parameters())
    assert all(math.isfinite(row["train_loss"]) for row in progress.history)


def test_an_epoch_of_skipped_steps_has_no_mean_loss(tmp_path):
    finished = loop(tmp_path, lambda made: NaNAt(made, set(range(1, 7))), max_nonfinite=6, epochs=1)
    row = finished.run().history[0]
    assert row["skipped"] == 6 and math.isnan(row["train_loss"]) and math.isnan(row["grad_norm"])


def test_too_many_in_a_row_are_fatal(tmp_path):
    with pytest.raises(ValueError, match=r"3 steps in a row .*max_nonfinite is 2.* at step 4, .* main: loss nan"):
        loop(tmp_path, lambda made: NaNAt(made, {2, 3, 4})).run()


class DiscriminatorNaN(Gan):
    def __init__(self, made, steps):
        super().__init__(made)
        self.factor = nan_at(steps)

    def step(self, batch, update):
        def spoiled(name, loss):
            return update(name, loss * self.factor() if name == "discriminator" else loss)

        spoiled.step = update.step
        return super().step(batch, spoiled)


def test_a_step_that_skips_one_of_its_updates_makes_the_other_and_has_no_part_in_the_mean_losses(tmp_path):
    finished = loop(tmp_path, lambda made: DiscriminatorNaN(made, {1, 2, 3, 4, 5, 6}), epochs=1, max_nonfinite=6)
    start = {name: network[0].weight.clone() for name, network in finished.learner.networks.items()}
    row = finished.run().history[0]
    assert row["skipped"] == 6 and math.isnan(row["train_generator"]) and math.isnan(row["grad_norm_discriminator"])
    assert row["grad_norm_generator"] > 0
    networks = finished.learner.networks
    assert torch.equal(networks["discriminator"][0].weight, start["discriminator"])
    assert not torch.equal(networks["generator"][0].weight, start["generator"])


def test_a_step_that_skips_one_of_its_updates_counts_as_one_in_a_row(tmp_path):
    with pytest.raises(ValueError, match=r"3 steps in a row .* at step 3, optimizer discriminator: loss nan"):
        loop(tmp_path, lambda made: DiscriminatorNaN(made, {1, 2, 3})).run()


def test_patience_stops_and_is_remembered_by_a_resume(tmp_path):
    rules = StoppingRules("mse", patience=2, min_delta=100.0, train_loss_threshold=0.0, plateau_patience=1)
    progress = loop(tmp_path, Regression, epochs=9, stopping=rules).run()
    assert progress.epoch == 3 and "no gain of mse above 100.0 in 2 epochs" in progress.stopped
    again = loop(tmp_path, Regression, epochs=9, stopping=rules).run()
    assert again.epoch == 3 and len(again.history) == 3  # a finished run is not trained further


def test_a_plateau_of_the_training_loss_stops(tmp_path):
    rules = StoppingRules("mse", patience=None, min_delta=0.0, train_loss_threshold=1e9, plateau_patience=2)
    progress = loop(tmp_path, Regression, stopping=rules).run()
    assert progress.epoch == 2 and "training loss below 1000000000.0 for 2 epochs" in progress.stopped


def test_an_unknown_stopping_criterion_is_named(tmp_path):
    with pytest.raises(ValueError, match="stopping.criterion is 'uar', which dev does not define; it has mse"):
        loop(tmp_path, Regression, stopping=StoppingRules("uar", None, 0.0, 0.0, 1)).run()


def test_a_stopping_criterion_that_dev_cannot_define_is_named(tmp_path):
    with pytest.raises(ValueError, match="stopping.criterion is 'undefined', which dev does not define; it has mse"):
        loop(tmp_path, Regression, stopping=StoppingRules("undefined", None, 0.0, 0.0, 1)).run()


class Unmeasured(Regression):
    """A learner without dev criteria."""

    def criteria(self):
        return {}


UNCHOSEN = StoppingRules(None, None, 0.0, 0.0, 1)


def test_a_learner_without_criteria_trains_to_the_end_and_keeps_no_checkpoint(tmp_path):
    finished = loop(tmp_path, Unmeasured, stopping=UNCHOSEN)
    progress = finished.run()
    assert progress.epoch == EPOCHS and progress.best == {} and not list(tmp_path.glob("best_*"))
    assert not any(name.startswith("dev_") for name in finished.columns()) and finished.average.count == 3
    again = loop(tmp_path, Unmeasured, stopping=UNCHOSEN)
    assert again.run().step == progress.step and again.progress.history == progress.history


def test_a_criterion_of_a_learner_without_any_is_refused(tmp_path):
    with pytest.raises(Refused, match="stopping.criterion is 'mse', which dev does not define; it has none"):
        loop(tmp_path, Unmeasured).run()


def test_a_learner_with_criteria_needs_one_to_be_named(tmp_path):
    with pytest.raises(Refused, match="stopping.criterion is None, which dev does not define; it has mse"):
        loop(tmp_path, Regression, stopping=UNCHOSEN).run()


def test_a_rule_about_the_training_loss_needs_one_of_that_name(tmp_path):
    with pytest.raises(ValueError, match=r"train_loss_threshold is 0.5, but no .* 'loss'; the history has train_disc"):
        loop(tmp_path, Gan, stopping=StoppingRules("mse", None, 0.0, 0.5, 1)).run()


@pytest.mark.parametrize("change", [{"optimizer": "sgd"}, {"precision": "fp8"}])
def test_an_unknown_choice_is_refused_with_the_valid_ones(change):
    with pytest.raises(ValueError, match="expected one of (adam, adamw|fp32, tf32, bf16, fp16)"):
        recipe(**change)


def test_clipping_to_nothing_is_refused():
    with pytest.raises(ValueError, match="clip_norm is 0.0, expected more than 0"):
        recipe(clip_norm=0.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": -1}, "epochs is -1, expected 0 or more"),
        ({"batch_size": 0}, "batch_size is 0, expected 1 or more"),
        ({"lr": -0.1}, "lr is -0.1, expected more than 0"),
        ({"lr_floor": -0.1}, "lr_floor is -0.1, expected 0 or more"),
        ({"warmup": -1}, "warmup is -1, expected 0 or more"),
        ({"weight_decay": -1.0}, "weight_decay is -1.0, expected 0 or more"),
        ({"max_nonfinite": -1}, "max_nonfinite is -1, expected 0 or more"),
        ({"betas": (0.9, 1.0)}, r"betas is \(0.9, 1.0\), expected from 0 to below 1"),
        ({"betas": (-0.1, 0.9)}, r"betas is \(-0.1, 0.9\)"),
    ],
)
def test_a_number_out_of_range_is_refused_by_name(change, message):
    with pytest.raises(Refused, match=message):
        recipe(**change)


def test_bf16_trains(tmp_path):
    progress = loop(tmp_path, Regression, precision="bf16", epochs=6).run()
    assert progress.history[-1]["train_loss"] < progress.history[0]["train_loss"]


@pytest.mark.parametrize(("precision", "rounded"), [("fp32", False), ("tf32", True), ("bf16", True), ("fp16", True)])
def test_a_gpu_may_round_in_the_steps_as_the_precision_says_and_never_where_dev_is_scored(tmp_path, precision, rounded):
    seen = {"step": set(), "dev": set()}

    class Watching(Regression):
        def loss(self, batch):
            seen["step"].add(torch.backends.cudnn.allow_tf32)
            return super().loss(batch)

        def criteria(self):
            seen["dev"].add(torch.backends.cudnn.allow_tf32)
            return super().criteria()

    torch.backends.cudnn.allow_tf32 = False  # as `runtime.setup` leaves it
    loop(tmp_path, Watching, precision=precision, max_nonfinite=20).run()
    assert seen == {"step": {rounded}, "dev": {False}}


def test_a_criterion_of_which_higher_is_better_keeps_the_highest_and_its_first_tie(tmp_path):
    make = lambda made: Skilled(made, mse=[0.2, 0.6, 0.6, 0.4, 0.5])  # noqa: E731
    finished = loop(tmp_path, make, epochs=5, stopping=StoppingRules("mse", 3, 0.0, 0.0, 1))
    assert finished.run().best == {"mse": {"value": 0.6, "epoch": 2}}
    assert finished.progress.stopped == "no gain of mse above 0.0 in 3 epochs"


def frozen_learner(made, fault=nothing):
    return Regression(made, fault, network=partly_frozen())


def test_a_frozen_part_is_a_fixed_function_in_no_state_in_no_mean_and_in_no_weights_file(tmp_path):
    about = {"network": "toy", "base": "base.safetensors"}
    finished = loop(tmp_path, frozen_learner, about)
    finished.run()
    fresh = partly_frozen().state_dict()
    trained = finished.network.state_dict()
    assert all(torch.equal(trained[name], fresh[name]) for name in fresh if name.startswith("front."))
    for name in ("head.2.weight", "head.0.running_mean"):
        assert not torch.equal(trained[name], fresh[name])
    weights, header = read_weights(next(tmp_path.glob("best_mse-*")))
    for held in (finished.state()["networks"]["main"], finished.average.mean, weights):
        assert held and all(name.startswith("head.") for name in held)
    assert header == about | {"frozen": [name for name in fresh if name.startswith("front.")]}
    assert len(finished.learner.optimizers["main"].param_groups[0]["params"]) == 4


def test_a_refresh_leaves_the_statistics_of_a_frozen_part(tmp_path):
    finished = loop(tmp_path, frozen_learner, {"base": "base.safetensors"})
    finished.run()
    assert finished.load_average()
    assert torch.equal(finished.network.front[1].running_mean, torch.linspace(-1, 1, 16))


@pytest.mark.parametrize("step", [1, 8, 18])
def test_a_run_with_a_frozen_part_ends_with_the_same_bytes(tmp_path, step):
    about = {"base": "base.safetensors"}
    finished = loop(tmp_path / "unbroken" / "state", frozen_learner, about)
    finished.run()
    resumed = killed_and_resumed(tmp_path, frozen_learner, step, about=about)
    assert resumed == all_bytes(finished, tmp_path / "unbroken")


def test_a_state_of_another_split_into_frozen_and_trained_is_refused(tmp_path):
    loop(tmp_path, frozen_learner, {"base": "base.safetensors"}, epochs=1).run()
    other = loop(tmp_path, lambda made: Regression(made, network=PartlyFrozen()), epochs=1)
    with pytest.raises(ValueError, match=r"a state of 7 tensors for 16 .*they differ in front.0.bias"):
        other.run()


def gradients(columns):
    learner = TwoHeaded(recipe(), columns)
    learner.loss(columns).backward()
    return {name: parameter.grad for name, parameter in learner.network.named_parameters()}


def test_an_item_without_a_target_for_a_head_has_no_influence_on_its_gradients():
    whole = two_heads()
    other_target = whole["valence"].clone()
    other_target[2] = 1e4  # the item has no valence: whatever stands there is not looked at
    changed = gradients(two_heads(valence=other_target))
    assert all(torch.equal(gradient, changed[name]) for name, gradient in gradients(whole).items())

    other_input = whole["x"].clone()
    other_input[2] = 5.0
    changed = gradients(two_heads(x=other_input))
    assert torch.equal(changed["valence.weight"], gradients(whole)["valence.weight"])
    assert not torch.equal(changed["arousal.weight"], gradients(whole)["arousal.weight"])


def test_a_head_without_a_target_in_the_batch_has_no_gradient_and_no_nan():
    none = gradients(two_heads(mask_valence=torch.zeros(4, dtype=torch.bool)))
    assert none["valence.weight"].eq(0).all() and none["arousal.weight"].ne(0).any()
    assert all(gradient.isfinite().all() for gradient in none.values())


def test_the_losses_of_the_heads_are_columns(tmp_path):
    finished = loop(tmp_path, lambda made: TwoHeaded(made, two_heads()), epochs=2)
    for row in finished.run().history:
        assert row["train_loss"] == pytest.approx(row["train_arousal"] + row["train_valence"], rel=1e-6)


@pytest.mark.parametrize(
    ("began", "done", "epochs", "now", "left"),
    [
        ((0, 100.0), 1, 3, 110.0, "20 s left"),
        ((0, 100.0), 2, 3, 120.0, "10 s left"),
        ((0, 100.0), 3, 3, 130.0, "0 s left"),
        ((4, 100.0), 6, 10, 180.0, "3 min left"),  # 40 s an epoch since the resume, not 13
        ((0, 0.0), 1, 61, 65.0, "1 h 05 min left"),
    ],
)
def test_the_time_left_is_that_of_the_other_epochs_at_the_pace_so_far(began, done, epochs, now, left):
    assert Clock(*began).left(done, epochs, now) == left


def test_an_epochs_line_says_of_how_many_and_the_time_left(tmp_path, caplog):
    caplog.set_level("INFO", logger="voxdag.training.loop")
    loop(tmp_path / "state", Regression).run()
    assert len(caplog.messages) == EPOCHS
    for number, line in enumerate(caplog.messages, 1):
        assert line.startswith(f"epoch {number} of {EPOCHS}  step {6 * number}  lr ") and line.endswith("s left")


def test_after_a_resume_the_time_left_counts_from_there(tmp_path):
    loop(tmp_path / "state", Regression).run()
    again = loop(tmp_path / "state", Regression)
    again.run()
    assert again.clock.epoch == EPOCHS and again.clock.seconds > 0
