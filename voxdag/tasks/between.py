"""What the stages between features and training share: shards to shards, with a network or without, nothing lost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import nn

from voxdag.core import params, runtime
from voxdag.core.errors import NotHere, Refused
from voxdag.core.params import FILES, NONE, Between
from voxdag.data import folds, layout, shards
from voxdag.data.layout import SPLITS
from voxdag.data.shards import Row, Shards
from voxdag.data.synthetic import SYNTHETIC, TRAIN
from voxdag.networks import by_name
from voxdag.networks.weights import check_finite, read_weights

Recordings = Iterable[tuple[Row, Mapping[str, np.ndarray]]]  # row of the index, track -> array


@dataclass(frozen=True)
class Work:
    """An entry of `cleaned`, `embedded` or `synthetic`, opened.

    recordings, out  the folders of shards, below data, that it reads and writes
    settings         the module's
    network          with its weights, in evaluation mode; None for a module that needs none
    weights          the files of those
    """

    recordings: str
    out: str
    settings: Any
    network: nn.Module | None
    device: torch.device
    weights: tuple[Path, ...]


def opened(tree: Mapping[str, Any], section: str, name: str, module: ModuleType) -> Work:
    """The entry of that name, and its network. Raises Refused as `open_network` does, and for wrong parameters."""
    entry, where = params.between(tree, section, name), f"{section}.{name}"
    settings, device = (
        params.bind(module.Settings, entry.settings, f"{where}.settings"),
        runtime.setup(params.run(tree)),
    )
    network = open_network(entry, module, where, device)
    weights = (weights_file(entry, where),) if network is not None else ()
    return Work(entry.recordings, f"{section}/{name}", settings, network, device, weights)


def each_for_itself(work: Work, module: ModuleType, make: Callable[..., Recordings], keeps_lengths: bool) -> None:
    """Write what `make`, of the module, makes of the recordings of each split, without gradients."""
    for split in SPLITS:
        packed = Shards(layout.recordings(work.recordings, split))
        with torch.inference_mode():
            made = make(work.network, packed, work.settings, work.device)
            tracks = module.tracks(work.network, packed, work.settings)
            out = layout.recordings(work.out, split)
            shards.write(out, same_recordings(made, packed, keeps_lengths), tracks, shards.MEGABYTES)


def open_network(entry: Between, module: ModuleType, where: str, device: torch.device) -> nn.Module | None:
    """The network that an entry of params.yaml names, with its weights, in evaluation mode; None where it names none.

    module: whose OUTPUT_SIZE and BUFFERS the network has; where: the entry's key.

    Raises Refused as `has_network` and `by_name.restore` do.
    """
    if not has_network(entry, where):
        return None
    path, size = weights_file(entry, where), (entry.config, entry.changes)
    outputs = module.OUTPUT_SIZE, module.BUFFERS
    network = _published(path, entry, where, *outputs) or by_name.restore(path, entry.network, *size, *outputs)
    return network.to(device).eval()


def _published(
    path: Path, entry: Between, where: str, outputs: int, buffers: Mapping[str, torch.Tensor]
) -> nn.Module | None:
    """The network with the weights of a file that others published in names of their own, where these are all that it
    has; None for other files, and for networks that know of none. Raises Refused for a file of another size."""
    if entry.config is None:
        return None
    network = by_name.build(entry.network, entry.config, entry.changes or {}, outputs, buffers)  # type: ignore[arg-type]
    if not hasattr(network, "published"):
        return None
    try:
        tensors = network.published(read_weights(path)[0])  # type: ignore[operator]
    except ValueError as reason:  # models import nothing of ours, and so cannot raise Refused
        raise Refused(f"{where}.weights, {path}: {reason}") from reason
    if tensors is None or tensors.keys() != network.state_dict().keys():
        return None
    check_finite(tensors, path)
    network.load_state_dict(tensors)
    return network


def has_network(entry: Between, where: str) -> bool:
    """Whether an entry names one. Raises Refused for a network without weights, or the other way round."""
    without = entry.weights == f"{FILES}{NONE}"
    if without != (entry.network is None):
        raise Refused(f"{where} has the weights {entry.weights} and the network {entry.network}: expected both or none")
    return not without


def weights_file(entry: Between, where: str) -> Path:
    """The file that `weights` names. Raises NotHere with those that lie beside it."""
    if entry.weights.startswith(FILES):
        return by_name.weights_file(entry.weights.removeprefix(FILES))
    path = Path("data") / entry.weights
    if not path.is_file():
        there = ", ".join(sorted(file.name for file in path.parent.glob("*.safetensors"))) or "no weights"
        raise NotHere(f"{where}.weights is {entry.weights}; {path.parent} has {there}")
    return path


def same_recordings(made: Recordings, packed: Shards, keeps_lengths: bool) -> Iterator[tuple[Row, Mapping]]:
    """What was made of the recordings of a folder, with all that its index says of them.

    made: of each recording in the index's order; a row holds its id, and what else it says goes before what the index
    says.

    Raises Refused, naming the utterance, where one is lost, doubled or out of order, is not finite, or, if
    `keeps_lengths`, has another length than the track that it was made of.
    """
    known, count = packed.about.to_dict("records"), 0
    for row, arrays in made:
        if count == len(known) or row["id"] != known[count]["id"]:
            expected = known[count]["id"] if count < len(known) else "no more"
            raise Refused(f"{row['id']} was made where {expected} was expected, as {packed.folder} lists them")
        _check_finite(row, arrays)
        if keeps_lengths:
            _check_lengths(row, arrays, packed[count])
        yield known[count] | row, arrays
        count += 1
    if count < len(known):
        raise Refused(f"{len(known) - count} of {len(known)} recordings were lost, the first is {known[count]['id']}")


def with_synthetic(made: Mapping[str, Recordings], packed: Shards) -> Iterator[tuple[Row, Mapping]]:
    """The recordings of a folder and those that were made up, fold by fold, told apart by the column SYNTHETIC.

    made: of each fold, from its recordings alone. So what was made up from a speaker is in no fold that tests them; an
    id ends with the fold's name.

    Raises Refused, naming it, for one of another split, an id that is there twice, or an array that is not finite.
    """
    ids = set()
    for i, row in enumerate(packed.about.to_dict("records")):
        ids.add(row["id"])
        yield {SYNTHETIC: 0} | row, packed[i]
    for fold, recordings in made.items():
        for row, arrays in recordings:
            named = {"id": f"{row['id']}_fold-{fold}", folds.COLUMN: fold} if fold != folds.FIXED else {}
            row = row | named | {SYNTHETIC: 1}
            if row.get("split", TRAIN) != TRAIN:
                raise Refused(
                    f"the synthetic recording {row['id']} says that it is of {row['split']}: what is made up is "
                    f"{TRAIN}'s alone"
                )
            if row["id"] in ids:
                raise Refused(f"the synthetic recording {row['id']} has the id of another in {packed.folder}")
            ids.add(row["id"])
            _check_finite(row, arrays)
            yield row, arrays


def _check_finite(row: Row, arrays: Mapping[str, np.ndarray]) -> None:
    for name, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise Refused(f"{row['id']}, track {name}: {(~np.isfinite(array)).sum()} of {array.size} are not finite")


def _check_lengths(row: Row, arrays: Mapping[str, np.ndarray], before: Mapping[str, np.ndarray]) -> None:
    for name in arrays.keys() & before.keys():
        if len(arrays[name]) != len(before[name]):
            raise Refused(f"{row['id']}, track {name}: {len(arrays[name])} rows were made of {len(before[name])}")
