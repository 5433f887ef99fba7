"""Recordings packed in few large files: `.npy` shards, memory-mapped, an index table, and what the arrays are.

A folder of shards holds

    shards.json                 of each track: type, shape of a row, rows a second; and the types of the index's columns
    index.csv                   one row per recording: what is known of it, and where its arrays lie
    wave-000.npy, wave-001...   of each track: (rows, *shape), recordings end to end

A track is one kind of array that every recording has: the wave, or a noisy and a clean one; log-mels (frames, bands);
embeddings (frames, D) or (1, D). Tracks of a recording may differ in length.

DVC's cost is per file, so a corpus is a handful of files; reading a random crop touches only the crop's pages.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd

from voxdag.core import artifacts
from voxdag.core.errors import Refused
from voxdag.data import folds

INDEX, ABOUT = "index.csv", "shards.json"
WAVE = "wave"  # the track of a folder that holds audio alone
INT16_SCALE = 32768  # as `audio.decode`: that who looks at packed audio needs no decoder, it stands here again
PLACE = {"start": int, "length": int, "crc32": str}  # where a track of a recording lies; of WAVE, columns of the index
SHARD = "shard"
MEGABYTES = 256  # of a shard, where no parameter says otherwise
TYPES = {"int": int, "float": float, "str": str}  # as shards.json writes them


@dataclass(frozen=True)
class Track:
    """dtype  of the arrays, as numpy writes it: int16, float16, ...
    shape  of one row: () of samples, (bands,) of log-mels, (D,) of embeddings
    rate   rows a second: Hz of samples, frames a second; None where rows are not along time
    """

    dtype: str
    shape: tuple[int, ...]
    rate: float | None


Tracks = Mapping[str, Track]
Row = dict[str, object]  # what the index says of a recording


def wave_at(rate: int) -> Tracks:
    """The tracks of a folder that holds audio alone, at `rate` Hz."""
    return {WAVE: Track("int16", (), rate)}


def write(
    folder: Path, recordings: Iterable[tuple[Row, Mapping[str, np.ndarray]]], tracks: Tracks, shard_megabytes: float
) -> pd.DataFrame:
    """Pack recordings in their order and write index and shards.json; gives the index.

    recordings: (row, track -> array (rows, *shape)), each array with one row or more. The index has the row's columns,
    and where the arrays lie. A recording is never split; a shard is closed once it holds `shard_megabytes` (2^20 bytes)
    or more.

    Raises Refused, naming the recording, for an array that is not as its track says, or a column whose name is kept for
    places.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob("*.npy"):  # of an earlier run, which may have had more shards or tracks
        left.unlink()
    places = _place_columns(tracks)
    rows: list[Row] = []
    shard = OpenShard(folder, 0, tracks)
    for row, arrays in recordings:
        _check(row, arrays, tracks, places)
        rows.append(row | shard.add(arrays))
        if shard.bytes >= shard_megabytes * 2**20:
            shard.close()
            shard = OpenShard(folder, shard.number + 1, tracks)
    shard.close()
    index = pd.DataFrame(rows, columns=None if rows else ["id", *places])
    artifacts.write_table(folder / INDEX, index)
    artifacts.write_json(
        folder / ABOUT, {"tracks": {name: asdict(tracks[name]) for name in tracks}, "columns": _types(index)}
    )
    return index


class OpenShard:
    """The shard that is being filled: its recordings so far."""

    def __init__(self, folder: Path, number: int, tracks: Tracks):
        self.folder, self.number, self.bytes = folder, number, 0
        self._arrays: dict[str, list[np.ndarray]] = {name: [] for name in tracks}
        self._rows = dict.fromkeys(tracks, 0)

    def add(self, arrays: Mapping[str, np.ndarray]) -> Row:
        """Take a recording; gives the index's columns that say where it lies."""
        place: Row = {SHARD: self.number}
        for name, held in self._arrays.items():
            array = np.ascontiguousarray(arrays[name])
            values = (self._rows[name], len(array), f"{zlib.crc32(array):08x}")  # type: ignore[arg-type]
            place |= {_column(kind, name): value for kind, value in zip(PLACE, values, strict=True)}
            held.append(array)
            self._rows[name] += len(array)
            self.bytes += array.nbytes
        return place

    def close(self) -> None:
        """Write what it holds, if anything."""
        for name, held in self._arrays.items():
            if held:
                content = BytesIO()
                np.save(content, np.concatenate(held))
                artifacts.write_bytes(self.folder / _file(name, self.number), content.getvalue())


