"""Countermeasures on WavLM and wav2vec 2.0: torchaudio's own loader, sums and attention by hand, what is frozen."""

import pytest
import torch
from torchaudio.pipelines import Wav2Vec2Bundle

from models import ssl_aasist, ssl_pooling
from models.pooling import moments, moments_size, statistics, statistics_of_sum
from models.ssl_front_end import PUBLISHED, FrontEndConfig
from voxdag.core.errors import Refused
from voxdag.networks import by_name
from voxdag.networks.base import FINGERPRINT, check, fingerprint
from voxdag.networks.frozen import train_mode
from voxdag.networks.initial import load_initial
from voxdag.networks.weights import read_weights, write_weights

NETWORKS = ("ssl_pooling", "ssl_aasist")
KINDS = {"wavlm": "WavLM", "wav2vec2": "Wav2Vec2"}


def network(name="ssl_pooling", **changes):
    torch.manual_seed(1)
    return by_name.build(name, "tiny", changes, 2).eval()


def front_end(network):
    """Its state dict, in the names of a published file."""
    return {key: value for key, value in network.state_dict().items() if key.startswith(PUBLISHED)}


def bundle(config):
    """torchaudio's bundle of the tiny form, as impl.py of its pipelines states those of the base size."""
    form = {
        "extractor_mode": "group_norm",
        "extractor_conv_layer_config": list(config.convolutions),
        "extractor_conv_bias": False,
        "encoder_embed_dim": config.width,
        "encoder_projection_dropout": 0.1,
        "encoder_pos_conv_kernel": config.positions[0],
        "encoder_pos_conv_groups": config.positions[1],
        "encoder_num_layers": config.depth,
        "encoder_num_heads": config.heads,
        "encoder_attention_dropout": 0.1,
        "encoder_ff_interm_features": config.hidden,
        "encoder_ff_interm_dropout": 0.0,
        "encoder_dropout": 0.1,
        "encoder_layer_norm_first": False,
        "encoder_layer_drop": 0.05,
        "aux_num_out": None,
    }
    if config.kind == "wavlm":
        form |= {"encoder_max_distance": 800, "encoder_num_buckets": 320}
    return Wav2Vec2Bundle(
        "published.pth", form, _sample_rate=16000, _normalize_waveform=False, _model_type=KINDS[config.kind]
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NETWORKS)
def test_a_published_file_says_here_what_torchaudios_loader_makes_of_it(name, kind, tmp_path):
    one = network(name, kind=kind)
    form = bundle(one.config)
    torch.manual_seed(7)
    torch.save(front_end(by_name.build(name, "tiny", {"kind": kind}, 2)), tmp_path / "published.pth")  # any but ours
    official = form.get_model(dl_kwargs={"model_dir": str(tmp_path), "progress": False}).eval()  # finds the file there
    before = {key: value.clone() for key, value in one.state_dict().items()}
    load_initial(one, tmp_path / "published.pth", find=None)
    wave = 0.1 * torch.randn(2, 9000)
    with torch.no_grad():
        expected = torch.stack(official.extract_features(wave)[0])
        torch.testing.assert_close(one.layers(wave), expected, rtol=0, atol=0)
    changed = {key for key, value in one.state_dict().items() if not torch.equal(value, before[key])}
    assert changed and changed <= front_end(one).keys()  # what the file has no part in is as it was drawn


@pytest.mark.parametrize("kind", KINDS)
def test_the_base_sizes_are_torchaudios(kind):
    from torchaudio.pipelines import WAV2VEC2_BASE, WAVLM_BASE_PLUS

    form = {"wavlm": WAVLM_BASE_PLUS, "wav2vec2": WAV2VEC2_BASE}[kind]._params
    base = FrontEndConfig(kind)
    assert base.frame_samples == 400  # 25 ms
    assert form["extractor_conv_layer_config"] == list(base.convolutions)
    fields = ("embed_dim", "num_layers", "num_heads", "ff_interm_features", "dropout")
    assert [form[f"encoder_{field}"] for field in fields] == [
        base.width,
        base.depth,
        base.heads,
        base.hidden,
        base.dropout,
    ]
    assert (form["encoder_pos_conv_kernel"], form["encoder_pos_conv_groups"]) == base.positions
    assert form["extractor_mode"] == "group_norm" and not form["encoder_layer_norm_first"]
    assert kind != "wavlm" or (form["encoder_num_buckets"], form["encoder_max_distance"]) == (320, 800)


def test_layers_are_summed_by_the_softmax_of_their_weights_and_their_statistics_statistics():
    one = network()
    wave = 0.1 * torch.randn(2, 9000)
    with torch.no_grad():
        one.pooling.sum.weights.copy_(torch.log(torch.tensor([1.0, 3.0])))
        layers = one.layers(wave)
        expected = one.projection(statistics((0.25 * layers[0] + 0.75 * layers[1]).transpose(1, 2)))
        embedding, logits = one(wave)
    torch.testing.assert_close(embedding, expected)
    torch.testing.assert_close(logits, one.head(expected))


