"""Independent judges of enhanced speech: networks that nobody here trains, whose weights come with their packages.

- dnsmos_sig, dnsmos_bak, dnsmos_ovrl   DNSMOS P.835: predicted ratings of speech, background and overall quality, 1 to
      5, of the enhanced wave alone. Reddy, Gopal and Cutler, ICASSP 2022; package speechmos
- distillmos             predicted rating of overall quality, 1 to 5, of the enhanced wave alone. Stahl and Gamper,
      ICASSP 2025; package distillmos
- speaker_similarity     cosine of the speaker embeddings of the clean and the enhanced wave, 0 to 1. Wan et al.,
      "Generalized end-to-end loss for speaker verification", ICASSP 2018; package Resemblyzer

The last two need the packages of requirements-judges.txt: where one is not installed its metric is NaN, and `absent`
says so. Where the enhanced wave is digital silence all are NaN, where the clean one is, speaker_similarity.
"""

from __future__ import annotations

import functools
import importlib.util
import math
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np

from voxdag.core.errors import Refused
from voxdag.core.threads import one_thread

METRICS = ("dnsmos_sig", "dnsmos_bak", "dnsmos_ovrl", "distillmos", "speaker_similarity")
HIGHER = frozenset(METRICS)
OPTIONAL = {"distillmos": "distillmos", "speaker_similarity": "resemblyzer"}  # metric -> the package that it needs
RATE = 16000  # Hz
DNSMOS_SECONDS = 9.01  # of the network's window; the next one begins a second later
DNSMOS_SCALES = {  # what the network says, made a rating: coefficients from the second power down, by speechmos.dnsmos
    "dnsmos_sig": (-0.08397278, 1.22083953, 0.0052439),
    "dnsmos_bak": (-0.13166888, 1.60915514, -0.39604546),
    "dnsmos_ovrl": (-0.06766283, 1.11546468, 0.04602535),
}
SPEAKER_LEVEL = 10 ** (-30 / 20)  # RMS that the speaker encoder was trained at


def judge(clean: np.ndarray, enhanced: np.ndarray, rate: int) -> dict[str, float]:
    """Every metric of METRICS of an enhanced wave (n,) beside the clean one (n,): floats with full scale at 1.

    One thread, so the values are the same whatever the machine is asked to do beside.

    Raises Refused for another rate than RATE.
    """
    if rate != RATE:
        raise Refused(f"the waves are at {rate} Hz, expected {RATE} Hz, which the judges were trained at")
    clean, enhanced = (np.clip(wave, -1, 1).astype(np.float32) for wave in (clean, enhanced))
    values = dict.fromkeys(METRICS, math.nan)
    if not enhanced.any():
        return values
    values |= dnsmos(enhanced)
    missing = absent()
    if "distillmos" not in missing:
        values["distillmos"] = distillmos(enhanced)
    if "speaker_similarity" not in missing and clean.any():
        values["speaker_similarity"] = speaker_similarity(clean, enhanced)
    return values


@functools.cache
def absent() -> tuple[str, ...]:
    """The metrics whose package is not installed."""
    return tuple(metric for metric, package in OPTIONAL.items() if importlib.util.find_spec(package) is None)


def dnsmos(wave: np.ndarray) -> dict[str, float]:
    """The three ratings of a wave (n,), means over windows.

    As in the published program, a wave is doubled until it fills a window, and a window that comes out a sample short
    by the rounding of its ends (the 8th to 24th are) is left out.
    """
    size = int(DNSMOS_SECONDS * RATE)
    repeated = np.tile(wave, 2 ** max(0, math.ceil(math.log2(size / wave.size))))
    count = int(repeated.size // RATE - DNSMOS_SECONDS) + 1
    windows = [repeated[start * RATE : int((start + DNSMOS_SECONDS) * RATE)] for start in range(count)]
    session = _dnsmos_session()
    raw = [session.run(None, {"input_1": window[None]})[0][0] for window in windows if window.size == size]
    said = np.array(raw, dtype=float).T  # (3, windows)
    return {
        name: float(np.polyval(scale, of_one).mean())
        for (name, scale), of_one in zip(DNSMOS_SCALES.items(), said, strict=True)
    }


def distillmos(wave: np.ndarray) -> float:
    """The rating of a wave (n,), the mean over windows of 7.68 s."""
    import torch

    with one_thread(), torch.inference_mode():
        return float(_distillmos_network()(torch.from_numpy(wave[None])))


def speaker_similarity(clean: np.ndarray, enhanced: np.ndarray) -> float:
    """The cosine of the embeddings, of unit length, of two waves (n,).

    Both get the level that the encoder expects. Their silence is not cut, as the package does: it would be cut in
    other places of either.
    """
    with one_thread():
        encoder = _speaker_encoder()
        embeddings = [encoder.embed_utterance(wave * SPEAKER_LEVEL / _rms(wave)) for wave in (clean, enhanced)]
    return float(embeddings[0] @ embeddings[1])


def _rms(wave: np.ndarray) -> np.float32:
    return np.sqrt(np.mean(np.square(wave)))


@functools.cache
def _dnsmos_session() -> Any:
    import onnxruntime
    import speechmos  # the package itself is empty; its module dnsmos would load librosa, for a rating not used here

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    model = Path(speechmos.__file__).parent / "dnsmos_models/sig_bak_ovr.onnx"
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


@functools.cache
def _distillmos_network() -> Any:
    from distillmos import ConvTransformerSQAModel

    with redirect_stdout(StringIO()):  # it says where its weights lie
        return ConvTransformerSQAModel().eval()


@functools.cache
def _speaker_encoder() -> Any:
    from resemblyzer import VoiceEncoder

    return VoiceEncoder("cpu", verbose=False)
