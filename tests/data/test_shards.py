"""Packed recordings: what goes in comes out, of every kind of track; damage and other rates are refused by name."""

import pickle

import numpy as np
import pandas as pd
import pytest

from voxdag.audio import decode
from voxdag.core.errors import Refused
from voxdag.data import shards
from voxdag.data.shards import Shards, Track

AUDIO = shards.wave_at(16000)
TINY = 200 / 2**20  # megabytes: 100 samples
LARGE = 100


def recordings(n, seed=0):
    draw = np.random.default_rng(seed)
    for i in range(n):
        samples = draw.integers(-999, 999, draw.integers(10, 50)).astype(np.int16)
        yield {"id": f"{i:03d}", "label": "spoof"}, {"wave": samples}


def packed(folder, n=20, megabytes=TINY):
    shards.write(folder, recordings(n), AUDIO, megabytes)
    return Shards(folder)


def test_what_is_packed_is_what_is_read(tmp_path):
    folder = packed(tmp_path)
    waves = folder.track("wave")
    assert len(list(tmp_path.glob("wave-*.npy"))) > 3 and len(folder) == len(waves) == 20
    for i, (row, arrays) in enumerate(recordings(20)):
        assert folder.index["id"][i] == waves.ids[i] == row["id"]
        assert (waves[i] == arrays["wave"]).all() and (folder[i]["wave"] == arrays["wave"]).all()
    assert waves.lengths.tolist() == [len(arrays["wave"]) for _, arrays in recordings(20)]
    assert list(folder.verify()) == []


def test_what_an_earlier_run_left_is_gone(tmp_path):
    shards.write(tmp_path, [({"id": "a"}, {"noisy": np.ones(9, np.int16)})], {"noisy": Track("int16", (), 8000)}, LARGE)
    packed(tmp_path, 20)
    packed(tmp_path, 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["index.csv", "shards.json", "wave-000.npy"]


def test_a_shard_is_closed_once_it_holds_its_size_and_no_recording_is_split(tmp_path):
    # 60 samples each, closed at 100 or more: two recordings a shard, starting at 0 and 60
    rows = (({"id": str(i)}, {"wave": np.zeros(60, np.int16)}) for i in range(5))
    index = shards.write(tmp_path, rows, AUDIO, TINY)
    assert index["shard"].tolist() == [0, 0, 1, 1, 2] and index["start"].tolist() == [0, 60, 0, 60, 0]
    assert np.load(tmp_path / "wave-002.npy").shape == (60,)


def test_the_index_of_audio_alone_has_plain_columns_for_places(tmp_path):
    # the CRC-32 of the bytes "test", which is how these samples lie in memory, is published as d87f7e0c
    index = shards.write(tmp_path, [({"id": "a"}, {"wave": np.array([0x6574, 0x7473], "<i2")})], AUDIO, LARGE)
    assert index.to_dict("records") == [{"id": "a", "shard": 0, "start": 0, "length": 2, "crc32": "d87f7e0c"}]
    assert list(Shards(tmp_path).about) == ["id"]


def test_the_bytes_do_not_depend_on_when_they_are_written(tmp_path):
    for folder in ("a", "b"):
        packed(tmp_path / folder, 8)
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in names)


def test_a_wave_is_float_with_full_scale_at_one(tmp_path):
    shards.write(tmp_path, [({"id": "a"}, {"wave": np.array([-32768, 0, 16384], np.int16)})], AUDIO, LARGE)
    wave = Shards(tmp_path).track("wave").wave(0)
    assert wave.tolist() == [-1.0, 0.0, 0.5] and wave.dtype == np.float32


TRACKS = {
    "noisy": Track("int16", (), 16000),
    "clean": Track("int16", (), 16000),
    "mel": Track("float32", (40,), 100),
    "embedding": Track("float16", (8,), None),
}


