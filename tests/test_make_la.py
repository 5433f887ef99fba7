import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from dvc.utils.hydra import apply_overrides

from voxdag import make_la
from voxdag.core import params
from voxdag.corpora.readers import asvspoof2019_la
from voxdag.make_la import Segment, cut_points, find_segments, load, share_out, speaker_of

RATE = 16_000


def syllables(rng: np.random.Generator, seconds: float, rate: int) -> np.ndarray:
    time = np.arange(round(seconds * rate)) / rate
    voice = sum(np.cos(2 * np.pi * k * rng.uniform(90, 200) * time) / k for k in range(1, 6))
    return 0.05 * voice * np.clip(np.sin(2 * np.pi * 4 * time), 0, None) + 1e-3 * rng.standard_normal(len(time))


def segments_of(speakers: int, each: int = 3) -> list[Segment]:
    return [Segment(f"s{s}", f"s{s}:{k}", Path("x.wav"), k, k + 1) for s in range(speakers) for k in range(each)]


def test_long_recordings_are_cut_in_their_pauses():
    rng = np.random.default_rng(0)
    wave = 0.1 * rng.standard_normal(12 * RATE)
    for pause in (3.6, 7.1):
        wave[round((pause - 0.1) * RATE) : round((pause + 0.1) * RATE)] *= 1e-3
    stretches = cut_points(wave, RATE, (2.0, 4.0))
    assert [stop / RATE for _, stop in stretches[:2]] == pytest.approx([3.6, 7.1], abs=0.06)
    assert [start for start, _ in stretches[1:]] == [stop for _, stop in stretches[:-1]]
    assert all(2.0 <= (stop - start) / RATE <= 4.3 for start, stop in stretches)


def test_what_is_shorter_than_the_shortest_utterance_is_left_out():
    assert cut_points(np.ones(round(1.9 * RATE)), RATE, (2.0, 4.0)) == []
    assert cut_points(np.ones(round(2.1 * RATE)), RATE, (2.0, 4.0)) == [(0, round(2.1 * RATE))]


@pytest.mark.parametrize(("rule", "speaker"), [("parent", "Jane_Doe"), ("prefix", "118")])
def test_the_speaker_is_in_the_folder_or_the_name(rule, speaker):
    assert speaker_of(Path("any/Jane Doe/118-121721-0000.flac"), rule) == speaker


def test_speakers_are_shared_out_whole():
    material = share_out(segments_of(20), None, seed=0)
    speakers = {split: {r.speaker for r in part.recordings} for split, part in material.items()}
    assert {split: len(names) for split, names in speakers.items()} == {"train": 12, "dev": 4, "eval": 4}
    assert len(set.union(*speakers.values())) == 20
    assert (material["dev"].bonafide, material["dev"].spoof) == (8, 16)


def test_a_number_of_utterances_takes_as_few_speakers_as_it_needs():
    part = share_out(segments_of(100), 30, seed=0)["train"]
    assert (part.bonafide, part.spoof) == (10, 20)
    assert len({r.speaker for r in part.recordings}) == 5  # two of three segments are bona fide


def test_too_few_speakers_are_refused():
    with pytest.raises(ValueError, match=r"5 speakers with at least 2 segments \(6 in all\), expected at least 6"):
        share_out([*segments_of(5), Segment("s9", "s9:0", Path("x.wav"), 0, 1)], None, seed=0)


def test_any_rate_and_number_of_channels_becomes_mono_at_16_khz(tmp_path):
    tone = np.sin(2 * np.pi * 1000 * np.arange(96_000) / 48_000)
    soundfile.write(tmp_path / "x.wav", np.stack([0.6 * tone, 0.2 * tone], axis=1), 48_000, subtype="FLOAT")
    wave = load(Segment("s", "x", tmp_path / "x.wav", 24_000, 72_000))
    assert len(wave) == RATE
    assert wave[1000:-1000] == pytest.approx(
        0.4 * np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE)[1000:-1000], abs=2e-3
    )


def test_audio_that_cannot_be_decoded_is_named_and_left_out(tmp_path, caplog):
    soundfile.write(tmp_path / "a-1.wav", 0.1 * np.ones(3 * RATE), RATE)
    (tmp_path / "b-1.flac").write_bytes(b"no audio")
    (tmp_path / "README.txt").write_text("no audio either")
    found = find_segments(tmp_path, "prefix", (2.0, 4.0), jobs=1)
    assert [segment.speaker for segment in found] == ["a"]
    assert "b-1.flac: a rate of 0 Hz" in caplog.text
    assert "left out 1 file: 1 not audio (such as " in caplog.text


def test_names_that_are_not_utf_8_become_text(tmp_path):
    folder = tmp_path / "J\udcfcrgen"
    folder.mkdir()
    soundfile.write(tmp_path / "a.wav", 0.1 * np.sin(np.arange(3 * RATE)), RATE)
    (tmp_path / "a.wav").rename(folder / "a\udcff.wav")
    (segment,) = find_segments(tmp_path, "parent", (2.0, 4.0), jobs=1)
    assert segment.speaker == r"J\xfcrgen" and segment.name == r"J\xfcrgen/a\xff.wav:0"
    assert len(load(segment)) == 3 * RATE


