"""Labels along songs: what is read of them, and which of two columns they agree with."""

import numpy as np
import pandas as pd
import pytest

from voxdag.core.errors import Refused
from voxdag.corpora.dynamics import FEWEST, compare, song_means


def test_a_mean_passes_over_what_is_missing(tmp_path):
    (tmp_path / "valence.csv").write_text("song_id, sample_15000ms,sample_15500ms\n2,0.5,\n10,-1,0.5\n")
    means = song_means(tmp_path / "valence.csv")
    assert means.to_dict() == {"2": 0.5, "10": -0.25}


def test_a_table_of_a_full_song_has_longer_lines_than_a_protocol(tmp_path):
    header = ",".join(["song_id", *(f"sample_{15000 + 500 * k}ms" for k in range(1224))])
    assert len(header) > 10_000
    (tmp_path / "valence.csv").write_text(f"{header}\n2001,{','.join(['0.25'] * 1224)}\n")
    assert song_means(tmp_path / "valence.csv").to_dict() == {"2001": 0.25}


def test_rows_that_end_with_a_comma_are_the_songs_that_they_are_without_it(tmp_path):
    for ending in ("", ","):
        rows = [f"2,0.5,0.25{ending}", f"10,-1,0.5{ending}"]
        (tmp_path / "valence.csv").write_text("\n".join(["song_id,sample_15000ms,sample_15500ms", *rows]))
        assert song_means(tmp_path / "valence.csv").to_dict() == {"2": 0.375, "10": -0.25}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "valence.csv is no table of labels along songs"),
        ("song,sample_15000ms\n1,2\n", "has the columns song, sample_15000ms; expected song_id, sample_15000ms"),
        ("song_id,label\n1,2\n", "has the columns song_id, label; expected song_id"),
        ("song_id,sample_1ms\n1,high\n", "song 1 has sample_1ms 'high', expected a number"),
        ("song_id,sample_1ms\n1,inf\n", "song 1 has sample_1ms 'inf', expected a number"),
        ("song_id,sample_1ms\n1,2\n1,3\n", "lists the song 1 twice"),
        ("song_id,sample_1ms\n1,2,3\n2,3,4\n", "is no table of labels along songs: Length of header"),
        ("song_id,sample_1ms\n1,2\n2,3,4,5\n", "is no table of labels along songs: .*line 3"),
    ],
)
def test_what_is_no_table_is_refused_with_its_file(tmp_path, text, message):
    (tmp_path / "valence.csv").write_text(text)
    with pytest.raises(Refused, match=message):
        song_means(tmp_path / "valence.csv")


def songs(valence, arousal):
    return pd.DataFrame({"song": [str(k + 1) for k in range(len(valence))], "valence": valence, "arousal": arousal})


def along(valence, arousal):
    names = [str(k + 1) for k in range(len(valence))]
    return {"valence": pd.Series(valence, names), "arousal": pd.Series(arousal, names)}


def test_correlations_are_those_of_the_pairs():
    up, turn = np.arange(12.0), np.array([0, 1] * 6, float)
    [found] = compare(songs(turn, up), along(up, turn), [(1, 12)])
    # Of 0, 1, ..., 11 and 0, 1, 0, 1, ...: covariance .25, variances 143 / 12 and 1 / 4, so r = .25 / 1.726 = .1448.
    assert found["valence"]["valence"] == pytest.approx(0.1448, abs=1e-4)
    assert found["valence"]["arousal"] == found["arousal"]["valence"] == pytest.approx(1.0)
    assert found["look_swapped"] is True
    assert compare(songs(up, turn), along(up, turn), [(1, 12)])[0]["look_swapped"] is False


def test_one_label_alone_is_not_interchanged():
    up, turn = np.arange(12.0), np.array([0, 1] * 6, float)
    assert compare(songs(turn, turn), along(up, turn), [(1, 12)])[0]["look_swapped"] is False


@pytest.mark.parametrize("valence", [np.arange(FEWEST - 1.0), np.ones(FEWEST)])
def test_few_songs_and_labels_that_do_not_vary_say_nothing(valence):
    rising = np.arange(float(len(valence)))
    [found] = compare(songs(valence, rising), along(rising, rising), [(1, 1000)])
    assert found == {"songs": [1, 1000], "n": len(valence), "look_swapped": None}
