"""Networks by name, changed field by field, with a task's buffers; and what weights files say of them."""

import importlib
import re
import sys

import pytest
import torch
from torch import nn

import models
from voxdag.core import params
from voxdag.core.errors import Refused
from voxdag.core.modules import available
from voxdag.networks import by_name
from voxdag.networks.weights import write_weights

WORDS = ("aasist", "aasist_s", {"dropout": 0.2}, 3)
BUFFERS = {"temperature": torch.ones(()), "trained": torch.tensor([True, False, True])}
NETWORKS = (
    *("aasist", "ast", "bsrnn", "dcgan_discriminator", "dcgan_generator", "demucs", "domain_head", "layer_pooling"),
    *(
        "mel_discriminator",
        "mel_generator",
        "mel_probe",
        "metric_discriminator",
        "ssl_aasist",
        "ssl_moments",
        "ssl_pooling",
        "tier1",
    ),
)


def same(a: nn.Module, b: nn.Module) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


def saved(path, words=WORDS, buffers=BUFFERS):
    network = by_name.build(*words, buffers)
    write_weights(path, network, by_name.about(*words) | {"system": "toy"})
    return network


@pytest.fixture
def toys(tmp_path, monkeypatch):
    """A second folder of models: a network, one that cannot be imported, and a module that is none."""
    (tmp_path / "toy.py").write_text(
        "from dataclasses import dataclass\n"
        "from torch import nn\n"
        "@dataclass(frozen=True)\n"
        "class Config:\n"
        "    width: int\n"
        'CONFIGS = {"wide": Config(8)}\n'
        "def build(config, outputs):\n"
        "    return nn.Linear(config.width, outputs)\n"
    )
    (tmp_path / "broken.py").write_text("CONFIGS = {}\nraise RuntimeError\n")
    (tmp_path / "kernels.py").write_text("def fast():\n    CONFIGS = {}\n")
    monkeypatch.setattr(models, "__path__", [*models.__path__, str(tmp_path)])
    yield
    sys.modules.pop("models.toy", None)


def test_a_module_with_sizes_is_a_network_and_is_not_imported_to_know_it(toys):
    assert by_name.names() == sorted([*NETWORKS, "broken", "toy"])
    assert not {"models.toy", "models.broken"} & set(sys.modules)
    built = by_name.build("toy", "wide", {"width": 3}, 2)
    assert (built.in_features, built.out_features) == (3, 2)


def test_an_unknown_network_lists_those_there_are():
    for wrong in ("cpu_convolution", "rawnet", "__init__"):
        with pytest.raises(ValueError, match=f"no network '{wrong}'; the networks are {', '.join(NETWORKS)}$"):
            by_name.build(wrong, "s", {}, 2)


def test_an_unknown_size_lists_those_there_are():
    with pytest.raises(ValueError, match="aasist has no size 'aasist_xl'; its sizes are aasist, aasist_l, aasist_s"):
        by_name.build("aasist", "aasist_xl", {}, 2)


def test_a_changed_field_changes_the_network_and_no_other_field():
    plain, changed = by_name.build("aasist", "aasist_s", {}, 2), by_name.build("aasist", "aasist_s", WORDS[2], 2)
    assert (plain.drop.p, changed.drop.p) == (0.5 * 0.3, 0.5 * 0.2)
    assert changed.config.encoder_channels == plain.config.encoder_channels
    lists = by_name.build("tier1", "tier1_s", {"channels": [8, 16], "dropout": "2e-1", "layers": 2}, 9)
    assert lists.config.channels == (8, 16) and lists.config.dropout == 0.2
    assert lists.lstm.ahead[0].weight_ih_l0.shape[1] == 16


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"droput": 0.2},
            "aasist/aasist_s: changes has the unknown key droput; known keys: encoder_channels, graph_channels, "
            "pool_ratios, temperatures, sinc_filters, sinc_stride, log_floor, dropout",
        ),
        ({"dropout": "high"}, "aasist/aasist_s: changes.dropout is 'high', expected float"),
        ({"pool_ratios": [0.5]}, "aasist/aasist_s: changes.pool_ratios is [0.5], expected a list of 3"),
        ({"encoder_channels": [8, 2.5]}, "aasist/aasist_s: changes.encoder_channels[1] is 2.5, expected int"),
        ({"dropout": 3}, "aasist/aasist_s: changes: dropout 3.0: expected a factor from 0 to below 2"),
    ],
)
def test_a_change_that_cannot_be_is_refused(changes, message):
    with pytest.raises(Refused, match=re.escape(message)):
        by_name.build("aasist", "aasist_s", changes, 2)


