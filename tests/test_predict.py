"""The command line that scores files: what it takes, which settings apply, and what it prints."""

import csv
import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
import yaml

from voxdag import predict
from voxdag.core import artifacts, params
from voxdag.core.errors import Refused
from voxdag.core.modules import load_module
from voxdag.data.members import Member
from voxdag.figures import png
from voxdag.networks import by_name
from voxdag.networks.weights import digest, write_weights
from voxdag.tasks import decisions, file_pool, file_scoring, sources
from voxdag.tasks.antispoof import decision
from voxdag.tasks.file_scoring import FileScoring

WINDOW = 4000
WORDS = ("aasist", "aasist_s", {})


def audio(path, seconds=0.25, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.random.default_rng(seed).normal(0, 3000, round(seconds * 16000)).astype(np.int16)
    soundfile.write(path, samples, 16000)
    return path


def network():
    torch.manual_seed(0)
    return by_name.build(*WORDS, 2)


@pytest.fixture
def tree():
    tree = params.read()
    tree["systems"]["aasist"]["inference"] |= {"samples": WINDOW, "batch_size": 2}
    return tree


@pytest.fixture
def weights(tmp_path, tree):
    """Ours, of the default network as it is before training, with a window of 0.25 s."""
    scoring = file_scoring.of_system(tree, params.system(tree, "aasist"))
    path = tmp_path / "ours.safetensors"
    write_weights(path, network(), by_name.about(*WORDS, 2) | {"system": "aasist"} | scoring.header())
    return path


@pytest.fixture
def others(tmp_path):
    """A state dict of the published size."""
    torch.manual_seed(0)
    torch.save(by_name.build("aasist", "aasist", {}, 2).state_dict(), tmp_path / "others.pth")
    return tmp_path / "others.pth"


def run(capsys, *words):
    """The rows that are printed."""
    predict.run(predict.parse([str(word) for word in words]))
    return list(csv.DictReader(capsys.readouterr().out.splitlines()))


def test_our_weights_are_used_anywhere_with_the_settings_of_their_header(tmp_path, weights, capsys, monkeypatch):
    path = audio(tmp_path / "a.wav")
    monkeypatch.chdir(tmp_path)  # no params.yaml here
    (row,) = run(capsys, "--weights", weights, path)
    with torch.no_grad():
        wave = torch.from_numpy(soundfile.read(path, dtype="float32")[0])[None]
        spoof, bonafide = network().eval()(wave)[1][0].tolist()
    assert float(row.pop("score")) == pytest.approx(bonafide - spoof, abs=2e-6)  # six decimals, float sums
    assert row == {
        "path": str(path), "seconds": "0.25", "used": "1.0", "segments": "1", "pool": "mean", "llr": "", "decision": "",
        "threshold": "", "expected_miss_rate": "", "expected_false_alarm_rate": "", "p_bonafide": "", "prior": "",
        "system": "aasist", "weights": digest(weights), "error": "",
    }  # fmt: skip


def test_a_long_file_has_a_row_per_segment_whose_mean_is_its_score(tmp_path, weights, capsys, caplog):
    path = audio(tmp_path / "a.wav", 0.6)
    (row,) = run(capsys, "--weights", weights, path)
    each = run(capsys, "--weights", weights, path, "--segments")
    assert (row["used"], row["segments"]) == ("1.0", "3")
    assert [(one["start"], one["end"]) for one in each] == [("0.0", "0.25"), ("0.175", "0.425"), ("0.35", "0.6")]
    assert np.mean([float(one["score"]) for one in each]) == pytest.approx(float(row["score"]), abs=2e-6)
    assert "first segment" not in caplog.text
    (first,) = run(capsys, "--weights", weights, path, "--pool", "first")
    assert "of 1 files the first segment alone was scored; --pool mean scores all of them" in caplog.text
    assert first["score"] == each[0]["score"] and first["used"] == "0.416667" and first["pool"] == "first"
    (lowest,) = run(capsys, "--weights", weights, path, "--pool", "min")
    assert float(lowest["score"]) == min(float(one["score"]) for one in each)


def test_weights_of_others_are_refused_without_a_preset_and_scored_as_it_says_with_one(tmp_path, others, capsys):
    path = audio(tmp_path / "a.wav", 5.0)
    for words in ([], ["--system", "aasist"], ["--system", "aasist", "--config", "aasist"]):
        with pytest.raises(Refused, match=r"others.pth does not say how it scores .* --preset aasist_official_la2019"):
            run(capsys, "--weights", others, *words, path)
    (row,) = run(capsys, "--weights", others, "--preset", "aasist_official_la2019", path)
    # the published program: the first 64600 samples, and the logit of bona fide alone
    wave = torch.from_numpy(soundfile.read(path, dtype="float32", frames=64600)[0])[None]
    torch.manual_seed(0)
    with torch.no_grad():
        expected = by_name.build("aasist", "aasist", {}, 2).eval()(wave)[1][0, 1].item()
    assert float(row["score"]) == pytest.approx(expected, abs=2e-5)
    assert (row["pool"], row["used"]) == ("first", f"{64600 / 80000}")
    (whole,) = run(capsys, "--weights", others, "--preset", "aasist_official_la2019", "--pool", "mean", path)
    assert (whole["pool"], whole["used"], whole["segments"]) == ("mean", "1.0", "2")


def fit(path, weights, tree, seed=1, threshold=0.0):
    dev = pd.DataFrame({"label": ["spoof", "bonafide", "spoof"], "score": [threshold, threshold + 1, threshold - 1]})
    inference = params.system(tree, "aasist").inference
    row = decisions.row(decision, Member("", seed), digest(weights), inference, dev)
    artifacts.write_table(path, row)


@pytest.mark.parametrize(("threshold", "decided"), [(-1000.0, "bonafide"), (1000.0, "spoof")])
def test_what_dev_fitted_for_these_weights_decides(tmp_path, weights, tree, capsys, threshold, decided):
    fit(tmp_path / "decisions.csv", weights, tree, threshold=threshold)
    (row,) = run(capsys, "--weights", weights, "--decisions", tmp_path / "decisions.csv", audio(tmp_path / "a.wav"))
    assert (row["decision"], row["threshold"]) == (decided, f"{threshold}")
    assert (row["expected_miss_rate"], row["expected_false_alarm_rate"]) == ("0.0", "0.0")


def test_what_was_fitted_for_other_weights_decides_nothing(
    tmp_path, weights, tree, others, capsys, caplog, monkeypatch
):
    path = audio(tmp_path / "a.wav")
    fit(tmp_path / "decisions.csv", others, tree)
    with pytest.raises(
        Refused, match=r"decisions.csv holds nothing that was fitted for weights .*`dvc repro evaluate@a"
    ):
        run(capsys, "--weights", weights, "--decisions", tmp_path / "decisions.csv", path)
    monkeypatch.chdir(tmp_path)
    fit(Path("data/predictions/aasist/decisions.csv"), others, tree)
    assert run(capsys, "--weights", weights, path)[0]["decision"] == ""
    assert "nothing is decided: data/predictions/aasist/decisions.csv holds nothing" in caplog.text
    fit(Path("data/predictions/aasist/decisions.csv"), weights, tree, threshold=1000.0)
    assert run(capsys, "--weights", weights, path)[0]["decision"] == "spoof"


def test_scores_are_calibrated_by_what_dev_fitted_and_the_prior_is_stated(tmp_path, weights, tree, capsys):
    fit(tmp_path / "decisions.csv", weights, tree)
    words = ["--weights", weights, "--decisions", tmp_path / "decisions.csv", audio(tmp_path / "a.wav", 0.6)]
    (row,), (even,) = run(capsys, *words), run(capsys, *words, "--prior", "0.5")
    table = artifacts.read_table(tmp_path / "decisions.csv", decision.FITTED).iloc[0]
    llr = np.exp(table["llr_log_slope"]) * float(row["score"]) + table["llr_offset"]
    assert float(row["llr"]) == pytest.approx(llr, abs=1e-4) and even["llr"] == row["llr"]
    assert (row["prior"], even["prior"]) == ("0.95", "0.5")
    assert float(even["p_bonafide"]) == pytest.approx(1 / (1 + np.exp(-llr)), abs=1e-4)
    each = [float(one["llr"]) for one in run(capsys, *words, "--segments")]
    assert len(each) == 3 and np.mean(each) == pytest.approx(float(row["llr"]), abs=2e-6)


def test_of_several_members_the_ratios_are_averaged_each_by_its_own_map(tmp_path, tree, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tree["systems"]["aasist"] |= {"seeds": [1, 2], "evaluate": {"checkpoint": "last"}}
    artifacts.write_bytes(Path("params.yaml"), yaml.safe_dump(tree).encode())
    scoring, rows = file_scoring.of_system(tree, params.system(tree, "aasist")), []
    for seed in (1, 2):
        torch.manual_seed(seed)
        file = Path(f"data/checkpoints/aasist/seed-{seed}/last.safetensors")
        write_weights(
            file, by_name.build(*WORDS, 2), by_name.about(*WORDS, 2) | {"system": "aasist"} | scoring.header()
        )
        dev = pd.DataFrame({"label": ["spoof", "bonafide", "spoof"], "score": np.array([0, 1, -1]) * seed + seed})
        rows.append(decisions.row(decision, Member("", seed), digest(file), scoring.inference, dev))
    artifacts.write_table(Path("data/predictions/aasist/decisions.csv"), pd.concat(rows[::-1]))  # in another order
    path = audio(tmp_path / "a.wav")
    (both,) = run(capsys, "--system", "aasist", path)
    each = [run(capsys, "--system", "aasist", "--member", f"seed-{seed}", path)[0] for seed in (1, 2)]
    for name in ("score", "llr", "threshold"):
        assert float(both[name]) == pytest.approx(np.mean([float(one[name]) for one in each]), abs=2e-6)
    assert abs(float(each[0]["llr"]) - float(each[1]["llr"])) > 0.1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--prior", "1"], "--prior is 1.0, expected between 0 and 1"),
        (["--prior", "nan"], "--prior is nan, expected between 0 and 1"),
        (["--prior", "0.5", "--threshold", "0"], "--prior and --threshold are both given"),
    ],
)
def test_a_prior_that_is_none_is_refused(tmp_path, weights, capsys, words, message):
    with pytest.raises(Refused, match=message):
        run(capsys, "--weights", weights, *words, audio(tmp_path / "a.wav"))


