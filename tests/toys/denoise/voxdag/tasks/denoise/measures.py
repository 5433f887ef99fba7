"""How good what a denoiser made is."""

from __future__ import annotations

import pandas as pd
import torch
from torch import nn

from voxdag.data.shards import Shards
from voxdag.tasks import prediction_tables
from voxdag.tasks.denoise.inference import MEASURES, quality, track


def predict(network: nn.Module, shards: Shards, made: Shards) -> pd.DataFrame:
    """MEASURES of each recording (see `inference.predict`), of the waves that were packed."""
    noisy, clean, wave = track(shards, "noisy"), track(shards, "clean"), made.track("wave")
    rows = []
    for i in range(len(clean)):
        heard, wanted, given = (torch.from_numpy(one.wave(i))[None] for one in (noisy, clean, wave))
        rows.append(torch.cat(quality(heard, wanted, given)).tolist())
    return prediction_tables.tabulate(shards.about, pd.DataFrame(rows, columns=list(MEASURES)))