def test_each_head_of_mhfa_averages_the_values_by_its_attention_over_frames():
    one = network(pooling="mhfa")
    part = one.pooling
    with torch.no_grad():
        part.sum_keys.weights.copy_(torch.log(torch.tensor([1.0, 3.0])))
        layers = torch.randn(2, 1, 5, 16)
        keys = part.keys(0.25 * layers[0, 0] + 0.75 * layers[1, 0])  # (5, 8)
        values = part.values(layers[:, 0].mean(0))  # (5, 8)
        for head, found in enumerate(part(layers)[0].split(8)):
            weights = torch.exp(keys @ part.attention.weight[head] + part.attention.bias[head])  # (5,)
            expected = (weights[:, None] * values).sum(0) / weights.sum()
            torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("name", NETWORKS)
def test_batches_are_loops(name):
    wave, one = 0.1 * torch.randn(3, 9000), network(name)
    with torch.no_grad():
        alone = torch.cat([one(crop[None])[1] for crop in wave])
        torch.testing.assert_close(one(wave)[1], alone, atol=1e-5, rtol=0)


@pytest.mark.parametrize("frozen", [True, False])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_frozen_front_end_is_not_trained_not_dropped_out_and_not_written(name, frozen, tmp_path):
    one = network(name, frozen=frozen)
    torch.save(front_end(one), tmp_path / "base.pth")
    before = {key: value.clone() for key, value in front_end(one).items()}
    train_mode(one)
    wave = 0.1 * torch.randn(4, 9000)
    layers = [one.layers(wave) for _ in range(2)]
    assert torch.equal(*layers) == frozen  # dropout
    optimizer = torch.optim.Adam([parameter for parameter in one.parameters() if parameter.requires_grad], 0.01)
    one(wave)[1].square().sum().backward()
    optimizer.step()
    same = [torch.equal(value, before[key]) for key, value in front_end(one).items()]
    assert all(same) if frozen else not any(same[:3])
    about = by_name.about(name, "tiny", {"frozen": frozen}, 2) | {"base": "base.pth"}
    write_weights(tmp_path / "trained.safetensors", one, about)
    assert any(key.startswith(PUBLISHED) for key in read_weights(tmp_path / "trained.safetensors")[0]) != frozen


def test_trained_weights_are_whole_again_with_their_base(tmp_path, monkeypatch):
    monkeypatch.setenv("VOXDAG_WEIGHTS", str(tmp_path))
    one = network()
    torch.save(front_end(one), tmp_path / "base.pth")
    write_weights(
        tmp_path / "trained.safetensors", one, by_name.about("ssl_pooling", "tiny", {}, 2) | {"base": "base.pth"}
    )
    wave = 0.1 * torch.randn(2, 9000)
    with torch.no_grad():
        assert torch.equal(by_name.restore(tmp_path / "trained.safetensors").eval()(wave)[1], one(wave)[1])


def test_another_front_end_of_the_same_name_and_shapes_is_not_taken_for_the_one_of_training(tmp_path, monkeypatch):
    monkeypatch.setenv("VOXDAG_WEIGHTS", str(tmp_path))
    one, weights = network(), tmp_path / "trained.safetensors"
    torch.save(front_end(one), tmp_path / "base.pth")
    about = by_name.about("ssl_pooling", "tiny", {}, 2) | {"base": "base.pth", FINGERPRINT: fingerprint(one)}
    write_weights(weights, one, about)
    other = {key: value.double() for key, value in front_end(one).items()}  # of another precision, the same values
    torch.save(other, tmp_path / "base.pth")
    check(by_name.restore(weights), about, weights)
    first = next(iter(other))
    other[first] = other[first] + 1e-3
    torch.save(other, tmp_path / "base.pth")
    message = r"base.pth in the weights folder is not the base of .* was trained on another file of that name"
    with pytest.raises(Refused, match=message):
        check(by_name.restore(weights), about, weights)
    check(by_name.restore(weights), {}, weights)  # of weights from before, which do not say it


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda t: t.pop("encoder.feature_projection.projection.bias"),
            "1 tensors are missing, such as encoder.feature",
        ),
        (lambda t: t.update({"encoder.more": torch.ones(1)}), "1 tensors are unknown, such as encoder.more"),
        (
            lambda t: t.update({"encoder.feature_projection.projection.bias": torch.ones(3)}),
            r"of shape \(3,\), expected floats",
        ),
        (
            lambda t: t.update({"encoder.feature_projection.projection.bias": torch.ones(16).long()}),
            "is torch.int64 of",
        ),
        (
            lambda t: t.update({"encoder.feature_projection.projection.bias": torch.full((16,), torch.nan)}),
            "not finite",
        ),
    ],
)
def test_a_file_of_another_front_end_is_refused_by_name(spoil, message, tmp_path):
    one = network()
    tensors = dict(front_end(one))
    spoil(tensors)
    torch.save(tensors, tmp_path / "published.pth")
    with pytest.raises(Refused, match=message):
        load_initial(one, tmp_path / "published.pth", find=None)


