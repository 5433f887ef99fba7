"""What the doctor finds, on copies of params.yaml and folders of a few files."""

import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from tests.toys.installed import TOYS, importable
from voxdag import doctor
from voxdag.core import params
from voxdag.core.errors import Refused
from voxdag.doctor import Finding
from voxdag.networks import by_name
from voxdag.networks.weights import write_weights

SAVEE = {
    "root": "savee",
    "labels": None,
    "speakers": None,
    "folds": "standard",
    "official": True,
    "allow_departures": False,
}


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """The parameters, to be changed and `written`; the working folder holds nothing else."""
    tree = params.read()
    shutil.copy("requirements.in", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VOXDAG_CORPORA", str(tmp_path / "corpora"))
    monkeypatch.delenv("VOXDAG_DEBUG", raising=False)
    return tree


def written(tree):
    Path("params.yaml").write_text(yaml.safe_dump(tree))


def savee_alone(tree, used, **changes):
    """The one corpus that the emotion task has options for."""
    prepare = tree["tasks"]["emotion"]["prepare"]
    prepare["corpora"] = {"savee": SAVEE | changes}
    prepare["corpus"] = "savee" if used else "simulated_emotional"
    tree["tasks"] = {"emotion": tree["tasks"]["emotion"]}
    written(tree)


def make_savee(sentences=("a01", "n01")):
    for speaker in ("DC", "JE", "JK", "KL"):
        folder = Path("corpora/savee", speaker)
        folder.mkdir(parents=True)
        for sentence in sentences:
            (folder / f"{sentence}.wav").write_bytes(b"audio")


def test_the_parameters_as_they_are_pass(tree):
    written(tree)
    [finding] = doctor.parameters()
    assert finding.level == "ok"
    listed = {
        "tasks": "affect, antispoof, emotion, enhance",
        "coded": "antispoof_codecs",
        "synthetic": "affect_gan",
        "systems": "aasist, ast, ast_gan, bsrnn, dann, erm, erm_aug, tier1",
        "transfers": "codecs, plain",
        "baselines": "chance, constant_mean, majority, noisy, ridge, rnnoise, spectral_gate, svm, svr",
    }
    assert finding.text == "params.yaml: " + "; ".join(f"{what} {names}" for what, names in listed.items())


@pytest.mark.parametrize("section", ["baselines", "cleaned", "coded", "embedded", "synthetic"])
@pytest.mark.parametrize("nothing", [None, {}])
def test_a_section_without_entries_is_no_failure(tree, section, nothing):
    written(tree | {section: nothing})
    findings = [*doctor.parameters(), *doctor.weights()]
    assert {finding.level for finding in findings} == {"ok", "note"} and section not in findings[0].text


def test_a_baseline_of_a_task_that_has_none_is_named(tree):
    tree["baselines"]["chance"]["task"] = "antispoof"
    written(tree)
    assert [finding.text for finding in doctor.examine() if finding.text.startswith("parameters")] == [
        "parameters: task antispoof has no baseline: there is no voxdag.tasks.antispoof.baseline"
    ]


@pytest.mark.parametrize(("change", "where"), [({"task": "diarize"}, "diarize"), ({"network": "rawnet"}, "rawnet")])
def test_a_wrong_name_is_a_finding_and_the_other_checks_go_on(tree, change, where):
    tree["systems"]["aasist"] |= change
    savee_alone(tree, used=True)
    findings = doctor.examine()
    assert any(f.level == "FAIL" and f.text.startswith("parameters: ") and where in f.text for f in findings)
    assert any(f.text.startswith("savee: ") for f in findings)


@pytest.mark.parametrize(("used", "level"), [(True, "FAIL"), (False, "note")])
def test_a_missing_corpus_fails_where_it_is_used_and_says_its_key(tree, used, level):
    savee_alone(tree, used)
    [finding] = doctor.corpora()
    assert finding.level == level
    assert finding.text.endswith("Params key tasks.emotion.prepare.corpora.savee.root names the folder of this one.")


@pytest.mark.parametrize(
    ("used", "changes", "level"),
    [(True, {}, "FAIL"), (False, {}, "note"), (True, {"allow_departures": True}, "note")],
)
def test_departures_fail_where_the_corpus_is_used_and_they_are_not_allowed(tree, used, changes, level):
    savee_alone(tree, used, **changes)
    make_savee()
    [finding] = doctor.corpora()
    assert finding.level == level
    # Seven labels and four speakers; the first five are named.
    expected = "savee: 8 utterances listed, 0 of them absent, under "
    assert finding.text.startswith(expected) and "not as published: 11 departures (label neutral has 4" in finding.text


def test_another_corpus_in_the_layout_is_fine(tree):
    savee_alone(tree, used=True, official=False)
    make_savee()
    [finding] = doctor.corpora()
    assert finding.level == "ok" and "published" not in finding.text


@pytest.mark.parametrize("used", [True, False])
@pytest.mark.parametrize("official", [True, False])
def test_pointers_of_git_lfs_in_a_corpus_fail(tree, used, official):
    savee_alone(tree, used, official=official, allow_departures=True)
    make_savee()
    Path("corpora/savee/JE/a01.wav").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    [finding] = doctor.corpora()
    assert finding.level == "FAIL"
    assert finding.text.endswith(
        "; 1 of 8 recordings are pointers of Git LFS, such as savee/JE/a01.wav: `git lfs pull` fetches the audio"
    )


@pytest.mark.parametrize("used", [True, False])
def test_a_corpus_that_is_made_from_others_recordings_is_not_made_to_look_at_it(tree, used):
    prepare = tree["tasks"]["enhance"]["prepare"]
    prepare["corpora"] = {name: prepare["corpora"][name] for name in ("simulated_noisy", "mixture")}
    prepare["corpus"] = "mixture" if used else "simulated_noisy"
    tree["tasks"] = {"enhance": tree["tasks"]["enhance"]}
    written(tree)
    lacking, _ = doctor.corpora()
    assert lacking.level == ("FAIL" if used else "note") and "corpora/mixture/speech is no folder" in lacking.text
    for name in ("speech/anna/1.flac", "speech/otto/1.wav", "noise/rain/1.ogg", "noise/readme.txt"):
        path = Path("corpora/mixture", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    ready, _ = doctor.corpora()
    assert ready.level == "ok" and ready.text.endswith("first needed, from 2 files of speech, 1 files of noise")
    assert not Path("corpora/mixture/made").exists()


def test_a_corpus_that_cannot_be_read_does_not_hide_the_others(tree):
    savee_alone(tree, used=False)
    tree["tasks"]["emotion"]["prepare"]["corpora"]["emodb"] = SAVEE | {"root": "emodb"}
    written(tree)
    make_savee(["x01"])
    emodb, savee = doctor.corpora()
    assert emodb.level == savee.level == "note" and "emodb: EMO-DB: nothing at" in emodb.text
    assert savee.text.startswith("savee: ") and "x01.wav: unknown emotion 'x', expected one of" in savee.text


def test_folders_of_sounds_that_systems_hear_are_counted_or_fail(tree):
    written(tree)
    assert list(doctor.sounds()) == []
    tree["systems"]["erm"]["objective"]["augmentation"] = {"reverberation": {"share": 0.5, "folder": "rooms"}}
    tree["systems"]["aasist"]["objective"]["augmentation"] = {"reverberation": {"share": 0.5, "folder": "gone"}}
    Path("corpora/rooms/a").mkdir(parents=True)
    Path("corpora/rooms/a/b.wav").write_bytes(b"audio")
    written(tree)
    gone, rooms = doctor.sounds()
    assert (gone.level, rooms.level) == ("FAIL", "ok")
    assert gone.text.startswith("aasist: ") and gone.text.endswith("corpora/gone is no folder")
    assert rooms.text.startswith("erm: 1 files of sound under ")


def test_listed_recordings_that_are_absent_fail_above_the_limit(tree):
    turns = "".join(
        f"[1.0 - 2.0]\tSes0{s}F_impro01_{letter}000\tneu\t[1, 1, 1]\n" for s in range(1, 6) for letter in "FM"
    )
    evaluations = Path("corpora/iemocap/Session1/dialog/EmoEvaluation")
    evaluations.mkdir(parents=True)
    (evaluations / "all.txt").write_text(turns)
    prepare = tree["tasks"]["emotion"]["prepare"]
    options = SAVEE | {"root": "iemocap", "official": False, "classes": "four"}
    prepare |= {"corpus": "iemocap", "corpora": {"iemocap": options}}
    tree["tasks"] = {"emotion": tree["tasks"]["emotion"]}
    for limit, level in ((0.9, "FAIL"), (1.0, "note")):
        prepare["max_absent"] = limit
        written(tree)
        [finding] = doctor.corpora()
        assert (finding.level, finding.text.split(", under")[0]) == (
            level,
            "iemocap: 10 utterances listed, 10 of them absent",
        )


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ([], "tier1: not trained yet, `dvc repro` trains it"),
        (["seed-1"], "tier1: trained, {0}"),
        (
            [f"fold-{fold}_seed-1" for fold in range(1, 6)],
            "tier1: trained, 5 members: {0}, {1}, {2}, ...",
        ),
    ],
)
def test_trained_members_are_counted_and_the_first_named(tree, monkeypatch, members, expected):
    files = [Path("data/checkpoints/tier1", member, "averaged.safetensors") for member in members]
    for file in files:
        file.parent.mkdir(parents=True)
        file.touch()
    restored = []
    monkeypatch.setattr(by_name, "restore", lambda path, *about: restored.append(path))
    tree |= {"systems": {"tier1": tree["systems"]["tier1"]}, "synthetic": {}, "coded": {}}
    written(tree)
    [finding] = doctor.weights()
    assert finding.text == expected.format(*files) and restored == files