def rich(n):
    draw = np.random.default_rng(5)
    for i in range(n):
        size = int(draw.integers(300, 900))
        noisy, clean = draw.integers(-99, 99, (2, size)).astype(np.int16)
        mel, embedding = draw.normal(size=(size // 160 + 1, 40)), draw.normal(size=(1, 8))
        arrays = {
            "noisy": noisy,
            "clean": clean,
            "mel": mel.astype(np.float32),
            "embedding": embedding.astype(np.float16),
        }
        yield {"id": f"u{i}", "snr": 2.5 * i}, arrays


def test_tracks_of_other_types_shapes_rates_and_lengths_survive(tmp_path):
    shards.write(tmp_path, rich(9), TRACKS, 4000 / 2**20)
    folder = Shards(tmp_path)
    assert folder.tracks == dict(sorted(TRACKS.items())) and folder.index["shard"].max() >= 2
    for i, (row, arrays) in enumerate(rich(9)):
        assert folder.about.iloc[i].to_dict() == row
        for name, array in arrays.items():
            np.testing.assert_array_equal(folder[i][name], array)
            np.testing.assert_array_equal(folder.track(name)[i], array)
            assert folder.track(name)[i].dtype == array.dtype and folder.track(name).lengths[i] == len(array)
    assert list(folder.verify()) == []
    with pytest.raises(Refused, match="has no track wave; it has clean, embedding, mel, noisy"):
        folder.track("wave")


def test_a_changed_value_of_any_track_is_found_by_verify(tmp_path):
    shards.write(tmp_path, rich(5), TRACKS, LARGE)
    array = np.load(tmp_path / "mel-000.npy")
    array[Shards(tmp_path).index["mel.start"][3]] += 1
    np.save(tmp_path / "mel-000.npy", array)
    assert list(Shards(tmp_path).verify()) == ["u3"]


def test_the_columns_of_the_index_keep_their_types(tmp_path):
    row = {"id": "007", "codec": "001", "label": 0.5, "clipped": 3, "snr": np.nan}
    shards.write(tmp_path, [(row, {"wave": np.ones(4, np.int16)})], AUDIO, LARGE)
    index = Shards(tmp_path).index
    assert index["codec"][0] == "001" and index["id"][0] == "007"
    kinds = [str(index[name].dtype) for name in ("label", "clipped", "snr", "start", "crc32")]
    assert kinds == ["float64", "int64", "float64", "int64", "str"]


def test_a_row_of_one_folder_goes_into_another(tmp_path):
    first = packed(tmp_path / "a")
    rows = zip(first.about.to_dict("records"), first.track("wave"), strict=True)
    shards.write(tmp_path / "b", ((row, {"wave": wave[::-1]}) for row, wave in rows), AUDIO, LARGE)
    again = Shards(tmp_path / "b")
    pd.testing.assert_frame_equal(again.about, first.about)
    assert (again.track("wave")[7] == first.track("wave")[7][::-1]).all()
    with pytest.raises(Refused, match="recording 000 has the columns shard, start, length, crc32, which say where"):
        shards.write(tmp_path / "c", [(first.index.iloc[0].to_dict(), first[0])], AUDIO, LARGE)


def test_a_fold_has_its_own_recordings_of_every_track(tmp_path):
    cells = ["1 2", "2", "1"]
    rows = (({"id": str(i), "folds": cells[i]}, {"wave": np.full(5 + i, i, np.int16)}) for i in range(3))
    shards.write(tmp_path, rows, AUDIO, LARGE)
    fold = Shards(tmp_path).fold("1")
    assert fold.index["id"].tolist() == fold.track("wave").ids.tolist() == ["0", "2"]
    assert [wave.tolist() for wave in fold.track("wave")] == [[0] * 5, [2] * 7]
    assert list(fold.verify()) == []
    with pytest.raises(Refused, match="no recording of fold 3"):
        Shards(tmp_path).fold("3")


def test_a_pickle_carries_no_samples_and_maps_the_files_again(tmp_path):
    shards.write(tmp_path, [({"id": "a"}, {"wave": np.arange(30000, dtype=np.int16)})], AUDIO, LARGE)
    folder = Shards(tmp_path)
    for kept in (folder, folder.track("wave")):
        assert len(pickle.dumps(kept)) < 10_000  # of 60,000 bytes of samples
    again = pickle.loads(pickle.dumps(folder.track("wave")))
    assert isinstance(again[0].base.base, np.memmap) or isinstance(again[0], np.memmap)
    assert (again[0] == np.arange(30000)).all()


def test_another_rate_than_a_network_takes_is_refused_with_both_and_the_key(tmp_path):
    place = tmp_path / "features" / "emotion" / "train"
    shards.write(place, recordings(2), shards.wave_at(8000), LARGE)
    message = r"emotion/train is at 8000 Hz, the emotion task takes 16000 Hz: see tasks.emotion.features.decoding.rate"
    with pytest.raises(Refused, match=message):
        Shards(place).waves(16000, "the emotion task")
    assert len(Shards(place).waves(8000, "it")) == 2


def test_waves_that_are_not_of_16_bits_are_refused(tmp_path):
    floats = {"wave": Track("float32", (), 16000)}
    shards.write(tmp_path, [({"id": "a"}, {"wave": np.ones(9, np.float32)})], floats, LARGE)
    with pytest.raises(Refused, match="holds waves of .*float32.*it takes .*int16"):
        Shards(tmp_path).waves(16000, "it")


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"wave": np.zeros(3, np.float32)}, r"track wave: 3 rows of float32 \(\); expected one or more of int16 \(\)"),
        ({"wave": np.zeros((3, 2), np.int16)}, r"3 rows of int16 \(2,\)"),
        ({"wave": np.zeros(0, np.int16)}, "0 rows"),
        ({"wave": np.zeros(3, np.int16), "mel": np.zeros(3)}, "has the tracks wave, mel; expected wave"),
        ({}, "has the tracks ; expected wave"),
    ],
)
def test_an_array_that_is_not_as_its_track_says_is_refused(tmp_path, arrays, reason):
    with pytest.raises(Refused, match=f"recording a.*{reason}"):
        shards.write(tmp_path, [({"id": "a"}, arrays)], AUDIO, LARGE)


