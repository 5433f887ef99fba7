"""What the page says of files: what `voxdag.predict` says, to the last digit, and why a file has no output."""

import csv
import io

import numpy as np
import pytest
import soundfile

from tests.serving.trained import offers, speech, weights
from voxdag import predict
from voxdag.core.errors import Refused
from voxdag.serving import answers, report
from voxdag.serving.answers import Desk, Upload
from voxdag.serving.limits import Limits, budget

ROWS = ("aasist", "tier1", "ast")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("served")


@pytest.fixture(scope="module")
def desk(folder):
    desk = Desk(offers(folder, *ROWS, "bsrnn", threshold=0.0), folder)
    yield desk
    desk.close()


@pytest.fixture
def upload(tmp_path):
    return Upload(speech(tmp_path / "token/a.wav"), "a.wav")


def predicted(capsys, *words):
    """What the command line prints."""
    predict.run(predict.parse([str(word) for word in words]))
    return capsys.readouterr().out


def of_predict(folder, name, path, *words):
    decisions = ["--decisions", folder / "decisions.csv"] if name == "aasist" else []
    return ["--weights", folder / f"{name}.safetensors", "--device", "cpu", *decisions, *words, path]


def named(text, upload):
    """The table of the command line, with the name of the upload for its path."""
    return text.replace(str(upload.path), upload.name)


@pytest.mark.parametrize("name", ROWS)
def test_numbers_equal_those_of_predict_to_the_last_digit(desk, folder, upload, capsys, name):
    answer = desk.answer(name, [upload], budget(Limits()))
    (one,) = answer.files
    printed = predicted(capsys, *of_predict(folder, name, upload.path))
    assert report.as_csv(answer.columns, [one.row]) == named(printed, upload)
    by_segment = predicted(capsys, *of_predict(folder, name, upload.path, "--segments"))
    assert report.as_csv(answer.segment_columns, one.segments) == named(by_segment, upload)
    first = answer.offered.work.open().scorer.inference.OUTPUTS[0]
    assert next(csv.DictReader(io.StringIO(printed)))[first] != ""  # and there is something to compare


def test_enhanced_audio_equals_that_of_predict_sample_by_sample(desk, folder, upload, tmp_path):
    (one,) = desk.answer("bsrnn", [upload], budget(Limits())).files
    predict.run(
        predict.parse([str(word) for word in of_predict(folder, "bsrnn", upload.path, "-o", tmp_path / "b.wav")])
    )
    expected, rate = soundfile.read(tmp_path / "b.wav", dtype="int16")
    made, made_rate = soundfile.read(io.BytesIO(one.audio["After"]), dtype="int16")
    assert rate == made_rate and np.array_equal(made, expected)
    before, _ = soundfile.read(io.BytesIO(one.audio["Before"]), dtype="int16")
    assert np.array_equal(before, soundfile.read(upload.path, dtype="int16")[0])
    assert not np.array_equal(before, made)
    assert [path.suffix for path in folder.iterdir() if path.suffix == ".flac"] == []  # read back, and gone


def test_ratings_of_both_are_those_of_the_judge(desk, upload):
    from voxdag.scoring import judges

    (one,) = desk.answer("bsrnn", [upload], None).files
    wave = soundfile.read(upload.path, dtype="float32")[0]
    for name, value in judges.dnsmos(wave).items():
        assert one.row[f"{name}_before"] == pytest.approx(value, abs=1e-6)


def test_what_is_listened_to_is_what_the_network_heard(desk, upload):
    (one,) = desk.answer("aasist", [upload], None).files
    heard, rate = soundfile.read(io.BytesIO(one.audio["What the system heard"]), dtype="int16")
    assert rate == 16000 and np.array_equal(heard, soundfile.read(upload.path, dtype="int16")[0])


@pytest.mark.parametrize("name", [*ROWS, "bsrnn"])
def test_a_bad_file_has_the_reason_that_predict_gives_and_the_next_is_scored(
    desk, folder, upload, tmp_path, capsys, name
):
    bad = Upload(tmp_path / "other/bad.mp3", "bad.mp3")
    bad.path.parent.mkdir()
    bad.path.write_text("this is no audio")
    first, second = desk.answer(name, [bad, upload], budget(Limits())).files
    into = ["-o", tmp_path / "out"] if name == "bsrnn" else []
    with pytest.raises(Refused):
        predict.run(predict.parse([str(word) for word in of_predict(folder, name, bad.path, *into)]))
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert first.error == row["error"] != "" and second.error == ""


def test_what_is_too_long_is_refused_before_it_is_decoded(desk, tmp_path, monkeypatch):
    long = Upload(speech(tmp_path / "token/a.wav", 2.5), "a.wav")
    monkeypatch.setattr("voxdag.tasks.scorer.decode", None)  # would fail
    (one,) = desk.answer("aasist", [long], budget(Limits(seconds=2))).files
    assert one.error == "too long: the page takes 2 s of audio at once"


def test_a_bug_is_one_files_and_the_log_has_it(desk, upload, monkeypatch, caplog):
    monkeypatch.setattr("voxdag.tasks.antispoof.page.shown", lambda scored: 1 / 0)
    (one,) = desk.answer("aasist", [upload], None).files
    assert one.error == answers.BROKEN and "ZeroDivisionError" in caplog.text


def test_a_system_that_is_not_offered_is_refused_by_name(desk):
    with pytest.raises(Refused, match="gone is not offered here; offered are aasist, tier1, ast, bsrnn"):
        desk.answer("gone", [], None)


def test_every_system_is_warmed_and_leaves_no_file(desk, tmp_path):
    (tmp_path / "token").mkdir()
    desk.warm(tmp_path / "token/noise.wav")
    assert [path.name for path in (tmp_path / "token").iterdir()] == ["noise.wav"]  # whose folder goes with it


def test_weights_that_do_not_open_are_left_out_with_a_word(folder, caplog):
    good, bad = offers(folder, "aasist", "tier1")
    weights(folder, "tier1").write_bytes(b"no weights")
    desk = Desk([bad, good], folder)
    assert [one.name for one in desk.offered] == ["aasist"] and "not offered: tier1" in caplog.text
    desk.close()
    with pytest.raises(Refused, match="no system can be offered: "):
        Desk([bad], folder)
