import gzip
import lzma
import re

import pandas as pd
import pytest

from voxdag.core.errors import Refused
from voxdag.tasks.antispoof import score_file

TRIALS = pd.DataFrame(
    {
        "id": ["LA_2", "LA_1", "LA_3"],
        "speaker": ["s1", "s1", "s2"],
        "label": ["bonafide", "spoof", "spoof"],
        "attack": [None, "A07", "A08"],
    }
)
PREDICTIONS = TRIALS.assign(score=[0.1 + 0.2, -8.750496864318848, 1e-300])
TEXTS = {
    "aasist": "LA_1 A07 spoof -8.750496864318848\nLA_2 - bonafide 0.30000000000000004\nLA_3 A08 spoof 1e-300\n",
    "asvspoof2021": "LA_1 -8.750496864318848\nLA_2 0.30000000000000004\nLA_3 1e-300\n",
    "asvspoof5": "filename\tcm-score\nLA_1\t-8.750496864318848\nLA_2\t0.30000000000000004\nLA_3\t1e-300\n",
}
LINES = TEXTS["aasist"].splitlines(keepends=True)


def refused(path, text, match):
    path.write_text(text)
    with pytest.raises(ValueError, match=match):
        score_file.read(path, TRIALS)


@pytest.mark.parametrize("form", TEXTS)
def test_each_form_is_written_and_read_back_to_the_last_digit(tmp_path, form):
    path = tmp_path / "scores.txt"
    score_file.write(path, PREDICTIONS, form)
    assert path.read_text() == TEXTS[form]
    pd.testing.assert_frame_equal(score_file.read(path, TRIALS), PREDICTIONS)


def test_of_several_members_there_is_a_file_each(tmp_path):
    both = pd.concat([PREDICTIONS.assign(seed=1), PREDICTIONS.assign(seed=2, score=PREDICTIONS["score"] + 10)])
    score_file.write(tmp_path / "eval.scores.txt", both)
    names = ["eval_seed-1.scores.txt", "eval_seed-2.scores.txt"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert (tmp_path / names[0]).read_text() == TEXTS["aasist"]
    assert score_file.read(tmp_path / names[1], TRIALS)["score"].tolist() == (PREDICTIONS["score"] + 10).tolist()
    score_file.write(tmp_path / "one.txt", both[:3].assign(fold="1"))
    assert (tmp_path / "one.txt").read_text() == TEXTS["aasist"]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("LA_2 -", "LA_2 A00"),
        lambda text: text.replace("LA_2 -", "LA_2 bonafide"),
        lambda text: re.sub(r"(LA_\d)", r"\1.flac", text),
        lambda text: text.replace("LA_", "/data/LA/flac/LA_").replace(" A", ".FLAC A"),
        lambda text: text + "\n",
        lambda text: text.replace("\n", "\r\n") + " \r\n\r\n",
        lambda text: "\n\ufeff" + text,
    ],
    ids=["A00", "bonafide", "endings", "paths", "blank last line", "CRLF", "byte-order mark"],
)
def test_published_files_are_read_as_they_are_found(tmp_path, change):
    path = tmp_path / "scores.txt"
    path.write_text(change(TEXTS["aasist"]), encoding="utf-8", newline="")
    pd.testing.assert_frame_equal(score_file.read(path, TRIALS), PREDICTIONS)


def test_a_header_may_follow_a_byte_order_mark(tmp_path):
    path = tmp_path / "scores.tsv"
    path.write_text("\ufeff" + TEXTS["asvspoof5"] + "\n", encoding="utf-8")
    pd.testing.assert_frame_equal(score_file.read(path, TRIALS), PREDICTIONS)


def test_an_id_that_ends_like_a_file_is_itself(tmp_path):
    trials = TRIALS.assign(id=["LA_1.flac", "LA_1", "LA_3"])
    path = tmp_path / "scores.txt"
    path.write_text("LA_1 1\nLA_1.flac 2\nLA_3 3\n")
    assert score_file.read(path, trials)["score"].tolist() == [2, 1, 3]


def test_ids_of_another_form_are_shown_beside_those_of_the_protocol(tmp_path):
    text = TEXTS["asvspoof2021"].replace("LA_", "eval-")
    message = "2 utterances are missing of 3 in the protocol: LA_1, LA_3; 2 of the file are not .*: eval-1, eval-3$"
    refused(tmp_path / "scores.txt", text.replace("eval-2", "LA_2"), message)


def test_the_same_utterance_under_two_names_is_a_duplicate(tmp_path):
    refused(tmp_path / "scores.txt", "LA_1.flac 1\nLA_1 2\n", "txt:2: LA_1 is a duplicate of .*txt:1, expected")


def test_bona_fide_attacks_are_no_spoofs(tmp_path):
    refused(
        tmp_path / "s.txt", LINES[0].replace("A07", "A00"), "LA_1 is spoof with attack A00, but spoof with attack A07"
    )


