import dataclasses
from dataclasses import dataclass

import pytest

from voxdag.core import params
from voxdag.core.errors import Refused


@dataclass(frozen=True)
class Inner:
    betas: tuple[float, float]
    name: str | None = None


@dataclass(frozen=True)
class Outer:
    lr: float
    epochs: int
    on: bool
    inner: Inner
    by: tuple[str, ...] = ()


TREE = {"lr": 0.1, "epochs": 3, "on": True, "inner": {"betas": [0.9, 0.999]}}


def test_nested_sections_become_dataclasses():
    assert params.bind(Outer, TREE | {"by": ["a", "b"]}, "x") == Outer(0.1, 3, True, Inner((0.9, 0.999)), ("a", "b"))


@pytest.mark.parametrize(("written", "read"), [(1, 1.0), ("1e-3", 1e-3), ("1e-05", 1e-5)])
def test_a_float_may_be_written_as_yaml_reads_it(written, read):
    assert params.bind(Outer, TREE | {"lr": written}, "x").lr == read


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lrr": 1}, "x has the unknown key lrr; known keys: lr, epochs, on, inner, by"),
        ({"lr": "fast"}, "x.lr is 'fast', expected float"),
        ({"lr": "nan"}, "x.lr is 'nan', expected float"),
        ({"lr": True}, "x.lr is True, expected float"),
        ({"epochs": 1.5}, "x.epochs is 1.5, expected int"),
        ({"epochs": True}, "x.epochs is True, expected int"),
        ({"on": 1}, "x.on is 1, expected bool"),
        ({"inner": {"betas": [0.9]}}, r"x.inner.betas is \[0.9\], expected a list of 2"),
        ({"inner": {"betas": [0.9, "b"]}}, r"x.inner.betas\[1\] is 'b', expected float"),
        ({"inner": {"betas": [0.9, 1], "nam": "a"}}, "x.inner has the unknown key nam"),
        ({"inner": {}}, "x.inner lacks the key betas"),
        ({"inner": None}, "x.inner is None, expected a mapping"),
        ({"by": "attack"}, "x.by is 'attack', expected a list"),
    ],
)
def test_a_wrong_value_is_named_with_its_place(change, message):
    with pytest.raises(ValueError, match=message):
        params.bind(Outer, TREE | change, "x")


def test_a_change_keeps_the_other_fields_and_the_instance():
    before = Outer(0.1, 3, True, Inner((0.9, 0.999)))
    after = params.change(before, {"lr": "1e-3", "by": ["a"], "inner": {"betas": [0.5, 1]}}, "x")
    assert after == Outer(1e-3, 3, True, Inner((0.5, 1.0)), ("a",))
    assert before == Outer(0.1, 3, True, Inner((0.9, 0.999)))
    assert params.change(before, {}, "x") == before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lrr": 1}, "x has the unknown key lrr; known keys: lr, epochs, on, inner, by"),
        ({"epochs": 1.5}, "x.epochs is 1.5, expected int"),
        ({"inner": {"betas": [0.9]}}, r"x.inner.betas is \[0.9\], expected a list of 2"),
        (["lr"], r"x is \['lr'\], expected a mapping"),
    ],
)
def test_a_wrong_change_is_refused_as_in_a_section(changes, message):
    with pytest.raises(ValueError, match=message):
        params.change(Outer(0.1, 3, True, Inner((0.9, 0.999))), changes, "x")


def test_every_missing_key_is_named():
    with pytest.raises(ValueError, match="x lacks the key epochs, on"):
        params.bind(Outer, {"lr": 1.0, "inner": TREE["inner"]}, "x")


def test_the_file_is_checked_at_the_top(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("seed: 1\nsedd: 2\n")
    with pytest.raises(ValueError, match="unknown key sedd"):
        params.read(path)
    path.write_text("seed: [1\n")
    with pytest.raises(ValueError, match="is not YAML"):
        params.read(path)
    with pytest.raises(ValueError, match="run from the repository's root"):
        params.read(tmp_path / "other.yaml")


def test_what_is_of_a_task_leaves_out_what_says_no_task():
    systems = {"a": {"task": "x"}, "b": None, "c": {}, "d": {"task": "y"}, "e": {"task": "x"}}
    assert params.of_task({"systems": systems, "baselines": None}, "x") == ["a", "e"]


def test_an_unknown_system_lists_those_there_are():
    with pytest.raises(ValueError, match="systems.rawnet is not in params.yaml; it has systems: aasist"):
        params.system(params.read(), "rawnet")


def test_a_system_may_have_a_number_of_threads_of_its_own():
    tree = params.read() | {"num_threads": 3}
    system = params.system(tree, "aasist")
    assert params.run(tree).num_threads == 3
    assert params.run(tree, dataclasses.replace(system, num_threads=None)) == params.run(tree)
    assert params.run(tree, dataclasses.replace(system, num_threads=1)) == params.Run(tree["seed"], 1, tree["device"])


@pytest.mark.parametrize("number", ["010", "-07", "1:30", "190:20:30"])
def test_a_number_that_others_read_as_another_is_refused_with_its_line(tmp_path, number):
    (tmp_path / "p.yaml").write_text(f"a: 1\nseed: {number}\n")
    with pytest.raises(Refused, match=f"p.yaml is not YAML in UTF-8: line 2: {number} is another number, or text"):
        params.read_yaml(tmp_path / "p.yaml")


def test_numbers_that_all_read_alike_are_read(tmp_path):
    (tmp_path / "p.yaml").write_text("a: [0, 10, -3, 0x10, '010', 1_000, 0.5]\n")
    assert params.read_yaml(tmp_path / "p.yaml") == {"a": [0, 10, -3, 16, "010", 1000, 0.5]}
