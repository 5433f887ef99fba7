import numpy as np
import pytest

from voxdag.audio.functionals import functionals, names, prosody
from voxdag.audio.pitch import pulse_train, voice_phase

RATE = 16_000


def test_a_ramp_and_a_constant_by_hand():
    rows = np.stack([np.arange(11.0), np.full(11, 3.0)])
    # 0..10: mean 5, variance (11^2 - 1) / 12 = 10, p10 = 1, p90 = 9. Delta: 0.5 and 0.8 at either end, seven 1s:
    # mean 9.6 / 11, mean square (2 * 0.25 + 2 * 0.64 + 7) / 11; sorted .5 .5 .8 .8 1 ...: p10 = .5 (place 1), p90 = 1.
    mean = 9.6 / 11
    expected = [5, 3, 10**0.5, 0, 1, 3, 9, 3, mean, 0, (8.78 / 11 - mean**2) ** 0.5, 0, 0.5, 0, 1, 0]
    np.testing.assert_allclose(functionals(rows), expected, atol=1e-12)


def test_names_follow_the_values():
    assert names(["a", "b"])[:5] == ["a_mean", "b_mean", "a_std", "b_std", "a_p10"]
    assert names(["a"])[4:] == ["delta_a_mean", "delta_a_std", "delta_a_p10", "delta_a_p90"]
    assert len(names(["a", "b"])) == len(functionals(np.zeros((2, 5))))


def test_an_offset_moves_the_places_and_nothing_else():
    rows = np.random.default_rng(0).standard_normal((3, 40))
    change = (functionals(rows + 7) - functionals(rows)).reshape(8, 3)
    np.testing.assert_allclose(change, np.array([7, 0, 7, 7, 0, 0, 0, 0])[:, None] * np.ones(3), atol=1e-12)


def test_rows_do_not_see_each_other():
    rows = np.random.default_rng(0).standard_normal((3, 40))
    together = functionals(rows).reshape(8, 3)
    for i in range(3):
        np.testing.assert_allclose(together[:, i], functionals(rows[i : i + 1]))


def test_one_frame_is_its_own_mean_and_does_not_vary():
    frame = np.array([[4.0], [-2.0]], np.float32)
    np.testing.assert_array_equal(functionals(frame).reshape(8, 2), [[4, -2], [0, 0], [4, -2], [4, -2], *[[0, 0]] * 4])


def test_a_read_only_array_passes_without_a_warning(recwarn):
    rows = np.ones((2, 5))
    rows.flags.writeable = False
    assert len(functionals(rows)) == 16 and not recwarn.list


def test_prosody_tells_the_pitch_and_level_of_a_steady_voice():
    wave = pulse_train(voice_phase(np.full(201, 200.0), 160, RATE, 32_000))
    values = prosody(0.1 * wave, RATE)
    assert len(values) == 17
    assert values[0] == pytest.approx(np.log2(200), abs=0.02)  # octaves: the tracker is within 1.2 %
    # Unit power times 0.01: -20 dB; the recording's first and last frames are half empty, -3 dB, which is 0.03 in all.
    assert values[8] == pytest.approx(-20, abs=0.1)
    assert values[16] > 0.95


def test_gain_moves_the_level_and_not_the_pitch():
    wave = pulse_train(voice_phase(np.linspace(110, 180, 201), 160, RATE, 32_000))
    change = prosody(0.1 * wave, RATE) - prosody(wave, RATE)
    # The floor of -100 dB is far below either.
    np.testing.assert_allclose(change, [*[0] * 8, -20, 0, -20, -20, *[0] * 5], atol=1e-4)


def test_silence_has_no_voice_and_the_level_of_the_floor():
    values = prosody(np.zeros(1600), RATE)
    assert values[16] == 0 and values[8] == pytest.approx(-100) and np.isfinite(values).all()


def test_wrong_features_are_refused():
    with pytest.raises(ValueError, match=r"features are \(3, 0\), expected \(rows, frames\)"):
        functionals(np.zeros((3, 0)))
    with pytest.raises(ValueError, match="2 feature values are not finite"):
        functionals(np.array([[1.0, np.nan, np.inf]]))
    with pytest.raises(ValueError, match="padlen"):
        prosody(np.zeros(15), RATE)