class PackedTrack(Sequence):
    """One track of the recordings of a folder, in the index's order, as views of memory-mapped arrays.

    A process that it is sent to maps the files itself: pickled, it holds where recordings lie, and none of them.
    """

    def __init__(self, files: Sequence[Path], ids: np.ndarray, places: np.ndarray, track: Track):
        self.track, self.ids = track, ids  # (recordings,) text
        self._files, self._places = files, places  # (recordings, 3): shard, start, length
        self._arrays = _mapped(files)

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, i: int) -> np.ndarray:  # type: ignore[override]
        """(length, *shape), read-only."""
        shard, start, length = self._places[i]
        return self._arrays[shard][start : start + length]

    def wave(self, i: int) -> np.ndarray:
        """(length,) float32, of 16-bit samples with full scale at 1."""
        scale = INT16_SCALE if self.track.dtype == "int16" else 1
        return self[i].astype(np.float32) / np.float32(scale)

    @property
    def lengths(self) -> np.ndarray:
        """(recordings,) rows each."""
        return self._places[:, 2]

    def chosen(self, rows: np.ndarray) -> PackedTrack:
        """The recordings that `rows` (booleans) choose."""
        part = copy(self)
        part.ids, part._places = self.ids[rows], self._places[rows]
        return part

    def check(self) -> None:
        """Raises Refused where a file does not hold what the index and shards.json say."""
        for shard, (file, array) in enumerate(zip(self._files, self._arrays, strict=True)):
            found, expected = (array.dtype.name, array.shape[1:]), (self.track.dtype, self.track.shape)
            if found != expected:
                raise Refused(f"{file} holds {_listed(*found)}, {ABOUT} says {_listed(*expected)}; make it again")
            end = self._places[self._places[:, 0] == shard, 1:].sum(axis=1).max(initial=0)
            if len(array) != end:
                raise Refused(f"{file} holds {len(array)} rows, its index says {end}; make it again")

    def __getstate__(self) -> dict:
        return {name: value for name, value in vars(self).items() if name != "_arrays"}

    def __setstate__(self, state: dict) -> None:
        vars(self).update(state)
        self._arrays = _mapped(self._files)


class Shards:
    """The recordings of one folder, in the index's order.

    index   one row per recording
    tracks  what its arrays are
    """

    def __init__(self, folder: Path):
        self.folder = Path(folder)
        about = artifacts.read_json(self.folder / ABOUT)
        self.tracks = {
            name: Track(**track | {"shape": tuple(track["shape"])}) for name, track in about["tracks"].items()
        }
        self.index = artifacts.read_table(self.folder / INDEX, _schema(self.tracks, about["columns"]))
        if self.index.empty:
            raise Refused(f"{self.folder} holds no recording: all were quarantined")
        self._packed = {name: self._open(name, track) for name, track in self.tracks.items()}
        for packed in self._packed.values():
            packed.check()

    def fold(self, name: str) -> Shards:
        """The recordings of one fold (see `voxdag.data.folds`), in order. Raises Refused if it has none."""
        rows = folds.of(self.index, name).to_numpy()
        if not rows.any():
            raise Refused(f"{self.folder} holds no recording of fold {name}: all were quarantined")
        return self.chosen(rows)

    def chosen(self, rows: np.ndarray) -> Shards:
        """The recordings that `rows` (booleans) choose, in order."""
        part = copy(self)
        part.index = self.index[rows].reset_index(drop=True)
        part._packed = {name: packed.chosen(rows) for name, packed in self._packed.items()}
        return part

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, i: int) -> dict[str, np.ndarray]:
        """The arrays of recording i by track, (length, *shape) each, read-only."""
        return {name: packed[i] for name, packed in self._packed.items()}

    @property
    def about(self) -> pd.DataFrame:
        """The index without where recordings lie."""
        return self.index.drop(columns=_place_columns(self.tracks))

    def track(self, name: str) -> PackedTrack:
        """One track of all recordings. Raises Refused with those there are."""
        if name not in self._packed:
            raise Refused(f"{self.folder} has no track {name}; it has {', '.join(self._packed)}")
        return self._packed[name]

    def waves(self, rate: int, taker: str) -> PackedTrack:
        """The track "wave", for who takes 16-bit audio at `rate` Hz alone: `taker` says who, for the message.

        Raises Refused where there is none, or it is another.
        """
        waves, expected = self.track(WAVE), wave_at(rate)[WAVE]
        made_by, name = self.folder.parts[-3:-1] if len(self.folder.parts) > 2 else ("", "")
        check_rate(waves.track.rate, rate, f"{self.folder} is", taker, name if made_by == "features" else None)
        if waves.track != expected:
            raise Refused(f"{self.folder} holds waves of {waves.track}, {taker} takes {expected}")
        return waves

    def verify(self) -> Iterator[str]:
        """The ids of recordings of which an array is not the one that was packed."""
        for i, row in enumerate(self.index.to_dict("records")):
            sums = {name: f"{zlib.crc32(np.ascontiguousarray(array)):08x}" for name, array in self[i].items()}  # type: ignore[arg-type]
            if any(row[_column("crc32", name)] != found for name, found in sums.items()):
                yield row["id"]

    def _open(self, name: str, track: Track) -> PackedTrack:
        files = [self.folder / _file(name, shard) for shard in range(self.index[SHARD].max() + 1)]
        places = self.index[[SHARD, _column("start", name), _column("length", name)]].to_numpy(np.int64)
        return PackedTrack(files, self.index["id"].to_numpy(object), places, track)