def test_a_threshold_can_be_given(tmp_path, weights, capsys):
    (row,) = run(capsys, "--weights", weights, "--threshold", "-1000", audio(tmp_path / "a.wav"))
    assert (row["decision"], row["threshold"], row["expected_miss_rate"]) == ("bonafide", "-1000.0", "")
    with pytest.raises(Refused, match="--threshold is nan"):
        run(capsys, "--weights", weights, "--threshold", "nan", audio(tmp_path / "a.wav"))


def test_json_lines_are_one_object_a_file_and_a_file_is_written_whole(tmp_path, weights, capsys):
    paths = [audio(tmp_path / "a.wav"), audio(tmp_path / "b.wav", seed=1)]
    assert run(capsys, "--weights", weights, "--json", "--output", tmp_path / "out.jsonl", *paths) == []
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["path"] for row in rows] == [str(path) for path in paths]
    assert rows[0]["error"] is None and rows[0]["decision"] is None and isinstance(rows[0]["score"], float)


def test_a_folder_is_no_file_to_write(tmp_path, weights, capsys):
    with pytest.raises(Refused, match=r"--output is .*, a folder: expected a file"):
        run(capsys, "--weights", weights, "--output", tmp_path, audio(tmp_path / "a.wav"))


def test_files_without_output_have_a_row_and_the_command_fails(tmp_path, weights, capsys):
    (tmp_path / "b.wav").write_text("no audio")
    words = ["--weights", weights, audio(tmp_path / "a.wav"), tmp_path / "b.wav"]
    with pytest.raises(Refused, match="1 of 2 files have no output; the column error says why"):
        run(capsys, *words)
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert rows[0]["error"] == "" and "unreadable" in rows[1]["error"] and rows[1]["score"] == ""


