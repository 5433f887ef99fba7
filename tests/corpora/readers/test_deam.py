"""DEAM: columns by name, the scale, both splits, and what labels along the songs say of those of whole songs."""

import itertools
import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from voxdag.audio.decode import Decoding, decode
from voxdag.core.errors import Refused
from voxdag.corpora.corpus import CorpusMissing
from voxdag.corpora.readers import deam
from voxdag.corpora.readers.deam import Options, draw_folds, provide, read

SONG_LEVEL = "annotations/annotations averaged per song/song_level"
DYNAMIC = "annotations/annotations averaged per song/dynamic (per second annotations)"
FIRST = "song_id, valence_mean, valence_std, arousal_mean, arousal_std"  # with the published spaces
SECOND = (
    "song_id, valence_mean, valence_std, valence_ max_mean, valence_max_std, valence_min_mean, valence_min_std,"
    " arousal_mean, arousal_std, arousal_max_mean, arousal_max_std, arousal_min_mean, arousal_min_std"
)
ROWS = ["2,3.1,0.94,3,0.63", "3,3.5,1.75,3.3,1.62", "10,5.7,1.42,5.5,1.63", "1001,9,0,1,4.0"]  # three published
FULL = ["2001,3.2,0.98,5.0,1.41,2.2,0.98,6.6,0.8,8.6,0.49,3.4,1.02"]  # published too


def options(**changes: object) -> Options:
    given = {"root": "deam", "split": "folds", "folds": 3, "seed": 1, "speaker": "song", "annotators": 10, "swap": ()}
    return Options(**given | {"official": False, "allow_departures": False} | changes)


def write(path: Path, lines: list[str], end: str = "\r\n") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("".join(line + end for line in lines).encode())


def lay_out(root: Path, annotations: str = SONG_LEVEL, audio: str = "MEMD_audio") -> Path:
    """Five songs in the published format; audio of 2, 10 and 2001."""
    write(root / annotations / deam.TABLES[0], [FIRST, *ROWS])
    write(root / annotations / deam.TABLES[1], [SECOND, *FULL])
    for song in (2, 10, 2001):
        (root / audio).mkdir(parents=True, exist_ok=True)
        (root / audio / f"{song}.mp3").write_bytes(b"audio")
    return root


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return lay_out(tmp_path / "deam")


def table(root: Path) -> Path:
    return root / SONG_LEVEL / deam.TABLES[0]


def test_both_tables_are_read_by_name_and_scaled(corpus, tmp_path):
    rows = read(tmp_path, options()).trials.set_index("id")
    assert list(rows.index) == ["2", "3", "10", "1001", "2001"]
    # (3.1 - 5) / 4, .94 / 4; the ends of the scale are -1 and 1; of the second table the eighth column is arousal
    labels = ["valence", "valence_sd", "arousal", "arousal_sd"]
    assert rows.loc["2", labels].tolist() == pytest.approx([-0.475, 0.235, -0.5, 0.1575])
    assert rows.loc["1001", labels].tolist() == pytest.approx([1.0, 0.0, -1.0, 1.0])
    assert rows.loc["2001", labels].tolist() == pytest.approx([-0.45, 0.245, 0.4, 0.2])
    assert rows.loc["10", ["path", "speaker", "song"]].tolist() == ["deam/MEMD_audio/10.mp3", "10", "10"]
    assert rows["annotators"].dropna().to_dict() == dict.fromkeys(["2", "3", "10", "1001"], 10.0)  # of 2001: unknown


def test_columns_in_another_order_are_the_same_labels(corpus, tmp_path):
    expected = read(tmp_path, options()).trials
    turned = ["arousal_mean,song_id, arousal_std, valence_mean ,valence_std"]
    for row in ROWS:
        song, valence, valence_sd, arousal, arousal_sd = row.split(",")
        turned.append(f"{arousal},{song},{arousal_sd},{valence},{valence_sd}")
    write(table(corpus), turned, "\n")
    assert read(tmp_path, options()).trials.equals(expected)


