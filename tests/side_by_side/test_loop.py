"""Which stage is begun when, with work that only writes down what it was asked for."""

from threading import Event, Lock

import pytest

from voxdag.side_by_side.loop import IGNORE, KEEP_GOING, STOP, Loop, Order
from voxdag.side_by_side.report import FAILED, RAN, RESTORED, SKIPPED, UNCHANGED
from voxdag.side_by_side.screen import Screen
from voxdag.side_by_side.slots import Needs, Slots

#   a -> b -> d -> e        f
#     -> c ->
ABOVE = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"], "e": ["d"], "f": []}
BELOW = {"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": ["e"], "e": [], "f": []}


class Work:
    """changed: the stages that have; failing: those that fail; threads, actions: of a stage."""

    def __init__(self, changed=frozenset(ABOVE), failing=(), threads=None, actions=None):
        self.changed, self.failing, self.threads, self.actions = changed, failing, threads or {}, actions or {}
        self.begun, self.now, self.most, self.lock, self.was_ended = [], 0, 0, Lock(), False

    def look(self, name, forced):
        return Needs(self.threads.get(name, 1)) if forced or name in self.changed else None

    def reproduce(self, name, share, forced):
        with self.lock:
            self.begun.append(name)
            self.now += share.processors
            self.most = max(self.most, self.now)
        self.actions.get(name, lambda: None)()
        with self.lock:
            self.now -= share.processors
        if name in self.failing:
            raise ValueError(f"{name}\nis broken")
        return RAN

    def end(self):
        self.was_ended = True


def run(work, processors=2, **options):
    loop = Loop(Order(ABOVE, BELOW, **options), work, Slots(processors), Screen(ABOVE, quiet=True))
    loop.run()
    return loop, {name: record.outcome for name, record in loop.records.items()}


@pytest.mark.parametrize("processors", [1, 2, 9])
def test_each_runs_once_behind_those_that_it_waits_for(processors):
    work = Work()
    loop, outcomes = run(work, processors)
    assert outcomes == dict.fromkeys(ABOVE, RAN) and sorted(work.begun) == sorted(ABOVE)
    for name, parents in ABOVE.items():
        assert all(loop.records[parent].ended <= loop.records[name].begun for parent in parents)
    assert work.most <= processors and loop.failed == []


def test_two_at_a_time_where_there_is_room_for_two():
    one, other = Event(), Event()

    def meet(mine, theirs):
        mine.set()
        assert theirs.wait(60)

    work = Work({"b", "c"}, actions={"b": lambda: meet(one, other), "c": lambda: meet(other, one)})
    _, outcomes = run(work)
    assert outcomes["b"] == outcomes["c"] == RAN and work.most == 2


def test_threads_are_counted():
    work = Work(threads={"b": 2, "f": 7})
    run(work)
    assert work.most == 2


def test_what_has_not_changed_is_passed_and_what_lies_behind_it_runs():
    work = Work({"e"})
    loop, outcomes = run(work)
    assert work.begun == ["e"] and outcomes == {**dict.fromkeys("abcdf", UNCHANGED), "e": RAN}
    assert loop.records["e"].after == ""


def test_what_a_stage_waited_for_is_the_last_that_ran_before_it():
    loop, _ = run(Work({"a", "c", "e"}))
    assert [loop.records[name].after for name in ("a", "c", "e")] == ["", "a", "c"]  # d has not changed


@pytest.mark.parametrize(
    ("times", "order"), [({}, "abcdfe"), ({"f": 100.0}, "fabcde"), ({"c": 100.0, "f": 0.5}, "acbdef")]
)
def test_the_first_of_the_longest_chain_comes_first(times, order):
    work = Work()
    run(work, 1, times=times)
    assert "".join(work.begun) == order


def test_forced_stages_run_without_a_change_and_those_below_if_asked():
    work = Work({"c"})
    run(work, forced=frozenset("f"))
    assert sorted(work.begun) == ["c", "f"]
    work = Work({"c"})
    run(work, force_below=True)
    assert work.begun == ["c", "d", "e"]


def test_a_failure_lets_those_that_run_end_and_begins_no_more():
    begun, failed, ended = Event(), Event(), Event()

    def fails():
        assert begun.wait(60)
        failed.set()

    def late():
        begun.set()
        assert failed.wait(60)
        ended.set()

    work = Work(failing={"b"}, actions={"b": fails, "c": late})
    loop, outcomes = run(work, on_error=STOP)
    assert outcomes["b"] == FAILED and outcomes["c"] == RAN and ended.is_set()
    assert outcomes["d"] == outcomes["e"] == SKIPPED
    assert loop.failed == ["b"] and loop.records["b"].error == "b is broken" and not work.was_ended


def test_going_on_leaves_out_what_lies_below_a_failure():
    _, outcomes = run(Work(failing={"b"}), on_error=KEEP_GOING)
    assert outcomes == {"a": RAN, "b": FAILED, "c": RAN, "d": SKIPPED, "e": SKIPPED, "f": RAN}


def test_an_ignored_failure_holds_up_nothing():
    _, outcomes = run(Work(failing={"b"}), on_error=IGNORE)
    assert outcomes == {**dict.fromkeys("acdef", RAN), "b": FAILED}


def test_an_interrupt_ends_what_runs():
    work = Work()
    look = work.look

    def interrupted(name, forced):
        if name == "d":
            raise KeyboardInterrupt
        return look(name, forced)

    work.look = interrupted
    with pytest.raises(KeyboardInterrupt):
        run(work)
    assert work.was_ended and "d" not in work.begun


def test_what_dvc_had_is_told_apart_from_what_ran():
    work = Work()
    work.reproduce = lambda name, share, forced: RESTORED
    assert set(run(work)[1].values()) == {RESTORED}
