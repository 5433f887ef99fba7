"""What is made of recordings: exactly as long as they were, at any length, in bounded memory."""

import numpy as np
import pytest
import torch
from torch import nn

from voxdag.core.errors import Refused
from voxdag.data import shards
from voxdag.data.shards import Track
from voxdag.networks import by_name
from voxdag.scoring import enhancement
from voxdag.tasks.enhance import inference, marks, measures, names
from voxdag.tasks.enhance.inference import Settings
from voxdag.tasks.scoring_loop import NotFinite

CPU = torch.device("cpu")
SETTINGS = Settings(batch_size=3, samples=4000, overlap=500)
LENGTHS = (1, 2, 511, 512, 513, 16001)


def waves(*lengths, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.integers(-20000, 20000, length).astype(np.int16) for length in lengths]


class Passes(nn.Module):
    """Gives the wave times `gain`, remembers what it was given, and the longest of it."""

    TAKES = "waves"

    def __init__(self, gain=1.0, least=0):
        super().__init__()
        self.gain, self.least, self.heard = gain, least, []
        self.register_buffer(names.OPTIMISED, inference.BUFFERS[names.OPTIMISED].clone())

    def forward(self, waves, lengths):
        self.heard.append(tuple(waves.shape))
        return waves * self.gain


def made(network, recordings, settings=SETTINGS):
    return list(inference.enhance(network, recordings, settings, CPU))


@pytest.fixture(scope="module")
def tiny():
    torch.manual_seed(0)
    return by_name.build("bsrnn", "tiny", {"channels": 4, "hidden": 4, "decoder": 4}, 1, inference.BUFFERS)


@pytest.mark.parametrize("length", LENGTHS)
def test_what_is_made_is_as_long_as_the_recording(tiny, length):
    (alone,) = made(tiny, waves(length))
    assert alone.shape == (length,) and alone.dtype == np.float32 and np.isfinite(alone).all()


def test_a_batch_is_its_recordings_one_by_one_in_their_order(tiny):
    recordings = waves(513, 4000, 1, 9000, 700, 2)
    for together, one in zip(made(tiny, recordings), recordings, strict=True):
        assert together == pytest.approx(made(tiny, [one])[0], abs=1e-5)  # float sums of other batches


@pytest.mark.parametrize("length", [*LENGTHS, 4000, 4001, 7500, 7501, 600 * 16000])
def test_stretches_fade_into_one_another_without_a_trace(length):
    network, (wave,) = Passes(), waves(length)
    (whole,) = made(network, [wave], Settings(batch_size=3, samples=max(4000, length // 50), overlap=500))
    assert whole.shape == (length,) and np.abs(whole - wave / np.float32(32768)).max() < 1e-6
    # never more at once than a batch of stretches, and no stretch that is not needed
    assert max(rows * samples for rows, samples in network.heard) <= 3 * max(4000, length // 50)
    hop = 3500
    if 4000 < length < 20000:
        assert sum(rows for rows, _ in network.heard) == -(-(length - 500) // hop)


def test_a_stretch_and_its_neighbour_share_where_they_overlap():
    class Counts(Passes):
        """Gives 1 in the first stretch, 2 in the second, ..."""

        def forward(self, waves, lengths):
            return torch.arange(1.0, len(waves) + 1)[:, None].expand_as(waves)

    (levels,) = made(Counts(), waves(7500))
    assert (levels[:3500] == 1).all() and (levels[4000:] == 2).all()
    assert levels[3500:4000] == pytest.approx(1 + (np.arange(500) + 0.5) / 500)


def test_what_is_not_finite_is_refused_with_the_recording():
    with pytest.raises(NotFinite, match="of recording 1 is not finite"):
        made(Passes(), [*waves(10), np.zeros(10, np.int16)]) and made(Inverse(), [*waves(10), np.zeros(10, np.int16)])


class Inverse(Passes):
    def forward(self, waves, lengths):
        return torch.where(waves == 0, torch.nan, waves)


def test_overlaps_that_meet_are_refused():
    with pytest.raises(Refused, match="overlap is 600, expected half of samples, 1000, at most"):
        Settings(1, 1000, 600)


def test_the_share_that_is_removed_is_that_of_the_energy():
    found = inference.outputs(Passes(gain=0.5), waves(100, 9000), SETTINGS, CPU)
    assert list(found) == ["removed"] and found["removed"].tolist() == pytest.approx([0.25, 0.25], abs=1e-4)
    assert inference.outputs(Passes(), [np.zeros(50, np.int16)], SETTINGS, CPU)["removed"].tolist() == [0]


@pytest.fixture
def packed(tmp_path):
    """Three recordings of dev: a quiet tone in pulses, and the same in noise."""
    rng, kind = np.random.default_rng(1), Track("int16", (), 16000)
    time = np.arange(14000) / 16000
    rows = []
    for i in range(3):
        clean = 4000 * np.sin(2 * np.pi * 300 * (i + 1) * time) * (np.sin(2 * np.pi * 4 * time) > 0)
        pair = {"clean": clean.astype(np.int16), "noisy": (clean + rng.normal(0, 500, 14000)).astype(np.int16)}
        rows.append(({"id": f"u{i}", "speaker": "s", "split": "dev", "snr": 5.0, "noise": "white"}, pair))
    shards.write(tmp_path / "dev", rows, {"noisy": kind, "clean": kind}, 1)
    return shards.Shards(tmp_path / "dev")


def test_what_was_packed_is_measured_with_the_marks_of_the_network_which_does_not_run(packed, tmp_path, monkeypatch):
    monkeypatch.setenv("VOXDAG_JOBS", "1")
    network = Passes(gain=0.5)
    network.optimised.copy_(torch.tensor(marks.mask({"stoi"})))
    recordings = inference.enhanced(network, packed, SETTINGS, CPU)
    shards.write(tmp_path / "made", recordings, inference.tracks(packed), 1)
    calls = len(network.heard)
    table = measures.predict(network, packed, shards.Shards(tmp_path / "made"))
    assert calls > 0 and len(network.heard) == calls
    assert (table[names.OPTIMISED] == "stoi estoi").all()
    noisy, clean = (packed.track(name).wave(0) for name in ("noisy", "clean"))
    assert table["ssnr"].iloc[0] == pytest.approx(enhancement.over_frames(clean, 0.5 * noisy)["ssnr"], abs=0.01)
    assert table["id"].tolist() == ["u0", "u1", "u2"] and table["dnsmos_ovrl"].isna().all()  # judges hear eval alone
    assert shards.Shards(tmp_path / "made").track("wave").lengths.tolist() == [14000] * 3
