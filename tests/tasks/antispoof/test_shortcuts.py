"""Shortcuts: a planted one is found by its own probe, none where there is none; treatments take away what they say."""

import numpy as np
import pytest

from tests.speech import spoken
from voxdag.data import shards
from voxdag.scoring.eer import eer
from voxdag.tasks.antispoof import shortcuts
from voxdag.tasks.antispoof.inference import waves

RATE = 16000


def packed(folder, count, seed, silence=0.0, gain=1.0):
    """Noise bursts; spoofs have so much more silence before them, and that gain."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(count):
        spoof = i % 2
        burst = 2000 * rng.normal(size=int(rng.integers(8000, 12000)))
        before = np.zeros(int(RATE * (rng.uniform(0.05, 0.15) + silence * spoof)))
        wave = np.concatenate([before, (gain if spoof else 1.0) * burst, np.zeros(800)])
        about = {
            "id": f"u{seed}_{i}",
            "speaker": f"s{i % 5}",
            "label": "spoof" if spoof else "bonafide",
            "attack": "A01",
        }
        rows.append((about, {"wave": wave.astype(np.int16)}))
    shards.write(folder, rows, shards.wave_at(RATE), 100)
    return shards.Shards(folder)


def errors(tmp_path, **planted):
    train, held = (packed(tmp_path / name, 120, seed, **planted) for seed, name in enumerate(("train", "eval")))
    found = {}
    for name, table in shortcuts.probes(train, held).items():
        found[name] = eer(*(table.loc[table["label"] == label, "score"] for label in ("bonafide", "spoof"))).eer
    return found


def test_silence_that_spoofs_alone_have_is_found_by_its_probe_and_by_all(tmp_path):
    found = errors(tmp_path, silence=0.3)
    assert found["leading_silence"] == 0 and found[shortcuts.ALL] < 0.05
    assert found["trailing_silence"] > 0.3 and found["peak"] > 0.3


def test_a_level_of_spoofs_alone_is_found(tmp_path):
    found = errors(tmp_path, gain=0.25)
    assert found["level"] < 0.05 and found["leading_silence"] > 0.3


def test_where_nothing_is_planted_no_probe_is_far_from_chance(tmp_path):
    # of 60 trials of each class an EER of one half has a standard deviation of about .065; nine probes and all of them
    assert min(errors(tmp_path).values()) > 0.5 - 4 * 0.065


def test_treatments_take_away_what_they_say():
    speech = spoken(1.0, 120).astype(float)
    wave = np.concatenate([np.full(8000, 0.001), 0.3 * speech, np.full(16000, 0.001)])
    equal = shortcuts.silence_equalised(wave)
    assert not equal[: shortcuts.END].any() and not equal[-shortcuts.END :].any() and equal.size < wave.size - 12000
    muted = shortcuts.muted(wave)
    assert muted.size == wave.size and not muted[:4000].any() and np.abs(muted - wave)[9000:20000].max() == 0
    level = shortcuts.level_equalised(0.01 * speech)
    assert np.sqrt(np.mean(level**2)) == pytest.approx(shortcuts.LEVEL, rel=1e-6)
    assert np.abs(shortcuts.level_equalised(np.eye(1, 999)[0])).max() <= 1
    assert not shortcuts.level_equalised(np.zeros(9)).any()


def test_treated_recordings_are_of_16_bits_and_as_they_are_unless_treated(tmp_path):
    held = packed(tmp_path / "eval", 4, 0)
    same = shortcuts.treated(waves(held), shortcuts.AS_IT_IS)
    assert all((one == held[i]["wave"]).all() and one.dtype == np.int16 for i, one in enumerate(same))
