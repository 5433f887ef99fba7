"""Denoising: a spectral gate that needs no training, and the way to a network of waveforms."""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage
from torch import nn

from voxdag.audio.spectra import istft, stft

HOP_SECONDS = 0.008
OVERLAP = 4  # hops in a frame
QUIETEST = 0.1  # share of the frames that the noise is estimated from
OVERSUBTRACTION = 2.0  # times the noise's power: its spectrum scatters round its mean
FLOOR = 10 ** (-15 / 20)  # gain in noise alone; some noise is left, to cover what else would sound like bells
SMOOTHING = (5, 3)  # frames, bins


def spectral_gate(wave: np.ndarray, rate: int) -> np.ndarray:
    """Attenuate each bin of the spectrum where it is not above the recording's own noise floor: (n,) -> (n,).

    gain = sqrt(max(1 - 2 N(f) / S(t, f), FLOOR^2)), S the power of the STFT averaged over 5 frames by 3 bins, N the
    mean of S over the quietest tenth of the frames. Boll, "Suppression of acoustic noise in speech using spectral
    subtraction", IEEE Trans. ASSP 27 (1979), with the noise from the recording itself and a smooth mask as in
    Sainburg, "noisereduce" (github.com/timsainb/noisereduce). Departures from both: power, not magnitude; quietest
    frames, not a given stretch of noise; no further suppression outside speech.

    Digital silence does not count as a quiet frame. Where somebody speaks all the time, the quietest frames hold
    speech, and it is attenuated too.
    """
    hop = round(HOP_SECONDS * rate)
    spectrum = stft(wave, OVERLAP * hop, hop)  # (frames, bins)
    power = ndimage.uniform_filter(np.abs(spectrum) ** 2, SMOOTHING)
    noise = noise_floor(power)
    share = np.divide(noise, power, out=np.zeros_like(power), where=power > 0)
    gain = np.sqrt(np.maximum(1 - OVERSUBTRACTION * share, FLOOR**2))
    return istft(gain * spectrum, hop, len(wave)).astype(wave.dtype)


def noise_floor(power: np.ndarray) -> np.ndarray:
    """Mean power of the quietest frames that are not digital silence: (frames, bins) -> (bins,)."""
    total = power.sum(axis=1)
    sounding = np.flatnonzero(total > 0)
    if len(sounding) == 0:
        return np.zeros(power.shape[1])
    order = sounding[np.argsort(total[sounding], kind="stable")]
    return power[order[: max(1, round(QUIETEST * len(order)))]].mean(axis=0)


def with_network(network: nn.Module, wave: np.ndarray) -> np.ndarray:
    """What a network of waveforms (B, T) -> (B, T), on the CPU and in evaluation mode, makes of (n,) float32."""
    with torch.inference_mode():
        return network(torch.from_numpy(wave)[None])[0].numpy()
