import os
import re
from pathlib import Path, PurePosixPath

import pytest

from voxdag.corpora import emotional
from voxdag.corpora.corpus import CorpusMissing
from voxdag.corpora.emotional import OTHER_NAME, Options, Published, Utterance
from voxdag.corpora.listing import NO_TARGET, OTHER_FORMAT, SECOND_COPY
from voxdag.data.folds import Fold

SEXES = {"A": "female", "B": "male", "C": "female", "D": "male", "E": "female"}
PUBLISHED = Published(
    name="Toy",
    get="a shelf (CC0)",
    labels={"neutral": 5, "sad": 5},
    sexes=SEXES,
    speakers=dict.fromkeys(SEXES, 2),
    standard=emotional.rotation({"one": ["A", "B"], "two": ["C", "D"], "three": ["E"]}),
    sentences="all say the same",
    expected="names like As.wav",
)
LABELS = {"n": "neutral", "s": "sad"}


def options(**changes: object) -> Options:
    return Options(
        **{
            "root": "toy",
            "labels": None,
            "speakers": None,
            "folds": "standard",
            "official": True,
            "allow_departures": False,
        }
        | changes
    )


def parse(path: PurePosixPath) -> Utterance | str:
    if len(path.stem) != 2:
        return OTHER_NAME
    emotional.known(LABELS, path.stem[1], "emotion", path)
    return Utterance(path.stem, path.stem[0], LABELS[path.stem[1]], None, "text")


def make(root: Path, names: list[str], content: bytes = b"audio") -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)


def read(folder: Path, **changes: object):
    return emotional.read(folder, options(**changes), PUBLISHED, parse)


def members(folds: tuple[Fold, ...]) -> list[tuple[str, str, str]]:
    return [(fold.name, "".join(sorted(fold.dev)), "".join(sorted(fold.eval))) for fold in folds]


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    make(tmp_path / "toy", [f"{speaker}{letter}.wav" for speaker in "EDCBA" for letter in "sn"])
    return tmp_path / "toy"


def test_a_whole_corpus_is_read_sorted_with_its_report(toy, tmp_path):
    corpus = read(tmp_path)
    assert list(corpus.trials.columns) == ["id", "path", "speaker", "label", "sex", "intensity", "sentence", "bytes"]
    assert list(corpus.trials["id"]) == ["An", "As", "Bn", "Bs", "Cn", "Cs", "Dn", "Ds", "En", "Es"]
    assert tuple(corpus.trials.loc[1]) == ("As", "toy/As.wav", "A", "sad", "female", None, "text", 5)
    assert corpus.trials.dtypes["bytes"] == "Int64"
    assert list(corpus.tables["classes"]["label"]) == ["neutral", "sad"]
    assert corpus.report == {
        "trials": {"neutral": 5, "sad": 5},
        "speakers": dict.fromkeys("ABCDE", 2),
        "left_out": {},
        "absent": {"count": 0, "examples": []},
        "not_kept": 0,
        "folds": "standard",
        "sentences": "all say the same",
        "departures": [],
    }


def test_the_nesting_and_order_of_the_files_do_not_matter(toy, tmp_path):
    make(tmp_path / "again" / "toy", [f"{9 - n}/{s}{e}.WAV" for n, s in enumerate("ABCDE") for e in "ns"])
    again, expected = read(tmp_path / "again").trials, read(tmp_path).trials
    assert again.drop(columns="path").equals(expected.drop(columns="path"))
    assert list(again["path"][[0, 9]]) == ["toy/9/An.WAV", "toy/5/Es.WAV"]


def test_a_fold_scheme_rotates_its_groups():
    folds = emotional.rotation({"one": ["A", "B"], "two": ["C"], "three": ["D"]})
    assert members(folds) == [("one", "C", "AB"), ("two", "D", "C"), ("three", "AB", "D")]


def test_leave_one_speaker_out_has_the_next_kept_speaker_in_dev(toy, tmp_path):
    corpus = read(tmp_path, folds="leave_one_speaker_out", speakers=("D", "A", "C"))
    assert members(corpus.folds) == [("1", "C", "A"), ("2", "D", "C"), ("3", "A", "D")]


@pytest.mark.parametrize(
    ("speakers", "expected"),
    [
        ("ABCDE", [("one", "CD", "AB"), ("two", "E", "CD"), ("three", "AB", "E")]),
        ("ACE", [("one", "C", "A"), ("two", "E", "C"), ("three", "A", "E")]),
    ],
)
def test_the_standard_folds_are_restricted_to_the_kept_speakers(speakers, expected):
    assert members(emotional.restricted(PUBLISHED.standard, speakers)) == expected