@pytest.fixture
def denoised(tree):
    """An entry of `cleaned`, to be changed, whose toy network a toy system trains; with the toys in reach."""
    entry = {"task": "denoise", "recordings": "features/emotion", "settings": {"batch_size": 2}}
    entry |= {"network": "toy_filter", "weights": "checkpoints/toy/seed-1/last.safetensors"}
    tree |= {"systems": {}, "tasks": {}, "cleaned": {"quiet": entry}, "synthetic": {}, "coded": {}}
    with importable(TOYS / "denoise"):
        yield entry


def test_the_weights_of_a_stage_between_are_opened(tree, denoised):
    path = Path("data/checkpoints/toy/seed-1/last.safetensors")
    write_weights(path, by_name.build("toy_filter", "small", {}, 1), by_name.about("toy_filter", "small", {}, 1))
    written(tree)
    [finding] = doctor.weights()
    assert finding == Finding("ok", "cleaned.quiet: checkpoints/toy/seed-1/last.safetensors can be opened")
    denoised["network"] = "demucs"
    written(tree)
    [finding] = doctor.weights()
    assert finding.level == "FAIL" and "holds network toy_filter" in finding.text and "cleaned.quiet" in finding.text


def test_a_stage_between_waits_for_a_system_that_is_not_trained(tree, denoised):
    systems = params.read(Path(__file__).parents[1] / "params.yaml")["systems"]
    written(tree | {"systems": {"toy": systems["tier1"]}})
    assert next(doctor.weights()) == Finding(
        "note", "cleaned.quiet: toy is not trained yet, `dvc repro` trains it first"
    )


