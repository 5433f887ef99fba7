"""Networks that a command line names, read and on their device, and how their task runs them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Protocol

import torch
from torch import nn

from voxdag.core import command, params, runtime
from voxdag.core.errors import Refused
from voxdag.core.modules import load_module
from voxdag.core.params import Run
from voxdag.data.recordings import Features
from voxdag.data.shards import check_rate
from voxdag.networks import base, by_name, onnx_network
from voxdag.networks.weights import digest, read_weights
from voxdag.tasks import file_scoring
from voxdag.tasks.sources import Source

OF_CORPORA = {"max_quarantined": 0.0, "shard_megabytes": 1}  # settings of features that no single file has a use for


class InferenceSettings(Protocol):
    """What the settings of inference have in every task (see `voxdag.tasks.contract`)."""

    @property
    def batch_size(self) -> int:
        """Recordings, or segments, at once."""

    @property
    def samples(self) -> int:
        """Of a recording, or of the longest stretch of it, that a network is given at once."""


@dataclass(frozen=True)
class Opened:
    """What a command line names: networks, and how their task runs them.

    hashes: the first digits of the SHA-256 of each weights file
    """

    inference: ModuleType
    settings: InferenceSettings
    features: Features
    networks: list[nn.Module]
    hashes: list[str]
    device: torch.device


def opened(found: Source, run: Run) -> Opened:
    """The networks, read.

    Raises Refused for a system whose recordings a file cannot be made into here, for settings or weights that are none
    of the task's, and for a front end that is not the one of training.
    """
    scoring = found.scoring
    file_scoring.check_recordings(scoring, found.name)
    inference = load_module("voxdag.tasks.{task}.inference", task=scoring.task)
    settings = params.bind(inference.Settings, scoring.inference, found.inference_key, found.said_in)
    heard = {"decoding": scoring.decoding, "front_end": scoring.front_end}
    features = params.bind(Features, heard | OF_CORPORA, found.features_key, found.said_in)
    check_rate(features.decoding.rate, inference.RATE, f"features of {scoring.task} are", found.name, scoring.task)
    device = runtime.setup(run)
    return Opened(inference, settings, features, _networks(found, inference, device), hashes(found), device)


def _networks(found: Source, inference: ModuleType, device: torch.device) -> list[nn.Module]:
    if found.onnx:
        return [onnx_network.read(file, inference.BUFFERS) for file in found.onnx]
    words = (*found.words, inference.OUTPUT_SIZE, inference.BUFFERS)
    networks = [by_name.restore(file, *words).eval() for file in found.files]
    for network, file in zip(networks, found.files, strict=True):
        base.check(network, read_weights(file)[1], file)
    return [network.to(device) for network in networks]


def hashes(found: Source) -> list[str]:
    """The first digits of the SHA-256 of each weights file."""
    return [digest(file) for file in found.files]


def run_settings(found: Source, device: str | None) -> Run:
    """The settings of the machine: those that came with the networks, or of params.yaml, where there is one; else all
    processors, and a GPU if any. ONNX files run on processors."""
    if found.run is not None:
        run = found.run
    elif Path(params.FILE).is_file():
        tree = params.read()
        system = params.system(tree, found.name) if found.name in (tree["systems"] or {}) else None
        run = params.run(tree, system)
    else:
        run = Run(seed=0, num_threads=command.jobs(), device="auto")
    if found.onnx:
        if device == "cuda":
            raise Refused("--device is cuda, and ONNX files run on processors here: leave it away, or --onnx")
        return replace(run, device="cpu")
    return run if device is None else replace(run, device=device)
