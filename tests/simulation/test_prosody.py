"""Contours against the rules they are made of."""

from dataclasses import replace

import numpy as np
import pytest

from voxdag.simulation.plan import plan_utterance
from voxdag.simulation.prosody import Contour, accents, contour
from voxdag.simulation.speaker import NEUTRAL, Delivery, draw_speaker
from voxdag.simulation.tracks import glide

SPEAKER = replace(draw_speaker(np.random.default_rng(0), "female"), phrase_syllables=6.0)
PLAN = plan_utterance(SPEAKER, NEUTRAL, 6.0, np.random.default_rng(1))
TIME = np.arange(0, 6, 0.001)


def melody(**delivery: float) -> Contour:
    return contour(PLAN, SPEAKER, Delivery(**delivery), TIME, np.random.default_rng(2))


@pytest.mark.parametrize("delivery", [{}, {"f0_scale": 1.5, "f0_range": 2.0}, {"final_st": 9.0}])
def test_the_mean_of_log_f0_over_the_voice_is_the_speakers(delivery):
    voicing = glide(np.array([s.voicing for s in PLAN.segments]), PLAN.edges, TIME, 0.01)
    mean = np.exp(np.average(np.log(melody(**delivery).f0), weights=voicing))
    assert mean == pytest.approx(SPEAKER.f0_hz * delivery.get("f0_scale", 1.0))


def test_f0_range_scales_the_large_movements_alone():
    flat, once, twice = (12 * np.log2(melody(f0_range=r).f0) for r in (0.0, 1.0, 2.0))
    # Linear in the range; what is left at zero is microprosody and drift: a few semitones at most.
    np.testing.assert_allclose(twice - once, once - flat, atol=1e-9)
    assert np.ptp(flat) < 5 < np.ptp(once)


def test_phrases_fall_and_a_questioning_delivery_rises():
    ends = [int(1000 * end) - 1 for _, end in PLAN.phrases]
    starts = [int(1000 * s.start) for s in PLAN.syllables if s.final]

    def last_movement(**delivery: float) -> float:
        f0 = melody(**delivery).f0
        return float(np.mean(12 * np.log2(f0[ends] / f0[starts])))

    # The ramp runs from 0 to final_st over the last syllable, whose last sample lies at most 2 ms before its end.
    assert last_movement(final_st=9.0) - last_movement() == pytest.approx(9.0, abs=0.2)
    assert last_movement() < 0


def test_pauses_are_silent_and_accents_louder():
    contours = melody()
    pause = np.ones(len(TIME), dtype=bool)
    for start, end in PLAN.phrases:
        pause &= (start > TIME) | (end < TIME)
    assert len(PLAN.phrases) > 1 and pause.any() and (contours.gain[pause] == 0).all()
    inside = (contours.gain > 0) & (accents(PLAN, TIME) > 0.3)
    louder = melody(accent_db=10.0).gain[inside] / contours.gain[inside]
    np.testing.assert_allclose(20 * np.log10(louder), 6.0 * accents(PLAN, TIME)[inside], atol=1e-9)


def test_a_tremor_has_its_rate_and_depth():
    trace = 12 * np.log2(melody(tremor_st=1.0).f0 / melody().f0)
    assert np.ptp(trace) == pytest.approx(2.0, abs=0.01)
    assert np.abs(np.fft.rfft(trace - trace.mean())).argmax() / 6.0 == pytest.approx(5.5)