def test_weights_that_a_stage_between_lacks_fail_and_hide_no_other(tree, denoised, monkeypatch):
    monkeypatch.setenv("VOXDAG_WEIGHTS", "weights")
    denoised["weights"] = "inputs/weights/front.pth"
    tree["cleaned"]["other"] = denoised | {"weights": "inputs/weights/none", "network": None}
    written(tree)
    quiet, other = sorted(doctor.weights(), key=lambda finding: finding.text, reverse=True)
    assert quiet.level == "FAIL" and "cleaned.quiet: inputs/weights/front.pth: no weights at weights/f" in quiet.text
    assert other == Finding("ok", "cleaned.other: no network")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"settings": {"batch": 2}}, "cleaned.quiet.settings has the unknown key batch"),
        ({"task": "emotion"}, "task emotion has no clean"),
        ({"network": None}, "and the network None: expected both or none"),
    ],
)
def test_a_wrong_entry_of_a_stage_between_is_found(tree, denoised, change, message):
    denoised |= change
    written(tree)
    with pytest.raises(Refused, match=message):
        list(doctor.parameters())


def test_the_weights_of_a_denoiser_are_looked_for(tree, monkeypatch):
    monkeypatch.setenv("VOXDAG_WEIGHTS", "weights")
    tree["tasks"]["emotion"]["features"]["front_end"]["denoise"] = "demucs"
    written(tree)
    denoising, coded, synthetic, *systems = doctor.weights()
    assert denoising.level == "FAIL" and denoising.text.startswith("emotion: demucs: no weights at weights/dns64-")
    assert coded == Finding("ok", "coded.antispoof_codecs: no network")
    assert synthetic == Finding("ok", "synthetic.affect_gan: no network")
    assert len(systems) == len(tree["systems"]) and {finding.level for finding in systems} == {"note"}


