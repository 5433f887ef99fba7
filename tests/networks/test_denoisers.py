"""The network that the front end denoises with: which, at which rate, from which file, and read once."""

import numpy as np
import pytest
import torch

from models import demucs
from voxdag.audio.decode import Decoding
from voxdag.audio.front_end import FrontEnd
from voxdag.core.errors import NotHere, Refused
from voxdag.data.recordings import Features
from voxdag.networks import denoisers


def features(denoise="demucs", rate=16000):
    return Features(Decoding(rate, 0.3, 1e-4, 0.01), FrontEnd(denoise, "none", None, 0.0), 0.01, 256)


@pytest.fixture(autouse=True)
def weights(monkeypatch, tmp_path):
    monkeypatch.setenv("VOXDAG_WEIGHTS", str(tmp_path))
    denoisers.denoiser.cache_clear()
    return tmp_path


@pytest.mark.parametrize("denoise", ["none", "spectral_gate"])
def test_other_front_ends_need_no_network(denoise):
    assert denoisers.denoiser(features(denoise)) is None
    assert denoisers.denoiser(Features(Decoding(16000, 0.3, 1e-4, 0.01), None, 0.01, 256)) is None


def test_without_its_weights_it_says_where_to_put_them():
    with pytest.raises(NotHere, match="no weights at .*dns64-a7761ff99a7d5bb6.th"):
        denoisers.denoiser(features())


def test_another_rate_is_refused():
    with pytest.raises(Refused, match="demucs takes 16000 Hz, decoding.rate is 8000"):
        denoisers.denoiser(features(rate=8000))


def test_it_is_the_network_of_the_file_and_read_once(weights, monkeypatch):
    torch.manual_seed(0)
    # the size "dns48" has the same layers with fewer channels: fast enough for a test
    monkeypatch.setattr(denoisers, "DEMUCS", min(demucs.CONFIGS))
    network = demucs.build(demucs.CONFIGS[min(demucs.CONFIGS)], outputs=1).eval()
    torch.save(network.state_dict(), weights / "dns64-a7761ff99a7d5bb6.th")
    enhance, wave = denoisers.denoiser(features()), np.random.default_rng(0).normal(size=2000).astype(np.float32)
    with torch.inference_mode():
        np.testing.assert_array_equal(enhance(wave), network(torch.from_numpy(wave)[None])[0].numpy())
    assert not enhance.args[0].training
    (weights / "dns64-a7761ff99a7d5bb6.th").unlink()
    assert denoisers.denoiser(features()) is enhance
