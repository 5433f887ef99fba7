from dataclasses import asdict

import numpy as np
import pytest

from voxdag.simulation.emotions import DELIVERIES, FACTORS, TERMS, express, vary
from voxdag.simulation.speaker import NEUTRAL

EMOTIONS = ["neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised"]
# Juslin & Laukka (2003) for the first five (calm as tenderness), Murray & Arnott (1993) for the last two: which way
# F0, its range, the rate, the level and the contour's end go.
REPORTED = {
    "angry": (1, 1, 1, 1, -1),
    "fearful": (1, -1, 1, 0, 1),
    "happy": (1, 1, 1, 1, 1),
    "sad": (-1, -1, -1, -1, -1),
    "calm": (-1, -1, -1, -1, -1),
    "disgust": (-1, 1, -1, 0, -1),
    "surprised": (1, 1, 1, 1, 1),
}


@pytest.mark.parametrize("strength", [1.0, 1.6])
@pytest.mark.parametrize("emotion", REPORTED)
def test_directions_are_those_of_the_reviews(emotion, strength):
    given = express(emotion, strength)
    departures = (given.f0_scale - 1, given.f0_range - 1, given.tempo - 1, given.energy_db, given.final_st)
    assert tuple(np.sign(departures)) == REPORTED[emotion]


def test_strength_is_a_power_of_factors_and_a_multiple_of_decibels():
    # Anger: F0 x 1.35, 1.35 ** 1.6 = 1.6164; 8 dB x 1.6 = 12.8; accents of 7.5 dB, neutral has 4: 4 + 1.6 x 3.5 = 9.6.
    strong = express("angry", 1.6)
    assert strong.f0_scale == pytest.approx(1.6164, abs=1e-4)
    assert (strong.energy_db, strong.accent_db) == (pytest.approx(12.8), pytest.approx(9.6))


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_no_strength_is_neutral_and_unit_strength_is_the_table(emotion):
    assert asdict(express(emotion, 0.0)) == pytest.approx(asdict(NEUTRAL))
    assert asdict(express(emotion)) == pytest.approx(asdict(DELIVERIES[emotion]))


def test_every_part_of_a_delivery_is_a_factor_or_a_term():
    assert sorted([*FACTORS, *TERMS]) == sorted(asdict(NEUTRAL))
    assert list(DELIVERIES) == EMOTIONS  # RAVDESS's codes 01 to 08


def test_the_spread_of_ways_to_say_the_same_is_recovered():
    rng = np.random.default_rng(0)
    drawn = [vary(DELIVERIES["happy"], 2.0, rng) for _ in range(2000)]  # 5 standard errors of a deviation: 8 %
    log_f0 = np.log([delivery.f0_scale for delivery in drawn])
    energy = [delivery.energy_db for delivery in drawn]
    assert log_f0.std() == pytest.approx(2 * FACTORS["f0_scale"], rel=0.08)
    assert np.std(energy) == pytest.approx(2 * TERMS["energy_db"], rel=0.08)
    assert np.mean(energy) == pytest.approx(5.0, abs=5 * 3.0 / np.sqrt(2000))
    assert abs(np.corrcoef(log_f0, energy)[0, 1]) < 5 / np.sqrt(2000)  # parts depart independently
    assert min(delivery.tremor_st for delivery in drawn) >= 0


def test_an_unknown_emotion_is_refused():
    with pytest.raises(ValueError, match="unknown emotion 'bored', expected one of neutral, calm"):
        express("bored")
