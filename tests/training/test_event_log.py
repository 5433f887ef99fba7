"""The events of a run: what a step and an epoch say, and a file that a resume cuts back."""

import json
import math
import os

import pytest

from tests.training.toys import EPOCHS, Gan, KillAt, Killed, NaNAt, Regression, all_bytes, loop, nothing
from voxdag.core.errors import Refused
from voxdag.training.event_log import EVENTS, LINES, EventLog, interval
from voxdag.training.events import EPOCH, STEP, Event
from voxdag.training.tracking import Trackers


def events_of(finished):
    return [json.loads(line) for line in finished.events.content().decode().splitlines()]


def test_a_step_says_its_losses_its_norm_and_its_learning_rate_and_an_epoch_its_row_of_the_history(tmp_path):
    finished = loop(tmp_path, Regression)
    outcomes, count = [], finished.count_step

    def remember(losses):
        outcomes.extend(finished.updater.outcomes)
        count(losses)

    finished.count_step = remember
    history = finished.run().history
    events = events_of(finished)
    steps = [event for event in events if STEP in event]
    assert [event[STEP] for event in steps] == list(range(1, 19))
    for event, outcome in zip(steps, outcomes, strict=True):
        assert event.keys() == {STEP, "train/loss", "train/grad_norm", "train/lr"}
        assert event["train/loss"] == pytest.approx(outcome.loss, rel=1e-8)
        assert event["train/grad_norm"] == pytest.approx(outcome.grad_norm, rel=1e-8)
        assert event["train/lr"] == pytest.approx(finished.schedule(event[STEP] - 1), rel=1e-8)
    for place, row in enumerate(history, 1):
        event = events[7 * place - 1]  # behind the epoch's 6 steps
        assert event[EPOCH] == place == row["epoch"] and event["epoch/global_step"] == row["step"] == 6 * place
        assert event["epoch/dev_mse"] == pytest.approx(row["dev_mse"], rel=1e-8)
        assert event["epoch/train_loss"] == pytest.approx(row["train_loss"], rel=1e-8)
        named = {f"epoch/{name}" for name in row.keys() - {"epoch", "step"}}
        assert event.keys() == {EPOCH, "epoch/global_step"} | named
    assert len(events) == 18 + EPOCHS == finished.events.count


def test_losses_and_norms_of_several_updates_have_names_of_their_own(tmp_path):
    finished = loop(tmp_path, Gan, epochs=1)
    finished.run()
    assert list(events_of(finished)[0]) == [
        STEP, "train/discriminator", "train/real", "train/generator", "train/grad_norm_discriminator",
        "train/grad_norm_generator", "train/lr",
    ]  # fmt: skip


def test_no_name_is_on_both_clocks(tmp_path):
    finished = loop(tmp_path, Regression)
    finished.run()
    names = {axis: {name for event in events_of(finished) if axis in event for name in event} for axis in (STEP, EPOCH)}
    assert names[STEP] & names[EPOCH] == set()


def test_a_skipped_step_says_so_whether_it_is_its_turn_or_not_and_what_is_not_finite_is_undefined(tmp_path):
    finished = loop(tmp_path, lambda made: NaNAt(made, {3}), log_every=4)
    finished.run()
    steps = [event for event in events_of(finished) if STEP in event]
    assert [event[STEP] for event in steps] == [3, 4, 8, 12, 16]
    assert steps[0]["train/loss"] is None and steps[0]["train/grad_norm"] is None and steps[0]["train/skipped"] == 1
    assert "train/skipped" not in steps[1]


@pytest.mark.parametrize(
    ("log_every", "steps", "expected"),
    [(None, 0, 1), (None, LINES, 1), (None, LINES + 1, 2), (None, 5 * LINES, 5), (7, 5 * LINES, 7)],
)
def test_how_often_a_step_is_written(log_every, steps, expected):
    assert interval(log_every, steps) == expected
    assert log_every or steps // expected <= LINES