@pytest.mark.parametrize(
    ("annotations", "audio"),
    [
        (f"DEAM_Annotations/{SONG_LEVEL}", "DEAM_audio/MEMD_audio"),
        (f"DEAM/DEAM_Annotations/{SONG_LEVEL}", "DEAM/MEMD_audio/MEMD_audio"),
        (".", "."),
    ],
)
def test_every_packaging_has_the_same_labels(corpus, tmp_path, annotations, audio):
    lay_out(tmp_path / "other", annotations, audio)
    one, other = (read(tmp_path, options(root=root)).trials for root in ("deam", "other"))
    assert other.drop(columns="path").equals(one.drop(columns="path"))
    assert other["path"][0] == (Path("other", audio) / "2.mp3").as_posix()


def test_the_merged_table_will_do(corpus, tmp_path):
    expected = read(tmp_path, options()).trials
    for path in (corpus / SONG_LEVEL).iterdir():
        path.unlink()
    write(corpus / "meta/static_annotations.csv", [FIRST.replace(" ", ""), *ROWS, "2001,3.2,0.98,6.6,0.8"], "\n")
    assert read(tmp_path, options()).trials.equals(expected)


def test_songs_without_audio_are_absent_and_audio_without_labels_is_left_out(corpus, tmp_path):
    for name in ("MEMD_audio/77.mp3", "MEMD_audio/intro.mp3", "MEMD_audio/._2.mp3", "copy/2.mp3"):
        (corpus / name).parent.mkdir(exist_ok=True)
        (corpus / name).write_bytes(b"audio")
    found = read(tmp_path, options())
    absent = ["deam/MEMD_audio/1001.mp3", "deam/MEMD_audio/3.mp3"]
    assert found.report["absent"] == {"count": 2, "examples": absent}
    assert found.trials["bytes"].isna().tolist() == [False, True, False, True, False]
    assert {reason: left["examples"] for reason, left in found.report["left_out"].items()} == {
        "no labels": ["MEMD_audio/77.mp3"],
        "a name of another form": ["MEMD_audio/intro.mp3"],
        "a macOS resource fork": ["MEMD_audio/._2.mp3"],
        "a second copy of the same name and size": ["copy/2.mp3"],
    }


def test_an_mp3_is_decoded_as_the_features_are(corpus, tmp_path):
    time = np.arange(44_100) / 44_100
    soundfile.write(corpus / "MEMD_audio/10.mp3", 0.3 * np.sin(2 * np.pi * 440 * time), 44_100, format="MP3")
    row = read(tmp_path, options()).trials.set_index("id").loc["10"]
    decoding = Decoding(rate=16_000, min_seconds=0.1, min_peak=1e-4, max_clipped=0.01)
    wave = np.asarray(decode(tmp_path / row["path"], decoding).samples, float)
    assert np.argmax(np.abs(np.fft.rfft(wave[:16_000]))) == pytest.approx(440, abs=2)  # bins of 1 Hz


# --- labels that are refused ---


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("4,9.5,1,5,1", r"1_2000.csv:6: song 4 has valence_mean 9.5, expected a number from 1 to 9"),
        ("4,5,1,0.99,1", r"song 4 has arousal_mean 0.99, expected a number from 1 to 9"),
        ("4,5,1,nan,1", r"song 4 has arousal_mean nan, expected a number from 1 to 9"),
        ("4,,1,5,1", r"song 4 has valence_mean nothing, expected a number from 1 to 9"),
        ("4,5,-1,5,1", r"song 4 has valence_std -1, expected a number from 0 to 8"),
        ("4,five,1,5,1", r"song 4 has valence_mean 'five', expected a number"),
        ("x4,5,1,5,1", r"1_2000.csv:6: 'x4' is no song, expected its number"),
        ("9" * 5000 + ",5,1,5,1", r"1_2000.csv:6: '9{40}...' is no song, expected its number"),
        ("2,5,1,5,1", r"song 2 is rated .*'5', '1', '5', '1'.* and otherwise above; expected each song once"),
        ("4,5,1", r"'4,5,1' has 3 cells, expected 5"),
    ],
)
def test_a_row_that_is_no_label_is_refused_with_file_and_song(corpus, tmp_path, row, message):
    write(table(corpus), [FIRST, *ROWS, row])
    with pytest.raises(Refused, match=message):
        read(tmp_path, options())