def test_buffers_are_copies_that_stand_in_the_state_dict():
    first, second = by_name.build(*WORDS, BUFFERS), by_name.build(*WORDS, BUFFERS)
    first.temperature.fill_(3.0)
    assert second.temperature == 1 and BUFFERS["temperature"] == 1
    assert torch.equal(first.state_dict()["trained"], BUFFERS["trained"])
    assert first.state_dict()["trained"].dtype == torch.bool


@pytest.mark.parametrize("name", ["sinc", "encoder", "master1", "forward"])
def test_a_buffer_cannot_hide_what_the_network_has(name):
    with pytest.raises(ValueError, match=f"the network aasist has '{name}' already"):
        by_name.build(*WORDS, {name: torch.ones(())})


def test_our_weights_say_what_they_are(tmp_path):
    network = saved(tmp_path / "a.safetensors")
    for words in ((), WORDS, ("aasist",), (None, None, None, 3)):
        restored = by_name.restore(tmp_path / "a.safetensors", *words, buffers=BUFFERS)
        assert same(network, restored) and restored.drop.p == 0.1


@pytest.mark.parametrize(("place", "other"), [(0, "tier1"), (1, "aasist_l"), (2, {}), (2, {"dropout": 0.1}), (3, 2)])
def test_a_mismatch_names_both(tmp_path, place, other):
    saved(tmp_path / "a.safetensors")
    asked = [*WORDS[:place], other, *WORDS[place + 1 :]]
    held = "a.safetensors holds network aasist, config aasist_s, changes {'dropout': 0.2}, outputs 3; expected "
    expected = f"network {asked[0]}, config {asked[1]}, changes {asked[2]}, outputs {asked[3]}"
    with pytest.raises(ValueError, match=re.escape(held + expected)):
        by_name.restore(tmp_path / "a.safetensors", *asked, BUFFERS)


@pytest.mark.parametrize(
    ("word", "value", "kind"),
    [
        ("network", 3, "str"),
        ("config", None, "str"),
        ("changes", None, "dict"),
        ("outputs", "2", "int"),
        ("outputs", True, "int"),
    ],
)
def test_a_header_whose_words_are_of_another_type_is_refused(tmp_path, word, value, kind):
    write_weights(tmp_path / "a.safetensors", by_name.build(*WORDS), by_name.about(*WORDS) | {word: value})
    with pytest.raises(Refused, match=rf"the header of .*a.safetensors says {word} {value!r}, expected {kind}"):
        by_name.restore(tmp_path / "a.safetensors")


def test_a_header_of_a_network_that_no_memory_holds_is_refused(tmp_path):
    write_weights(tmp_path / "a.safetensors", by_name.build(*WORDS), by_name.about(*WORDS) | {"outputs": 10**15})
    with pytest.raises(Refused, match=r"a.safetensors holds .*outputs 1000000000000000, which cannot be built"):
        by_name.restore(tmp_path / "a.safetensors")


def test_weights_of_others_are_what_the_arguments_say(tmp_path):
    network = by_name.build("aasist", "aasist_s", {}, 2)
    torch.save(network.state_dict(), tmp_path / "b.pth")
    assert same(by_name.restore(tmp_path / "b.pth", "aasist", "aasist_s", {}, 2), network)
    assert same(by_name.restore(tmp_path / "b.pth", "aasist", "aasist_s", outputs=2), network)
    with pytest.raises(ValueError, match="b.pth does not say of which network it is: name its config, outputs"):
        by_name.restore(tmp_path / "b.pth", "aasist")
    with pytest.raises(ValueError, match="b.pth is of another architecture"):
        by_name.restore(tmp_path / "b.pth", "aasist", "aasist_s", {}, 3)