def test_a_recognisers_last_layer_is_left_out_and_other_names_are_no_published_file():
    one = network(kind="wav2vec2")
    tensors = front_end(one)
    assert one.published(tensors | {"aux.weight": torch.ones(3)}).keys() == one.published(tensors).keys()
    assert one.published({"w2v_encoder.x": torch.ones(1)}) is None and one.published({}) is None


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("ssl_pooling", {"kind": "hubert"}, "kind is 'hubert', expected one of wavlm, wav2vec2"),
        ("ssl_pooling", {"heads": 3}, "width is 16, expected a multiple of heads, 3"),
        ("ssl_pooling", {"positions": [16, 3]}, "expected a multiple of the groups of positions, 3"),
        ("ssl_pooling", {"convolutions": []}, "convolutions is empty"),
        ("ssl_pooling", {"depth": 0}, "expected sizes of 1 or more"),
        ("ssl_pooling", {"dropout": 1.0}, "dropout is 1.0, expected from 0 to below 1"),
        ("ssl_pooling", {"pooling": "max"}, "pooling is 'max', expected one of statistics, mhfa"),
        ("ssl_pooling", {"projection": []}, "one projection at least"),
        ("ssl_pooling", {"projection_dropout": -0.1}, "projection_dropout is -0.1"),
        ("ssl_aasist", {"reduced": 2}, "reduced is 2, expected 3 or more"),
        ("ssl_aasist", {"pool_ratios": [0.5, 0.5, 0.0]}, "expected shares above 0"),
    ],
)
def test_sizes_that_do_not_fit_together_are_refused(name, changes, message):
    with pytest.raises(Refused, match=message):
        network(name, **changes)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_crop_needs_a_frame(name):
    one = network(name)
    # one frame of tiny: 10 + 5 (8 + 8 * 7 - 1) = 325 samples, the next 320 later; three of them make one of AASIST's
    shortest = {"ssl_pooling": 325, "ssl_aasist": 325 + 2 * 320}[name]
    assert one(torch.randn(1, shortest))[1].isfinite().all()
    with pytest.raises(ValueError, match=f"crops of {shortest - 1} samples, expected {shortest} or more"):
        one(torch.randn(1, shortest - 1))


def test_the_base_networks_are_built_with_the_sizes_that_were_published():
    counts = {}
    for module in (ssl_pooling, ssl_aasist):
        with torch.device("meta"):
            one = module.build(module.CONFIGS["wavlm_base_plus"], 2)
        counts[module.__name__] = sum(tensor.numel() for tensor in front_end(one).values())
    assert set(counts.values()) == {94_381_168}  # of torchaudio's WAVLM_BASE_PLUS


@pytest.mark.parametrize("kind", KINDS)
def test_moments_stand_for_waves(kind):
    one, other = network(kind=kind), by_name.build("ssl_moments", "tiny", {"kind": kind}, 1).eval()
    other.load_state_dict(front_end(one))
    wave = 0.1 * torch.randn(3, 9000)
    with torch.no_grad():
        one.pooling.sum.weights.copy_(torch.tensor([0.7, -0.4]))
        held = other(wave)
        assert held.shape == (3, *other.shape) == (3, 5, 16)
        for found, expected in zip(one(held), one(wave), strict=True):
            torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


def test_moments_give_the_gradients_that_waves_give():
    one, wave = network(projection_dropout=0.0), 0.1 * torch.randn(3, 9000)
    held = moments(one.layers(wave))
    parts = {name: part for name, part in one.named_parameters() if part.requires_grad}
    of_held, of_wave = (
        torch.autograd.grad(one(given)[1].square().sum(), list(parts.values())) for given in (held, wave)
    )
    for found, expected in zip(of_held, of_wave, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)
    assert all(gradient.abs().max() > 0 for gradient in of_held)


def test_statistics_of_a_sum_follow_from_moments():
    layers, weights = torch.randn(4, 2, 30, 3), torch.tensor([0.1, 0.2, 0.3, 0.4])
    held = moments(layers)
    assert held.shape == (2, moments_size(4), 3)
    expected = statistics(torch.einsum("l,lbtd->btd", weights, layers).transpose(1, 2))
    torch.testing.assert_close(statistics_of_sum(held, weights), expected)
    constant = moments(torch.ones(4, 2, 30, 3) * torch.arange(4.0)[:, None, None, None])
    found = statistics_of_sum(constant, weights)  # a deviation of nothing has a gradient
    assert found[:, :3].tolist() == [[pytest.approx(2.0)] * 3] * 2 and found[:, 3:].max() < 0.004


@pytest.mark.parametrize("changes", [{"frozen": False}, {"pooling": "mhfa"}])
def test_moments_are_refused_where_they_do_not_stand_for_waves(changes):
    with pytest.raises(ValueError, match="where the front end is frozen and pooling is statistics"):
        network(**changes)(torch.zeros(1, 5, 16))


def test_moments_of_another_size_are_refused():
    with pytest.raises(ValueError, match=r"moments are of \(9, 16\), expected \(5, 16\), of 2 layers"):
        network()(torch.zeros(1, 9, 16))
