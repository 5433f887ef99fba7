"""The networks of a system as ONNX files, each beside what its scores differ by from torch's, measured as it is made.

It is measured with recordings of dev, where they are here, and with noises of falling level; what is compared is what
`voxdag.predict` writes: the outputs of the task, or an enhancer's waves. A file whose scores differ by more than
TOLERANCE is left out, and so is that of a network that the exporter cannot write: the reason stands in its place.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from models.bsrnn import BSRNN
from voxdag.audio.acoustic import Extractor
from voxdag.core import streams
from voxdag.core.errors import Refused
from voxdag.data import layout
from voxdag.data.shards import ABOUT, Shards
from voxdag.networks import onnx_network, streaming
from voxdag.tasks.opened import Opened
from voxdag.tasks.scorer import WHOLE_SECONDS

if TYPE_CHECKING:
    from voxdag.networks.onnx_export import Input

TOLERANCE = 1e-4  # of any output of a task; of waves, full scale is 1
RECORDINGS = 8  # of dev, evenly over the split
SHARES = (0.3, 1.0, 1.7)  # lengths of the noises, in windows
LEVELS = (0.5, 0.001)  # of a noise, from its start to its end, full scale 1
STEP = "_step"  # ends the name of a file with one hop of an enhancer
OUTPUTS = {False: "logits (recordings, outputs) float32", True: "waves (recordings, samples) float32"}

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Written:
    """files: member -> its ONNX file; extra: others, by name; about: what bundle.json says of them."""

    files: dict[str, bytes] = field(default_factory=dict)
    extra: dict[str, bytes] = field(default_factory=dict)
    about: dict = field(default_factory=dict)


def written(there: Opened, members: Sequence[str], recordings: str) -> Written:
    """The ONNX files of networks, one a member. recordings: the folder whose dev is heard, if it is here.

    Raises Refused where the packages that write them are not installed.
    """
    streaming.check_installed()
    steps = _steps(there, members)
    try:
        files, worst, heard = _whole(there, members, recordings)
    except Refused as reason:
        log.warning("no ONNX files: %s", reason)
        return Written({}, steps[0], {"reason": str(reason)} | steps[1])
    about = {"parity": {"largest_difference": _digits(worst), "tolerance": TOLERANCE, "compared_with": heard}}
    length = onnx_network.of_bytes(files[members[0]], there.inference.BUFFERS, "the ONNX file").length
    return Written(files, steps[0], _interface(there, length) | about | steps[1])


def _whole(there: Opened, members: Sequence[str], folder: str) -> tuple[dict[str, bytes], float, str]:
    from voxdag.networks import onnx_export  # needs onnx, which who scores has no use for

    signals, heard = _signals(there, folder)
    files, worst = {}, 0.0
    for member, network in zip(members, there.networks, strict=True):
        files[member] = onnx_export.exported(network, _taken(there), there.inference.BUFFERS)
        worst = max(worst, difference(there, network, files[member], signals))
        if not worst <= TOLERANCE:
            log.info("what ONNX says of %s differs from torch by %.2g", member, worst)
            raise Refused(f"what ONNX says of {member} differs from torch by more than {TOLERANCE:g}")
    return files, worst, heard


def difference(there: Opened, network: nn.Module, file: bytes, signals: Sequence[np.ndarray]) -> float:
    """The largest difference of what the task makes of a network in torch and in ONNX, of int16 recordings."""
    other = onnx_network.of_bytes(file, there.inference.BUFFERS, "the ONNX file")
    found = 0.0
    for signal in signals:
        one, two = (_said(there, each, signal) for each in (network, other))
        found = max(found, float(np.abs(one - two).max()))
    return found


def _said(there: Opened, network: nn.Module, signal: np.ndarray) -> np.ndarray:
    inference, settings, device = there.inference, there.settings, torch.device("cpu")
    if hasattr(inference, "enhance"):
        return next(iter(inference.enhance(network, [signal], settings, device)))
    with torch.inference_mode():
        return inference.outputs(network, [signal], settings, device).select_dtypes("number").to_numpy(float)


def _signals(there: Opened, folder: str) -> tuple[list[np.ndarray], str]:
    """int16 recordings to compare with, and what they are in words."""
    window = _window(there)
    noises = [_noise(there.inference, round(share * window), share) for share in SHARES]
    dev = layout.recordings(folder, "dev")
    if not (dev / ABOUT).is_file():
        return noises, f"{len(noises)} noises"
    shards = Shards(dev)
    name = next(iter(shards.tracks)) if "noisy" not in shards.tracks else "noisy"
    rows = np.unique(np.linspace(0, len(shards) - 1, RECORDINGS).round().astype(int))
    track = shards.track(name)
    recordings = [np.asarray(track[i]) for i in rows]
    return [*recordings, *noises], f"{len(recordings)} recordings of dev and {len(noises)} noises"


def _noise(inference: ModuleType, samples: int, share: float) -> np.ndarray:
    wave = streams.generator(0, "parity", share).normal(size=samples) / 4 * np.geomspace(*LEVELS, samples)
    return np.round(32767 * wave.clip(-1, 1)).astype(np.int16)


def _window(there: Opened) -> int:
    """Samples of the longest stretch that a network is given at once, a few seconds where it hears whole recordings."""
    return min(there.settings.samples, round(WHOLE_SECONDS / 6 * there.inference.RATE))


def _taken(there: Opened) -> Input:
    from voxdag.networks.onnx_export import Input

    samples = there.settings.samples
    bounded = there.inference.CROPS or hasattr(there.inference, "enhance")
    acoustic = getattr(there.settings, "acoustic", None)
    if acoustic is None:
        return Input(1, samples, bounded)
    extractor = Extractor(acoustic, there.inference.RATE)
    return Input(extractor.size, int(extractor.frames(torch.tensor([samples]))[0]), bounded)


def _interface(there: Opened, length: int | None) -> dict:
    """What goes into a file and comes out, for who runs it by onnxruntime alone. length: that is always to go in."""
    rate = there.inference.RATE
    names = onnx_network.INPUTS[onnx_network.takes(there.networks[0])]
    given = {
        "wave": f"(recordings, {there.settings.samples}) float32, full scale 1, at {rate} Hz",
        "waves": f"(recordings, samples) float32, full scale 1, at {rate} Hz, zeros behind the shorter ones",
        "features": "(recordings, rows, frames) float32, as `voxdag.audio.acoustic` makes them by scoring.inference",
        "lengths": "(recordings) int64, samples of each",
        "frames": "(recordings) int64, frames of each",
    }
    inputs = {name: given[name] for name in names}
    if length is not None:
        inputs[names[0]] += f"; always {length} of them, with zeros behind"
    outputs = OUTPUTS[hasattr(there.inference, "enhance")]
    return {"inputs": inputs, "length": _how_long(there, names[0], length), "output": outputs}


def _how_long(there: Opened, given: str, length: int | None) -> str:
    """How much of a recording goes in at once, in words."""
    window = f"{there.settings.samples} samples, which are {there.settings.samples / there.inference.RATE:g} s"
    if given == "wave":
        return f"always {window}: voxdag takes such crops of a longer recording, and repeats a shorter one"
    if length is not None:
        return f"always what {window}, give, with zeros behind a shorter recording"
    bounded = there.inference.CROPS or hasattr(there.inference, "enhance")
    return f"any length; voxdag gives at most {window}, at once" if bounded else "any; voxdag gives whole recordings"


def _steps(there: Opened, members: Sequence[str]) -> tuple[dict[str, bytes], dict]:
    """One hop of each causal enhancer, and what bundle.json says of these files."""
    if not (isinstance(there.networks[0], BSRNN) and there.networks[0].config.causal):
        return {}, {}
    files, worst = {}, 0.0
    noise = _noise(there.inference, 4 * there.inference.RATE, 4.0) / np.float32(32768)
    for member, network in zip(members, there.networks, strict=True):
        stream = streaming.stream_of(network)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "step.onnx"
            streaming.export(stream, path)
            two = streaming.in_torch(stream), streaming.in_onnx(path)
            worst = max(worst, float(streaming.differences(*two, noise.astype(np.float32)).max()))
            files[f"{member}{STEP}.onnx"] = path.read_bytes()
    if not worst <= TOLERANCE:
        raise Refused(f"a hop in ONNX differs from torch by {worst:.2g}, more than {TOLERANCE:g}")
    latency = {"hop": two[0].hop, "delay": two[0].delay, "latency_ms": 1000 * two[0].latency}
    parity = {"largest_difference": _digits(worst), "tolerance": TOLERANCE, "compared_with": "4 s of noise"}
    return files, {"step": latency | {"rate": there.inference.RATE, "parity": parity}}


def _digits(value: float) -> float:
    """Two digits: more are no figure."""
    return float(f"{value:.1e}")
