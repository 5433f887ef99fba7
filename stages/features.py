"""Decode a task's audio, clean and cut it, and pack it: mono, one sample rate, int16, in a few memory-mapped shards.

Usage:  python -m stages.features <task>                       after stages.provide, which makes simulated corpora
Reads:  data/manifest/<task>/<split>/utterances.csv            one row per utterance
        the audio files that the manifest names
        params.yaml                                            tasks.<task>.features
Writes: data/features/<task>/<split>/wave-*.npy                the recordings; other tracks, where the task names them
        data/features/<task>/<split>/index.csv, shards.json    what is known of each, and where it lies
        data/features/<task>/quarantine.csv                    the recordings left out, each with its reason
        data/features/<task>/split.json                        what was packed, fold by fold; no two splits share audio
"""

from __future__ import annotations

import functools
import itertools
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd

from voxdag.core import artifacts, command, parallel, params
from voxdag.core.errors import Refused
from voxdag.core.modules import load_module
from voxdag.core.workspace import corpora_folder
from voxdag.data import folds, layout, shards
from voxdag.data.columns import SIZE
from voxdag.data.layout import SPLITS
from voxdag.data.recordings import AUDIO, Features, Recording, read_audio
from voxdag.data.shards import Row
from voxdag.networks.denoisers import denoiser

log = logging.getLogger(__name__)

FILES: Mapping[str, str] = {shards.WAVE: "path"}  # track -> the manifest's column that says in which file it is
OF_THE_FILE = ("path", "bytes")  # manifest columns that stay behind: the index does not depend on where a file lay


def read(path: str, folder: Path, features: Features) -> Recording | str:
    """The file's audio as it is packed, or the reason why it cannot be used; each process reads the denoiser once."""
    return read_audio(path, folder, features, denoiser(features))


def paths(utterances: pd.DataFrame, files: Mapping[str, str] = FILES) -> list[str]:
    """The files of all tracks, utterance by utterance."""
    return utterances[list(files.values())].to_numpy().ravel().tolist()


def pack(
    utterances: pd.DataFrame,
    found: Iterator[Recording | str],
    folder: Path,
    features: Features,
    files: Mapping[str, str] = FILES,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Pack a split's recordings in the manifest's order; gives (index, quarantine).

    found: of each of the split's `paths` in order, its audio or the reason why it cannot be used; what comes after is
    left there. What the index says of the audio is said of the first track; of another one it has the digest alone,
    as <track>.audio.
    """
    quarantined: list[dict] = []
    behind = {*OF_THE_FILE, *files.values(), *(f"{column}{SIZE}" for column in files.values())}

    def recordings() -> Iterator[tuple[dict, dict]]:
        for row in utterances.to_dict("records"):
            of_tracks: dict[str, Any] = dict(zip(files, itertools.islice(found, len(files)), strict=True))
            path, reason = unusable({row[files[name]]: recording for name, recording in of_tracks.items()})
            if reason:
                quarantined.append({"id": row["id"], "split": row["split"], "path": path, "reason": reason})
                continue
            kept = {name: value for name, value in row.items() if name not in behind}
            first, *others = of_tracks
            digests = {digest_column(name): of_tracks[name].columns[AUDIO] for name in others}
            arrays = {name: recording.samples for name, recording in of_tracks.items()}
            yield kept | of_tracks[first].columns | digests, arrays

    wave = shards.wave_at(features.decoding.rate)[shards.WAVE]
    tracks = dict.fromkeys(files, wave)
    index = shards.write(folder, recordings(), tracks, features.shard_megabytes)
    return index, pd.DataFrame(quarantined, columns=["id", "split", "path", "reason"])


def unusable(found: Mapping[str, Any]) -> tuple[str, str]:
    """Which of a recording's files (by path) cannot be used, and why; ("", "") where all can.

    Files that are not equally long, of one rate and number of channels, are no tracks of one recording: they are cut at
    the same places, and to average or to resample one alone would change their difference. Nor are files of the same
    samples.
    """
    for path, recording in found.items():
        if isinstance(recording, str):
            return path, recording
    (first, expected), *others = ((path, _extent(recording)) for path, recording in found.items())
    unlike = [(path, extent) for path, extent in others if extent != expected]
    if unlike:
        return first, f"{expected}, but {unlike[0][0]} {unlike[0][1]}: expected the same of both"
    digests = {path: recording.columns[AUDIO] for path, recording in found.items()}
    if len(set(digests.values())) < len(digests):
        return first, f"holds the audio of {', '.join(path for path in digests if path != first)}"
    return "", ""


def _extent(recording: Recording) -> str:
    """What the files of one recording have alike, in words."""
    about = recording.columns
    return f"has {len(recording.samples)} samples, from {about['channels']} channels at {about['source_rate']} Hz"


def digest_column(track: str) -> str:
    """The index's column with the digest of the decoded samples of another track than the first."""
    return f"{track}.{AUDIO}"


def accounts(index: pd.DataFrame, files: Mapping[str, str]) -> dict[str, dict]:
    """What was packed, fold by fold. Raises Refused where two splits of a fold share the audio of any track."""
    _, *others = files
    described = folds.describe(index, AUDIO)
    for name in others:
        for fold, account in folds.describe(index, digest_column(name)).items():
            described[fold] |= account
    return described


def check_quarantine(quarantine: pd.DataFrame, total: int, limit: float, table: Path) -> None:
    """Raises Refused where more than `limit` of the `total` recordings cannot be used."""
    share = len(quarantine) / total
    if share <= limit:
        return
    examples = "; ".join(f"{row.path}: {row.reason}" for row in quarantine.head(3).itertuples())
    raise Refused(
        f"{len(quarantine)} of {total} recordings ({share:.1%}) cannot be used, more than max_quarantined {limit:.1%}: "
        f"{examples}; all of them with their reasons are in {table}"
    )


def files_of(data: ModuleType, features: Features, name: str) -> Mapping[str, str]:
    """Which tracks a task's recordings have. Raises Refused for a front end that would cut each at another place."""
    files = getattr(data, "TRACKS", FILES)
    if len(files) > 1 and features.front_end is not None:
        raise Refused(f"tasks.{name}.features.front_end must be null: it would cut {', '.join(files)} each for itself")
    return files


def main(name: str) -> None:
    tree = params.read()
    task = params.task(tree, name)
    features = params.bind(Features, task.features, f"tasks.{name}.features")
    packed_in, data = layout.features(name), load_module("voxdag.tasks.{task}.data", task=name)
    files = files_of(data, features, name)
    splits = {split: layout.utterances(name, split, data.COLUMNS) for split in SPLITS}
    read_file = functools.partial(read, folder=corpora_folder(), features=features)
    found = parallel.stream(read_file, paths(pd.concat(splits.values()), files), command.jobs(), "files")
    packed: list[Row] = []
    quarantined: list[Row] = []
    for split, utterances in splits.items():
        index, broken = pack(utterances, found, layout.recordings(packed_in, split), features, files)
        log.info("%s %s: %d recordings packed, %d quarantined", name, split, len(index), len(broken))
        packed, quarantined = [*packed, index], [*quarantined, broken]
    quarantine = pd.concat(quarantined)
    artifacts.write_table(layout.quarantine(name), quarantine)
    check_quarantine(quarantine, sum(map(len, splits.values())), features.max_quarantined, layout.quarantine(name))
    artifacts.write_json(layout.recordings(packed_in, "split.json"), accounts(pd.concat(packed), files))


if __name__ == "__main__":
    command.main(main)
