"""The figures of a denoiser: training, and the noise that is left at each ratio of signal to noise."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from voxdag.data.shards import Shards
from voxdag.figures import comparison as systems
from voxdag.figures import groups, spectrograms
from voxdag.figures.history import Quantity, draw_history
from voxdag.figures.metric import Metric
from voxdag.figures.plot import Plot

LEFT = Metric("noise_left", "Noise left, of its energy", "%", worst="highest")
SI_SDR = Metric("si_sdr", "SI-SDR", "dB", worst="lowest")
CRITERIA = {"dev_noise_left": Quantity("Dev noise left (%)", scale=100, best="min")}


def figures(
    dev: pd.DataFrame, predictions: pd.DataFrame, breakdown: pd.DataFrame, history: pd.DataFrame
) -> dict[str, Plot]:
    """history, and snrs."""
    overall = groups.Overall(float(predictions["noise_left"].mean()), "all")
    snrs = groups.draw_groups(breakdown, "snr", LEFT, overall)
    return {"history": draw_history(history, CRITERIA), "snrs": snrs}


def examples(recordings: Shards, enhanced: Shards) -> dict[str, Plot]:
    """spectrograms of the first recording."""
    waves = {"noisy": recordings.track("noisy"), "enhanced": enhanced.track("wave"), "clean": recordings.track("clean")}
    shown = {name: track.wave(0) for name, track in waves.items()}
    return {"spectrograms": spectrograms.draw(shown, int(waves["clean"].track.rate), recordings.index["id"][0])}


def comparison(tables: Mapping[str, pd.DataFrame], intervals: pd.DataFrame) -> dict[str, Plot]:
    """noise_left and si_sdr of all systems."""
    return {metric.column: systems.headline(intervals, metric) for metric in (LEFT, SI_SDR)}