def test_the_exit_status_counts_what_failed(tree, monkeypatch, capsys):
    tree["seed"] = "one"
    written(tree)
    monkeypatch.setattr(doctor, "CHECKS", (doctor.disk, doctor.parameters))
    monkeypatch.setattr(doctor.logging, "disable", lambda level: None)
    monkeypatch.setattr(sys, "argv", ["doctor"])
    with pytest.raises(SystemExit, match="1"):
        doctor.main()
    *_, failed, total = capsys.readouterr().out.splitlines()
    assert failed == "FAIL  parameters: params.yaml: seed is 'one', expected int" and total == "1 of 2 checks failed"


def test_a_bug_in_a_check_is_no_finding(tree, monkeypatch):
    monkeypatch.setattr(doctor, "CHECKS", (lambda: iter([1 / 0]),))
    with pytest.raises(ZeroDivisionError):
        doctor.examine()


def test_a_package_of_another_version_fails_and_is_named(tree):
    [fine] = doctor.packages()
    Path("requirements.in").write_text("numpy==0.1  # too old\nno-such-package==1.0\npytest\n")
    [finding] = doctor.packages()
    assert finding.level == "FAIL" and ", pinned 0.1; no-such-package none, pinned 1.0)" in finding.text
    assert fine.level == "ok"


@pytest.mark.parametrize(("gigabytes", "level"), [(5, "ok"), (4.9, "FAIL")])
def test_a_full_disk_fails(monkeypatch, gigabytes, level):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=gigabytes * 1e9))
    [finding] = doctor.disk()
    assert finding.level == level


def test_before_a_run_there_is_no_lock_to_look_at(tree):
    assert [finding.level for finding in doctor.outputs()] == ["note"]


def test_an_empty_lock_fails_with_the_remedy(tree, tmp_path):
    (tmp_path / "dvc.lock").touch()
    (finding,) = [finding for finding in doctor.examine() if finding.text.startswith("outputs:")]
    assert finding.level == "FAIL" and "dvc.lock is damaged" in finding.text and "git checkout dvc.lock" in finding.text


@pytest.mark.parametrize("cached", [True, False])
def test_trained_weights_that_a_checkout_would_delete_fail(tree, tmp_path, monkeypatch, cached):
    # after `git checkout .` the lock is the committed one, and another run's weights lie here
    out = {"path": "data/checkpoints/aasist", "md5": "ab12.dir"}
    (tmp_path / "dvc.lock").write_text(yaml.safe_dump({"stages": {"train@aasist": {"cmd": "x", "outs": [out]}}}))
    (tmp_path / "data/checkpoints/aasist").mkdir(parents=True)
    (tmp_path / "cache/files/md5/ab").mkdir(parents=True)
    if cached:
        (tmp_path / "cache/files/md5/ab/12.dir").touch()
    monkeypatch.setattr(doctor.lock, "cache", lambda: tmp_path / "cache")
    [finding] = doctor.outputs()
    assert finding.level == ("ok" if cached else "FAIL")
    assert ("data/checkpoints/aasist" in finding.text and "dvc commit -f train@aasist" in finding.text) is not cached


def test_a_corpus_without_options_is_named(tree):
    tree["tasks"]["emotion"]["prepare"]["corpus"] = "nope"
    written(tree)
    said = [finding.text for finding in doctor.examine() if finding.level == "FAIL"]
    assert any("tasks.emotion.prepare.corpora has no options for nope" in text for text in said)