def test_a_shard_that_does_not_fit_its_index_is_refused(tmp_path):
    packed(tmp_path, 5, LARGE)
    whole = np.load(tmp_path / "wave-000.npy")
    np.save(tmp_path / "wave-000.npy", whole[:-1])
    with pytest.raises(Refused, match=r"wave-000.npy holds \d+ rows, its index says \d+"):
        Shards(tmp_path)
    np.save(tmp_path / "wave-000.npy", whole.astype(np.int32))
    with pytest.raises(Refused, match=r"wave-000.npy holds int32 \(\), shards.json says int16 \(\)"):
        Shards(tmp_path)


def test_a_folder_without_recordings_says_so(tmp_path):
    shards.write(tmp_path, iter(()), AUDIO, LARGE)
    with pytest.raises(Refused, match="holds no recording"):
        Shards(tmp_path)


def test_a_shard_that_holds_just_its_size_is_closed(tmp_path):
    rows = (({"id": str(i)}, {"wave": np.zeros(100, np.int16)}) for i in range(2))  # TINY: 200 bytes
    assert shards.write(tmp_path, rows, AUDIO, TINY)["shard"].tolist() == [0, 1]


def test_a_wave_of_floats_is_as_it_is(tmp_path):
    wave = np.array([0.5, -0.25], np.float32)
    shards.write(tmp_path, [({"id": "a"}, {"clean": wave})], {"clean": Track("float32", (), 16000)}, LARGE)
    assert Shards(tmp_path).track("clean").wave(0).tolist() == [0.5, -0.25]


def test_the_rate_of_what_a_stage_between_made_has_no_key_of_a_task(tmp_path):
    for made_by, key in (("features", ": see tasks.emotion.features.decoding.rate in params.yaml"), ("cleaned", "")):
        folder = packed(tmp_path / made_by / "emotion/train", 1)
        with pytest.raises(Refused, match=f"train is at 16000 Hz, the network takes 8000 Hz{key}$"):
            folder.waves(8000, "the network")


def test_full_scale_is_that_of_the_decoder():
    assert shards.INT16_SCALE == decode.INT16_SCALE
