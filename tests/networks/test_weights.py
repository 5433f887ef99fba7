import math
import os
import pickle
import random
import re

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from voxdag.core.errors import Refused
from voxdag.networks.frozen import frozen_names
from voxdag.networks.weights import digest, load, load_with_base, read_weights, write_weights


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


def test_tied_weights_are_written_under_both_names(tmp_path):
    network = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    network[1].weight = network[0].weight
    write_weights(tmp_path / "tied.safetensors", network, {})
    tensors = read_weights(tmp_path / "tied.safetensors")[0]
    assert list(tensors) == ["0.weight", "1.weight"]
    assert torch.equal(tensors["0.weight"], network[0].weight) and torch.equal(*tensors.values())


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


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_weights_that_are_not_finite_are_refused_by_name(tmp_path, value):
    damaged = network()
    with torch.no_grad():
        damaged.get_parameter("0.bias")[1] = value
    torch.save(damaged.state_dict(), tmp_path / "a.pth")
    with pytest.raises(Refused, match="a.pth: 1 tensors have values that are not finite, such as 0.bias"):
        load(network(), tmp_path / "a.pth")


class Malicious:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("name", ["a.pth", "a.pt", "a.safetensors"])
def test_a_malicious_pickle_is_refused_and_not_run(tmp_path, name):
    (tmp_path / name).write_bytes(pickle.dumps(Malicious(tmp_path / "run")))
    with pytest.raises(ValueError, match=f"{name} is refused"):
        read_weights(tmp_path / name)
    torch.save({"weights": Malicious(tmp_path / "run")}, tmp_path / name)
    with pytest.raises(ValueError, match=f"{name} is refused"):
        read_weights(tmp_path / name)
    assert not (tmp_path / "run").exists()


def test_truncated_and_missing_files_are_named(tmp_path):
    torch.save(network().state_dict(), tmp_path / "a.pth")
    (tmp_path / "a.pth").write_bytes((tmp_path / "a.pth").read_bytes()[:300])
    with pytest.raises(ValueError, match="a.pth is refused"):
        read_weights(tmp_path / "a.pth")
    with pytest.raises(FileNotFoundError, match="no weights at .*b.pth"):
        read_weights(tmp_path / "b.pth")


@pytest.mark.parametrize("zipped", [True, False])
def test_a_damaged_checkpoint_is_refused_by_name_or_read(tmp_path, zipped):
    path = tmp_path / "a.pth"
    torch.save(network().state_dict(), path, _use_new_zipfile_serialization=zipped)
    draw, whole, refused = random.Random(0), path.read_bytes(), 0
    for _ in range(200):  # a damaged number is read; a damaged name, count or opcode may raise anything in torch
        damaged = bytearray(whole)
        for _ in range(8):
            damaged[draw.randrange(len(whole))] = draw.randrange(256)
        path.write_bytes(damaged)
        try:
            read_weights(path)
        except Refused as reason:
            assert str(reason).startswith(f"{path} ")
            refused += 1
    assert refused > 20


@pytest.mark.parametrize("said", ["small", "[1]", "3", "null", '[["a", 1]]', "[" * 99999])
def test_a_header_that_is_no_object_is_refused(tmp_path, said):
    save_file({"weight": torch.zeros(1)}, tmp_path / "a.safetensors", metadata={"voxdag": said})
    with pytest.raises(
        Refused, match=re.escape(f"a.safetensors says {repr(said)[:60]}") + ".* of voxdag, expected a JSON object"
    ):
        read_weights(tmp_path / "a.safetensors")


@pytest.mark.parametrize("frozen", ["7", '"front"', "[1]", "null"])
def test_a_header_whose_frozen_tensors_have_no_names_is_refused(tmp_path, frozen):
    save_file({"weight": torch.zeros(1)}, tmp_path / "a.safetensors", metadata={"voxdag": f'{{"frozen": {frozen}}}'})
    with pytest.raises(Refused, match="a.safetensors says frozen .*, expected a list of names"):
        read_weights(tmp_path / "a.safetensors")


