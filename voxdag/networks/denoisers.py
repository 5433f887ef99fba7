"""Networks that denoise recordings before they are packed."""

from __future__ import annotations

import functools

from models import demucs
from voxdag.audio.denoise import with_network
from voxdag.audio.front_end import Enhance
from voxdag.core.errors import Refused
from voxdag.data.recordings import Features
from voxdag.networks.by_name import weights_file
from voxdag.networks.official import DENOISERS
from voxdag.networks.weights import load

DEMUCS = "dns64"  # the size that the weights are of


@functools.cache
def denoiser(features: Features) -> Enhance | None:
    """The network that `front_end.denoise` names, read once in each process; None where it names none.

    Raises NotHere where its weights are not on disk, Refused where recordings are not at the rate that it takes.
    """
    if features.front_end is None or features.front_end.denoise not in DENOISERS:
        return None
    if features.decoding.rate != demucs.SAMPLE_RATE:
        raise Refused(f"demucs takes {demucs.SAMPLE_RATE} Hz, decoding.rate is {features.decoding.rate}")
    network = demucs.build(demucs.CONFIGS[DEMUCS], outputs=1)
    load(network, weights_file(DENOISERS[features.front_end.denoise]))
    return functools.partial(with_network, network.eval())
