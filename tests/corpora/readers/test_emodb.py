from pathlib import Path

import pytest

from voxdag.corpora.corpus import CorpusMissing
from voxdag.corpora.readers import emodb
from voxdag.corpora.readers.emodb import Options

WOMEN = {"08", "09", "13", "14", "16"}  # the corpus's web page
NAMES = [
    f"{speaker}{text}{emotion}{version}"
    for speaker in emodb.SEXES
    for text, emotion, version in [("a01", "F", "a"), ("a02", "W", "c"), ("b10", "N", "b"), ("b03", "L", "a")]
] + ["09a01Tb", "09a01Ab", "09a01Ef"]


def options(**changes: object) -> Options:
    return Options(
        **{
            "root": "emodb",
            "labels": None,
            "speakers": None,
            "folds": "standard",
            "official": False,
            "allow_departures": False,
        }
        | changes
    )


def make(root: Path, names: list[str]) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"audio")


@pytest.fixture
def small(tmp_path: Path) -> Path:
    make(tmp_path / "emodb", [f"wav/{name}.wav" for name in NAMES])
    return tmp_path / "emodb"


def test_names_are_understood(small, tmp_path):
    trials = emodb.read(tmp_path, options()).trials.set_index("id")
    # The corpus's own example: 03a01Fa is speaker 03, text a01, "Freude" (happiness).
    assert tuple(trials.loc["03a01Fa"]) == ("emodb/wav/03a01Fa.wav", "03", "happy", "male", None, "a01", 5)
    assert tuple(trials.loc["16a02Wc", ["speaker", "label", "sex"]]) == ("16", "angry", "female")
    # The initials of neutral, Langeweile, Trauer, Angst and Ekel.
    names = ["08b10Nb", "08b03La", "09a01Tb", "09a01Ab", "09a01Ef"]
    assert list(trials.loc[names, "label"]) == ["neutral", "bored", "sad", "fearful", "disgust"]
    assert set(trials.loc[trials["sex"] == "female", "speaker"]) == WOMEN


def test_published_counts_are_checked(small, tmp_path):
    # Burkhardt et al. 2005, the 535 published files: the counts by emotion and by speaker have one sum.
    assert sum(emodb.PUBLISHED.labels.values()) == sum(emodb.PUBLISHED.speakers.values()) == 535
    departures = emodb.read(tmp_path, options(official=True)).departures
    assert "label angry has 10 utterances, published are 127" in departures
    assert "speaker 03 has 4 utterances, published are 49" in departures
    assert len(departures) == 7 + 10


def test_one_speaker_is_left_out_and_dev_has_both_sexes(small, tmp_path):
    folds = emodb.read(tmp_path, options()).folds
    assert [(fold.name, *fold.eval) for fold in folds] == [
        (str(number), speaker) for number, speaker in enumerate(emodb.SEXES, start=1)
    ]
    # By hand: men are 03 10 11 12 15. After 03 come 08 (f), 09 (f), 10 (m); after 10 come 11 (m), 12 (m), 13 (f);
    # after 16 come 03 (m), 08 (f).
    dev = {speaker: fold.dev for fold in folds for speaker in fold.eval}
    assert (dev["03"], dev["10"], dev["16"]) == ({"08", "10"}, {"11", "13"}, {"03", "08"})
    assert all(len(fold.dev & WOMEN) == len(fold.dev - WOMEN) == 1 for fold in folds)


@pytest.mark.parametrize("form", ["{}.wav", "wav/{}.WAV", "emodb/audio/{}.flac"])
def test_every_packaging_has_the_same_trials(small, tmp_path, form):
    expected = emodb.read(tmp_path, options()).trials.drop(columns="path")
    make(tmp_path / "other", [form.format(name) for name in NAMES] + ["lablaut/03a01Fa.lablaut", "erkennung.txt"])
    corpus = emodb.read(tmp_path, options(root="other"))
    assert corpus.trials.drop(columns="path").equals(expected)
    assert corpus.report["left_out"]["not audio"]["count"] == 2


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("03a01Xa", "unknown emotion 'X', expected one of N, F, T, W, A, E, L"),
        ("03a03Fa", "unknown text 'a03', expected one of a01, a02, a04, a05, a07, b01, b02, b03, b09, b10"),
        ("04a01Fa", "unknown speaker '04', expected one of 03, 08, 09, 10, 11, 12, 13, 14, 15, 16"),
    ],
)
def test_a_code_that_is_not_defined_is_refused_with_its_file(small, tmp_path, name, message):
    make(small, [f"wav/{name}.wav"])
    with pytest.raises(ValueError, match=f"wav/{name}.wav: {message}"):
        emodb.read(tmp_path, options())


def test_other_names_are_left_out_with_an_example(small, tmp_path):
    make(small, ["wav/angry one.wav"])
    left_out = emodb.read(tmp_path, options()).report["left_out"]
    assert left_out == {"a name of another form": {"count": 1, "examples": ["wav/angry one.wav"]}}


def test_a_missing_corpus_says_where_to_get_it(tmp_path):
    with pytest.raises(CorpusMissing, match=r"EMO-DB: nothing at .*emodb\.bilderbar\.info"):
        emodb.provide(tmp_path, options())
