"""Cleaned recordings of another task: what each method makes of them, and voice activity in what is clean."""

import numpy as np
import pytest
import torch
from torch import nn

from voxdag.audio.decode import to_int16
from voxdag.audio.denoise import spectral_gate
from voxdag.audio.rnnoise import rnnoise
from voxdag.core import code
from voxdag.core.errors import Refused
from voxdag.data import shards
from voxdag.data.shards import Shards, wave_at
from voxdag.simulation.speech import draw_speaker, synthesise
from voxdag.tasks import between
from voxdag.tasks.enhance import clean, inference
from voxdag.tasks.enhance.clean import Settings, Stretches

CPU = torch.device("cpu")
STRETCHES = Stretches(batch_size=2, samples=4000, overlap=500)


class Passes(nn.Module):
    """The wave of the first `samples`, and nothing behind them."""

    TAKES = "waves"

    def __init__(self, samples):
        super().__init__()
        self.samples = samples

    def forward(self, waves, lengths):
        return waves * (torch.arange(waves.shape[1]) < self.samples)


def packed(folder, waves, rate=16_000):
    about = [{"id": f"u{i}", "label": "angry", "seconds": len(wave) / rate} for i, wave in enumerate(waves)]
    rows = [(row, {"wave": wave}) for row, wave in zip(about, waves, strict=True)]
    shards.write(folder, rows, wave_at(rate), 1)
    return Shards(folder)


@pytest.fixture
def recordings(tmp_path):
    rng = np.random.default_rng(0)
    return packed(tmp_path / "there", [rng.normal(0, 2000, n).astype(np.int16) for n in (9000, 1, 700)])


def cleaned(network, recordings, method, vad="none"):
    return list(clean.clean(network, recordings, Settings(method, vad, STRETCHES), CPU))


@pytest.mark.parametrize(("method", "plain"), [("rnnoise", rnnoise), ("spectral_gate", spectral_gate)])
def test_without_a_network_each_recording_is_what_the_method_makes_of_it(recordings, method, plain):
    made = cleaned(None, recordings, method)
    assert [row for row, _ in made] == [{"id": "u0"}, {"id": "u1"}, {"id": "u2"}]
    for i, (_, arrays) in enumerate(made):
        expected = to_int16(plain(recordings.track("wave").wave(i), 16_000))[0]
        np.testing.assert_array_equal(arrays["wave"], expected)
    assert (made[0][1]["wave"] != recordings[0]["wave"]).any()


def test_a_network_makes_what_it_makes_for_its_own_task(recordings):
    made = cleaned(Passes(3000), recordings, "network")
    expected = inference.enhance(Passes(3000), recordings.track("wave"), STRETCHES, CPU)
    for (_, arrays), wave in zip(made, expected, strict=True):
        np.testing.assert_array_equal(arrays["wave"], to_int16(wave)[0])
    assert made[0][1]["wave"][:2500].any()


def test_voice_is_looked_for_in_what_was_cleaned(tmp_path):
    # Speech from 1 to 2 s and again from 3 to 4 s, of which the network passes the first 2.5 s: all that is found is
    # the first. In the recording itself the second would be kept too.
    wave, rng = 2e-4 * np.random.default_rng(0).normal(size=5 * 16_000), np.random.default_rng(1)
    for second in (1, 3):
        wave[16_000 * second : 16_000 * (second + 1)] += synthesise(draw_speaker(rng, "male"), 1.0, rng)
    there = packed(tmp_path, [to_int16(wave)[0]])
    whole = Stretches(batch_size=1, samples=80_000, overlap=1)
    ((row, arrays),) = clean.clean(Passes(40_000), there, Settings("network", "trim", whole), CPU)
    assert row["vad_status"] == "silero" and row["id"] == "u0"
    assert (row["speech_start"], row["speech_end"]) == pytest.approx((1, 2), abs=0.15)  # as of the front end
    start, end = (round(16_000 * row[f"speech_{side}"]) for side in ("start", "end"))
    np.testing.assert_array_equal(arrays["wave"], there[0]["wave"][start:end])
    assert row["seconds"] == len(arrays["wave"]) / 16_000
    ((_, uncut),) = clean.clean(Passes(40_000), there, Settings("network", "none", whole), CPU)
    assert len(uncut["wave"]) == 80_000


def test_what_the_index_says_goes_along_and_what_was_found_goes_before_it(recordings):
    first = recordings.chosen(np.array([True, False, False]))
    made = clean.clean(None, first, Settings("rnnoise", "trim", STRETCHES), CPU)
    ((row, arrays),) = between.same_recordings(made, first, clean.KEEPS_LENGTHS)
    assert row["label"] == "angry" and row["seconds"] == len(arrays["wave"]) / 16_000 and "loudness" in row


def test_a_method_that_changes_a_length_is_refused(recordings, monkeypatch):
    monkeypatch.setitem(clean.METHODS, "rnnoise", lambda wave, rate: wave[:-1])
    with pytest.raises(Refused, match="rnnoise made 8999 samples of the 9000 of u0"):
        cleaned(None, recordings, "rnnoise")


@pytest.mark.parametrize(
    ("network", "method", "message"),
    [
        (None, "network", "method is 'network' and the entry names no network"),
        (
            Passes(1),
            "rnnoise",
            "method is 'rnnoise' and the entry names Passes: expected a network for 'network' alone",
        ),
    ],
)
def test_a_method_and_a_network_that_do_not_go_together_are_refused(recordings, network, method, message):
    with pytest.raises(Refused, match=message):
        cleaned(network, recordings, method)
    with pytest.raises(Refused, match=message):
        clean.tracks(network, recordings, Settings(method, "none", STRETCHES))


def test_another_rate_is_refused(tmp_path):
    there = packed(tmp_path, [np.ones(100, np.int16)], 8000)
    with pytest.raises(Refused, match="is at 8000 Hz, cleaning speech takes 16000 Hz"):
        clean.tracks(None, there, Settings("rnnoise", "none", STRETCHES))
    with pytest.raises(Refused, match="takes 16000 Hz"):
        cleaned(None, there, "rnnoise")


@pytest.mark.parametrize(
    ("method", "vad", "named"), [("demucs", "none", "method is 'demucs'"), ("rnnoise", "x", "vad is 'x'")]
)
def test_a_setting_that_is_none_of_those_there_are_is_refused(method, vad, named):
    with pytest.raises(Refused, match=named):
        Settings(method, vad, STRETCHES)


def test_cleaning_depends_on_no_metric():
    # else a changed metric would train the systems anew that hear what was cleaned
    files = {path.relative_to(code.ROOT).as_posix() for path in code.closure(["voxdag.tasks.enhance.clean"], {})}
    assert "voxdag/audio/rnnoise.py" in files
    assert [
        name for name in files if name.startswith("voxdag/scoring/") or "measures" in name or "metrics" in name
    ] == []
