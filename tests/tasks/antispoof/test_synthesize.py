"""An attack that a GAN makes up: fitted to bona fide speech alone, and labelled spoof."""

import numpy as np
import pytest
import torch

from tests.synthesis.making import CPU, MELS, packed_in, place_in, settings_of
from voxdag.core.errors import Refused
from voxdag.synthesis import fit
from voxdag.synthesis.conditions import Alike
from voxdag.tasks.antispoof import synthesize

LABELS = ["bonafide"] * 8 + ["spoof"] * 6
ATTACKS = ["-"] * 8 + ["A01"] * 6


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def made(packed, folder):
    return list(synthesize.synthesize(None, packed, settings_of(), place_in(folder)))


def test_it_is_fitted_to_bona_fide_speech_and_what_it_makes_is_a_spoof_of_its_own(tmp_path, monkeypatch):
    packed, heard, make = packed_in(tmp_path / "packed", 14, label=LABELS, attack=ATTACKS), [], fit.make
    monkeypatch.setattr(fit, "make", lambda waves, *words: heard.extend(waves.ids) or make(waves, *words))
    rows = made(packed, tmp_path)
    assert heard == packed.index["id"][:8].tolist()
    assert len({row["id"] for row, _ in rows}) == len(rows) == 5
    for row, arrays in rows:
        assert set(row) == {"id", "split", "speaker", "label", "attack"}
        assert [row[name] for name in ("split", "speaker", "label", "attack")] == ["train", "it", "spoof", "gan"]
        assert arrays["wave"].dtype == np.int16 and len(arrays["wave"]) == MELS.samples


def test_other_spoofs_of_train_change_nothing(tmp_path):
    both = packed_in(tmp_path / "both", 14, label=LABELS, attack=ATTACKS)
    alone = both.chosen(np.arange(14) < 8)
    found = [[arrays["wave"].tobytes() for _, arrays in made(one, tmp_path / str(len(one)))] for one in (both, alone)]
    assert found[0] == found[1]


def test_what_is_told_of_a_spoof_is_what_is_told_of_bona_fide_speech(tmp_path):
    # quality lays spoofs that were made up beside bona fide speech of dev
    packed = packed_in(tmp_path, 14, label=LABELS)
    rows = synthesize.fitted_to(packed.index)
    conditions = synthesize.conditions(packed.index[rows])
    assert rows.tolist() == [True] * 8 + [False] * 6 and isinstance(conditions, Alike) and len(conditions) == 8
    assert conditions.told(packed.index).tolist() == [[1.0]] * 14


def test_without_bona_fide_speech_there_is_nothing_to_fit_to(tmp_path):
    packed = packed_in(tmp_path / "packed", 12, label=["spoof"] * 12)
    with pytest.raises(Refused, match="packed holds no bona fide recording: there is nothing to fit a generator to"):
        made(packed, tmp_path)
    assert place_in(tmp_path).device == CPU