def test_an_empty_name_is_not_this_folder(tmp_path, caplog):
    with pytest.raises(SystemExit, match="1"):
        make_la.main(["", str(tmp_path / "out")])
    assert "FOLDER is '': expected a folder" in caplog.text


def apply(flags, folder):
    """params.yaml with flags of `dvc exp run`."""
    shutil.copy("params.yaml", folder)
    apply_overrides(str(folder / "params.yaml"), flags[1::2])
    return params.read(folder / "params.yaml")


def test_a_folder_becomes_a_corpus(tmp_path, capsys, caplog):
    rng = np.random.default_rng(0)
    for k in range(6):
        folder = tmp_path / "clean" / f"book {k % 2}"
        folder.mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / f"voice{k}-1.ogg", syllables(rng, 7.0, 22_050), 22_050)
    line = [str(tmp_path / "clean"), str(tmp_path / "out"), "--speaker", "prefix", "--seconds", "1", "1.5"]
    (tmp_path / "out" / ".LA-left" / "recordings").mkdir(parents=True)  # by a killed run
    make_la.main([*line, "--utterances", "9", "--jobs", "1"])
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [".LA.lock", "LA"]
    printed = capsys.readouterr().out
    assert "train: 2 speakers, 3 bona fide, 6 spoof" in printed and "eval: ASV EER" in printed
    flags = shlex.split(printed.splitlines()[-1])[3:]
    tree = apply(flags, tmp_path)["tasks"]["antispoof"]["prepare"]
    assert tree["corpus"] == "asvspoof2019_la" and tree["corpora"]["asvspoof2019_la"]["official"] is False
    assert (
        len(asvspoof2019_la.read(tmp_path, asvspoof2019_la.Options(**tree["corpora"]["asvspoof2019_la"])).trials) == 27
    )
    corpus = asvspoof2019_la.read(tmp_path, asvspoof2019_la.Options("out", official=False))
    assert corpus.report["absent"]["count"] == 0 and len(corpus.trials) == 27
    with pytest.raises(SystemExit, match="1"):
        make_la.main([*line, "--jobs", "1"])
    assert "LA is there already" in caplog.text


@pytest.mark.parametrize(
    ("words", "jobs", "message"),
    [
        ([], None, "holds no audio, it is empty; known endings are 3gp, aac"),
        (["--seconds", "4", "2"], None, "--seconds is 4 2, expected 1 or more, in rising order"),
        (["--seconds", "0.5", "2"], None, "--seconds is 0.5 2, expected 1 or more"),
        (["--seconds", "nan", "2"], None, "--seconds is nan 2, expected 1 or more"),
        (["--seconds", "2", "inf"], None, "--seconds is 2 inf, expected 1 or more"),
        (["--seed", "-1"], None, "--seed is -1, expected 0 or more"),
        (["--jobs", "0"], None, "--jobs is 0, expected 1 or more"),
        (["--utterances", "0"], None, "--utterances is 0, expected 1 or more"),
        (["--utterances", "-3"], None, "--utterances is -3, expected 1 or more"),
        ([], "all", "VOXDAG_JOBS is 'all', expected a whole number of 1 or more"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(tmp_path, monkeypatch, caplog, words, jobs, message):
    if jobs:
        monkeypatch.setenv("VOXDAG_JOBS", jobs)
    with pytest.raises(SystemExit, match="1"):
        make_la.main([str(tmp_path), str(tmp_path / "out"), *words])
    assert message in caplog.text and not (tmp_path / "out").exists()


def test_the_number_of_processes_is_that_of_the_environment(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(make_la, "find_segments", lambda folder, rule, seconds, jobs: asked.append(jobs) or [])
    monkeypatch.setenv("VOXDAG_JOBS", "3")
    for words in ([], ["--jobs", "2"]):
        with pytest.raises(SystemExit, match="1"):
            make_la.main([str(tmp_path), str(tmp_path / "out"), *words])
    assert asked == [3, 2]


def test_the_same_recording_in_two_folders_is_one_speakers(tmp_path, caplog):
    wave = np.random.default_rng(0).normal(0, 0.1, 40_000)
    for name in ("anna/a.wav", "copy_of_anna/b.flac", "ben/a.wav"):
        (tmp_path / name).parent.mkdir()
        soundfile.write(tmp_path / name, np.round((wave if "anna" in name else wave[::-1]) * 2**15) / 2**15, 16000)
    segments = make_la.find_segments(tmp_path, "parent", (1.0, 1.5), 1)
    assert {segment.speaker for segment in segments} == {"anna", "ben"}
    assert f"left out {tmp_path / 'copy_of_anna/b.flac'}: the recording of {tmp_path / 'anna/a.wav'}" in caplog.text


def test_as_a_program_two_processes_do_the_same(tmp_path):
    # what the program gives other processes to do is its own: they have to load it
    rng = np.random.default_rng(1)
    for speaker in range(6):
        for number in range(3):
            soundfile.write(tmp_path / f"s{speaker}-{number}.wav", syllables(rng, 9.0, 8000), 8000)
    said = [sys.executable, "-m", "voxdag.make_la", tmp_path, tmp_path / "out", "--speaker", "prefix", "--jobs", "2"]
    done = subprocess.run([*map(str, said)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out/LA" / asvspoof2019_la.PROTOCOLS["eval"]).is_file() and "Train on it" in done.stdout