def test_a_name_that_is_not_utf_8_is_written_and_the_next_file_scored(tmp_path, weights, capsys):
    odd = tmp_path / "b\udcff.wav"
    audio(tmp_path / "a.wav").rename(odd)
    rows = run(capsys, "--weights", weights, odd, audio(tmp_path / "c.wav"))
    assert rows[0]["path"].endswith(r"/b\xff.wav") and rows[1]["score"] != ""


def test_standard_input_lists_files(tmp_path, weights, capsys, monkeypatch):
    paths = [audio(tmp_path / "a b.wav"), audio(tmp_path / "c.wav")]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(f"\ufeff{paths[0]}\r\n{paths[1]}\n\n".encode())))
    assert [row["path"] for row in run(capsys, "--weights", weights, "-")] == [str(path) for path in paths]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\n")))
    with pytest.raises(Refused, match="standard input lists no file"):
        run(capsys, "--weights", weights, "-")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--weights", "a.pth", "--system", "aasist", "--member", "seed-2"],
            "--member seed-2 and --weights a.pth are both",
        ),
        (
            ["--system", "aasist", "--preset", "aasist_official_la2019"],
            "--preset and --config say what weights of others",
        ),
        ([], "neither --system nor --weights is given"),
        (["--weights", "a.pth", "--preset", "no"], "no preset 'no'; the presets are aasist_l_la2019"),
        (["--weights", "gone.safetensors"], "no weights at gone.safetensors"),
        (
            ["--weights", "a.pth", "--preset", "aasist_official_la2019", "--system", "rawnet"],
            "systems.rawnet is not in",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(words, message):
    with pytest.raises(Refused, match=message):
        predict.source(predict.parse([*words, "a.wav"]))


@pytest.mark.parametrize("word", ["-o", "--output", "--plot", "--weights", "--decisions"])
def test_an_empty_path_is_not_this_folder(word, capsys):
    with pytest.raises(SystemExit):
        predict.parse([word, "", "a.wav"])
    assert f"argument {word}: it is '', expected a path" in capsys.readouterr().err


def test_our_weights_are_of_their_own_system(weights):
    with pytest.raises(Refused, match=r"is of the system aasist, --system is tier1: leave --system away"):
        sources.of_header(weights, "tier1")


def test_members_are_in_their_natural_order_and_one_can_be_asked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("fold-10_seed-1", "fold-2_seed-1"):
        Path("data/checkpoints/a", name).mkdir(parents=True)
        Path("data/checkpoints/a", name, "last.safetensors").touch()
    members = [path.parent.name for path in sources.checkpoints("a", "last", (1,), None)]
    assert members == ["fold-2_seed-1", "fold-10_seed-1"]
    assert len(sources.checkpoints("a", "last", (1,), "fold-10_seed-1")) == 1
    with pytest.raises(
        Refused, match="member seed-1 of a is not trained; trained members: fold-2_seed-1, fold-10_seed-1"
    ):
        sources.checkpoints("a", "last", (1,), "seed-1")
    with pytest.raises(Refused, match="b is not trained: no data/checkpoints/b"):
        sources.checkpoints("b", "last", (1,), None)


def test_a_system_that_is_trained_in_part_is_refused_and_says_what_it_lacks(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("fold-1_seed-1", "fold-1_seed-2", "fold-2_seed-1"):
        Path("data/checkpoints/a", name).mkdir(parents=True)
        Path("data/checkpoints/a", name, "last.safetensors").touch()
    with pytest.raises(Refused, match=r"a is trained in part: fold-2_seed-2 of its 4 members have no last.safetensors"):
        sources.checkpoints("a", "last", (1, 2), None)
    assert len(sources.checkpoints("a", "last", (1, 2), "fold-2_seed-1")) == 1


def drawn(figure):
    """The title of a figure, which can be drawn."""
    figure.savefig(io.BytesIO(), format="png")
    return figure.axes[0].get_title("left")


def test_pictures_of_equal_names_do_not_overwrite_each_other_and_say_what_they_show(
    tmp_path, weights, capsys, monkeypatch
):
    titles = []
    monkeypatch.setattr(png, "save_png", lambda figure, path: titles.append((path, drawn(figure))))
    paths = [audio(tmp_path / name) for name in ("a.wav", "sub/$a$^.wav", "a.flac")]
    run(capsys, "--weights", weights, "--threshold", "1000", "--plot", tmp_path / "plots", *paths)
    assert [path for path, _ in titles] == [
        tmp_path / "plots" / name for name in ("a.wav.png", "sub/$a$^.png", "a.flac.png")
    ]
    assert titles[0][1].startswith("a.wav: score ") and "decision spoof\naasist, weights " in titles[0][1]


@pytest.mark.parametrize("output", ["a.wav", "new.FLAC", "link.csv"])
def test_rows_never_take_the_place_of_audio(tmp_path, output):
    path = audio(tmp_path / "a.wav")
    (tmp_path / "link.csv").symlink_to(path)
    with pytest.raises(Refused, match=f"--output is .*{output}, which would take the place of audio"):
        predict.check_output(tmp_path / output, [path])
    predict.check_output(tmp_path / "rows.csv", [path])


def test_folders_that_are_no_member_of_params_yaml_are_not_looked_at(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for member in ("seed-1", "seed-7", "seed-1.bak", "fold-2_seed-1"):
        (tmp_path / "data/checkpoints/a" / member).mkdir(parents=True)
        (tmp_path / f"data/checkpoints/a/{member}/last.safetensors").touch()
    found = [path.parent.name for path in sources.checkpoints("a", "last", (1,), None)]
    assert found == ["fold-2_seed-1", "seed-1"]


# Many files


@pytest.fixture
def many(tmp_path):
    """Tones of 0.15 to 0.8 s, each of its own pitch: files of one segment and of several."""
    draw, paths = np.random.default_rng(1), [tmp_path / f"many/{i:02d}.wav" for i in range(20)]
    (tmp_path / "many").mkdir()
    for i, path in enumerate(paths):
        seconds = np.arange(round(draw.uniform(0.15, 0.8) * 16000)) / 16000
        soundfile.write(path, 0.5 * np.sin(2 * np.pi * 90 * 1.25**i * seconds), 16000)
    return paths


def scores(rows):
    return {row["path"]: float(row["score"]) for row in rows}


def test_batches_and_processes_are_loops_and_the_order_of_files_does_not_matter(
    many, weights, capsys, caplog, monkeypatch
):
    caplog.set_level("INFO")
    alone = {str(path): scores(run(capsys, "--weights", weights, path))[str(path)] for path in many[::4]}
    assert np.ptp(list(alone.values())) > 1e-4  # what is mixed up would be seen
    monkeypatch.setenv("VOXDAG_JOBS", "2")
    together = run(capsys, "--weights", weights, *many)
    monkeypatch.setattr(file_pool, "BYTES_EACH", 1)  # so that two processes are worth it
    shared = run(capsys, "--weights", weights, *many[::-1])
    # float32 sums of logits of about 0.2 in another order: a few units of the last place, 1.5e-8, beside a rounding to
    # six decimals, 5e-7, on either side
    of_both = [scores(rows) for rows in (together, shared)]
    assert of_both[0] == pytest.approx(of_both[1], abs=2e-6)
    assert {path: of_both[0][path] for path in alone} == pytest.approx(alone, abs=2e-6)
    assert [row["path"] for row in shared] == [str(path) for path in many[::-1]]
    assert "20 files, 0.2 minutes of audio, in " in caplog.text and " times real time" in caplog.text


def test_a_run_goes_on_with_the_rows_of_one_that_was_interrupted(tmp_path, many, weights, capsys, caplog):
    caplog.set_level("INFO")
    file, words = tmp_path / "rows.csv", ["--weights", weights, "--segments", tmp_path / "many"]
    assert run(capsys, *words, "--resume", file) == []
    whole = file.read_text()
    file.write_text(whole[: len(whole) // 2])
    run(capsys, *words, "--resume", file)
    found, expected = (list(csv.DictReader(text.splitlines())) for text in (file.read_text(), whole))
    assert [(row["path"], row["start"]) for row in found] == [(row["path"], row["start"]) for row in expected]
    assert [float(row["score"]) for row in found] == pytest.approx([float(row["score"]) for row in expected], abs=2e-6)
    done = int(re.search(r"(\d+) of 20 files have their rows already", caplog.text)[1])
    assert 3 < done < 17 and f"{20 - done} files, " in caplog.text


def test_rows_of_other_options_are_not_gone_on_with(tmp_path, weights, capsys):
    paths, rows = [audio(tmp_path / f"{name}.wav", 5) for name in "abc"], tmp_path / "rows.csv"
    run(capsys, "--weights", weights, "--threshold", "0.5", "--resume", rows, *paths[:2])
    before = rows.read_text()
    with pytest.raises(
        Refused, match=r"the rows that are there are of threshold 0.5, this run's are of 9.0: name anoth"
    ):
        run(capsys, "--weights", weights, "--threshold", "9", "--resume", rows, *paths)
    assert rows.read_text() == before[: before.index(str(paths[1]))]
    run(capsys, "--weights", weights, "--threshold", "0.5", "--resume", rows, *paths)
    assert [row["path"] for row in csv.DictReader(rows.read_text().splitlines())] == list(map(str, paths))


def test_a_file_without_output_counts_however_often_the_run_goes_on(tmp_path, weights, capsys):
    (tmp_path / "empty.wav").touch()
    paths, rows = [tmp_path / "empty.wav", audio(tmp_path / "b.wav", 5)], tmp_path / "rows.csv"
    for _ in range(2):
        with pytest.raises(Refused, match="1 of 2 files have no output"):
            run(capsys, "--weights", weights, "--resume", rows, *paths)


def test_rows_of_other_weights_are_not_gone_on_with(tmp_path, weights, others, capsys):
    path, rows = audio(tmp_path / "a.wav", 5), tmp_path / "rows.jsonl"
    run(capsys, "--weights", weights, "--json", "--resume", rows, path)
    preset = ["--preset", "aasist_official_la2019"]  # which changes the system aasist
    with pytest.raises(
        Refused, match=rf"rows.jsonl has rows of weights {digest(weights)}, .* of {digest(others)}: name"
    ):
        run(capsys, "--weights", others, *preset, "--json", "--resume", rows, path)


def test_a_file_to_go_on_with_is_no_folder_and_no_audio(tmp_path, weights, capsys):
    path = audio(tmp_path / "a.wav")
    with pytest.raises(Refused, match=r"--resume is .*a.wav, which would take the place of audio"):
        run(capsys, "--weights", weights, "--resume", path, path)


def test_names_with_line_breaks_commas_and_quotes_read_again(tmp_path, weights, capsys, monkeypatch):
    names = ["with\nbreak.wav", "with, comma.wav", 'with "quotes".wav', "with\rreturn.wav"]
    content = b"".join(os.fsencode(audio(tmp_path / name)) + b"\0" for name in names)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    predict.run(predict.parse(["--weights", str(weights), "-"]))
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out, newline="")))
    assert [row["path"] for row in rows] == [str(tmp_path / name) for name in names]


# Whole processes


def command(weights, *words):
    return [sys.executable, "-m", "voxdag.predict", "--weights", str(weights), *map(str, words)]


ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(predict.__file__).parents[1])}
SLOW = """
import time
from voxdag import predict
from voxdag.core import command
from voxdag.tasks.scorer import Hearing
hear = Hearing.hear
Hearing.hear = lambda self, path: (time.sleep(0.2), hear(self, path))[1]
command.guarded(predict.main, predict.KEPT)
"""


