"""Nineteen spoofing algorithms for any speech wave, laid out as in ASVspoof 2019 LA.

A01 to A06 are the known attacks of train and dev, A07 to A19 the unknown ones of eval; A16 is A04's algorithm and A19
is A06's, with other parameters (Wang et al. 2020, The ASVspoof 2019 database). They counterfeit by signal processing
what the systems of that corpus leave behind: invented phases, over-smoothed or quantised spectra, upsampling images,
joins, and bent envelopes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from voxdag.core.errors import Refused
from voxdag.simulation.attacks import concatenation, conversion, neural_like, phase, vocoders

Apply = Callable[[np.ndarray, Sequence[np.ndarray], np.random.Generator], np.ndarray]
SHORTEST = 4_000  # samples, 0.25 s
SILENT_BELOW = 1e-6  # RMS, full scale 1


@dataclass(frozen=True)
class Attack:
    """A spoofing algorithm; `description` names what it does and the artefact it leaves.

    `apply(wave, donors, rng)` returns the counterfeit as the algorithm makes it; `spoof` checks the input and evens
    level.
    """

    name: str
    family: str
    description: str
    apply: Apply


def spoof(name: str, wave: np.ndarray, donors: Sequence[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """Counterfeit `wave` (samples,), 16 kHz, by an attack: -> (samples,) float64 of the same RMS and no offset.

    `donors` (each (samples,), 16 kHz) are other recordings: the inventory of the concatenations A04 and A16 (of the
    same speaker, best; may be empty) and the voice that the conversions A06 and A19 aim at (of the target; at least
    one). The other attacks ignore them.

    Raises Refused for an unknown name and for a wave or donor that is not one-dimensional, shorter than 0.25 s, not
    finite, or silent.
    """
    if name not in ATTACKS:
        raise Refused(f"unknown attack {name!r}; valid names are {', '.join(ATTACKS)}")
    wave = _checked(wave, "wave")
    donors = [_checked(donor, f"donor {index}") for index, donor in enumerate(donors)]
    counterfeit = ATTACKS[name].apply(wave, donors, rng)
    counterfeit = counterfeit - counterfeit.mean()
    return counterfeit * np.sqrt(np.mean(wave**2) / np.mean(counterfeit**2))


def _checked(wave: np.ndarray, what: str) -> np.ndarray:
    wave = np.asarray(wave, dtype=np.float64)
    if wave.ndim != 1 or len(wave) < SHORTEST:
        raise Refused(f"{what} has shape {wave.shape}; expected one dimension of at least {SHORTEST} samples")
    if not np.isfinite(wave).all():
        index = int(np.flatnonzero(~np.isfinite(wave))[0])
        raise Refused(f"{what} is not finite: sample {index} is {wave[index]}")
    level = np.sqrt(np.mean(wave**2))
    if level < SILENT_BELOW:
        raise Refused(f"{what} is silent: RMS {level:.3g} is below {SILENT_BELOW}")
    return wave


def _alone(function: Callable[[np.ndarray, np.random.Generator], np.ndarray]) -> Apply:
    """An attack that has no use for donors."""
    return lambda wave, donors, rng: function(wave, rng)


_TABLE = (
    Attack("A01", "phase", "Griffin-Lim from mel bands: smeared phases, blurred upper harmonics",
           _alone(phase.griffin_lim_from_mel)),
    Attack("A02", "vocoder", "pulse and noise through over-smoothed minimum-phase envelopes: muffled, few phases",
           _alone(vocoders.smoothed_vocoder)),
    Attack("A03", "neural-like", "8-bit samples at 8 kHz, upsampled: mirror images above 4 kHz, quantisation noise",
           _alone(neural_like.upsampled_decoder)),
    Attack("A04", "concatenation", "unit selection, short units: breaks of pitch and phase at each join",
           concatenation.UnitSelection(unit_s=(0.06, 0.12), crossfade_s=0.0005, accept=1.0)),
    Attack("A05", "conversion", "codebook mapping of envelopes: few spectral shapes, moved resonances, jumps",
           _alone(conversion.codebook_mapping)),
    Attack("A06", "conversion", "spectral filtering towards a donor: envelope at odds with excitation, frame by frame",
           conversion.SpectralFiltering(order=(18, 24), neighbours=1, strength=(0.9, 1.0))),
    Attack("A07", "vocoder", "harmonic plus noise: minimum-phase harmonics, hard border to noise",
           _alone(vocoders.harmonic_plus_noise)),
    Attack("A08", "neural-like", "source-filter from sines: zero-phase harmonics of a saturated source",
           _alone(neural_like.sine_excitation)),
    Attack("A09", "vocoder", "two-state linear prediction: buzz, clicks where frames change",
           _alone(vocoders.pulse_noise_lpc)),
    Attack("A10", "neural-like", "8-bit autoregression: noise that follows the speech",
           _alone(neural_like.autoregressive)),
    Attack("A11", "phase", "single-pass phases from mel bands: every bin a steady sinusoid",
           _alone(phase.single_pass_phase)),
    Attack("A12", "neural-like", "codec tokens: few levels per coefficient, pre-echo",
           _alone(neural_like.codec_tokens)),
    Attack("A13", "concatenation", "pitch shift by overlapped periods: a join in each period",
           _alone(concatenation.pitch_shift_psola)),
    Attack("A14", "vocoder", "sinusoids plus noise: frame-wise sinusoids warble, the noise is smoothed",
           _alone(vocoders.sinusoids_plus_noise)),
    Attack("A15", "neural-like", "folded high band: mirrored harmonics above 4 kHz, coarse envelope",
           _alone(neural_like.folded_high_band)),
    Attack("A16", "concatenation", "A04 with longer units and softer joins",
           concatenation.UnitSelection(unit_s=(0.10, 0.20), crossfade_s=0.001, accept=1.0)),
    Attack("A17", "conversion", "differential filter on the natural wave: slightly moved resonances, nothing else",
           _alone(conversion.differential_filter)),
    Attack("A18", "phase", "phase vocoder there and back: phases of neighbouring bins drift apart",
           _alone(phase.stretch_and_return)),
    Attack("A19", "conversion", "A06 with smoother envelopes of several donor frames, mixed with the source's",
           conversion.SpectralFiltering(order=(12, 16), neighbours=4, strength=(0.6, 0.8))),
)  # fmt: skip
ATTACKS: dict[str, Attack] = {attack.name: attack for attack in _TABLE}
