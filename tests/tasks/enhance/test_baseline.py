"""Baselines and what is measured of them: pairs in shards, one row each, judges on eval alone."""

import logging

import numpy as np
import pandas as pd
import pytest

from voxdag.audio.decode import to_int16
from voxdag.core.errors import Refused
from voxdag.data import shards
from voxdag.data.shards import Shards, Track
from voxdag.scoring import enhancement, judges
from voxdag.simulation.speech import draw_speaker, synthesise
from voxdag.tasks.enhance import baseline, gate, marks, measures, metrics
from voxdag.tasks.enhance.baseline import METHODS, Settings

RATE = enhancement.RATE
TRACKS = {"noisy": Track("int16", (), RATE), "clean": Track("int16", (), RATE)}
BAD_LENGTH = r"eval1: clean and enhanced waves have shapes \(\d+,\) and \(\d+,\)"


def recording(i):
    """Speech with a pause before it, and the same in noise at 5 dB: int16, 1.15 s."""
    rng = np.random.default_rng(i)
    speech = 3 * synthesise(draw_speaker(rng, "male"), 1.0, rng)
    clean = np.concatenate([np.zeros(round(0.15 * RATE)), speech])
    clean += 1e-4 * rng.normal(size=clean.size)  # of a microphone: digital silence has no LLR
    noise = rng.normal(size=clean.size) * np.sqrt(np.mean(speech**2)) * 10 ** (-5 / 20)
    return to_int16(clean + noise)[0], to_int16(clean)[0]


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """Two recordings of each split."""
    folder = tmp_path_factory.mktemp("features")
    for split in ("train", "dev", "eval"):
        rows = (
            ({"id": f"{split}{i}", "split": split, "speaker": f"s{i}", "noise": "white", "snr": 5.0}, recording(i))
            for i in range(2)
        )
        shards.write(folder / split, ((row, dict(zip(TRACKS, waves, strict=True))) for row, waves in rows), TRACKS, 1)
    return {split: Shards(folder / split) for split in ("train", "dev", "eval")}


@pytest.fixture(scope="module")
def predictions(packed):
    return {method: baseline.predict(packed, {}, Settings(method), 1) for method in METHODS}


@pytest.fixture(autouse=True)
def one_job(monkeypatch):
    monkeypatch.setenv("VOXDAG_JOBS", "1")


@pytest.mark.parametrize("method", METHODS)
def test_a_baseline_says_of_each_recording_of_dev_and_eval_what_the_index_says_and_the_metrics(predictions, method):
    found = predictions[method]
    assert set(found) == {"dev", "eval"} and found["eval"]["id"].tolist() == ["eval0", "eval1"]
    assert set(found["eval"]) == {"id", "speaker", "split", "noise", "snr", "protocol", *metrics.METRICS, "optimised"}
    assert (found["eval"]["optimised"] == "").all() and (found["eval"]["snr"] == 5).all()
    assert found["eval"][list(metrics.OF_PAIRS)].notna().all(axis=None)


def test_judges_hear_eval_alone(predictions):
    of_judges = {split: table[["dnsmos_sig", "dnsmos_ovrl"]].notna() for split, table in predictions["noisy"].items()}
    assert of_judges["eval"].all(axis=None) and not of_judges["dev"].any(axis=None)


def test_the_noisy_recordings_are_measured_as_they_are(packed, predictions):
    noisy, clean = (packed["eval"].track(name).wave(1) for name in ("noisy", "clean"))
    expected = enhancement.score(clean, noisy, RATE) | judges.judge(clean, noisy, RATE)
    row = predictions["noisy"]["eval"].iloc[1]
    assert row[list(metrics.METRICS)].to_dict() == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize("method", ["spectral_gate", "rnnoise"])
def test_a_denoiser_leaves_less_noise(predictions, method):
    before, after = (predictions[name]["eval"]["si_sdr"] for name in ("noisy", method))
    assert (after > before + 1).all()


def test_the_gate_sees_the_noisy_recordings(packed, predictions, monkeypatch):
    monkeypatch.setattr(judges, "dnsmos", lambda wave: {})
    mean = predictions["noisy"]["eval"]["pesq"].mean()
    published = pd.DataFrame({"metric": ["pesq"], "score": [mean], "tolerance": [0.001]})
    tables = {"eval": {gate.TABLE: published}}
    baseline.predict(packed, tables, Settings("noisy"), 1)
    off = {"eval": {gate.TABLE: published.assign(score=mean + 0.1)}}
    with pytest.raises(Refused, match="do not measure as published: mean pesq"):
        baseline.predict(packed, off, Settings("noisy"), 1)
    baseline.predict(packed, off, Settings("spectral_gate"), 1)  # of what is processed nothing was published


def test_an_unknown_method_is_refused():
    with pytest.raises(Refused, match="method is 'wiener', expected one of noisy, spectral_gate, rnnoise"):
        Settings("wiener")


def test_what_was_optimised_goes_along_with_what_contains_it(packed):
    table = measures.measured(packed["dev"], baseline.made(packed["dev"], "noisy"), {"pesq"})
    assert (table["optimised"] == "pesq pesq_nb csig cbak covl").all()
    assert metrics.optimised(table) == marks.with_parts({"pesq"})


def test_what_is_undefined_is_said_in_one_line(packed, caplog):
    noisy = packed["dev"].track("noisy")
    silent = [np.zeros_like(noisy[0]), noisy[1]]
    with caplog.at_level(logging.WARNING):
        table = measures.measured(packed["dev"], silent)
    assert table["pesq"].isna().tolist() == [True, False]
    [said] = [message for message in caplog.messages if message.startswith("undefined")]
    assert said.startswith("undefined for some of 2 utterances of dev: pesq of 1, pesq_nb of 1, stoi of 1")


def test_judges_that_are_not_installed_are_named_in_one_line(packed, caplog, monkeypatch):
    monkeypatch.setattr(judges, "absent", lambda: tuple(judges.OPTIONAL))
    monkeypatch.setattr(judges, "dnsmos", lambda wave: dict.fromkeys(judges.METRICS[:3], 3.0))
    with caplog.at_level(logging.INFO):
        table = measures.measured(packed["eval"], baseline.made(packed["eval"], "noisy"))
    said = "not judged in distillmos, speaker_similarity: the packages of requirements-judges.txt are not installed"
    assert caplog.messages == [said]
    assert table[list(judges.OPTIONAL)].isna().all(axis=None) and (table["dnsmos_ovrl"] == 3).all()


def test_a_recording_of_another_length_is_refused_by_name(packed):
    noisy = packed["eval"].track("noisy")
    with pytest.raises(Refused, match=BAD_LENGTH):
        measures.measured(packed["eval"], [noisy[0], noisy[1][:-1]])


def test_recordings_at_another_rate_are_refused(tmp_path):
    tracks = {name: Track("int16", (), 8000) for name in TRACKS}
    noisy, clean = recording(0)
    shards.write(tmp_path / "eval", [({"id": "a"}, {"noisy": noisy, "clean": clean})], tracks, 1)
    with pytest.raises(Refused, match="track clean, is at 8000 Hz, speech enhancement takes 16000 Hz"):
        measures.measured(Shards(tmp_path / "eval"), [noisy])
