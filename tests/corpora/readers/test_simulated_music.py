"""Simulated music: DEAM's layout and statistics, labels that sound follows, and the same bytes whoever makes it."""

from dataclasses import replace

import numpy as np
import pytest
import soundfile
from scipy.signal import welch

from tests.corpora.readers import making
from voxdag.core.errors import Refused
from voxdag.corpora.readers import deam, simulated_music
from voxdag.corpora.readers.simulated_music import Clip, Options, clips, provide, ratings, read, recording
from voxdag.simulation.music import SAMPLE_RATE

SMALL = Options(train=30, dev=4, eval=6, seconds=(2.0, 2.4))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return making.made(tmp_path_factory, provide, SMALL)


def test_it_reads_back_as_deam_does(folder):
    corpus = read(folder, SMALL)
    assert corpus.report["trials"] == {"train": 30, "dev": 4, "eval": 6}
    assert corpus.report["absent"]["count"] == corpus.report["unlisted"]["count"] == 0
    assert corpus.report["left_out"] == {} and corpus.departures is None and corpus.folds == ()
    assert corpus.report["dynamic"] is None and corpus.report["swapped"] == []
    assert (corpus.trials["speaker"] == corpus.trials["id"]).all() and (corpus.trials["annotators"] == 10).all()
    assert corpus.trials["path"].str.fullmatch(r"simulated_music/[0-9a-f]{12}/MEMD_audio/\d+\.flac").all()


def test_labels_are_means_and_spreads_of_the_ratings(folder):
    rows = read(folder, SMALL).trials.set_index("id")
    for clip in clips(SMALL)[:5]:
        said = ratings(clip, SMALL.annotators, SMALL.seed)
        assert said.shape == (10, 2) and set(np.unique(said)) <= set(range(1, 10))
        row = rows.loc[str(clip.number)]
        # two digits of the scale from 1 to 9, over 4
        assert row[["valence", "arousal"]].tolist() == pytest.approx((said.mean(axis=0) - 5) / 4, abs=0.005 / 4)
        assert row[["valence_sd", "arousal_sd"]].tolist() == pytest.approx(said.std(axis=0) / 4, abs=0.005 / 4 + 1e-9)
        assert row["split"] == clip.split


def test_labels_have_the_statistics_of_deam():
    listed = clips(replace(SMALL, train=1000, dev=500, eval=500))
    said = np.array([ratings(clip, 10, 1) for clip in listed])
    labels, spreads = (said.mean(axis=1) - 5) / 4, said.std(axis=1)
    # DEAM: .29 and .32, correlation .57; a standard error of 2,000 deviations is 1.6 %, of the correlation .015
    assert labels.std(axis=0) == pytest.approx([0.293, 0.320], rel=0.06)
    assert np.corrcoef(labels.T)[0, 1] == pytest.approx(0.57, abs=0.06)
    assert spreads.mean(axis=0) == pytest.approx([1.50, 1.46], rel=0.06)
    assert labels.mean(axis=0) == pytest.approx([-0.024, -0.047], abs=0.03)
    # Labels do not tell affect in full, and those of more annotators tell more of it.
    affect = np.array([(clip.valence, clip.arousal) for clip in listed])
    few, many = (np.array([ratings(clip, n, 1).mean(axis=0) for clip in listed]) for n in (3, 100))
    for k in range(2):
        closeness = [np.corrcoef(affect[:, k], means[:, k])[0, 1] for means in (few, labels, many)]
        assert closeness[0] < closeness[1] < closeness[2] and closeness[1] < 0.97


def test_recordings_are_as_a_front_end_expects_them(folder):
    for path in read(folder, SMALL).trials["path"]:
        wave, rate = soundfile.read(folder / path)
        assert rate == SAMPLE_RATE and 2.0 <= len(wave) / rate <= 2.4 and 0.001 < np.abs(wave).max() < 1


def test_level_and_spectral_centroid_follow_arousal():
    rises, ratios = [], []
    for number in range(20):  # a number has the same noise whatever the clip is to say
        calm, tense = (recording(Clip(number, "train", 0.0, value), (2.0, 2.0), 1) for value in (-0.6, 0.6))
        rises.append(10 * np.log10(np.mean(tense**2) / np.mean(calm**2)))
        ratios.append(centroid(tense) / centroid(calm))
    # 1.2 are 4 units of .3, .4 of the level's units of 3.5 dB each; beside it the noise of a recording, -75 dB
    assert np.median(rises) == pytest.approx(4 * 0.4 * 3.5, abs=0.05)
    # The slope falls by 4 * .4 * .3 = .48, and drums, of noise, rise by 9.6 dB; measured: 1.15 to 2.06
    assert min(ratios) > 1 and np.median(ratios) > 1.15


