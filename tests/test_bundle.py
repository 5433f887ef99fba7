"""A system as a bundle, and files scored with it: the same digits as in the repository, by nothing but the bundle."""

import csv
import functools
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile

import pytest
import torch
import yaml

from tests.clone import ROOT
from tests.release import released
from voxdag import bundle, predict
from voxdag.core import params
from voxdag.core.errors import NotHere, Refused
from voxdag.release import manifest


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    folder, threads = tmp_path_factory.mktemp("repository"), torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        released.make(folder)
    torch.set_num_threads(threads)
    return folder


@pytest.fixture
def here(repository, tmp_path, monkeypatch):
    """The repository, to be changed."""
    folder, threads = tmp_path / "here", torch.get_num_threads()
    shutil.copytree(repository, folder)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("VOXDAG_JOBS", "1")
    yield folder
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def made(repository, tmp_path_factory):
    """A bundle with the ONNX file of one member, and what was printed."""
    out = tmp_path_factory.mktemp("made") / "bundle"
    done = subprocess.run(
        [sys.executable, "-m", "voxdag.bundle", "one", out, "--member", "seed-1", *released.DATE],
        cwd=repository, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return out, json.loads(done.stdout)


def bundled(out, *words):
    bundle.run(bundle.parse(["one", str(out), "--no-onnx", *released.DATE, *words]))
    return out


def scored(capsys, *words):
    capsys.readouterr()
    predict.run(predict.parse([str(word) for word in words]))
    return list(csv.DictReader(capsys.readouterr().out.splitlines()))


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_bundle_scores_to_the_digit_as_the_repository_does(here, tmp_path, capsys, monkeypatch):
    files = [here / "0.wav", here / "1.wav"]
    expected = scored(capsys, "--system", "one", *files)
    assert all(row["decision"] and row["llr"] for row in expected)
    bundled(tmp_path / "folder"), bundled(tmp_path / "file.zip")
    monkeypatch.chdir(tmp_path)  # neither params.yaml nor data
    for name in ("folder", "file.zip"):
        assert scored(capsys, "--bundle", name, *files) == expected
    (one, _) = scored(capsys, "--bundle", "folder", "--member", "seed-2", *files)
    assert one["weights"] == expected[0]["weights"].split("+")[1] and one["score"] != expected[0]["score"]


def test_settings_of_the_folder_that_it_is_used_in_have_no_say(here, tmp_path, capsys):
    files = [here / "0.wav", here / "1.wav"]
    expected = scored(capsys, "--bundle", bundled(tmp_path / "folder"), *files)
    tree = (here / "params.yaml").read_text()
    (here / "params.yaml").write_text(
        tree.replace("samples: 4000", "samples: 3000").replace("num_threads: 1", "num_threads: 2")
    )
    (here / "data/predictions/one/decisions.csv").unlink()
    assert scored(capsys, "--bundle", tmp_path / "folder", *files) == expected


def test_onnx_scores_within_what_the_bundle_says(repository, made, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("VOXDAG_JOBS", "1")
    monkeypatch.chdir(tmp_path)
    out, printed = made
    files = [repository / "0.wav", repository / "1.wav"]
    parity = printed["onnx"]["parity"]
    assert parity["largest_difference"] <= parity["tolerance"] == 1e-4
    assert parity["compared_with"] == "8 recordings of dev and 3 noises"
    by_torch, by_onnx = (scored(capsys, "--bundle", out, *words, *files) for words in ([], ["--onnx"]))
    for one, two in zip(by_torch, by_onnx, strict=True):
        assert float(one.pop("score")) == pytest.approx(float(two.pop("score")), abs=1e-4)
        assert float(one.pop("llr")) == pytest.approx(float(two.pop("llr")), abs=1e-3)  # slope times score
        assert float(one.pop("p_bonafide")) == pytest.approx(float(two.pop("p_bonafide")), abs=1e-3)
        assert one == two
    with pytest.raises(Refused, match="--device is cuda, and ONNX files run on processors"):
        scored(capsys, "--bundle", out, "--onnx", "--device", "cuda", *files)


def test_the_onnx_file_is_used_by_onnxruntime_alone(made, repository):
    # what bundle.json says of inputs and outputs, without anything of ours or torch
    program = (
        "import sys, json, numpy as np, onnxruntime, soundfile\n"
        "about = json.load(open(sys.argv[1] + '/bundle.json'))\n"
        "assert about['onnx']['inputs'] == {'wave': '(recordings, 4000) float32, full scale 1, at 16000 Hz'}\n"
        "wave = soundfile.read(sys.argv[2], dtype='float32')[0][:4000]\n"
        "session = onnxruntime.InferenceSession(sys.argv[1] + '/' + about['members'][0]['onnx'])\n"
        "spoof, bonafide = session.run(['output'], {'wave': np.stack([wave, wave])})[0][1]\n"
        "assert not any(name in sys.modules for name in ('torch', 'voxdag'))\n"
        "print(float(bonafide - spoof))\n"
    )
    word = [sys.executable, "-c", program, str(made[0]), str(repository / "0.wav")]
    done = subprocess.run(word, cwd=made[0].parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    from voxdag.networks import by_name

    network = by_name.restore(made[0] / "weights/seed-1.safetensors").eval()
    import soundfile

    with torch.no_grad():
        given = network(torch.from_numpy(soundfile.read(repository / "0.wav", dtype="float32")[0])[None, :4000])
    logits = given[1] if isinstance(given, tuple) else given
    assert float(done.stdout) == pytest.approx(float(logits[0, 1] - logits[0, 0]), abs=1e-4)


def test_the_package_alone_scores_from_an_empty_folder(repository, made, tmp_path):
    for name in ("voxdag", "models"):
        shutil.copytree(ROOT / name, tmp_path / "installed" / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "empty").mkdir()
    command = [sys.executable, "-P", "-m", "voxdag.predict", "--bundle", made[0], repository / "0.wav"]
    environment = {k: v for k, v in os.environ.items() if k[:6] != "VOXDAG"} | {
        "PYTHONPATH": str(tmp_path / "installed")
    }
    done = subprocess.run(command, cwd=tmp_path / "empty", env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (row,) = csv.DictReader(done.stdout.splitlines())
    assert row["system"] == "one" and row["decision"] and not list((tmp_path / "empty").iterdir())


def test_the_readme_of_a_bundle_says_what_can_be_done_with_it_where_it_lies(made, repository, capsys, monkeypatch):
    out, text = made[0], (made[0] / "README.md").read_text()
    use = text.partition("## How to use")[2].partition("## Citation")[0]
    named = set(re.findall(r"[\w./<>-]+\.(?:safetensors|onnx)\b", use))
    assert named == {"onnx/seed-1.onnx"} and (out / "onnx/seed-1.onnx").is_file()
    assert "pip install ." in use and "last.safetensors" not in text
    assert "goes in as `wave`: (recordings, 4000) float32" in use and "always 4000 samples, which are 0.25 s" in use
    assert "comes out as `output`: logits" in use and "first of spoofed, then of bona fide" in use
    monkeypatch.chdir(out)
    monkeypatch.setenv("VOXDAG_JOBS", "1")
    for line in re.findall(r"python -m voxdag\.predict ([^>\n`]*)", use):
        (row,) = scored(capsys, *line.replace("FILE", str(repository / "0.wav")).split())
        assert row["system"] == "one"


def test_the_readme_of_a_bundle_without_onnx_files_says_why(here, tmp_path):
    text = (bundled(tmp_path / "a") / "README.md").read_text()
    assert "no ONNX file of the whole network. Left away when the bundle was made (--no-onnx)." in text
    assert "seed-1.onnx" not in text


def test_the_same_run_gives_the_same_bytes(here, tmp_path):
    bundled(tmp_path / "a"), bundled(tmp_path / "b"), bundled(tmp_path / "a.zip"), bundled(tmp_path / "b.zip")
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert {entry.filename: archive.read(entry) for entry in archive.infolist()} == contents(tmp_path / "a")
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    everything = b"".join(contents(tmp_path / "a").values())
    assert str(here).encode() not in everything and str(ROOT).encode() not in everything


def test_the_onnx_file_has_no_word_of_where_it_was_made(made):
    content = (made[0] / "onnx/seed-1.onnx").read_bytes()
    assert str(ROOT).encode() not in content and b".py" not in content


def test_a_bundle_has_what_its_manifest_lists_and_its_decisions_are_of_its_weights_alone(made):
    about = manifest.parse((made[0] / "bundle.json").read_bytes(), "it")
    there = contents(made[0])
    own = there.pop("bundle.json")
    assert made[1]["sha256"] == manifest.checked(own).sha256
    assert {name: manifest.checked(content) for name, content in there.items()} == about.files
    (row,) = csv.DictReader(there["decisions.csv"].decode().splitlines())
    assert row["seed"] == "1"
    assert {name.split("/")[0] for name in there} == {
        "weights", "onnx", "run", "decisions.csv", "README.md", "licences.json", "sbom.cdx.json",
        "ro-crate-metadata.json", "LICENSE", "CITATION.cff",
    }  # fmt: skip


def change(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_each_file_that_is_changed_cut_off_or_gone_is_named(made, tmp_path, capsys, repository):
    names = sorted(set(contents(made[0])) - {"bundle.json"})
    harms = {
        r"its? .*SHA-256|SHA-256": change,
        r"it has \d+ bytes": lambda path: path.write_bytes(path.read_bytes()[:-1]),
        r"is not here": lambda path: path.unlink(),
    }
    for i, name in enumerate(names):
        for pattern, harm in harms.items():
            copy = tmp_path / f"{i}-{harm.__name__}-{len(pattern)}"
            shutil.copytree(made[0], copy)
            harm(copy / name)
            with pytest.raises(Refused, match=f"^{name} of the bundle .*({pattern})"):
                scored(capsys, "--bundle", copy, repository / "0.wav")
            shutil.rmtree(copy)


def test_what_does_not_go_with_a_bundle_is_refused(made, capsys, repository):
    file = repository / "0.wav"
    for words in (["--system", "one"], ["--weights", "x"], ["--preset", "x"], ["--config", "x"]):
        with pytest.raises(Refused, match=f"--bundle and {words[0]} are both given"):
            scored(capsys, "--bundle", made[0], *words, file)
    with pytest.raises(Refused, match=r"member seed-2 is not in .*; its members: seed-1"):
        scored(capsys, "--bundle", made[0], "--member", "seed-2", file)
    with pytest.raises(Refused, match="--onnx is given without --bundle"):
        scored(capsys, "--system", "one", "--onnx", file)


def test_a_bundle_without_onnx_says_why_it_is_asked_in_vain(here, tmp_path, capsys):
    with pytest.raises(Refused, match=r"has no ONNX file: left away when the bundle was made \(--no-onnx\)"):
        scored(capsys, "--bundle", bundled(tmp_path / "folder"), "--onnx", here / "0.wav")


def test_nothing_is_written_over_what_is_there(here, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").touch()
    (tmp_path / "there.zip").touch()
    for name in ("full", "there.zip", "full/file"):
        with pytest.raises(Refused, match=f"{name} is there already"):
            bundled(tmp_path / name)
    (tmp_path / "new").mkdir()
    bundled(tmp_path / "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full", "here", "new", "there.zip"]


@pytest.mark.parametrize("key", ["systems.one.train", "tasks.antispoof.prepare"])
def test_settings_that_the_run_was_not_made_with_are_refused(here, tmp_path, key):
    tree = params.read()
    *path, last = key.split(".")
    branch = functools.reduce(lambda at, name: at[name], path, tree)
    branch[last] = branch[last] | {"lr" if last == "train" else "corpus": 9.9}
    (here / "params.yaml").write_text(yaml.safe_dump(tree))
    with pytest.raises(Refused, match=rf"params.yaml is not what one was made with \({key}\): `git checkout"):
        bundled(tmp_path / "made")


def test_weights_and_decisions_that_the_lock_does_not_prove_are_refused(here, tmp_path):
    (here / "data/checkpoints/one/seed-1/more").write_text("x")
    with pytest.raises(Refused, match=r"data/checkpoints/one is not what dvc.lock says: `dvc checkout"):
        bundled(tmp_path / "a")
    (here / "data/checkpoints/one/seed-1/more").unlink()
    change(here / "data/predictions/one/eval.csv")
    with pytest.raises(Refused, match="data/predictions/one is not what dvc.lock says"):
        bundled(tmp_path / "a")


@pytest.mark.parametrize(
    "name", ["dvc.lock", "requirements.txt", "pyproject.toml", "LICENSE", "CITATION.cff", "dvc.yaml"]
)
def test_what_a_bundle_needs_of_the_repository_is_named(here, tmp_path, name):
    (here / name).unlink()
    with pytest.raises(NotHere, match=f"{name} is not here"):
        bundled(tmp_path / "a")


def test_decisions_that_nobody_fitted_are_named(here, tmp_path):
    (here / "data/predictions/one/decisions.csv").unlink()
    released.prove(here)
    with pytest.raises(NotHere, match=r"decisions.csv is not here, which decisions need: `dvc repro evaluate@one`"):
        bundled(tmp_path / "a")


def test_without_a_commit_the_day_is_to_be_said(here, tmp_path):
    with pytest.raises(Refused, match=r"dvc.lock is in no commit, .*: commit the run, or --date"):
        bundle.run(bundle.parse(["one", str(tmp_path / "a"), "--no-onnx"]))
