"""BSRNN against a plain implementation: numpy in float64, one recording, one band, one bin, one frame at a time."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from models.bsrnn import CONFIGS, WIDE, BSRNNConfig, build

SMALL = {
    "channels": 4,
    "layers": 2,
    "hidden": 3,
    "decoder": 5,
    "heads": 2,
    "bands": (1, 2, 2, 4),
    "window": 16,
    "hop": 4,
}
KINDS = {
    "causal batch": {"causal": True, "norm": "batch"},
    "causal layer attention": {"causal": True, "norm": "layer", "band_model": "attention"},
    "group": {"causal": False, "norm": "group", "compression": 1.0},
    "group magnitudes": {"causal": False, "norm": "group", "magnitudes": True},
    "batch magnitudes": {"causal": True, "norm": "batch", "magnitudes": True},
    "two hops": {"causal": False, "norm": "layer", "hop": 8},
}
LENGTHS = [77, 33, 1]


def config(**changes):
    return BSRNNConfig(**SMALL | {"causal": True, "norm": "batch"} | changes)


def network(outputs=1, **changes):
    """With weights, and statistics of batch norms, that are large enough to matter."""
    torch.manual_seed(3)
    made = build(config(**changes), outputs)
    with torch.no_grad():
        for name, tensor in made.state_dict().items():
            if "running_var" in name:
                tensor.uniform_(0.2, 2.0)
            elif "running_mean" in name:
                tensor.uniform_(-0.5, 0.5)
            elif tensor.is_floating_point():
                tensor += 0.3 * torch.randn(tensor.shape)
    return made.eval()


def waves(lengths=LENGTHS):
    torch.manual_seed(4)
    made = 0.3 * torch.randn(len(lengths), max(lengths))
    return made * (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]), torch.tensor(lengths)


class Plain:
    """The same network of the same state, written without a batch, a padded band or a spectrum of all bins at once."""

    def __init__(self, made):
        self.c = made.config
        self.state = {name: tensor.double().numpy() for name, tensor in made.state_dict().items()}
        ends = np.cumsum(self.c.bands)
        self.spans = [range(end - width, end) for end, width in zip(ends, self.c.bands, strict=True)]

    def of(self, prefix):
        return {name.removeprefix(prefix): value for name, value in self.state.items() if name.startswith(prefix)}

    def __call__(self, wave):
        window, hop = self.c.window, self.c.hop
        hann = np.array([0.5 - 0.5 * math.cos(2 * math.pi * n / window) for n in range(window)])
        samples = len(wave)
        blocks = -(-samples // hop)
        frames = blocks + window // hop - 1
        padded = np.concatenate([np.zeros(window - hop), wave, np.zeros(blocks * hop - samples + window - hop)])
        norm = math.sqrt((hann**2).sum())
        noisy = np.array([np.fft.rfft(hann / norm * padded[t * hop : t * hop + window]) for t in range(frames)])
        enhanced = self.spectrum(noisy)
        sums, weights = np.zeros(len(padded)), np.zeros(len(padded))
        for t in range(frames):
            sums[t * hop : t * hop + window] += hann / norm * np.fft.irfft(enhanced[t], n=window)
            weights[t * hop : t * hop + window] += (hann / norm) ** 2
        start = window - hop
        return (sums / np.maximum(weights, 1e-12))[start : start + samples]

    def spectrum(self, noisy):
        exponent = self.c.compression
        noisy = noisy * np.maximum(np.abs(noisy) ** 2, 1e-9) ** ((exponent - 1) / 2)
        features = self.split(noisy)  # (T, K, N)
        for i in range(self.c.layers):
            features = features + self.over_time(features, f"over_time.{i}.")
            features = features + self.over_bands(features, f"over_bands.{i}.")
        enhanced = self.decoded(features, "mask.") * noisy + self.decoded(features, "residual.")
        return enhanced * np.maximum(np.abs(enhanced) ** 2, 1e-9) ** ((1 / exponent - 1) / 2)

    def normed(self, values, axis, prefix, numbers):
        """Values (T, ...) to mean 0 and variance 1 over `axis`, or by fixed statistics: those at `numbers`."""
        if self.c.norm == "batch":
            mean, var = (self.state[f"{prefix}norm.running_{name}"].reshape(-1)[numbers] for name in ("mean", "var"))
            return (values - mean) / np.sqrt(var + 1e-5)
        mean, var = values.mean(axis, keepdims=True), values.var(axis, keepdims=True)
        return (values - mean) / np.sqrt(var + 1e-8)

    def split(self, noisy):
        weight, bias = self.state["split.weight"], self.state["split.bias"]
        bands = []
        for k, span in enumerate(self.spans):
            run, place = self.run(k)
            made = bias[k]
            for i, numbers in enumerate(self.heard(noisy[:, span])):  # (T, w, size)
                size, axes = numbers.shape[1] * numbers.shape[2], (0, 1) if self.c.norm == "group" else 1
                kept = [place * size + j for j in range(size)]
                normed = self.normed(numbers.reshape(-1, size), axes, f"split.norms.{run}.{i}.", kept)
                rows = np.concatenate([weight[f][:2] if i == 0 else weight[f][2:] for f in span])  # (size w, N)
                made = made + normed @ rows
            bands.append(made)
        return np.stack(bands, axis=1)

    def heard(self, bins):
        """What the split hears of bins (T, w): real and imaginary parts (T, w, 2), and magnitudes (T, w, 1)."""
        magnitude = [np.sqrt(np.abs(bins) ** 2 + 1e-9)[:, :, None]] if self.c.magnitudes else []
        return [np.stack([bins.real, bins.imag], axis=2), *magnitude]

    def run(self, k):
        """Which run of bands of one width band k is in, and its place there."""
        run, place = 0, 0
        for before, width in zip(self.c.bands[:k], self.c.bands[1 : k + 1], strict=True):
            run, place = (run, place + 1) if width == before else (run + 1, 0)
        return run, place

    def shared(self, features, prefix):
        return self.normed(features, (0, 1, 2) if self.c.norm == "group" else 2, f"{prefix}norm.", slice(None))

    def over_time(self, features, prefix):
        of, normed, made = self.of(prefix), self.shared(features, prefix), np.zeros_like(features)
        for k in range(len(self.spans)):
            hidden = lstm(normed[:, k], of, "ahead.")
            if not self.c.causal:
                hidden = np.concatenate([hidden, lstm(normed[::-1, k], of, "back.")[::-1]], axis=1)
            made[:, k] = hidden @ of["out.weight"].T + of["out.bias"]
        return made

    def over_bands(self, features, prefix):
        of, normed, made = self.of(prefix), self.shared(features, prefix), np.zeros_like(features)
        for t, bands in enumerate(normed):
            if self.c.band_model == "lstm":
                both = [lstm(bands, of, "lstm."), lstm(bands[::-1], of, "lstm.", "_reverse")[::-1]]
                heard = np.concatenate(both, axis=1)
            else:
                heard = self.attended(bands @ of["parts.weight"].T + of["parts.bias"])
            made[t] = heard @ of["out.weight"].T + of["out.bias"]
        return made

    def attended(self, parts):
        size, heads = self.c.channels, []
        for h in range(self.c.heads):
            places = range(h * size // self.c.heads, (h + 1) * size // self.c.heads)
            q, k, v = (parts[:, [part * size + i for i in places]] for part in range(3))
            weights = np.exp(q @ k.T / math.sqrt(len(places)))
            heads.append(weights / weights.sum(1, keepdims=True) @ v)
        return np.concatenate(heads, axis=1)

    def decoded(self, features, prefix):
        of, bins = self.of(prefix), []
        for k, span in enumerate(self.spans):
            numbers = [k * self.c.channels + i for i in range(self.c.channels)]
            normed = self.normed(features[:, k], (0, 1) if self.c.norm == "group" else 1, f"{prefix}norm.", numbers)
            hidden = np.tanh(normed @ of["hidden"][k] + of["hidden_bias"][k])
            for f in span:
                value = hidden @ of["weight"][f] + of["bias"][f]  # (T, 4)
                gated = value[:, :2] / (1 + np.exp(-value[:, 2:]))
                bins.append(gated[:, 0] + 1j * gated[:, 1])
        return np.stack(bins, axis=1)


def lstm(sequence, of, prefix, suffix=""):
    """Gates in torch's order: input, forget, cell, output."""
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    w, u, b, d = (of[f"{prefix}{name}{suffix}"] for name in names)
    h, c, made = np.zeros(u.shape[1]), np.zeros(u.shape[1]), []
    for x in sequence:
        i, f, g, o = np.split(w @ x + b + u @ h + d, 4)
        c = c / (1 + np.exp(-f)) + np.tanh(g) / (1 + np.exp(-i))
        h = np.tanh(c) / (1 + np.exp(-o))
        made.append(h)
    return np.array(made)