def centroid(wave):
    hz, power = welch(wave, SAMPLE_RATE, nperseg=1024)
    return np.sum(hz * power) / np.sum(power)


def test_splits_are_disjoint_and_numbered_on():
    listed = clips(SMALL)
    assert [clip.number for clip in listed] == list(range(1, 41))
    assert [clip.split for clip in listed] == ["train"] * 30 + ["dev"] * 4 + ["eval"] * 6
    assert len({(clip.valence, clip.arousal) for clip in listed}) == 40


def test_a_clip_depends_on_nothing_else():
    one = Clip(7, "train", 0.2, -0.1)
    first = recording(one, (2.0, 2.2), 1)
    np.testing.assert_array_equal(first, recording(replace(one, split="eval"), (2.0, 2.2), 1))
    for other, seed in ((replace(one, number=8), 1), (replace(one, arousal=0.9), 1), (one, 2)):
        again = recording(other, (2.0, 2.2), seed)
        assert again.shape != first.shape or not np.allclose(again, first)
    assert clips(SMALL)[:4] == clips(replace(SMALL, train=4))[:4] != clips(replace(SMALL, seed=2))[:4]


def test_the_same_options_make_the_same_bytes_by_one_process_or_two(tmp_path, folder):
    simulated_music._make(tmp_path / "made", SMALL, jobs=2)
    [first] = (folder / SMALL.root).glob("[0-9a-f]*")
    names = sorted(path.relative_to(first) for path in first.rglob("*") if path.is_file())
    assert len(names) == 40 + 1 + 3
    assert names == sorted(
        path.relative_to(tmp_path / "made") for path in (tmp_path / "made").rglob("*") if path.is_file()
    )
    assert all((first / name).read_bytes() == (tmp_path / "made" / name).read_bytes() for name in names)


def test_the_table_is_written_as_deam_writes_it(folder):
    [first] = (folder / SMALL.root).glob("[0-9a-f]*")
    [header, row, *_] = (first / simulated_music.SONG_LEVEL / deam.TABLES[0]).read_text().splitlines()
    assert header == "song_id, valence_mean, valence_std, arousal_mean, arousal_std"
    assert row.startswith("1,") and row.count(",") == 4


def test_a_second_call_makes_nothing(folder, monkeypatch):
    monkeypatch.setattr(simulated_music, "_make", lambda *args, **kwargs: pytest.fail("made again"))
    provide(folder, SMALL)
    for other in ({"seed": 2}, {"seconds": (2.0, 2.3)}, {"annotators": 9}, {"dev": 5}):
        with pytest.raises(pytest.fail.Exception, match="made again"):
            provide(folder, replace(SMALL, **other))


def test_a_killed_run_leaves_no_half_corpus_and_the_next_one_cleans_up(tmp_path, monkeypatch):
    tiny = Options(train=1, dev=1, eval=1, seconds=(2.0, 2.0))
    monkeypatch.setenv("VOXDAG_JOBS", "1")
    making.kill_while_writing(monkeypatch, simulated_music, tmp_path / tiny.root, lambda: provide(tmp_path, tiny))
    provide(tmp_path, tiny)
    [made] = making.folders(tmp_path / tiny.root)
    assert len(list(made.rglob("*.flac"))) == 3


def test_the_fingerprint_covers_the_music_and_the_layout():
    assert {"simulation/music", "corpora/readers/simulated_music", "corpora/readers/deam"} <= making.sources(
        simulated_music
    )


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"root": "../x"}, "root is '../x', expected a folder inside the corpora folder"),
        ({"train": 0}, "train is 0, expected 1 to 1000"),
        ({"dev": 501}, "dev is 501, expected 1 to 500"),
        ({"eval": 0}, "eval is 0, expected 1 to 500"),
        ({"annotators": 0}, "annotators is 0, expected 1 to 1000"),
        ({"seconds": (1.0, 2.0)}, "seconds is .*, expected 2.0 to 60.0"),
        ({"seconds": (3.0, 2.0)}, "seconds is .*, expected a range in order"),
    ],
)
def test_wrong_options_are_refused(wrong, message):
    with pytest.raises(Refused, match=message):
        Options(**wrong)
