"""Parametric vocoders: speech rebuilt from a pitch track, an envelope and a synthetic excitation."""

import numpy as np
from scipy import ndimage

from voxdag.audio.pitch import pulse_train, track_pitch, voice_phase
from voxdag.audio.spectra import frame, hann, istft, stft, time_varying_filter
from voxdag.simulation.cepstrum import cepstral_envelope, minimum_phase, pitch_adaptive_envelope
from voxdag.simulation.lpc import all_pole_synthesis, linear_prediction

RATE = 16_000  # Hz
SIZE = 1024  # samples, 64 ms
HOP = 160  # samples, 10 ms
FLOOR = 1e-6  # added to magnitudes before the logarithm
WHITE = np.sqrt(np.sum(hann(SIZE) ** 2))  # RMS STFT magnitude of unit white noise
LOG_OF_NOISE = -0.5 * np.euler_gamma  # mean log magnitude of complex noise less the log of its RMS


def smoothed_vocoder(wave: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Source and filter as in WORLD (Morise et al. 2016), the envelopes as statistical parametric synthesis makes them.

    Pitch-adaptive envelopes lose 10 to 35 % of their variance over time (Toda and Tokuda 2007 describe the loss and its
    muffled sound) and are averaged over 30 to 70 ms; pulses and noise, mixed by frequency, pass their minimum-phase
    filters.
    """
    pitch = track_pitch(wave, RATE, HOP)
    power = np.abs(stft(wave, SIZE, HOP)) ** 2 + FLOOR**2
    envelope = pitch_adaptive_envelope(power, pitch.hz, RATE, order=60)
    envelope = over_smooth(envelope, keep=float(rng.uniform(0.65, 0.90)), frames=int(rng.choice([3, 5, 7])))
    noise_share = _aperiodicity(pitch.voiced, middle_hz=float(rng.uniform(3000, 5000)))
    response = minimum_phase(envelope) / WHITE
    pulses = pulse_train(voice_phase(pitch.hz, HOP, RATE, len(wave)))
    voiced = time_varying_filter(pulses, response * np.sqrt(1 - noise_share), HOP)
    return voiced + time_varying_filter(rng.standard_normal(len(wave)), response * np.sqrt(noise_share), HOP)


def over_smooth(envelope: np.ndarray, keep: float, frames: int) -> np.ndarray:
    """Log spectra (frames, bins) averaged over `frames` and drawn to their fine structure's mean by the factor `keep`.

    Each frame's mean over frequency, its loudness, stays out of the averaging.
    """
    loudness = envelope.mean(axis=1, keepdims=True)
    shape = ndimage.uniform_filter1d(envelope - loudness, frames, axis=0)
    mean = shape.mean(axis=0)
    return loudness + mean + keep * (shape - mean)


def _aperiodicity(voiced: np.ndarray, middle_hz: float) -> np.ndarray:
    """Share of noise in the power (frames, bins): 1 in unvoiced frames, rising through `middle_hz` in voiced."""
    hz = np.linspace(0, RATE / 2, SIZE // 2 + 1)
    rising = 0.01 + 0.89 / (1 + np.exp((middle_hz - hz) / 500))
    share = ndimage.uniform_filter1d(voiced.astype(float), 3)[:, None]
    return 1 - share * (1 - rising)


def harmonic_plus_noise(wave: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Harmonics of minimum phase up to 3.2 to 5 kHz, noise above and between voices, from over-smoothed envelopes.

    The harmonic-plus-noise model (Stylianou 2001) as a synthesiser drives it: heights and phases of the harmonics come
    from an envelope that has lost 5 to 20 % of its variance over time, not from the wave.
    """
    pitch = track_pitch(wave, RATE, HOP)
    power = np.abs(stft(wave, SIZE, HOP)) ** 2 + FLOOR**2
    envelope = pitch_adaptive_envelope(power, pitch.hz, RATE, order=40)
    envelope = over_smooth(envelope, keep=float(rng.uniform(0.80, 0.95)), frames=int(rng.choice([3, 5])))
    top_hz = float(rng.uniform(3200, 5000))
    phase = voice_phase(pitch.hz, HOP, RATE, len(wave))
    amplitude = _harmonics(minimum_phase(envelope) / WHITE, pitch.hz, pitch.voiced, top_hz)
    hz = np.linspace(0, RATE / 2, SIZE // 2 + 1)
    noisy = ~pitch.voiced[:, None] | (hz > top_hz)
    noise = time_varying_filter(rng.standard_normal(len(wave)), np.exp(envelope) / WHITE * noisy, HOP)
    return oscillators(amplitude, phase, HOP) + noise


def _harmonics(response: np.ndarray, hz: np.ndarray, voiced: np.ndarray, top_hz: float) -> np.ndarray:
    """Complex amplitudes (frames, harmonics) of unit-power pulses through `response` (frames, bins); 0 above top_hz.

    A train of pulses of height sqrt(rate / f0), one a period, has harmonics of amplitude 2 sqrt(f0 / rate).
    """
    count = int(top_hz / hz[voiced].min()) if voiced.any() else 0
    harmonic = np.arange(1, count + 1) * hz[:, None]
    bins = np.minimum(np.rint(harmonic * SIZE / RATE).astype(int), SIZE // 2)
    height = 2 * np.sqrt(hz / RATE)[:, None] * ((harmonic < top_hz) & voiced[:, None])
    return height * np.take_along_axis(response, bins, axis=1)


def oscillators(amplitude: np.ndarray, phase: np.ndarray, hop: int) -> np.ndarray:
    """Sum of harmonics at k * phase cycles (samples,), their complex amplitudes (frames, harmonics) interpolated."""
    samples = len(phase)
    turn = np.exp(2j * np.pi * phase).astype(np.complex64)
    carrier, total = np.ones(samples, dtype=np.complex64), np.zeros(samples)
    padded = np.concatenate([amplitude, amplitude[-1:]]).astype(np.complex64)
    ramp = (np.arange(hop) / hop).astype(np.float32)
    for harmonic in padded.T:
        carrier *= turn
        track = harmonic[:-1, None] + ramp * np.diff(harmonic)[:, None]  # (frames, hop)
        total += (track.ravel()[:samples] * carrier).real
    return total


def pulse_noise_lpc(wave: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Two-state linear-predictive vocoder in the manner of LPC-10 (Tremain 1982): pulses or noise through 1 / A(z).

    Order 12 to 18, frames of 16 ms, and no interpolation between them: buzz, and a click at each change.
    """
    hop = 256  # 16 ms
    pitch = track_pitch(wave, RATE, hop)
    emphasised = np.append(wave[0], wave[1:] - 0.9 * wave[:-1])
    window = hann(2 * hop)
    coefficients, gain = linear_prediction(frame(emphasised, 2 * hop, hop) * window, int(rng.integers(12, 19)))
    frame_of = np.arange(len(wave)) // hop
    pulses = pulse_train(voice_phase(pitch.hz, hop, RATE, len(wave)))
    source = np.where(pitch.voiced[frame_of], pulses, rng.standard_normal(len(wave)))
    excitation = source * gain[frame_of] / np.sqrt(np.mean(window**2))
    synthetic = all_pole_synthesis(excitation, coefficients, hop)
    return all_pole_synthesis(synthetic, np.array([[1.0, -0.9]]), len(wave))


def sinusoids_plus_noise(wave: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The 8 to 16 highest spectral peaks of each frame as sinusoids, and noise of the remainder's smooth spectrum.

    Spectral modelling synthesis (Serra and Smith 1990). Departure: instead of joining peaks into tracks, frames are
    overlap-added (George and Smith 1992).
    """
    hop = SIZE // 4
    spectrum = stft(wave, SIZE, hop)
    peaks = keep_peaks(spectrum, int(rng.integers(8, 17)))
    remainder = cepstral_envelope(np.log(np.abs(spectrum - peaks) + FLOOR), 10)
    remainder = ndimage.uniform_filter1d(remainder, 7, axis=0)
    noise = stft(rng.standard_normal(len(wave)), SIZE, hop) / WHITE
    return istft(peaks + noise * np.exp(remainder - LOG_OF_NOISE), hop, len(wave))


def keep_peaks(spectrum: np.ndarray, count: int) -> np.ndarray:
    """Rebuild each frame (frames, bins) from the main lobes of its `count` highest peaks.

    A peak at bin p + d, d by a parabola through the logs, becomes the Hann window's main lobe there with the peak's
    phase.
    """
    log_height = np.log(np.abs(spectrum) + 1e-12)
    inner = log_height[:, 1:-1]
    is_peak = (inner > log_height[:, :-2]) & (inner >= log_height[:, 2:])
    peak = np.argsort(np.where(is_peak, -inner, np.inf), axis=1)[:, :count] + 1
    left, top, right = (np.take_along_axis(log_height, peak + step, axis=1) for step in (-1, 0, 1))
    true_peak = np.take_along_axis(is_peak, peak - 1, axis=1)
    offset = np.where(true_peak, 0.5 * (right - left) / np.minimum(left + right - 2 * top, -1e-9) * -1, 0.0)
    value = np.take_along_axis(spectrum, peak, axis=1) * true_peak / _hann_lobe(offset)
    rebuilt = np.zeros_like(spectrum)
    rows = np.arange(len(spectrum))[:, None]
    for step in (-2, -1, 0, 1, 2):
        place = np.clip(peak + step, 0, spectrum.shape[1] - 1)
        np.add.at(rebuilt, (rows, place), value * _hann_lobe(offset - step) * (-1) ** step)
    return rebuilt


def _hann_lobe(distance: np.ndarray) -> np.ndarray:
    """Height of a Hann window's main lobe `distance` bins from its centre, 1 there, 0 from two bins on."""
    near = np.abs(distance) < 1.999
    distance = np.where(near, distance, 0.0)
    safe = np.where(np.abs(np.abs(distance) - 1) < 1e-6, distance + 1e-5, distance)
    return np.where(near, np.sinc(safe) / (1 - safe**2), 0.0)