def test_an_event_is_read_as_it_was_written_and_keeps_what_a_float32_holds():
    event = Event.of(STEP, 7, {"train/loss": 1 / 3, "train/lr": 1e-7, "train/skipped": 2, "train/x": math.inf})
    assert event.values == {"train/loss": 0.333333333, "train/lr": 1e-7, "train/skipped": 2, "train/x": None}
    assert Event.read(event.line()) == event
    assert event.line().startswith('{"train/global_step": 7, ') and event.line().endswith("\n")


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbroken")
    finished = loop(folder / "state", Regression)
    finished.run()
    return all_bytes(finished, folder)


def killed_ahead_of_its_state(folder, call):
    """Killed at that call, in a run that saves at ends of epochs alone and writes its events at every step."""
    run = loop(folder / "state", lambda made: Regression(made, KillAt(call)), save_seconds=math.inf)
    run.events.is_due = lambda now: True
    with pytest.raises(Killed):
        run.run()
    return run.events.path


@pytest.mark.parametrize(("call", "held", "kept"), [(4, 3, 0), (11, 11, 7)])
def test_what_came_after_the_last_state_is_cut_off_and_made_again(tmp_path, unbroken, call, held, kept):
    path = killed_ahead_of_its_state(tmp_path, call)
    assert len(path.read_text().splitlines()) == held
    resumed = loop(tmp_path / "state", Regression)
    resumed.resume()
    assert resumed.events.count == kept == len(path.read_text().splitlines())
    resumed.run()
    assert all_bytes(resumed, tmp_path) == unbroken


def test_a_line_that_a_kill_left_half_written_is_cut_off(tmp_path, unbroken):
    path = killed_ahead_of_its_state(tmp_path, 11)
    path.write_bytes(path.read_bytes() + b'{"train/global_st')
    resumed = loop(tmp_path / "state", Regression)
    resumed.run()
    assert all_bytes(resumed, tmp_path) == unbroken


def test_control_without_the_cut_the_events_differ(tmp_path, unbroken):
    killed_ahead_of_its_state(tmp_path, 11)
    resumed = loop(tmp_path / "state", Regression)
    resumed.events.cut = nothing
    resumed.run()
    ours = all_bytes(resumed, tmp_path)
    assert ours[:-1] == unbroken[:-1] and ours[-1] != unbroken[-1]


def test_a_file_that_lacks_what_the_state_says_is_refused(tmp_path):
    path = killed_ahead_of_its_state(tmp_path, 8)
    os.truncate(path, 10)
    with pytest.raises(
        Refused, match=rf"events.jsonl holds 10 bytes, \d+ by the state beside it; delete {path.parent}"
    ):
        loop(tmp_path / "state", Regression).run()
    path.unlink()
    with pytest.raises(Refused, match="events.jsonl holds 0 bytes"):
        loop(tmp_path / "state", Regression).run()


def test_a_file_of_the_right_length_that_is_not_what_the_state_knows_is_refused(tmp_path):
    path = killed_ahead_of_its_state(tmp_path, 11)
    content = path.read_bytes()
    path.write_bytes(content[:40] + bytes(len(content) - 40))  # as a disk leaves a block that it never wrote
    with pytest.raises(Refused, match=r"events.jsonl has the checksum \w{8}, \w{8} by the state beside it; delete"):
        loop(tmp_path / "state", Regression).run()


def test_events_of_a_run_whose_state_is_gone_are_made_anew(tmp_path, unbroken):
    killed_ahead_of_its_state(tmp_path, 4)  # in the first epoch: there is no state
    finished = loop(tmp_path / "state", Regression)
    finished.run()
    assert all_bytes(finished, tmp_path) == unbroken


def test_events_wait_in_memory_until_a_save(tmp_path):
    log = EventLog(tmp_path / "state" / EVENTS, Trackers.none())
    log.add(STEP, 1, {"train/loss": 0.5})
    assert not log.path.exists() and log.content() == b""
    log.flush()
    log.add(STEP, 2, {"train/loss": 0.25})
    assert log.content() == b'{"train/global_step": 1, "train/loss": 0.5}\n' and log.size == len(log.content())


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "state").write_text("a file where the folder belongs")
    log = EventLog(tmp_path / "state" / EVENTS, Trackers.none())
    log.add(STEP, 1, {"train/loss": 0.5})
    with pytest.raises(OSError, match="state"):
        log.flush()