@pytest.mark.parametrize(("suffix", "compress"), [(".xz", lzma.compress), (".gz", gzip.compress)])
def test_compressed_files_are_read(tmp_path, suffix, compress):
    path = tmp_path / f"scores.txt{suffix}"
    path.write_bytes(compress(TEXTS["aasist"].encode()))
    pd.testing.assert_frame_equal(score_file.read(path, TRIALS), PREDICTIONS)
    path.write_bytes(compress(TEXTS["aasist"].encode())[:-12])
    with pytest.raises(ValueError, match=rf"scores.txt{suffix} cannot be read as {suffix}"):
        score_file.read(path, TRIALS)


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(TEXTS["aasist"].encode())[:40],
        gzip.compress(TEXTS["aasist"].encode())[:10] + b"\xff" * 40,
        b"no gzip",
        gzip.compress("LA_1 1 \xe9".encode("latin-1")),
    ],
    ids=["cut", "damaged", "none", "Latin-1"],
)
def test_a_damaged_gz_is_refused_by_name(tmp_path, content):
    path = tmp_path / "scores.gz"
    path.write_bytes(content)
    with pytest.raises(Refused, match=r"scores.gz (cannot be read as .gz: .|is not in UTF-8: .)"):
        score_file.read(path, TRIALS)


def bomb(piece, times):
    """A gzip file of `piece` over and over, made piece by piece."""
    packed = gzip.compress(piece * 2**16)
    return packed * times  # gzip files one behind the other are one file


@pytest.mark.parametrize(
    ("piece", "match"),
    [
        (b"a", r":1: a line of more than 10000 characters"),
        (b"\0", r":1: a line of more than 10000 characters"),
        (b"\n", r":10000: 10000 blank lines"),
    ],
)
def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path, piece, match):
    path = tmp_path / "scores.gz"
    path.write_bytes(bomb(piece, 20_000))  # a few megabytes, which unpack to 1.3 GB
    with pytest.raises(Refused, match=match):
        score_file.read(path, TRIALS)


def test_a_long_line_is_not_shown_whole(tmp_path):
    refused(tmp_path / "s.txt", f"{'a ' * 999}\n", rf":1: '{'a ' * 40}...' has 999 columns")


@pytest.mark.parametrize("bad", ["nan", "inf", "-inf", "A07", "1_0", "٣", "1e308", "-2e38"])
def test_a_score_that_is_no_number_or_too_large(tmp_path, bad):
    path = tmp_path / "scores.txt"
    message = f"{path}:2: the score is '{bad}', expected a number from -1e+38 to 1e+38"
    refused(path, f"LA_1 0.5\nLA_2 {bad}\nLA_3 1\n", re.escape(message))


def test_scores_of_which_many_are_one_and_the_same_are_said():
    trials = pd.DataFrame({"score": [0.9, 0.4, 0.6, 0.1]})
    assert list(score_file.doubts(trials)) == []
    (tied,) = score_file.doubts(trials.assign(score=[1.0, 1.0, 1.0, 0.0]))
    assert tied == "3 of 4 trials have the score 1.0: no threshold parts them"


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (
            "LA_1 A07 -8.7\n",
            r":1: 'LA_1 A07 -8.7' has 3 columns, expected UTTERANCE ATTACK KEY SCORE or UTTERANCE SCORE",
        ),
        (LINES[0] + "LA_2 0.3\n", r":2: 'LA_2 0.3' has 2 columns, expected UTTERANCE ATTACK KEY SCORE"),
        (TEXTS["asvspoof5"] + "LA_4 A07 spoof 1\n", r":5: .* has 4 columns, expected UTTERANCE SCORE"),
    ],
)
def test_wrong_columns(tmp_path, text, match):
    refused(tmp_path / "scores.txt", text, match)


def test_missing_utterances(tmp_path):
    refused(
        tmp_path / "scores.txt", "LA_3 1\n", r"scores.txt: 2 utterances are missing of 3 in the protocol: LA_2, LA_1$"
    )
    refused(tmp_path / "scores.txt", "", r"3 utterances are missing of 3")


def test_extra_utterances(tmp_path):
    extra = "".join(f"LA_{number} 1\n" for number in range(1, 9))
    refused(tmp_path / "scores.txt", extra, r"5 utterances are extra of 3 in the protocol: LA_4, LA_5, LA_6$")


def test_duplicate_utterances(tmp_path):
    path = tmp_path / "scores.txt"
    refused(path, "LA_1 1\nLA_2 1\nLA_1 1\n", rf"{path}:3: LA_1 is a duplicate of {path}:1")


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("A07 spoof", "- bonafide", ":1: LA_1 is bonafide with attack -, but spoof with attack A07 in the protocol"),
        ("A07", "A09", ":1: LA_1 is spoof with attack A09, but spoof with attack A07 in the protocol"),
        ("- bonafide", "- spoof", ":2: LA_2 is spoof with attack -, but bonafide with attack - in the protocol"),
    ],
)
def test_labels_that_contradict_the_protocol(tmp_path, old, new, match):
    refused(tmp_path / "scores.txt", TEXTS["aasist"].replace(old, new), re.escape(match))


def test_an_unknown_form_is_refused_with_the_valid_ones(tmp_path):
    with pytest.raises(ValueError, match="'csv': expected one of aasist, asvspoof2021, asvspoof5"):
        score_file.write(tmp_path / "scores.txt", PREDICTIONS, "csv")
