from collections import Counter
from pathlib import Path

import pytest

from voxdag.corpora.corpus import CorpusMissing
from voxdag.corpora.readers import savee
from voxdag.corpora.readers.savee import Options

SPEAKERS = ["DC", "JE", "JK", "KL"]
# AudioData/Info.txt of the corpus: 15 sentences an emotion; neutral has 30.
SENTENCES = [f"{code}{n:02d}" for code in ("a", "d", "f", "h", "n", "sa", "su") for n in range(1, 16)]
SENTENCES += [f"n{n:02d}" for n in range(16, 31)]
FIRST = [sentence for sentence in SENTENCES if sentence.endswith("01")]


def options(**changes: object) -> Options:
    return Options(
        **{
            "root": "savee",
            "labels": None,
            "speakers": None,
            "folds": "standard",
            "official": True,
            "allow_departures": False,
        }
        | changes
    )


def make(root: Path, names: list[str]) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"audio")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The corpora folder of a SAVEE with every published name."""
    folder = tmp_path_factory.mktemp("corpora")
    make(folder / "savee", [f"AudioData/{speaker}/{sentence}.wav" for speaker in SPEAKERS for sentence in SENTENCES])
    return folder


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """The first sentence of each emotion and speaker."""
    make(tmp_path / "savee", [f"AudioData/{speaker}/{sentence}.wav" for speaker in SPEAKERS for sentence in FIRST])
    return tmp_path / "savee"


def test_the_published_counts(whole):
    corpus = savee.read(whole, options())
    assert corpus.report["trials"] == {
        "neutral": 120,
        **dict.fromkeys(["happy", "sad", "angry", "fearful", "disgust", "surprised"], 60),
    }
    assert corpus.report["speakers"] == dict.fromkeys(SPEAKERS, 120)
    assert corpus.departures == ()
    assert set(corpus.trials["sex"]) == {"male"}
    assert corpus.trials["intensity"].isna().all()


def test_sad_and_surprised_are_not_taken_for_one_letter(whole):
    trials = savee.read(whole, options()).trials.set_index("id")
    names = [f"JK_{code}03" for code in ("a", "d", "f", "h", "n", "sa", "su")]
    labels = ["angry", "disgust", "fearful", "happy", "neutral", "sad", "surprised"]
    assert list(trials.loc[names, "label"]) == labels
    assert tuple(trials.loc["JK_sa03", ["path", "speaker"]]) == ("savee/AudioData/JK/sa03.wav", "JK")
    assert trials.loc["JK_sa03", "sentence"] == "sa03"


@pytest.mark.parametrize("form", ["{speaker}/{name}.wav", "ALL/{speaker}_{name}.wav", "{speaker}_{name}.FLAC"])
def test_every_packaging_has_the_same_trials(small, tmp_path, form):
    expected = savee.read(tmp_path, options()).trials.drop(columns="path")
    make(tmp_path / "other", [form.format(speaker=s, name=sentence) for s in SPEAKERS for sentence in FIRST])
    assert savee.read(tmp_path, options(root="other")).trials.drop(columns="path").equals(expected)


def test_two_packagings_side_by_side_are_one_corpus(small, tmp_path):
    make(small, [f"ALL/{speaker}_{sentence}.wav" for speaker in SPEAKERS for sentence in FIRST])
    corpus = savee.read(tmp_path, options())
    assert len(corpus.trials) == 28
    assert corpus.report["left_out"]["a second copy of the same name and size"]["count"] == 28


def test_one_speaker_is_left_out_in_turn(small, tmp_path):
    folds = savee.read(tmp_path, options()).folds
    assert [(fold.name, *fold.dev, *fold.eval) for fold in folds] == [
        ("1", "JE", "DC"),
        ("2", "JK", "JE"),
        ("3", "KL", "JK"),
        ("4", "DC", "KL"),
    ]
    assert savee.read(tmp_path, options(folds="leave_one_speaker_out")).folds == folds


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("DC/b01", "unknown emotion 'b', expected one of n, h, sa, a, f, d, su"),
        ("DC/a16", "unknown sentence '16', expected one of 01, .*, 15"),
        ("DC/n31", "unknown sentence '31', expected one of 01, .*, 30"),
        ("XY/a01", "unknown speaker 'XY', expected one of DC, JE, JK, KL"),
        ("ALL/XY_a01", "unknown speaker 'XY', expected one of DC, JE, JK, KL"),
    ],
)
def test_a_code_that_is_not_defined_is_refused_with_its_file(small, tmp_path, name, message):
    make(small, [f"{name}.wav"])
    with pytest.raises(ValueError, match=f"{name}.wav: {message}"):
        savee.read(tmp_path, options())


def test_other_names_are_left_out_and_counted(small, tmp_path):
    make(small, ["AudioData/Info.txt", "AudioData/DC/calibration.wav", "AudioData/a01.wav", "AudioData/DC/._a01.wav"])
    left_out = savee.read(tmp_path, options()).report["left_out"]
    assert left_out["a name of another form"]["examples"] == ["AudioData/DC/calibration.wav", "AudioData/a01.wav"]
    assert Counter({reason: left["count"] for reason, left in left_out.items()}) == {
        "a name of another form": 2,
        "not audio": 1,
        "a macOS resource fork": 1,
    }


def test_a_missing_corpus_says_where_to_get_it(tmp_path):
    with pytest.raises(CorpusMissing, match="SAVEE: nothing at .*kahlan.eps.surrey.ac.uk/savee"):
        savee.provide(tmp_path, options())
