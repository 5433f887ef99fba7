import json
import os
import shutil
from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import soundfile

from tests.corpora.readers import making
from voxdag.core.errors import Refused
from voxdag.corpora.corpus import CorpusMissing
from voxdag.corpora.material import Piece
from voxdag.corpora.readers import mixture
from voxdag.corpora.readers.mixture import Mixture, Options, Sizes, Sources, plan, provide, read

SPEAKERS = [f"s{k}" for k in range(6)]
TYPES = ["bus", "rain", "hall"]
OPTIONS = Options(
    root="made",
    sources=Sources(speech="speech", noise="noise"),
    speaker="parent",
    unseen="type",
    dev_share=0.2,
    eval_share=0.3,
    train_snrs=(0.0, 10.0),
    eval_snrs=(2.5,),
    max_seconds=2.0,
    utterances=Sizes(None, None, None),
    seed=1,
)


def lay_out(folder):
    """Six speakers of two files, three types of three noises, in several formats, rates and numbers of channels."""
    draw = np.random.default_rng(0)
    for k, speaker in enumerate(SPEAKERS):
        (folder / "speech" / speaker).mkdir(parents=True)
        for take, (rate, ending) in enumerate([(16000, "flac"), (22050, "wav")]):
            wave = 0.1 * draw.standard_normal((round(1.3 * rate), 1 + k % 2)) + 0.02 * k
            soundfile.write(folder / "speech" / speaker / f"{take}.{ending}", wave, rate)
    for kind in TYPES:
        (folder / "noise" / kind).mkdir(parents=True)
        for take, rate in enumerate((8000, 16000, 44100)):
            soundfile.write(folder / "noise" / kind / f"{take}.ogg", 0.2 * draw.standard_normal((rate // 2, 2)), rate)
    (folder / "noise/bus/readme.txt").write_text("buses")
    (folder / "speech/s0/broken.wav").write_bytes(b"RIFF")
    return folder


@pytest.mark.parametrize(
    ("speech", "noise", "root", "message"),
    [
        ("speech", "noise", "speech/made", "root is speech/made, in sources.speech, speech"),
        ("speech", "noise", "noise", "in"),
        (".", "noise", "made", "in sources.speech, ."),
        ("speech", "speech", "made", "sources.speech is speech, in sources.noise, speech"),
        ("speech/s0", "linked", "made", "sources.speech is speech/s0, in sources.noise, linked"),
    ],
)
def test_folders_of_which_one_lies_in_another_are_refused(tmp_path, speech, noise, root, message):
    lay_out(tmp_path)
    (tmp_path / "linked").symlink_to("speech")
    options = replace(OPTIONS, root=root, sources=Sources(speech, noise))
    for act in (provide, read):
        with pytest.raises(Refused, match=rf"{message}.*none lies in another"):
            act(tmp_path, options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = lay_out(tmp_path_factory.mktemp("corpora"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VOXDAG_JOBS", "1")
        provide(folder, OPTIONS)
    return folder


@pytest.fixture
def alone(monkeypatch):
    monkeypatch.setenv("VOXDAG_JOBS", "1")


@pytest.fixture(scope="module")
def corpus(folder):
    return read(folder, OPTIONS)


def test_every_piece_is_heard_once_and_the_table_says_what_it_was_made_of(folder, corpus):
    trials = corpus.trials
    assert len(trials) == 12 and Counter(trials["split"]) == {"train": 6, "dev": 2, "eval": 4}
    assert corpus.report["absent"]["count"] == 0 and corpus.departures is None
    [broken] = corpus.report["sources_left_out"]["speech"].values()
    assert (
        broken == {"count": 1, "examples": ["speech/s0/broken.wav"]} and not corpus.report["sources_left_out"]["noise"]
    )
    for row in trials.to_dict("records"):
        assert row["speech_file"].split("/")[1] == row["speaker"]
        assert row["noise_file"].split("/")[1] == row["noise"]
        assert row["path"].endswith(f"{row['split']}/noisy/{row['id']}.flac")
        assert row["clean"].endswith(f"{row['split']}/clean/{row['id']}.flac")
    assert sorted(trials["speech_file"]) == sorted(
        f"speech/{speaker}/{name}" for speaker in SPEAKERS for name in ("0.flac", "1.wav")
    )


def test_speakers_and_types_of_noise_of_eval_are_in_no_other_split(corpus):
    speakers, noises, files = (
        {split: set(rows[column]) for split, rows in corpus.trials.groupby("split")}
        for column in ("speaker", "noise", "noise_file")
    )
    assert sum(map(len, speakers.values())) == len(SPEAKERS) == len(set.union(*speakers.values()))
    assert len(noises["eval"]) == 1 and not noises["eval"] & (noises["train"] | noises["dev"])
    assert not files["dev"] & files["train"]


def test_eval_has_ratios_of_its_own_and_dev_those_of_train(corpus):
    snrs = {split: set(rows["snr"]) for split, rows in corpus.trials.groupby("split")}
    assert snrs["train"] == set(OPTIONS.train_snrs) >= snrs["dev"] and snrs["eval"] == set(OPTIONS.eval_snrs)


def test_files_may_be_unseen_instead_of_types(folder):
    pieces = [Piece(f"{speaker}/{k}", speaker, 0, 1) for speaker in SPEAKERS for k in range(10)]
    noises = {f"{kind}/{k}": kind for kind in TYPES for k in range(4)}
    made = plan(pieces, noises, replace(OPTIONS, unseen="file"))
    files = {split: {m.noise_file for m in made if m.split == split} for split in ("train", "dev", "eval")}
    assert (
        all(files.values())
        and not files["train"] & files["dev"]
        and not files["eval"] & (files["train"] | files["dev"])
    )
    assert {m.noise for m in made if m.split == "eval"} & {m.noise for m in made if m.split == "train"}
    # one type of noise is enough then
    plan(pieces, dict.fromkeys(noises, "noise"), replace(OPTIONS, unseen="file"))
    with pytest.raises(
        Refused, match=r"one type of noise \(noise\), expected two folders of it or more; or `unseen: fi"
    ):
        plan(pieces, dict.fromkeys(noises, "noise"), OPTIONS)


def test_the_pair_has_the_ratio_that_the_table_says(folder, corpus):
    for row in corpus.trials.to_dict("records"):
        (noisy, rate), (clean, other) = (soundfile.read(folder / row[column]) for column in ("path", "clean"))
        assert rate == other == 16000 and len(noisy) == len(clean) == pytest.approx(1.3 * 16000, abs=1)
        power = np.sum(clean**2) / np.sum((noisy - clean) ** 2)
        assert 10 * np.log10(power) == pytest.approx(row["snr"], abs=0.02)
        assert np.abs(noisy).max() < 1


def test_the_clean_file_is_the_speech_and_what_was_added_is_the_noise(folder, corpus):
    row = corpus.trials[corpus.trials["speech_file"].str.endswith("s2/0.flac")].iloc[0]
    noisy, clean = (soundfile.read(folder / row[column])[0] for column in ("path", "clean"))
    source = soundfile.read(folder / row["speech_file"])[0]
    np.testing.assert_allclose(clean, source, atol=2 / 32768)  # at the same rate, and quiet enough to pass as it was
    added = noisy - clean
    assert abs(np.corrcoef(added, clean)[0, 1]) < 0.03  # of 20,800 samples: three standard deviations are .02
    lag = 8000  # each noise is half a second long and goes on from its start
    if row["noise_file"].endswith("1.ogg"):
        assert np.corrcoef(added[:-lag], added[lag:])[0, 1] > 0.95


def test_loud_mixtures_are_turned_down_and_not_clipped(tmp_path, alone):
    lay_out(tmp_path)
    for path in (tmp_path / "speech").rglob("*.flac"):
        wave, rate = soundfile.read(path)
        soundfile.write(path, wave / np.abs(wave).max(), rate)
    made = read(tmp_path, replace(OPTIONS, train_snrs=(-10.0,), eval_snrs=(-10.0,)))
    for row in made.trials.to_dict("records"):
        noisy, clean = (soundfile.read(tmp_path / row[column])[0] for column in ("path", "clean"))
        assert np.abs(noisy).max() <= 0.991
        assert 10 * np.log10(np.sum(clean**2) / np.sum((noisy - clean) ** 2)) == pytest.approx(-10.0, abs=0.05)


def test_two_mixtures_of_the_same_files_hear_another_stretch_of_the_noise(folder, tmp_path):
    one = Mixture("train_00001", "train", "s0", "rain", 0.0, "speech/s0/0.flac", 0, 9600, "noise/rain/1.ogg")
    for made in (one, replace(one, id="train_00002")):
        (tmp_path / "train/noisy").mkdir(parents=True, exist_ok=True)
        (tmp_path / "train/clean").mkdir(exist_ok=True)
        mixture._keep(made.noise_file, folder, tmp_path)
        mixture._write(made, unfinished=tmp_path, store=tmp_path, folder=folder, seed=1)
    noises = [
        soundfile.read(tmp_path / f"train/noisy/{name}.flac")[0]
        - soundfile.read(tmp_path / f"train/clean/{name}.flac")[0]
        for name in ("train_00001", "train_00002")
    ]
    assert abs(np.corrcoef(*noises)[0, 1]) < 0.1


def test_more_utterances_than_pieces_meet_other_noise(folder):
    pieces = [Piece(f"{speaker}/{k}", speaker, 0, 1) for speaker in SPEAKERS for k in range(2)]
    noises = {f"{kind}/{k}": kind for kind in TYPES for k in range(4)}
    made = plan(pieces, noises, replace(OPTIONS, utterances=Sizes(train=60, dev=1, eval=2)))
    assert Counter(m.split for m in made) == {"train": 60, "dev": 1, "eval": 2}
    train = [m for m in made if m.split == "train"]
    assert set(Counter(m.speech_file for m in train).values()) == {10}
    assert set(Counter(m.snr for m in train).values()) == {30} == set(Counter(m.noise for m in train).values())
    assert len({(m.noise_file, m.snr) for m in train if m.speech_file == train[0].speech_file}) > 5
    assert len({m.id for m in made}) == 63
    assert len({m.speaker for m in made if m.split == "eval"}) == 2  # speakers take turns


def test_what_was_made_depends_on_the_files_and_the_options(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(mixture, "_make", lambda *args, **settings: pytest.fail("made again"))
    provide(folder, OPTIONS)
    with pytest.raises(pytest.fail.Exception, match="made again"):
        provide(folder, replace(OPTIONS, seed=2))
    (folder / "noise/hall/9.ogg").write_bytes(b"a new file")
    try:
        with pytest.raises(pytest.fail.Exception, match="made again"):
            provide(folder, OPTIONS)
    finally:
        (folder / "noise/hall/9.ogg").unlink()


def test_the_same_folders_make_the_same_bytes_by_one_process_or_two(folder, tmp_path, monkeypatch):
    lay_out(tmp_path)
    monkeypatch.setenv("VOXDAG_JOBS", "2")
    provide(tmp_path, OPTIONS)
    [first], [second] = (list((place / "made").glob("[0-9a-f]*")) for place in (folder, tmp_path))
    names = sorted(path.relative_to(first) for path in first.rglob("*") if path.is_file())
    assert len(names) == 24 + 2 and first.name == second.name
    assert all((first / name).read_bytes() == (second / name).read_bytes() for name in names)


def test_a_killed_run_leaves_no_half_corpus_and_the_next_one_cleans_up(tmp_path, monkeypatch, alone):
    lay_out(tmp_path)
    making.kill_while_writing(monkeypatch, mixture, tmp_path / "made", lambda: provide(tmp_path, OPTIONS))
    assert len(read(tmp_path, OPTIONS).trials) == 12
    [made] = making.folders(tmp_path / "made")
    assert sorted(path.name for path in made.iterdir()) == ["dev", "eval", "left_out.json", "mixtures.csv", "train"]


def test_a_file_that_went_away_is_absent(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "copy", symlinks=True)
    [gone] = (tmp_path / "copy/made").glob("*/eval/clean/eval_00001.flac")
    gone.unlink()
    report = read(tmp_path / "copy", OPTIONS).report
    assert report["absent"]["count"] == 1 and report["absent"]["examples"][0].endswith("eval/clean/eval_00001.flac")


def test_linked_folders_and_links_without_target(folder, tmp_path, alone):
    lay_out(tmp_path / "disk")
    for name in ("speech", "noise"):
        (tmp_path / name).symlink_to(tmp_path / "disk" / name)
    (tmp_path / "disk/speech/s0/9.wav").symlink_to(tmp_path / "annex")
    made = read(tmp_path, OPTIONS)
    assert made.trials["speech_file"].tolist() == read(folder, OPTIONS).trials["speech_file"].tolist()
    assert made.report["sources_left_out"]["speech"]["absent"]["examples"] == ["speech/s0/9.wav"]


# --- bad input ---


@pytest.mark.parametrize("what", ["speech", "noise"])
def test_a_missing_folder_is_named(tmp_path, what):
    lay_out(tmp_path)
    shutil.rmtree(tmp_path / what)
    with pytest.raises(CorpusMissing, match=f"the mixture's {what}: nothing at {tmp_path}/{what}") as raised:
        provide(tmp_path, OPTIONS)
    assert raised.value.key == f"sources.{what}"  # root is where the mixtures go


@pytest.mark.parametrize("what", ["speech", "noise"])
def test_a_folder_without_audio_says_what_it_holds(tmp_path, what):
    lay_out(tmp_path)
    shutil.rmtree(tmp_path / what)
    (tmp_path / what).mkdir()
    (tmp_path / what / "readme.txt").touch()
    with pytest.raises(Refused, match=f"{tmp_path}/{what} holds no audio, it holds 1 file: 1 not audio"):
        provide(tmp_path, OPTIONS)


def test_a_folder_of_broken_audio_is_told(tmp_path, alone):
    lay_out(tmp_path)
    for path in (tmp_path / "noise").rglob("*.ogg"):
        path.write_bytes(b"")
    with pytest.raises(Refused, match=r"no file of noise can be used: 9 files: 9 empty file \(such as noise/bus/0.ogg"):
        provide(tmp_path, OPTIONS)
    assert not [path for path in (tmp_path / "made").iterdir() if path.is_dir()]


@pytest.mark.parametrize(
    ("speakers", "message"),
    [
        (["a"], r"1 speakers \(a\) by the rule parent, expected one each for .*; other rules are top, prefix"),
        (["a", "b"], r"2 speakers \(a, b\)"),
    ],
)
def test_too_few_speakers_are_refused(speakers, message):
    pieces = [Piece(f"{name}.wav", name, 0, 1) for name in speakers]
    with pytest.raises(Refused, match=message):
        plan(pieces, {"a/1": "a", "b/1": "b"}, OPTIONS)


def test_a_pointer_of_git_lfs_is_told(tmp_path, alone):
    lay_out(tmp_path)
    (tmp_path / "speech/s0/0.flac").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    left_out = read(tmp_path, OPTIONS).report["sources_left_out"]["speech"]
    assert [reason for reason in left_out if "Git LFS" in reason]


def test_names_that_are_not_unicode_are_mixed(tmp_path, alone):
    lay_out(tmp_path)
    (tmp_path / "speech/s1").rename(os.fsdecode(os.fsencode(tmp_path / "speech") + b"/m\xfcller"))
    trials = read(tmp_path, OPTIONS).trials
    assert len(trials) == 12 and "m\\xfcller" in set(trials["speaker"])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"root": "../made"}, "root is '../made', expected a folder inside the corpora folder"),
        ({"speaker": "name"}, "speaker is 'name', expected one of parent, top, prefix"),
        ({"unseen": "none"}, "unseen is 'none', expected one of type, file"),
        ({"dev_share": 1.5}, "dev_share is 1.5, expected a share from 0 to 1"),
        ({"train_snrs": ()}, "train_snrs is .*, expected at least one"),
        ({"eval_snrs": (90.0,)}, "eval_snrs is .*, expected -60.0 to 60.0"),
        ({"max_seconds": 1.0}, "max_seconds is 1.0, expected 2.0 or more"),
    ],
)
def test_wrong_options_are_refused(wrong, message):
    with pytest.raises(Refused, match=message):
        replace(OPTIONS, **wrong)


def test_no_utterances_are_refused():
    with pytest.raises(Refused, match="dev is 0, expected 1 or more"):
        Sizes(train=None, dev=0, eval=None)


def test_the_fingerprint_covers_the_mixing_and_the_decoding():
    assert {"audio/mixing", "audio/decode", "corpora/material"} <= making.sources(mixture)


def test_a_mixture_is_called_by_its_files_where_it_fails():
    made = Mixture("train_00001", "train", "a", "rain", 0.0, "speech/a.wav", 0, 9, "noise/rain/1.ogg")
    assert made.name == "train_00001 (speech/a.wav, noise/rain/1.ogg)"


def test_the_account_is_read_back_as_it_was_written(folder, corpus):
    [account] = (folder / "made").glob("*/left_out.json")
    assert json.loads(account.read_text()) == corpus.report["sources_left_out"]
    table = pd.read_csv(account.with_name("mixtures.csv"))
    assert len(table) == 12 and {"start", "stop", "snr", "speech_file", "noise_file"} <= set(table)