def test_who_reads_the_first_rows_alone_ends_it_without_a_word(many, weights):
    line = f"{shlex.join(command(weights, *many))} | head -n 2; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True)
    assert done.returncode == 141 and len(done.stdout.splitlines()) == 2
    assert "Traceback" not in done.stderr and "error" not in done.stderr


def test_an_interrupt_leaves_the_rows_that_are_written_and_says_how_to_go_on(tmp_path, many, weights):
    rows, slow = tmp_path / "rows.jsonl", tmp_path / "slow.py"
    slow.write_text(SLOW)
    words = [sys.executable, str(slow), *command(weights, "--json", *many)[3:]]
    with rows.open("w") as out:
        running = subprocess.Popen(words, stdout=out, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
        deadline = time.monotonic() + 300
        while not rows.read_text():
            assert running.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
        running.send_signal(signal.SIGINT)
        said = running.communicate(timeout=60)[1]
    assert running.returncode == 130 and f"interrupted; start the same command again: {predict.KEPT}" in said
    found = [json.loads(line) for line in rows.read_text().splitlines()]
    assert 0 < len(found) < len(many) and all(row["score"] is not None for row in found)


def test_a_stream_that_is_closed_is_named(tmp_path, weights, monkeypatch):
    words = ["--weights", str(weights), str(audio(tmp_path / "a.wav"))]
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(Refused, match="standard input is closed, and PATH is -: expected a list of paths there"):
        predict.run(predict.parse([*words, "-"]))
    predict.run(predict.parse([*words, "--output", str(tmp_path / "rows.csv")]))  # nobody asked for it
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(Refused, match="standard output is closed: --output FILE or --resume FILE takes the rows"):
        predict.run(predict.parse(words))


def test_a_gpu_that_is_not_there_is_named(tmp_path, weights, capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(Refused, match="device is cuda, but torch sees no CUDA device"):
        run(capsys, "--weights", weights, "--device", "cuda", audio(tmp_path / "a.wav"))


def test_without_a_path_the_usage_is_printed(weights, capsys):
    with pytest.raises(SystemExit):
        predict.parse(["--weights", str(weights)])
    assert "required: PATH, or --from-file LIST" in capsys.readouterr().err


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_gives_the_scores_of_the_cpu_while_processes_decode(many, weights, capsys, monkeypatch):
    on_cpu = scores(run(capsys, "--weights", weights, "--device", "cpu", *many))
    monkeypatch.setenv("VOXDAG_JOBS", "2")
    monkeypatch.setattr(file_pool, "BYTES_EACH", 1)
    on_gpu = run(capsys, "--weights", weights, "--device", "cuda", *many)
    assert scores(on_gpu) == pytest.approx(on_cpu, abs=1e-4) and [row["path"] for row in on_gpu] == list(on_cpu)


def test_files_are_not_heard_in_another_way_than_in_training():
    now = FileScoring("emotion", "features/emotion", {}, {"rate": 16000}, {"denoise": "none"})
    file_scoring.check_features(now, None, Path("a"), "tier1")
    file_scoring.check_features(now, replace(now, inference={"batch_size": 3}), Path("a"), "tier1")
    for section in ("decoding", "front_end"):
        message = rf"a.safetensors was trained with features.{section} .*, params.yaml has .*evaluate@tier1"
        with pytest.raises(Refused, match=message):
            file_scoring.check_features(now, replace(now, **{section: {"rate": 8000}}), Path("a.safetensors"), "tier1")


# A system whose outputs are audio


@pytest.fixture
def denoiser(tmp_path, tree):
    """Weights of an enhancer as it is before training."""
    torch.manual_seed(0)
    size = {"channels": 4, "layers": 1, "hidden": 4, "decoder": 4}
    scoring = {"task": "enhance", "recordings": "features/enhance", "front_end": None}
    scoring |= {"inference": {"batch_size": 2, "samples": 16_000, "overlap": 1000}}
    scoring |= {"decoding": {"rate": 16_000, "min_seconds": 0.1, "min_peak": 1e-4, "max_clipped": 0.01}}
    about = by_name.about("bsrnn", "tiny", size, 1) | {"system": "bsrnn", "scoring": scoring}
    inference = load_module("voxdag.tasks.{task}.inference", task="enhance")
    made = by_name.build("bsrnn", "tiny", size, 1, inference.BUFFERS)
    write_weights(tmp_path / "denoiser.safetensors", made, about)
    return tmp_path / "denoiser.safetensors", made.eval(), inference


def test_a_file_is_enhanced_as_the_task_enhances_its_samples(tmp_path, denoiser, capsys, monkeypatch):
    weights, made, inference = denoiser
    path = audio(tmp_path / "in.wav", 1.7)
    monkeypatch.chdir(tmp_path)  # no params.yaml here
    (row,) = run(capsys, "--weights", weights, path, "-o", tmp_path / "out/enhanced.wav")
    samples, rate = soundfile.read(tmp_path / "out/enhanced.wav", dtype="int16")
    settings = inference.Settings(2, 16_000, 1000)
    (expected,) = inference.enhance(made, [soundfile.read(path, dtype="int16")[0]], settings, torch.device("cpu"))
    assert rate == 16_000 and np.abs(samples / 32768 - expected.clip(-1, 1)).max() < 1 / 32768
    assert row == {
        "path": str(path), "seconds": "1.7", "rate": "16000", "channels": "1", "clipped": "0",
        "enhanced": str(tmp_path / "out/enhanced.wav"), "system": "bsrnn", "weights": digest(weights), "error": "",
    }  # fmt: skip


@pytest.mark.parametrize("samples", [1, 2, 511, 512, 513, 16_001])
def test_the_enhanced_file_is_as_long_as_the_file(tmp_path, denoiser, capsys, samples):
    wave = np.random.default_rng(0).normal(0, 0.1, (samples, 2))
    soundfile.write(tmp_path / "in.wav", wave, 44_100)
    run(capsys, "--weights", denoiser[0], tmp_path / "in.wav", "-o", tmp_path / "out.wav")
    there = soundfile.info(tmp_path / "out.wav")
    assert (there.frames, there.channels, there.samplerate) == (samples, 2, 44_100)


def test_a_folder_is_enhanced_into_a_folder_and_what_cannot_be_has_no_output(tmp_path, denoiser, capsys):
    audio(tmp_path / "in/a.wav")
    (tmp_path / "in/b.wav").write_bytes(b"RIFF no audio")
    with pytest.raises(Refused, match="1 of 2 files have no output"):
        predict.run(predict.parse(["--weights", str(denoiser[0]), str(tmp_path / "in"), "-o", str(tmp_path / "out")]))
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert [bool(row["error"]) for row in rows] == [False, True]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.wav"]


def test_without_o_an_enhancer_says_how_much_it_removes(tmp_path, denoiser, capsys):
    (row,) = run(capsys, "--weights", denoiser[0], audio(tmp_path / "a.wav"))
    assert 0 < float(row["removed"]) < 1 and row["error"] == ""


def test_audio_of_a_system_that_makes_none_is_refused(tmp_path, weights, capsys):
    path = audio(tmp_path / "a.wav")
    with pytest.raises(Refused, match="-o is given, but what aasist says is no audio: it is of the task antispoof"):
        run(capsys, "--weights", weights, path, "-o", tmp_path / "b.wav")


@pytest.mark.parametrize("words", [["--segments"], ["--pool", "mean"], ["--threshold", "0"], ["--plot", "plots"]])
def test_words_that_say_how_to_score_do_not_go_with_audio(tmp_path, denoiser, capsys, words):
    path = audio(tmp_path / "a.wav")
    with pytest.raises(Refused, match=f"{words[0]} is given with -o"):
        run(capsys, "--weights", denoiser[0], path, "-o", tmp_path / "b.wav", *words)