def test_a_spread_that_is_not_known_is_missing(corpus, tmp_path):
    write(table(corpus), [FIRST, *ROWS, "4,5,,5,nan"])
    row = read(tmp_path, options()).trials.set_index("id").loc["4"]
    assert row[["valence_sd", "arousal_sd"]].isna().all() and row["valence"] == 0.0


def test_a_missing_column_is_refused_with_what_is_there(corpus, tmp_path):
    write(table(corpus), ["song_id,mean_arousal,std_arousal,mean_valence,std_valence", *ROWS])
    with pytest.raises(Refused, match=r"1_2000.csv:1: no column valence_mean in the header 'song_id,mean_arousal"):
        read(tmp_path, options())


def test_missing_annotations_say_where_to_get_them(tmp_path):
    with pytest.raises(CorpusMissing, match=r"DEAM's annotations: nothing at .*deam.*cvml.unige.ch/databases/DEAM"):
        provide(tmp_path, options())
    lay_out(tmp_path / "deam")
    for path in (tmp_path / "deam" / SONG_LEVEL).iterdir():
        path.rename(path.with_suffix(".xls"))
    with pytest.raises(CorpusMissing, match=r"nothing of it at .*, but 2 files: 2 not audio \(such as annotations/"):
        provide(tmp_path, options())


# --- splits ---


def lists(root: Path, **split_of: str) -> None:
    for split, name in deam.LISTS.items():
        write(root / name, split_of[split].split(), "\n")


def test_the_public_lists_name_the_splits(corpus, tmp_path):
    lists(corpus, train="2 3", dev="10", eval="2001")
    found = read(tmp_path, options(split="public"))
    assert dict(zip(found.trials["id"], found.trials["split"], strict=True)) == {
        **{"2": "train", "3": "train", "10": "dev", "2001": "eval"}
    }
    assert found.folds == () and found.report["trials"] == {"train": 2, "dev": 1, "eval": 1}
    assert found.report["unlisted"] == {"count": 1, "examples": ["1001"]}
    (corpus / "test.txt").write_bytes(b"2001")  # the last line may lack its end
    assert read(tmp_path, options(split="public")).trials.equals(found.trials)


@pytest.mark.parametrize(
    ("split_of", "message"),
    [
        ({"train": "2 99"}, r"train.txt:2: song 99 has no labels, expected one of the 5 that have"),
        ({"dev": "2"}, r"validation.txt:1: song 2 is in train too, expected it in one split"),
        ({"eval": "2001.mp3"}, r"test.txt:1: '2001.mp3' is no song, expected its number"),
    ],
)
def test_lists_that_are_none_are_refused(corpus, tmp_path, split_of, message):
    lists(corpus, **{"train": "2 3", "dev": "10", "eval": "2001"} | split_of)
    with pytest.raises(Refused, match=message):
        read(tmp_path, options(split="public"))


def test_missing_lists_say_where_to_get_them(corpus, tmp_path):
    with pytest.raises(CorpusMissing, match=r"public split: nothing at .*train.txt.*AMAAI-Lab/Music2Emotion"):
        read(tmp_path, options(split="public"))


