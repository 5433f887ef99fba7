"""The published GAN: its parameters, its shapes, its range."""

import pytest
import torch

from models import dcgan_discriminator, dcgan_generator


def parameters(network):
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(("module", "count"), [(dcgan_generator, 9_290_657), (dcgan_discriminator, 84_578_145)])
def test_the_reference_has_the_parameters_that_the_notebook_printed(module, count):
    # github.com/winzerprince/sentio, ast/ast_with_gans.ipynb, with a condition of valence and arousal
    with torch.device("meta"):
        assert parameters(module.build(module.CONFIGS["reference"], 2)) == count


def test_the_discriminators_parameters_lie_in_one_map():
    # convolutions of 32 (16 + 1), 64 (512 + 1), 128 (1024 + 1), 256 (2048 + 1), norms of 2 (64 + 128 + 256), then
    # 256 * 4 * 8 + 2 inputs of 512, and 512 of 1
    convolutions = 32 * 17 + 64 * 513 + 128 * 1025 + 256 * 2049
    quick = dcgan_discriminator.build(dcgan_discriminator.CONFIGS["quick"], 2)
    assert parameters(quick) == convolutions + 896 + (8194 * 512 + 512) + 513


@pytest.mark.parametrize(("bands", "frames"), [(64, 128), (16, 64), (24, 100)])
def test_any_size_is_made_in_the_range_of_tanh_and_judged(bands, frames):
    torch.manual_seed(0)
    generator = dcgan_generator.build(dcgan_generator.GeneratorConfig(bands, frames, noise=5), 2)
    judge = dcgan_discriminator.build(dcgan_discriminator.DiscriminatorConfig(bands, frames), 2)
    told = torch.randn(3, 2)
    made = generator(torch.randn(3, 5), told)
    assert made.shape == (3, bands, frames) and made.abs().max() <= 1
    logits = judge(made, told)
    assert logits.shape == (3,)
    logits.sum().backward()
    assert all(parameter.grad is not None for parameter in [*generator.parameters(), *judge.parameters()])


def test_the_condition_has_a_say():
    torch.manual_seed(0)
    generator = dcgan_generator.build(dcgan_generator.GeneratorConfig(16, 64, noise=5), 2).eval()
    noise = torch.randn(3, 5)
    assert not torch.equal(generator(noise, torch.zeros(3, 2)), generator(noise, torch.ones(3, 2)))


@pytest.mark.parametrize("change", [{"bands": 60}, {"bands": 0}, {"frames": 63}, {"noise": 0}])
def test_a_generator_that_cannot_be_is_refused(change):
    with pytest.raises(ValueError, match="expected bands that are a multiple of 8, 64 frames or more, noise of 1 or"):
        dcgan_generator.GeneratorConfig(**{"bands": 64, "frames": 128} | change)


@pytest.mark.parametrize("change", [{"bands": 15}, {"frames": 15}, {"dropout": 1.0}])
def test_a_discriminator_that_cannot_be_is_refused(change):
    with pytest.raises(ValueError, match="expected 16 bands and frames or more, dropout from 0 to below 1"):
        dcgan_discriminator.DiscriminatorConfig(**{"bands": 64, "frames": 128} | change)
