import numpy as np
import pytest

from voxdag.data import shards


def recordings(n, seed=0):
    draw = np.random.default_rng(seed)
    for i in range(n):
        yield {"id": f"{i:03d}", "label": "spoof"}, draw.integers(-999, 999, draw.integers(10, 50)).astype(np.int16)


def test_what_is_packed_is_what_is_read(tmp_path):
    shards.write(tmp_path, recordings(20), shard_samples=100)
    packed = shards.Shards(tmp_path)
    assert len(list(tmp_path.glob("audio-*.npy"))) > 3
    for i, (row, samples) in enumerate(recordings(20)):
        assert packed.index["id"][i] == row["id"]
        assert (packed[i] == samples).all()
    assert packed.lengths.tolist() == [len(samples) for _, samples in recordings(20)]
    assert list(packed.verify()) == []


def test_the_bytes_do_not_depend_on_when_they_are_written(tmp_path):
    for folder in ("a", "b"):
        shards.write(tmp_path / folder, recordings(8), shard_samples=100)
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in names)


def test_a_changed_sample_is_found_by_verify(tmp_path):
    shards.write(tmp_path, recordings(5), shard_samples=10**6)
    array = np.load(tmp_path / "audio-000.npy")
    packed = shards.Shards(tmp_path)
    array[packed.index["start"][3]] += 1
    np.save(tmp_path / "audio-000.npy", array)
    assert list(shards.Shards(tmp_path).verify()) == ["003"]


def test_a_shard_that_does_not_fit_its_index_is_refused(tmp_path):
    shards.write(tmp_path, recordings(5), shard_samples=10**6)
    np.save(tmp_path / "audio-000.npy", np.load(tmp_path / "audio-000.npy")[:-1])
    with pytest.raises(ValueError, match=r"audio-000.npy holds \d+ samples, its index says \d+"):
        shards.Shards(tmp_path)


def test_a_folder_without_recordings_says_so(tmp_path):
    shards.write(tmp_path, iter(()), shard_samples=100)
    with pytest.raises(ValueError, match="holds no recording"):
        shards.Shards(tmp_path)