def test_folds_are_disjoint_and_of_the_seed(corpus, tmp_path):
    trials = pd.DataFrame({"speaker": [str(song) for song in range(100)]})
    folds = draw_folds(trials, 5, seed=1)
    assert [len(fold.eval) for fold in folds] == [len(fold.dev) for fold in folds] == [20] * 5
    assert set.union(*(set(fold.eval) for fold in folds)) == set(trials["speaker"])
    assert all(not one.eval & other.eval for one, other in itertools.combinations(folds, 2))
    assert all(fold.dev == after.eval for fold, after in zip(folds, [*folds[1:], folds[0]], strict=True))
    assert draw_folds(trials.iloc[::-1], 5, seed=1) == folds != draw_folds(trials, 5, seed=2)
    assert [fold.name for fold in read(tmp_path, options()).folds] == ["1", "2", "3"]
    with pytest.raises(Refused, match="folds is 6, and there are 5 songs or artists"):
        read(tmp_path, options(folds=6))


def test_artists_stay_together_and_are_read_as_the_metadata_write_them(corpus, tmp_path):
    write(corpus / "metadata/metadata_2013.csv", ["song_id,file_name,Artist,Genre", '2,"\t2.mp3","\tThe  Band\t",x'])
    write(corpus / "metadata/metadata_2014.csv", ["Id,Artist,Album", "1001,the band,a,and,more,labels", "3,Other,b"])
    write(corpus / "metadata/metadata_2015.csv", ["id,Filename,title,artist", "2001,f,t,", "10,f,t,Third"])
    found = read(tmp_path, options(speaker="artist"))
    artists = dict(zip(found.trials["id"], found.trials["speaker"], strict=True))
    assert artists == {"2": "the band", "3": "other", "10": "third", "1001": "the band", "2001": "2001"}
    assert found.report["speakers"] == 4 and found.report["artist_unknown"]["examples"] == ["2001"]
    assert set.union(*(set(fold.eval) for fold in found.folds)) == set(artists.values())


def test_folds_of_artists_have_equal_numbers_of_songs():
    trials = pd.DataFrame({"speaker": ["a"] * 6 + ["b"] * 3 + ["c"] * 3 + ["d", "e", "f", "g", "h", "i"]})
    sizes = trials["speaker"].value_counts()
    assert [sum(sizes[name] for name in fold.eval) for fold in draw_folds(trials, 3, seed=1)] == [6, 6, 6]


def test_artists_without_metadata_say_where_to_get_them(corpus, tmp_path):
    with pytest.raises(CorpusMissing, match=r"metadata \(speaker: artist\): nothing at .*metadata.zip"):
        read(tmp_path, options(speaker="artist"))


# --- labels along the songs ---


def rated(root: Path, interchanged: bool, songs: int = 40) -> pd.DataFrame:
    """Songs from 1 to `songs` whose labels follow the dynamic ones, or the other dimension's."""
    rng = np.random.default_rng(0)
    affect = rng.multivariate_normal([0, 0], [[0.09, 0.05], [0.05, 0.09]], songs).clip(-0.9, 0.9)
    static = 5 + 4 * (affect[:, ::-1] if interchanged else affect)
    lines = [f"{k + 1},{valence:.3f},1,{arousal:.3f},1" for k, (valence, arousal) in enumerate(static)]
    write(root / SONG_LEVEL / deam.TABLES[0], [FIRST, *lines])
    for name, values in zip(("valence", "arousal"), affect.T, strict=True):
        along = values[:, None] + 0.1 * rng.standard_normal((songs, 3))
        rows = [f"{k + 1}," + ",".join(f"{value:.4f}" for value in row) + "," for k, row in enumerate(along)]
        write(root / DYNAMIC / f"{name}.csv", ["song_id, sample_15000ms, sample_15500ms, sample_16000ms,x_y", *rows])
    return pd.DataFrame(affect, columns=["valence", "arousal"])