def check_rate(found: float | None, taken: int, what: str, taker: str, task: str | None) -> None:
    """Raises Refused where `what` is at another rate (Hz) than `taker` takes; `task`: whose features they are."""
    if found != taken:
        key = f": see tasks.{task}.features.decoding.rate in params.yaml" if task else ""
        raise Refused(f"{what} at {found} Hz, {taker} takes {taken} Hz{key}")


def _mapped(files: Sequence[Path]) -> list[np.ndarray]:
    return [np.load(file, mmap_mode="r") for file in files]


def _file(track: str, shard: int) -> str:
    return f"{track}-{shard:03d}.npy"


def _column(kind: str, track: str) -> str:
    return kind if track == WAVE else f"{track}.{kind}"


def _place_columns(tracks: Iterable[str]) -> list[str]:
    return [SHARD, *(_column(kind, name) for name in tracks for kind in PLACE)]


def _schema(tracks: Iterable[str], columns: Mapping[str, str]) -> dict[str, type]:
    places = {_column(kind, name): type_ for name in tracks for kind, type_ in PLACE.items()}
    return {name: TYPES[type_] for name, type_ in columns.items()} | {SHARD: int} | places


def _types(index: pd.DataFrame) -> dict[str, str]:
    """The columns of the index that are numbers, and what kind."""
    kinds = {"integer": "int", "floating": "float", "mixed-integer-float": "float"}
    found = {name: pd.api.types.infer_dtype(values, skipna=True) for name, values in index.items()}
    return {name: kinds[kind] for name, kind in found.items() if kind in kinds}


def _check(row: Row, arrays: Mapping[str, np.ndarray], tracks: Tracks, places: Sequence[str]) -> None:
    where = f"recording {row.get('id')}"
    if set(arrays) != set(tracks):
        raise Refused(f"{where} has the tracks {', '.join(arrays)}; expected {', '.join(tracks)}")
    taken = [name for name in places if name in row]
    if taken:
        raise Refused(f"{where} has the columns {', '.join(taken)}, which say where an array lies")
    for name, track in tracks.items():
        found, expected = (arrays[name].dtype.name, arrays[name].shape[1:]), (track.dtype, track.shape)
        if found != expected or not len(arrays[name]):
            raise Refused(
                f"{where}, track {name}: {len(arrays[name])} rows of {_listed(*found)}; expected one or more of "
                f"{_listed(*expected)}"
            )


def _listed(dtype: str, shape: tuple[int, ...]) -> str:
    return f"{dtype} {shape}"
