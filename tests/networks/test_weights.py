import os
import pickle

import pytest
import torch
from torch import nn

from voxdag.networks.weights import load, read_weights, write_weights


def network(width=3):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, width), nn.BatchNorm1d(width))


def equal(a, b):
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


def test_weights_survive_the_round_trip_with_what_they_say_of_themselves(tmp_path):
    write_weights(tmp_path / "a.safetensors", network(), {"network": "toy", "config": "small"})
    other = network()
    nn.init.zeros_(other[0].weight)
    assert load(other, tmp_path / "a.safetensors") == {"network": "toy", "config": "small"}
    assert equal(other, network())


def test_equal_weights_are_equal_bytes_whatever_the_memory_format(tmp_path):
    convolution = nn.Conv2d(4, 4, 3)
    write_weights(tmp_path / "a.safetensors", convolution, {"b": 1, "a": 2})
    write_weights(tmp_path / "b.safetensors", convolution.to(memory_format=torch.channels_last), {"a": 2, "b": 1})
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


@pytest.mark.parametrize(
    "wrap", [lambda s: s, lambda s: {"state_dict": s}, lambda s: {"model_state_dict": s, "epoch": 3}]
)
def test_torch_checkpoints_are_read_wrapped_or_not(tmp_path, wrap):
    torch.save(wrap({f"module.{name}": value for name, value in network().state_dict().items()}), tmp_path / "a.pth")
    other = network()
    nn.init.zeros_(other[0].weight)
    load(other, tmp_path / "a.pth")
    assert equal(other, network())


def test_another_architecture_is_refused_with_what_differs(tmp_path):
    write_weights(tmp_path / "a.safetensors", network(width=4), {})
    with pytest.raises(ValueError, match=r"another architecture: tensors 6 of another shape \(such as 0.bias\)"):
        load(network(), tmp_path / "a.safetensors")
    with pytest.raises(ValueError, match=r"7 missing \(such as 0.weight\), 2 unknown"):
        torch.save(nn.Linear(2, 3).state_dict(), tmp_path / "b.pth")
        load(network(), tmp_path / "b.pth")


class Malicious:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("name", ["a.pth", "a.pt", "a.safetensors"])
def test_a_malicious_pickle_is_refused_and_not_run(tmp_path, name):
    (tmp_path / name).write_bytes(pickle.dumps(Malicious(tmp_path / "run")))
    with pytest.raises(ValueError, match=f"{name} is (refused|not a safetensors file)"):
        read_weights(tmp_path / name)
    torch.save({"weights": Malicious(tmp_path / "run")}, tmp_path / name)
    with pytest.raises(ValueError, match=f"{name} is (refused|not a safetensors file)"):
        read_weights(tmp_path / name)
    assert not (tmp_path / "run").exists()


def test_truncated_and_missing_files_are_named(tmp_path):
    torch.save(network().state_dict(), tmp_path / "a.pth")
    (tmp_path / "a.pth").write_bytes((tmp_path / "a.pth").read_bytes()[:300])
    with pytest.raises(ValueError, match="a.pth is refused"):
        read_weights(tmp_path / "a.pth")
    with pytest.raises(FileNotFoundError, match="no weights at .*b.pth"):
        read_weights(tmp_path / "b.pth")


def test_a_checkpoint_of_something_else_is_refused(tmp_path):
    torch.save({"epoch": 3}, tmp_path / "a.pth")
    with pytest.raises(ValueError, match="expected a mapping from names to tensors"):
        read_weights(tmp_path / "a.pth")
