from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from tests.corpora.readers import making
from voxdag.audio.pitch import track_pitch
from voxdag.corpora.readers import simulated_emotional as emotional
from voxdag.corpora.readers.simulated_emotional import (
    Options,
    Utterance,
    perform,
    provide,
    read,
    standard_folds,
    utterances,
)
from voxdag.simulation.speech import SAMPLE_RATE

SMALL = Options(actors=6, repetitions=1)
SEXES = ("male", "female")
HOP = 160  # samples between measurements


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return making.made(tmp_path_factory, provide, SMALL)


@pytest.fixture(scope="module")
def heard(folder):
    """The corpus's table, with what is measured of each recording."""
    trials = read(folder, SMALL).trials
    return trials.join(pd.DataFrame([measure(folder / path) for path in trials["path"]]))


def measure(path: Path) -> dict[str, float]:
    """Level (dB) of the louder half of the frames, F0 (semitones re 100 Hz), times (s), and the peak."""
    wave, rate = soundfile.read(path)
    power = np.mean(wave[: len(wave) // HOP * HOP].reshape(-1, HOP) ** 2, axis=1)
    spoken = np.flatnonzero(power > 3e-3 * power.max())
    pitch = track_pitch(wave, rate, HOP, high=600.0)
    return {
        "rate": rate,
        "peak": np.abs(wave).max(),
        "level": 10 * np.log10(np.mean(np.sort(power)[len(power) // 2 :])),
        "f0": 12 * np.log2(pitch.hz[pitch.voiced] / 100).mean(),
        "before": spoken[0] * HOP / rate,
        "seconds": (spoken[-1] - spoken[0]) * HOP / rate,
        "after": (len(power) - spoken[-1]) * HOP / rate,
    }


@pytest.mark.parametrize(("repetitions", "each"), [(1, 30), (2, 60)])
def test_an_actor_says_as_much_as_in_ravdess(repetitions, each):
    # Neutral: 2 statements; 7 other emotions: 2 intensities x 2 statements. 2 + 28 = 30 (60 per actor in RAVDESS).
    made = utterances(Options(actors=6, repetitions=repetitions))
    assert len(made) == len({utterance.path for utterance in made}) == 6 * each
    assert not [utterance for utterance in made if utterance.emotion == 1 and utterance.intensity == 2]


def test_a_name_holds_the_codes_in_the_order_of_ravdess():
    # RAVDESS: modality 03 audio, channel 01 speech, emotion 06 fearful, intensity 02 strong, statement 1, repetition 2.
    assert Utterance(12, 6, 2, 1, 2).path == "Actor_12/03-01-06-02-01-02-12.flac"


def test_it_reads_back_as_ravdess_does(folder):
    made = read(folder, SMALL)
    assert made.report["trials"] == {"neutral": 12} | dict.fromkeys(
        ("calm", "happy", "sad", "angry", "fearful", "disgust", "surprised"), 24
    )
    assert made.report["speakers"] == {f"{actor:02d}": 30 for actor in range(1, 7)}
    assert made.report["sentences"].startswith("the words are new")
    assert made.report["left_out"] == {} and made.report["absent"]["count"] == 0
    assert dict(zip(made.trials["speaker"], made.trials["sex"], strict=True)) == {
        f"{actor:02d}": SEXES[(actor + 1) % 2] for actor in range(1, 7)
    }
    assert made.trials["path"].str.match(r"simulated_emotional/[0-9a-f]{12}/Actor_\d\d/03-01-").all()


def test_standard_folds_hold_out_men_and_women_alike():
    # 24 actors in pairs (01 02) (03 04) ...; every fourth pair is of one group.
    folds = standard_folds([f"{actor:02d}" for actor in range(1, 25)])
    assert folds[0].eval == {"01", "02", "09", "10", "17", "18"}
    assert [fold.dev for fold in folds] == [folds[(k + 1) % 4].eval for k in range(4)]
    assert sum(len(fold.eval) for fold in folds) == 24 == len(frozenset.union(*(fold.eval for fold in folds)))


def test_the_folds_are_the_ones_asked_for(folder):
    three = read(folder, SMALL)  # pairs of 6 actors
    assert [sorted(fold.eval) for fold in three.folds] == [["01", "02"], ["03", "04"], ["05", "06"]]
    six = read(folder, replace(SMALL, folds="leave_one_speaker_out"))
    assert [sorted(fold.eval) for fold in six.folds] == [[f"{actor:02d}"] for actor in range(1, 7)]
    assert [made.report["folds"] for made in (three, six)] == ["standard", "leave_one_speaker_out"]
    assert len({made.trials["path"][0] for made in (three, six)}) == 1  # folds do not make another corpus


@pytest.mark.parametrize(
    ("measured", "more", "less", "least"),
    [
        # The table gives 8, -6 and 0 dB; strong is 1.6 of normal, so anger - sadness is about 1.3 x 14 dB.
        ("level", "angry", "sad", 10.0),
        ("level", "angry", "neutral", 5.0),
        ("level", "neutral", "calm", 2.0),
        # Semitones: 12 log2 of 1.45, 1.35, 1.5, 0.9, 0.85 is 6.4, 5.2, 7.0, -1.8, -2.8.
        ("f0", "fearful", "sad", 5.0),
        ("f0", "angry", "neutral", 3.0),
        ("f0", "surprised", "disgust", 6.0),
        ("f0", "neutral", "disgust", 1.5),
        # Tempo 1.13, 0.8, 1.25 and 0.77: 7 syllables take 1.4 s at 1.
        ("seconds", "sad", "angry", 0.5),
        ("seconds", "disgust", "fearful", 0.5),
    ],
)
def test_emotions_differ_in_the_direction_that_was_reported(heard, measured, more, less, least):
    mean = heard.groupby(["speaker", "label"])[measured].mean().groupby("label").mean()  # over the same speakers
    assert mean[more] - mean[less] > least


@pytest.mark.parametrize(
    ("measured", "label", "sign"), [("level", "angry", 1), ("level", "sad", -1), ("f0", "surprised", 1)]
)
def test_a_strong_emotion_goes_further(heard, measured, label, sign):
    mean = heard[heard["label"] == label].groupby("intensity")[measured].mean()
    assert sign * (mean["strong"] - mean["normal"]) > 1.0  # dB or semitones; 0.6 of the table's 8, 6 and 7


def test_actors_express_an_emotion_in_their_own_ways(heard):
    angry = heard[(heard["label"] == "angry") & (heard["intensity"] == "strong")]
    relative = angry.groupby("speaker")["level"].mean() - heard.groupby("speaker")["level"].mean()
    assert relative.std() > 1.0  # dB


def test_recordings_are_as_a_front_end_expects_them(heard):
    assert (heard["rate"] == SAMPLE_RATE).all() and (heard["peak"] < 1).all()
    # 0.4 to 0.8 s of noise; weak sounds at the edges of the speech, 25 dB below its loudest, count as silence here.
    for edge in ("before", "after"):
        assert heard[edge].between(0.38, 1.3).all()
        assert heard[edge].max() > heard[edge].min() + 0.2
    assert heard["seconds"].between(0.5, 5.0).all() and 1.2 < heard["seconds"].mean() < 2.2


def test_silence_does_not_say_which_emotion_follows(heard):
    # Uniform in 0.4 s: standard deviation 0.12 s, of a mean over 12 or 24 utterances 0.03 s; 4 of them and the edges.
    assert heard.groupby("label")["before"].mean().std() < 0.05


def test_the_same_options_make_the_same_bytes_by_one_process_or_two(folder, tmp_path, monkeypatch):
    some = utterances(SMALL)[:180:11]  # more than one portion for each process
    monkeypatch.setattr(emotional, "utterances", lambda options: some)
    emotional._make(tmp_path / "made", SMALL, jobs=2)
    [first] = (folder / SMALL.root).glob("[0-9a-f]*")
    for utterance in some:
        assert (tmp_path / "made" / utterance.path).read_bytes() == (first / utterance.path).read_bytes()


def test_another_seed_or_repetition_is_another_recording():
    utterance = Utterance(1, 5, 1, 1, 1)
    given, seed, take = perform(utterance, 1), perform(utterance, 2), perform(replace(utterance, repetition=2), 1)
    assert not np.array_equal(given[:8000], seed[:8000]) and not np.array_equal(given[:8000], take[:8000])


def test_a_second_call_makes_nothing(folder, monkeypatch):
    monkeypatch.setattr(emotional, "_make", lambda *args, **kwargs: pytest.fail("made again"))
    provide(folder, SMALL)
    for other in ({"seed": 2}, {"actors": 8}, {"repetitions": 2}):
        with pytest.raises(pytest.fail.Exception, match="made again"):
            provide(folder, replace(SMALL, **other))


def test_a_killed_run_leaves_no_half_corpus_and_the_next_one_cleans_up(tmp_path, monkeypatch):
    some = utterances(SMALL)[:3]
    monkeypatch.setattr(emotional, "utterances", lambda options: some)
    monkeypatch.setenv("VOXDAG_JOBS", "1")
    making.kill_while_writing(monkeypatch, emotional, tmp_path / SMALL.root, lambda: provide(tmp_path, SMALL))
    provide(tmp_path, SMALL)
    [made] = making.folders(tmp_path / SMALL.root)
    assert sorted(path.relative_to(made).as_posix() for path in made.rglob("*.flac")) == sorted(u.path for u in some)


def test_the_fingerprint_covers_the_table_of_emotions_and_the_synthesiser():
    made_by = {f"simulation/{name}" for name in ("emotions", "speech", "scene", "speaker")}
    assert {"corpora/readers/simulated_emotional", *made_by} <= making.sources(emotional)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"actors": 4}, "actors is 4, expected an even number from 6 to 24"),
        ({"actors": 7}, "actors is 7"),
        ({"actors": 26}, "actors is 26"),
        ({"repetitions": 0}, "repetitions is 0, expected 1 to 2"),
        ({"repetitions": 3}, "repetitions is 3"),
        ({"folds": "random"}, "folds is 'random', expected one of standard"),
    ],
)
def test_options_that_ravdess_has_no_names_for_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        Options(**wrong)