def test_a_header_without_changes_and_outputs_is_completed_by_the_arguments(tmp_path):
    network = by_name.build("aasist", "aasist_s", {}, 2)
    write_weights(tmp_path / "c.safetensors", network, {"network": "aasist", "config": "aasist_s"})
    assert same(by_name.restore(tmp_path / "c.safetensors", "aasist", "aasist_s", {}, 2), network)


def test_a_countermeasure_has_an_output_for_each_label_and_no_buffer_of_its_task():
    inference, data = (importlib.import_module(f"voxdag.tasks.antispoof.{name}") for name in ("inference", "data"))
    assert inference.OUTPUT_SIZE == len(data.LABELS) == 2
    assert inference.BUFFERS == {}


@pytest.mark.parametrize("task", available("voxdag.tasks", only_packages=True))
@pytest.mark.parametrize("network", ["aasist", "tier1"])
def test_any_network_takes_the_outputs_and_buffers_of_a_task(task, network):
    inference = importlib.import_module(f"voxdag.tasks.{task}.inference")
    config = {"aasist": "aasist_s", "tier1": "tier1_2d"}[network]
    built = by_name.build(network, config, {}, inference.OUTPUT_SIZE, inference.BUFFERS)
    last = built.out_layer if network == "aasist" else built.head[-1]
    assert last.out_features == inference.OUTPUT_SIZE
    assert inference.BUFFERS.keys() <= built.state_dict().keys()


def test_a_further_network_is_bound_from_settings_and_refused_by_its_words():
    settings = {"network": "aasist", "config": "aasist_s", "changes": {"dropout": 0.5}}
    built = params.bind(by_name.Further, settings, "objective.discriminator").build(outputs=1)
    assert built.out_layer.out_features == 1 and built.config.dropout == 0.5
    with pytest.raises(ValueError, match=f"no network 'critic'; the networks are {', '.join(NETWORKS)}"):
        by_name.Further("critic", "small", {}).build(outputs=1)


def test_missing_weights_say_where_to_put_them(tmp_path, monkeypatch):
    monkeypatch.setenv("VOXDAG_WEIGHTS", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=re.escape(f"no weights at {tmp_path}/AASIST.pth")):
        by_name.weights_file("AASIST.pth")
    (tmp_path / "AASIST.pth").write_bytes(b"")
    assert by_name.weights_file("AASIST.pth") == tmp_path / "AASIST.pth"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("CONFIGS = {'s': Size()}", r"models/bad.py has no build\(config, outputs\); every network has it"),
        ("CONFIGS = {'s': Size()}\ndef build(config): ...", r"models/bad.py has no build\(config, outputs\)"),
        ("CONFIGS = {'s': {}}\ndef build(config, outputs): ...", "CONFIGS of models/bad.py is no dict of a name and a"),
        ("CONFIGS = {}\ndef build(config, outputs): ...", "CONFIGS of models/bad.py is no dict of a name and a"),
        (
            "CONFIGS = {'s': Size()}\ndef build(config, outputs): ...",
            "build of models/bad.py gives NoneType",
        ),
    ],
)
def test_a_module_that_is_not_what_a_network_is_is_refused_by_name(tmp_path, monkeypatch, source, message):
    head = "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass Size:\n    width: int = 1\n"
    (tmp_path / "bad.py").write_text(f"{head}{source}\n")
    monkeypatch.setattr(models, "__path__", [*models.__path__, str(tmp_path)])
    importlib.invalidate_caches()
    monkeypatch.delitem(sys.modules, "models.bad", raising=False)
    with pytest.raises(Refused, match=message):
        by_name.build("bad", "s", {}, 2)
    sys.modules.pop("models.bad")