@pytest.mark.parametrize("rest", ["", ', "base": null', ', "base": ["a"]'])
def test_a_header_that_names_no_file_of_what_is_frozen_is_refused(tmp_path, rest):
    said = f'{{"frozen": ["front"]{rest}}}'
    save_file({"weight": torch.zeros(1)}, tmp_path / "a.safetensors", metadata={"voxdag": said})
    with pytest.raises(Refused, match="a.safetensors says base .*, expected the file of what is frozen"):
        read_weights(tmp_path / "a.safetensors")


@pytest.mark.parametrize("name", ["a.pth", "a.safetensors"])
@pytest.mark.parametrize("first", sorted({bytes([byte]) for byte in range(0, 256, 7)} | {b"root:x:0:0\n", b"c", b"h"}))
def test_a_text_is_refused_by_name(tmp_path, name, first):
    (tmp_path / name).write_bytes(first + b"ello, this is no checkpoint\n" * 3)
    with pytest.raises(Refused, match=f"{name} is refused: not a"):
        read_weights(tmp_path / name)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({0: torch.zeros(1)}, "a.pth calls a tensor 0, expected names"),
        ({"w": torch.eye(2).to_sparse()}, "a.pth: w is torch.sparse_coo, expected a plain tensor"),
        ({"w": torch.zeros(2, device="meta")}, "a.pth: w is without values, expected a plain tensor"),
        ({"w": torch.quantize_per_tensor(torch.zeros(2), 0.1, 0, torch.qint8)}, "a.pth: w is quantized"),
    ],
)
def test_tensors_that_are_not_plain_are_refused_by_name(tmp_path, content, message):
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(Refused, match=message):
        read_weights(tmp_path / "a.pth")


@pytest.mark.parametrize("dtype", [torch.int8, torch.int64, torch.complex64, torch.bool])
def test_weights_of_other_numbers_are_not_cast(tmp_path, dtype):
    state = network().state_dict()
    torch.save(state | {"0.weight": state["0.weight"].to(dtype)}, tmp_path / "a.pth")
    with pytest.raises(Refused, match=rf"1 of other numbers \(such as 0.weight: {dtype}, expected float\)"):
        load(network(), tmp_path / "a.pth")


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_floats_of_any_width_are_weights(tmp_path, dtype):
    state = {name: t.to(dtype) if t.is_floating_point() else t for name, t in network().state_dict().items()}
    torch.save(state, tmp_path / "a.pth")
    other = network()
    load(other, tmp_path / "a.pth")
    assert torch.equal(other[0].weight, state["0.weight"].float())


def test_counts_and_flags_are_not_each_others(tmp_path):
    state = network().state_dict()
    torch.save(state | {"1.num_batches_tracked": torch.tensor(3.0)}, tmp_path / "a.pth")
    with pytest.raises(Refused, match="num_batches_tracked: torch.float32, expected whole"):
        load(network(), tmp_path / "a.pth")


def test_a_file_that_asks_for_too_much_memory_is_refused(tmp_path, monkeypatch):
    torch.save({}, tmp_path / "a.pth")
    monkeypatch.setattr(torch, "load", lambda *_, **__: (_ for _ in ()).throw(MemoryError))
    with pytest.raises(Refused, match="a.pth is refused: it asks for more memory than there is"):
        read_weights(tmp_path / "a.pth")


def test_the_hash_of_a_file_is_the_beginning_of_its_sha_256(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert digest(tmp_path / "a") == "ba7816bf8f01"  # FIPS 180-2, appendix B.1
    with pytest.raises(FileNotFoundError, match="no weights at .*b"):
        digest(tmp_path / "b")


def test_a_checkpoint_of_something_else_is_refused(tmp_path):
    torch.save({"epoch": 3}, tmp_path / "a.pth")
    with pytest.raises(ValueError, match="expected a mapping from names to tensors"):
        read_weights(tmp_path / "a.pth")


def partly_frozen(seed):
    torch.manual_seed(seed)
    whole = nn.ModuleDict({"front": nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)), "head": nn.Linear(3, 1)})
    nn.init.normal_(whole["front"][1].running_mean)
    whole["front"].requires_grad_(False)
    return whole


@pytest.fixture
def on_base(tmp_path):
    """Weights of a head on a frozen front end, and the base that has the front end; gives the network."""
    network = partly_frozen(1)
    torch.save(
        network.state_dict() | {"head.weight": torch.zeros(1, 3), "decoder.weight": torch.zeros(9)},
        tmp_path / "base.pth",
    )
    write_weights(tmp_path / "head.safetensors", network, {"network": "toy", "base": "base.pth"})
    return network


