"""What checkpoints are selected by on dev."""

from __future__ import annotations

import pandas as pd

HIGHER = frozenset({"si_sdr"})


def criteria(predictions: pd.DataFrame) -> dict[str, float]:
    """The share of the noise's energy that is left (fraction), and SI-SDR (dB), means over the utterances."""
    return {name: float(predictions[name].mean()) for name in ("noise_left", "si_sdr")}