@torch.inference_mode()
@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_of_unequal_lengths_is_what_a_plain_loop_makes_of_each_alone(kind):
    made = network(**KINDS[kind])
    batch, lengths = waves()
    given = made(batch, lengths)
    for row, wave, length in zip(given, batch, LENGTHS, strict=True):
        expected = Plain(made)(wave[:length].double().numpy())
        assert np.abs(expected).max() > 0.01  # there is something to compare
        # float32 sums of some tens of terms of order 1, through six layers; a wrong term moves outputs by 1e-3 or more
        np.testing.assert_allclose(row[:length], expected, rtol=0, atol=1e-5 * max(1, np.abs(expected).max()))
        assert (row[length:] == 0).all()


@torch.inference_mode()
@pytest.mark.parametrize("kind", KINDS)
def test_what_lies_behind_a_recording_has_no_effect(kind):
    made, (batch, lengths) = network(**KINDS[kind]), waves()
    inside = torch.arange(batch.shape[1]) < lengths[:, None]
    np.testing.assert_array_equal(made(torch.where(inside, batch, 7.0), lengths), made(batch, lengths))


def test_padding_has_no_part_in_the_statistics_of_batch_norms():
    # Of two recordings of 4 frames each, one batch must leave the running means and variances that both leave together;
    # the padded one holds the same valid frames, and nothing else may count.
    batch, _ = waves([4, 4])
    padded = torch.nn.functional.pad(batch, (0, 80))
    alone, within = network().train(), network().train()
    alone(batch, torch.tensor([4, 4]))
    longer = torch.cat([padded, torch.zeros(1, 84)])
    within(longer[:2], torch.tensor([4, 4]))
    for name, tensor in alone.state_dict().items():
        np.testing.assert_allclose(within.state_dict()[name], tensor, rtol=0, atol=1e-6, err_msg=name)