def test_a_fold_that_loses_eval_is_dropped_and_one_that_loses_dev_takes_the_next_speaker():
    # Without E there is no third fold, and the second has no dev: after D comes, cyclically, A.
    folds = emotional.rotation({"one": ["A"], "two": ["C", "D"], "three": ["E"]})
    assert members(emotional.restricted(folds, "ABCD")) == [("one", "CD", "A"), ("two", "A", "CD")]


def test_the_next_speaker_is_the_one_after_eval():
    folds = (Fold("one", frozenset("E"), frozenset("B")),)
    assert members(emotional.restricted(folds, "ABCD")) == [("one", "C", "B")]


def test_a_fold_without_speakers_to_train_on_is_refused():
    with pytest.raises(ValueError, match="fold one has no speaker .*: of A, B, C, D 2 are in eval and 2 in dev"):
        emotional.restricted(PUBLISHED.standard, "ABCD")


def test_speakers_that_are_not_on_disk_are_in_no_fold(toy, tmp_path):
    for name in ("An", "As"):
        (toy / f"{name}.wav").unlink()
    corpus = read(tmp_path, folds="leave_one_speaker_out")
    assert [held for _, _, held in members(corpus.folds)] == ["B", "C", "D", "E"]
    assert corpus.departures == (
        "label neutral has 4 utterances, published are 5",
        "label sad has 4 utterances, published are 5",
        "speaker A has 0 utterances, published are 2",
    )
    assert corpus.report["departures"] == list(corpus.departures)
    other = read(tmp_path, official=False, folds="leave_one_speaker_out")
    assert other.departures is None and "departures" not in other.report


def test_labels_and_speakers_are_kept_by_name_and_counts_are_checked_before(toy, tmp_path):
    corpus = read(tmp_path, labels=("sad",), speakers=("E", "A", "C"))
    assert list(corpus.trials["id"]) == ["As", "Cs", "Es"]
    assert list(corpus.tables["classes"]["label"]) == ["sad"]
    assert (corpus.report["not_kept"], corpus.departures) == (7, ())


def test_what_is_not_an_utterance_is_left_out_and_counted(toy, tmp_path):
    make(toy, ["._As.wav", "__MACOSX/._Bs.wav", "read me.txt", "noise.wav", ".git/An.wav", "copy/toy/As.wav"])
    left_out = read(tmp_path).report["left_out"]
    assert left_out == {
        "a macOS resource fork": {"count": 2, "examples": ["._As.wav", "__MACOSX/._Bs.wav"]},
        "not audio": {"count": 1, "examples": ["read me.txt"]},
        OTHER_NAME: {"count": 1, "examples": ["noise.wav"]},
        SECOND_COPY: {"count": 1, "examples": ["copy/toy/As.wav"]},
    }


def test_a_second_copy_of_another_size_is_refused_with_both_names(toy, tmp_path):
    make(toy, ["copy/As.wav"], b"other audio")
    with pytest.raises(ValueError, match=r"As\.wav \(5 bytes\) and copy/As\.wav \(11 bytes\), .* utterance As"):
        read(tmp_path)


def test_the_same_recording_in_other_formats_is_left_out_and_counted(toy, tmp_path):
    whole = read(tmp_path).trials
    make(toy, ["As.mp3", "MP3/Bs.MP3", "flac/Cs.flac"], b"the same in other bytes")
    corpus = read(tmp_path)
    assert corpus.trials.equals(whole) and corpus.departures == ()
    assert corpus.report["left_out"] == {
        OTHER_FORMAT: {"count": 3, "examples": ["As.mp3", "MP3/Bs.MP3", "flac/Cs.flac"]}
    }


def test_recordings_of_which_some_are_left_in_another_format_depart_from_what_was_published(toy, tmp_path):
    make(toy, ["As.mp3", "Bs.mp3"], b"the same in other bytes")
    for name in ("As.wav", "Bs.wav"):
        (toy / name).unlink()
    corpus = read(tmp_path)
    assert list(corpus.trials["path"][[1, 3]]) == ["toy/As.mp3", "toy/Bs.mp3"]
    assert corpus.departures == ("the recordings are of 2 formats (8 wav, 2 mp3), published is one",)


