"""How close enhanced speech comes to the clean: PESQ, STOI, ESTOI, SSNR, LLR, WSS, their composites, and SI-SDR.

- pesq, pesq_nb   MOS-LQO of ITU-T P.862.2 (wide band) and P.862.1 (narrow band), by the package pesq 0.0.4, which knows
                  no corrigendum 2 of P.862.2: figures of other programs differ
- stoi, estoi     -1 to 1, by the package pystoi. Taal et al., IEEE Trans. ASLP 19 (2011); Jensen and Taal, IEEE/ACM
                  Trans. ASLP 24 (2016)
- ssnr (dB), llr, wss (dB^2)   see `segmental` and `spectral_slope`
- csig, cbak, covl             predicted ratings of signal, background and overall quality, 1 to 5, with wide-band PESQ.
                               Hu and Loizou, IEEE Trans. ASLP 16 (2008), and the program `composite.m`
- si_sdr (dB)     Le Roux et al., ICASSP 2019; means are not taken out

The level of the enhanced wave matters to ssnr, and with it to cbak, alone.

Undefined values are NaN, never a number that stands for one:

- all, where the clean wave is digital silence; all but ssnr and wss, where the enhanced one is
- pesq below a quarter of a second, and where P.862 finds no utterance
- stoi and estoi, where fewer than 30 frames (384 ms) are left without the clean wave's silence
- ssnr, llr and wss below 600 samples; llr, where digital silence fills more than a twentieth of the frames of either
- a composite, where one of its terms is
- si_sdr of a scaled copy (it is infinite), and of a wave without any part of the clean one
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from pesq import BufferTooShortError, NoUtterancesError
from pesq import pesq as p862
from pystoi import stoi as taal

from voxdag.core.errors import Refused
from voxdag.scoring import segmental, spectral_slope
from voxdag.scoring.segmental import RATE

METRICS = ("pesq", "pesq_nb", "stoi", "estoi", "ssnr", "llr", "wss", "csig", "cbak", "covl", "si_sdr")
HIGHER = frozenset(METRICS) - {"llr", "wss"}  # the metrics of which the higher value is the better
LOUDEST = 16.0  # times full scale: samples beyond are on another scale
PESQ_SECONDS = 19.0  # at most at once: P.862 has room for 50 utterances, each of which takes 0.388 s or more
STOI_SECONDS = 0.384  # 30 frames of 12.8 ms
NOTHING = 1e-28  # of a power: what rounding leaves of a wave that is taken from itself
RATINGS = (1.0, 5.0)
COMPOSITES = {  # Hu and Loizou's regressions: constant, and a weight for each measure
    "csig": (3.093, {"llr": -1.029, "pesq": 0.603, "wss": -0.009}),
    "cbak": (1.634, {"pesq": 0.478, "wss": -0.007, "ssnr": 0.063}),
    "covl": (1.594, {"pesq": 0.805, "llr": -0.512, "wss": -0.007}),
}


def score(clean: np.ndarray, enhanced: np.ndarray, rate: int) -> dict[str, float]:
    """Every metric of METRICS of an enhanced wave (n,) beside the clean one (n,): floats with full scale at 1.

    Raises Refused for waves that are not as said: of different lengths, not floats, not finite, on a 16-bit scale, or
    at another rate than RATE.
    """
    _check(clean, enhanced, rate)
    clean, enhanced = (wave.astype(np.float64) for wave in (clean, enhanced))
    if not clean.any():
        return dict.fromkeys(METRICS, math.nan)
    values = {"pesq": pesq(clean, enhanced), "pesq_nb": pesq(clean, enhanced, band="nb")}
    values |= {"stoi": stoi(clean, enhanced), "estoi": stoi(clean, enhanced, extended=True)}
    values |= over_frames(clean, enhanced)
    values |= composites(values) | {"si_sdr": si_sdr(clean, enhanced)}
    return {name: values[name] for name in METRICS}


def pesq(clean: np.ndarray, enhanced: np.ndarray, band: str = "wb") -> float:
    """MOS-LQO of P.862.2 (`wb`) or P.862.1 (`nb`) at RATE. Both waves are divided by the larger peak of the two.

    A wave of more than PESQ_SECONDS is scored in as few equal stretches as it takes, and has the mean of those that are
    defined: P.862 is meant for 8 to 30 s, and the program writes beyond its tables from the 51st utterance on.
    """
    stretches = math.ceil(clean.size / (PESQ_SECONDS * RATE)) or 1
    pairs = zip(*(np.array_split(wave, stretches) for wave in (clean, enhanced)), strict=True)
    values = [value for a, b in pairs if not math.isnan(value := _p862(a, b, band))]
    return sum(values) / len(values) if values else math.nan


def stoi(clean: np.ndarray, enhanced: np.ndarray, extended: bool = False) -> float:
    """STOI or ESTOI at RATE."""
    if not (clean.any() and enhanced.any()) or clean.size < STOI_SECONDS * RATE:
        return math.nan
    with warnings.catch_warnings(), _fixed_draws():
        warnings.filterwarnings("error", "Not enough STFT frames", RuntimeWarning)  # beside which pystoi gives 1e-5
        try:
            return float(taal(clean, enhanced, RATE, extended))
        except RuntimeWarning:
            return math.nan


def over_frames(clean: np.ndarray, enhanced: np.ndarray) -> dict[str, float]:
    """ssnr, llr and wss: the mean over all frames, and the means over the 95 % of them that are nearest."""
    measures = {
        "ssnr": segmental.snr_of_frames,
        "llr": segmental.llr_of_frames,
        "wss": spectral_slope.wss_of_frames,
    }
    values = {name: [np.empty(0)] for name in measures}
    for frames in segmental.blocks(clean, enhanced):
        for name, measure in measures.items():
            values[name].append(measure(*frames))
    ssnr, *distances = (np.concatenate(of_frames) for of_frames in values.values())
    llr, wss = map(segmental.lowest, distances)
    return {"ssnr": float(ssnr.mean()) if ssnr.size else math.nan, "llr": llr, "wss": wss}


def composites(values: dict[str, float]) -> dict[str, float]:
    """csig, cbak and covl of pesq (wide band), llr, wss and ssnr, limited to 1..5; NaN stays NaN."""
    sums = {
        name: constant + sum(weight * values[term] for term, weight in terms.items())
        for name, (constant, terms) in COMPOSITES.items()
    }
    return {name: float(np.clip(rating, *RATINGS)) for name, rating in sums.items()}


def si_sdr(clean: np.ndarray, enhanced: np.ndarray) -> float:
    """10 lg(|a s|^2 / |a s - p|^2) with a = <p, s> / <s, s>, in dB, of waves whose means are not taken out."""
    target = (enhanced @ clean) / (clean @ clean) * clean
    signal, error = target @ target, (target - enhanced) @ (target - enhanced)
    if signal <= NOTHING * error or error <= NOTHING * signal:
        return math.nan
    return float(10 * np.log10(signal / error))


def _p862(clean: np.ndarray, enhanced: np.ndarray, band: str) -> float:
    if not (clean.any() and enhanced.any()):
        return math.nan
    try:
        return float(p862(RATE, clean, enhanced, band))
    except (BufferTooShortError, NoUtterancesError):
        return math.nan


@contextmanager
def _fixed_draws() -> Iterator[None]:
    """numpy's global generator, seeded, and as it was afterwards: pystoi's ESTOI adds noise from it, which is all that
    it has where a band is digital silence."""
    state = np.random.get_state()  # noqa: NPY002 (what pystoi draws from)
    np.random.seed(0)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002


def _check(clean: np.ndarray, enhanced: np.ndarray, rate: int) -> None:
    if rate != RATE:
        raise Refused(f"the waves are at {rate} Hz, expected {RATE} Hz, where these measures are defined")
    if clean.shape != enhanced.shape or clean.ndim != 1:
        raise Refused(f"clean and enhanced waves have shapes {clean.shape} and {enhanced.shape}, expected (n,) twice")
    for name, wave in {"clean": clean, "enhanced": enhanced}.items():
        if wave.dtype.kind != "f":
            raise Refused(f"the {name} wave holds {wave.dtype}, expected floats with full scale at 1")
        if not np.isfinite(wave).all():
            raise Refused(f"{np.count_nonzero(~np.isfinite(wave))} samples of the {name} wave are not finite")
        if wave.size and np.abs(wave).max() > LOUDEST:
            raise Refused(f"the {name} wave has a peak of {np.abs(wave).max():.6g}, expected full scale at 1")