@torch.inference_mode()
@pytest.mark.parametrize("kind", ["causal batch", "causal layer attention"])
def test_a_causal_network_hears_nothing_before_it_sounds(kind):
    made, (batch, lengths) = network(**KINDS[kind]), waves([400])
    first = 200  # sample that changes; the first frame that holds it begins at 200 + hop - window = 188
    later = batch.clone()
    later[:, first:] += 1
    before, after = made(batch, lengths), made(later, lengths)
    np.testing.assert_array_equal(before[:, : first + 4 - 16], after[:, : first + 4 - 16])
    assert float((before - after)[:, first + 4 - 16 : first].abs().max()) > 1e-6  # and that frame is heard


def with_another_frame(name):
    """What a size makes of 12 frames, and of the same with another seventh."""
    torch.manual_seed(0)
    made = build(CONFIGS[name], 1).eval()
    spectrum = torch.randn(12, 1, 257, 2)
    later = spectrum.clone()
    later[7] *= 2
    return (made.enhance(frames, None, None)[0] for frames in (spectrum, later))


@torch.inference_mode()
@pytest.mark.parametrize("name", [name for name in CONFIGS if CONFIGS[name].causal])
def test_a_changed_frame_changes_nothing_before_it_in_any_causal_size(name):
    before, after = with_another_frame(name)
    np.testing.assert_array_equal(before[:7], after[:7])
    assert all(float((before[t] - after[t]).abs().max()) > 1e-6 for t in range(7, 12))


@torch.inference_mode()
@pytest.mark.parametrize("name", [name for name in CONFIGS if not CONFIGS[name].causal])
def test_the_other_sizes_hear_the_future(name):
    before, after = with_another_frame(name)
    assert float((before - after)[0].abs().max()) > 1e-6


@torch.inference_mode()
@pytest.mark.parametrize("samples", [1, 2, 511, 512, 513, 16_001])
@pytest.mark.parametrize("name", ["tiny", "tiny_causal"])
def test_the_output_is_as_long_as_the_input(name, samples):
    made = build(CONFIGS[name], 1).eval()(0.1 * torch.randn(1, samples), torch.tensor([samples]))
    assert made.shape == (1, samples) and made.isfinite().all() and made.abs().max() > 0


@torch.inference_mode()
@pytest.mark.parametrize("name", CONFIGS)
def test_an_untrained_network_passes_the_wave_on(name):
    # The mask is 1 and the residual 0 but for small first weights: more than half of the energy is the wave's own.
    torch.manual_seed(0)
    wave = 0.1 * torch.randn(1, 8000)
    made = build(CONFIGS[name], 1).eval()(wave, torch.tensor([8000]))
    assert float((made * wave).sum() / wave.square().sum()) == pytest.approx(1, abs=0.4)


def test_silence_stays_finite_and_so_do_its_gradients():
    made = network().train()
    out = made(torch.zeros(2, 100), torch.tensor([100, 40]))
    out.square().sum().backward()
    assert out.isfinite().all()
    assert all(parameter.grad.isfinite().all() for parameter in made.parameters())