def test_a_file_without_its_frozen_tensors_names_them_and_their_base(tmp_path, on_base):
    tensors, about = read_weights(tmp_path / "head.safetensors")
    assert sorted(tensors) == ["head.bias", "head.weight"]
    frozen = [name for name in on_base.state_dict() if name.startswith("front.")]
    assert about == {"network": "toy", "base": "base.pth", "frozen": frozen} and len(frozen) == 7


def test_frozen_tensors_come_back_from_the_base_and_nothing_else_does(tmp_path, on_base):
    other = partly_frozen(2)
    load_with_base(other, tmp_path / "head.safetensors", tmp_path.joinpath)
    assert equal(other, on_base)


def test_frozen_tensors_come_back_into_a_network_in_which_nothing_is_frozen(tmp_path, on_base):
    other = partly_frozen(2).requires_grad_(True)
    load_with_base(other, tmp_path / "head.safetensors", tmp_path.joinpath)
    assert equal(other, on_base)


def test_a_file_without_frozen_tensors_needs_no_base(tmp_path):
    write_weights(tmp_path / "a.safetensors", network(), {})
    other = network()
    nn.init.zeros_(other[0].weight)
    load_with_base(other, tmp_path / "a.safetensors", lambda name: pytest.fail(f"asked for {name}"))
    assert equal(other, network())


def test_without_its_base_such_a_file_is_refused_by_name(tmp_path, on_base):
    with pytest.raises(
        ValueError, match=r"7 missing \(such as front.0.weight\).*7 are to come from its base, base.pth"
    ):
        load(partly_frozen(2), tmp_path / "head.safetensors")


def test_into_a_network_that_holds_its_frozen_tensors_such_a_file_loads_alone(tmp_path, on_base):
    other = partly_frozen(1)
    nn.init.zeros_(other["head"].weight)
    load(other, tmp_path / "head.safetensors", held=frozen_names(other))
    assert equal(other, on_base)


def test_a_base_may_have_a_base_itself(tmp_path, on_base):
    nn.init.ones_(on_base["head"].weight)  # trained further, from the first file
    write_weights(tmp_path / "further.safetensors", on_base, {"base": "head.safetensors"})
    other = partly_frozen(2)
    load_with_base(other, tmp_path / "further.safetensors", tmp_path.joinpath)
    assert equal(other, on_base)


def test_a_file_that_is_its_own_base_is_refused(tmp_path, on_base):
    write_weights(tmp_path / "one.safetensors", on_base, {"base": "two.safetensors"})
    write_weights(tmp_path / "two.safetensors", on_base, {"base": "one.safetensors"})
    with pytest.raises(Refused, match="one.safetensors is a base of itself"):
        load_with_base(partly_frozen(2), tmp_path / "one.safetensors", tmp_path.joinpath)


def test_another_base_is_refused_with_what_it_lacks_or_whose_shape_differs(tmp_path, on_base):
    torch.save(nn.ModuleDict({"front": nn.Sequential(nn.Linear(2, 3))}).state_dict(), tmp_path / "base.pth")
    with pytest.raises(
        ValueError, match=r"base.pth is not the base of .*head.safetensors: .* 5 tensors, such as front.1"
    ):
        load_with_base(partly_frozen(2), tmp_path / "head.safetensors", tmp_path.joinpath)
    wider = nn.ModuleDict({"front": nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4))})
    torch.save(wider.state_dict(), tmp_path / "base.pth")
    with pytest.raises(ValueError, match=r"tensors 6 of another shape \(such as front.0.weight\)"):
        load_with_base(partly_frozen(2), tmp_path / "head.safetensors", tmp_path.joinpath)


@pytest.mark.parametrize("about", [{}, {"base": None}])
def test_frozen_tensors_without_a_base_are_not_left_out_silently(tmp_path, about):
    with pytest.raises(ValueError, match=r"7 tensors are frozen \(such as front.0.weight\) .*must name their base"):
        write_weights(tmp_path / "a.safetensors", partly_frozen(1), about)
    assert not (tmp_path / "a.safetensors").exists()
