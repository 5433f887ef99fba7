"""Clips that a GAN makes up: rows as the manifest's, of train, under labels of its density."""

import numpy as np
import pytest

from tests.synthesis.making import MELS, packed_in, place_in, settings_of
from voxdag.core.errors import Refused
from voxdag.data.shards import Shards
from voxdag.tasks.affect import synthesize
from voxdag.tasks.affect.data import COLUMNS


def made(packed, folder, **changes):
    return list(synthesize.synthesize(None, packed, settings_of(**changes), place_in(folder)))


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    folder = tmp_path_factory.mktemp("affect")
    return made(packed_in(folder / "packed", 12), folder)


def test_rows_have_the_manifests_columns_but_annotators(rows):
    assert len(rows) == 5 and len({row["id"] for row, _ in rows}) == 5
    for row, arrays in rows:
        assert set(row) == {"id", "split", "speaker", "song", "valence", "arousal"} < set(COLUMNS) | {"id", "split"}
        assert row["split"] == "train" and row["song"] == row["id"] and row["speaker"] == "it"
        assert all(type(row[name]) is float and -1 <= row[name] <= 1 for name in ("valence", "arousal"))
        assert set(arrays) == {"wave"} and arrays["wave"].dtype == np.int16 and len(arrays["wave"]) == MELS.samples


def test_all_recordings_are_fitted_to(tmp_path):
    packed = packed_in(tmp_path, 12)
    assert synthesize.fitted_to(packed.index).tolist() == [True] * 12
    told = synthesize.conditions(packed.index).told(packed.index)
    assert told == pytest.approx(packed.index[["valence", "arousal"]].to_numpy(), abs=1e-6)


def test_a_label_beyond_the_scale_is_refused(tmp_path):
    packed = packed_in(tmp_path / "packed", 12)
    packed.index.loc[4, "arousal"] = 5.2  # on the scale of the ratings
    with pytest.raises(Refused, match="recording s0-004 has valence .*, arousal 5.2; .* from -1 to 1"):
        made(packed, tmp_path)


def test_another_rate_is_refused(tmp_path):
    packed_in(tmp_path / "packed", 12, rate=8000)
    with pytest.raises(Refused, match="8000 Hz"):
        made(Shards(tmp_path / "packed"), tmp_path)