def test_columns_that_are_interchanged_are_told_and_not_touched(tmp_path, caplog):
    affect = rated(tmp_path / "deam", interchanged=True)
    with caplog.at_level(logging.WARNING):
        found = read(tmp_path, options())
    [first, *others] = found.report["dynamic"]
    assert first["look_swapped"] is True and first["n"] == 40 and first["songs"] == [1, 1000]
    assert first["valence"]["arousal"] > 0.9 > first["valence"]["valence"]
    assert [other["look_swapped"] for other in others] == [None, None]  # no songs
    assert "valence and arousal of songs 1 to 1000 look interchanged" in caplog.text and "[1, 1000]" in caplog.text
    np.testing.assert_allclose(found.trials["valence"], affect["arousal"], atol=2e-4)  # of three digits, over 4


def test_who_uses_the_corpus_decides_what_is_interchanged(tmp_path, caplog):
    affect = rated(tmp_path / "deam", interchanged=True)
    found = read(tmp_path, options(swap=((1, 30),)))
    np.testing.assert_allclose(found.trials["valence"][:30], affect["valence"][:30], atol=2e-4)
    np.testing.assert_allclose(found.trials["valence"][30:], affect["arousal"][30:], atol=2e-4)
    assert found.report["swapped"] == [[1, 30]]
    caplog.clear()
    assert read(tmp_path, options(swap=((1, 1000),))).report["dynamic"][0]["look_swapped"] is False
    assert caplog.text == ""


def test_a_swap_takes_the_spread_along(corpus, tmp_path):
    one, other = (read(tmp_path, options(swap=swap)).trials.iloc[0] for swap in ((), ((2, 2),)))
    assert (one["valence"], one["valence_sd"]) == (other["arousal"], other["arousal_sd"]) != (one["arousal"], 0)


def test_right_columns_and_few_songs_bring_no_warning(tmp_path, caplog):
    rated(tmp_path / "deam", interchanged=False)
    assert read(tmp_path, options()).report["dynamic"][0]["look_swapped"] is False
    rated(tmp_path / "deam", interchanged=True, songs=9)
    assert read(tmp_path, options()).report["dynamic"][0]["look_swapped"] is None
    assert caplog.text == ""


def test_without_labels_along_the_songs_nothing_is_said(corpus, tmp_path):
    assert read(tmp_path, options()).report["dynamic"] is None


# --- the published corpus ---


def test_departures_are_counts_that_are_not_the_published_ones(corpus, tmp_path):
    lists(corpus, train="2 3", dev="10", eval="2001")
    found = read(tmp_path, options(split="public", official=True))
    assert found.departures == (
        "of songs 1 to 1000 there are 3, published are 744",
        "of songs 1001 to 2000 there are 1, published are 1000",
        "of songs 2001 to 2058 there are 1, published are 58",
        "of train there are 2, published are 1261",
        "of dev there are 1, published are 271",
        "of eval there are 1, published are 270",
    )
    (corpus / "MEMD_audio/3.wav").write_bytes(b"audio")
    assert read(tmp_path, options(official=True)).departures[-1] == (
        "the recordings are of 2 formats (3 mp3, 1 wav), published is one"
    )


def test_a_corpus_of_the_published_size_has_none(tmp_path):
    songs = [*range(1, 745), *range(1001, 2001)]
    write(tmp_path / "deam" / deam.TABLES[0], [FIRST, *(f"{song},5,1,5,1" for song in songs)])
    full = [f"{song},5,1,6,1,4,1,5,1,6,1,4,1" for song in range(2001, 2059)]
    write(tmp_path / "deam" / deam.TABLES[1], [SECOND, *full])
    found = read(tmp_path, options(official=True))
    assert found.departures == () and found.report["labels"]["correlation"] is None


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"split": "random"}, "split is 'random', expected one of public, folds"),
        ({"speaker": "album"}, "speaker is 'album', expected one of song, artist"),
        ({"folds": 2}, "folds is 2, expected 3 or more"),
        ({"annotators": 0}, "annotators is 0, expected 1 or more"),
        ({"swap": ((1000, 1),)}, r"swap has the range \[1000, 1\], expected the first and the last"),
    ],
)
def test_wrong_options_are_refused(wrong, message):
    with pytest.raises(Refused, match=message):
        options(**wrong)