@pytest.mark.parametrize("kind", KINDS)
@torch.inference_mode()
def test_digital_silence_stays_digital_silence(kind):
    made, wave = network(**KINDS[kind]).eval(), 0.1 * torch.randn(1, 12_000, generator=torch.Generator().manual_seed(3))
    silent = torch.zeros(12_000, dtype=torch.bool)
    silent[3000:9000] = True
    wave[:, silent] = 0
    out = made(wave, torch.tensor([12_000]))[0]
    inside = slice(3000 + made.config.window, 9000 - made.config.window)
    assert not out[inside].any() and out[~silent].any()


@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_has_a_part_in_the_output(kind):
    made, (batch, lengths) = network(**KINDS[kind]).train(), waves()
    made(batch, lengths).square().sum().backward()
    assert [name for name, parameter in made.named_parameters() if not parameter.grad.abs().max() > 0] == []


@torch.inference_mode()
def test_of_several_outputs_each_is_made_by_its_own_rows_of_the_decoders():
    one, two = network(), network(outputs=2)
    batch, lengths = waves()
    state = {name: tensor for name, tensor in one.state_dict().items()}
    for name in ("mask", "residual"):
        for part in ("weight", "bias"):
            value, gate = state[f"{name}.{part}"].chunk(2, dim=-1)
            state[f"{name}.{part}"] = torch.cat(
                [value, -value, gate, gate], dim=-1
            )  # the second output is the first, negated
    two.load_state_dict(state)
    both = two(batch, lengths)
    assert both.shape == (3, 2, 77)
    np.testing.assert_allclose(both[:, 0], one(batch, lengths), rtol=0, atol=1e-5)
    np.testing.assert_allclose(both[:, 1], -both[:, 0], rtol=0, atol=1e-5)


def counted(c):
    """By hand: of each layer LSTMs of 4 h (n + h + 2), two where it goes both ways, and linear maps with their biases;
    of the split n weights of each number of a bin (2, or 3 with magnitudes) and n a band; of each decoder n h + h a
    band and 4 (h + 1) a bin."""
    n, h, d, k, f, p = c.channels, c.hidden, c.decoder, len(c.bands), 257, 3 if c.magnitudes else 2
    one, ways = 4 * h * (n + h + 2), 1 if c.causal else 2
    time = ways * one + ways * h * n + n
    bands = 2 * one + 2 * h * n + n
    return c.layers * (time + bands) + p * n * f + n * k + 2 * (k * (n * d + d) + 4 * (d + 1) * f)


PARAMETERS = {
    "tiny": 144_784,
    "quick": 382_936,
    "small": 264_616,
    "base": 816_328,
    "paper": 3_745_992,
    "tiny_causal": 134_032,
    "small_causal": 236_200,
    "paper_causal": 3_208_392,
}


@pytest.mark.parametrize("name", CONFIGS)
def test_the_number_of_parameters_is_that_of_the_formula(name):
    found = sum(parameter.numel() for parameter in build(CONFIGS[name], 1).parameters())
    assert found == counted(CONFIGS[name]) == PARAMETERS[name]


def test_the_bands_are_1_kHz_in_steps_of_94_Hz_then_250_then_500():
    assert len(WIDE) == 31 and sum(WIDE) == 257
    assert sum(WIDE[:11]) * 31.25 == 1000 and WIDE[11] * 31.25 == 250 and WIDE[23] * 31.25 == 500


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"causal": True, "norm": "group"}, "norm 'group' hears the whole recording"),
        ({"norm": "instance"}, "norm 'instance', .* expected one of group, layer, batch"),
        ({"band_model": "gru"}, "band_model 'gru': .* one of lstm, attention"),
        ({"bands": (1, 2, 5)}, "bands hold 8 bins, a window of 16 samples has 9"),
        ({"hop": 5}, "window 16, hop 5: expected"),
        ({"hop": 16}, "window 16, hop 16: expected"),
        ({"heads": 3}, "channels 4, heads 3: expected a multiple"),
        ({"compression": 0.0}, "compression 0.0: expected above 0"),
        ({"layers": 0}, "expected every size to be 1 or more"),
    ],
)
def test_a_size_that_cannot_be_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(config(), **changes)


@pytest.mark.parametrize("wave", [torch.zeros(2, 0), torch.zeros(100), torch.zeros(1, 100, dtype=torch.int16)])
def test_a_wave_of_another_shape_or_kind_is_refused(wave):
    with pytest.raises(ValueError, match="expected float waves of shape"):
        network()(wave, torch.tensor([100]))
