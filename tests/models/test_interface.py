"""What every network offers, as models/__init__.py says it."""

import dataclasses
import importlib
import inspect

import pytest
import torch

from voxdag.networks import by_name

BATCH, TIME = 3, 9_000  # samples or frames
LENGTHS = torch.tensor([TIME, 5_000, 7_000])
MODULES = {name: importlib.import_module(f"models.{name}") for name in by_name.names()}
SMALL = {"aasist": "aasist_s", "ast": "quick", "bsrnn": "tiny", "demucs": "dns48", "tier1": "tier1_2d"}  # quick sizes
GENERATORS, DISCRIMINATORS = ("dcgan_generator", "mel_generator"), ("dcgan_discriminator", "mel_discriminator")
QUICK = (*GENERATORS, *DISCRIMINATORS, "mel_probe", "domain_head", "layer_pooling")
SSL = ("ssl_aasist", "ssl_moments", "ssl_pooling")
SMALL |= {"metric_discriminator": "half", **dict.fromkeys(SSL, "tiny"), **dict.fromkeys(QUICK, "quick")}
ROWS = {"AST": "bands", "Tier1": "rows"}  # of features: the field that says how many
ENHANCERS = ("bsrnn", "demucs")
# What is never scored
HELPERS = (*GENERATORS, *DISCRIMINATORS, "domain_head", "mel_probe", "metric_discriminator", "ssl_moments")


def inputs(network):
    torch.manual_seed(1)
    if network.TAKES == "features":
        rows = getattr(network.config, ROWS[type(network).__name__])
        return torch.randn(BATCH, rows, 90), torch.tensor([90, 40, 70])
    wave = 0.1 * torch.randn(BATCH, TIME)
    return (wave, LENGTHS) if network.TAKES == "waves" else (wave,)


def helper_inputs(name, config, outputs):
    """What a network takes that is never scored: noise or spectrograms with conditions, embeddings, waves, ..."""
    torch.manual_seed(1)
    if name in GENERATORS:
        return torch.randn(BATCH, config.noise), torch.randn(BATCH, outputs)
    if name in DISCRIMINATORS:
        return torch.randn(BATCH, 64, 128), torch.randn(BATCH, outputs)
    if name == "domain_head":
        return (torch.randn(BATCH, config.inputs),)
    if name == "ssl_moments":
        return (0.1 * torch.randn(BATCH, TIME),)
    return (torch.randn(BATCH, 64, 128),) if name == "mel_probe" else tuple(torch.rand(2, BATCH, 257, 63))


def logits(output):
    return output[1] if isinstance(output, tuple) else output


@pytest.mark.parametrize("name", MODULES)
def test_sizes_are_frozen_dataclasses_of_one_class(name):
    (kind,) = {type(config) for config in MODULES[name].CONFIGS.values()}
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(MODULES[name].CONFIGS[SMALL[name]], dataclasses.fields(kind)[0].name, 1)


@pytest.mark.parametrize("name", MODULES)
def test_build_takes_a_size_and_the_number_of_outputs(name):
    assert list(inspect.signature(MODULES[name].build).parameters) == ["config", "outputs"]


def test_a_network_that_is_never_scored_takes_nothing_that_a_task_gives():
    built = {name: module.build(module.CONFIGS[SMALL[name]], 1) for name, module in MODULES.items()}
    assert {name for name, network in built.items() if not hasattr(network, "TAKES")} == set(HELPERS)


@pytest.mark.parametrize("name", [name for name in MODULES if name not in HELPERS])
@pytest.mark.parametrize("outputs", [1, 4])
def test_forward_takes_what_takes_says_and_is_as_wide_as_asked(name, outputs):
    network = MODULES[name].build(MODULES[name].CONFIGS[SMALL[name]], outputs).eval()
    assert network.TAKES in ("wave", "waves", "features")
    with torch.inference_mode():
        given = logits(network(*inputs(network)))
    enhanced = (BATCH, TIME) if outputs == 1 else (BATCH, outputs, TIME)
    assert given.shape == (enhanced if name in ENHANCERS else (BATCH, outputs))
    assert given.isfinite().all()


@pytest.mark.parametrize("name", [*GENERATORS, *DISCRIMINATORS])
@pytest.mark.parametrize("outputs", [1, 4])
def test_a_gan_is_told_a_condition_of_as_many_dimensions_as_asked(name, outputs):
    config = MODULES[name].CONFIGS[SMALL[name]]
    network = MODULES[name].build(config, outputs).eval()
    given, _ = helper_inputs(name, config, outputs)
    with torch.inference_mode():
        made, other = (network(given, torch.randn(BATCH, outputs)) for _ in range(2))
        with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
            network(given, torch.randn(BATCH, outputs + 1))
    assert made.shape == ((BATCH, 64, 128) if name in GENERATORS else (BATCH,)) and made.isfinite().all()
    assert (made != other).reshape(BATCH, -1).any(1).all()
    assert name in DISCRIMINATORS or made.abs().max() <= 1


@pytest.mark.parametrize("name", HELPERS)
def test_a_network_that_is_never_scored_takes_what_the_tests_on_a_gpu_give_it(name):
    config = MODULES[name].CONFIGS[SMALL[name]]
    output = logits(MODULES[name].build(config, 4).eval()(*helper_inputs(name, config, 4)))
    assert output.isfinite().all() and output.requires_grad == (name != "ssl_moments")