def test_a_link_without_target_is_an_absent_recording(toy, tmp_path):
    (toy / "As.wav").unlink()
    (toy / "As.wav").symlink_to("../.git/annex/objects/none")
    corpus = read(tmp_path)
    assert len(corpus.trials) == 10 and corpus.trials["bytes"].isna().tolist() == [False, True] + 8 * [False]
    assert corpus.report["absent"] == {"count": 1, "examples": ["toy/As.wav"]} and corpus.departures == ()
    (toy / "As.wav").rename(toy / "As.flac")  # nobody knows what it would be: not another format
    corpus = read(tmp_path)
    assert corpus.report["absent"] == {"count": 1, "examples": ["toy/As.flac"]} and corpus.departures == ()


def test_a_link_without_target_beside_the_file_is_left_out(toy, tmp_path):
    (toy / "As.flac").symlink_to("nowhere")
    (toy / "Bs.wav").rename(toy / "Bs.mp3")
    (toy / "Bs.wav").symlink_to("nowhere")
    corpus = read(tmp_path)
    assert list(corpus.trials["path"][[1, 3]]) == ["toy/As.wav", "toy/Bs.mp3"] and not corpus.report["absent"]["count"]
    assert corpus.report["left_out"] == {NO_TARGET: {"count": 2, "examples": ["As.flac", "Bs.wav"]}}


def test_a_stray_name_that_is_not_utf_8_is_left_out(toy, tmp_path):
    whole = read(tmp_path).trials
    (toy / os.fsdecode(b"Lies_mich_\xfc.txt")).touch()
    (toy / os.fsdecode(b"\xe4.wav")).touch()
    corpus = read(tmp_path)
    assert corpus.trials.equals(whole)
    assert {reason: left["count"] for reason, left in corpus.report["left_out"].items()} == {
        "not audio": 1,
        OTHER_NAME: 1,
    }


def test_a_folder_of_other_files_is_told_by_what_it_holds(tmp_path):
    make(tmp_path / "toy", ["happy-1.wav", "sub/happy-2.wav", "read me.txt"])
    message = (
        f"Toy: nothing of it at {tmp_path}/toy, but 3 files: 2 a name of another form (such as happy-1.wav), "
        "1 not audio (such as read me.txt); expected names like As.wav. Get it from a shelf (CC0)."
    )
    with pytest.raises(CorpusMissing, match=re.escape(message)):
        read(tmp_path)


def test_the_root_may_be_absolute(toy, tmp_path):
    corpus = emotional.read(Path("elsewhere"), options(root=str(toy)), PUBLISHED, parse)
    assert corpus.trials["path"][0] == (toy / "An.wav").as_posix()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": ("sad", "smug")}, "Toy: unknown label 'smug', expected one of neutral, sad"),
        ({"speakers": ("A", "Z")}, "Toy: unknown speaker 'Z', expected one of A, B, C, D, E"),
        ({"folds": "random"}, "folds is 'random', expected one of standard, leave_one_speaker_out"),
        ({"speakers": ("A", "B")}, r"2 speakers are left \(A, B\), expected at least 3"),
        ({"labels": ()}, r"0 speakers are left \(none\), expected at least 3"),
    ],
)
def test_wrong_options_are_refused_with_the_valid_ones(toy, tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        read(tmp_path, **changes)


def test_an_undefined_code_is_refused_with_its_file(toy, tmp_path):
    make(toy, ["deep/Aq.wav"])
    with pytest.raises(ValueError, match="deep/Aq.wav: unknown emotion 'q', expected one of n, s"):
        read(tmp_path)


def test_a_missing_and_an_empty_corpus_say_where_to_get_it(tmp_path):
    (tmp_path / "toy").mkdir()
    with pytest.raises(CorpusMissing, match=r"Toy: nothing at .*toy\. Get it from a shelf \(CC0\)"):
        read(tmp_path)
    with pytest.raises(CorpusMissing, match=r"nowhere\. Get it from a shelf"):
        emotional.provide(tmp_path, options(root="nowhere"), PUBLISHED)


def test_a_linked_folder_is_read_as_the_listing_of_inputs_reads_it(toy: Path) -> None:
    whole = read(toy.parent)
    disk = toy.rename(toy.parent / "disk2")
    toy.mkdir()
    (toy / "all").symlink_to(disk)
    linked = read(toy.parent)
    assert linked.trials["bytes"].tolist() == whole.trials["bytes"].tolist() and linked.report == whole.report
    assert set(linked.trials["path"]) == {path.replace("toy/", "toy/all/") for path in whole.trials["path"]}
