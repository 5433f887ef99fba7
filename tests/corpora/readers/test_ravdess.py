from collections import Counter
from itertools import product
from pathlib import Path

import pytest

from voxdag.corpora.corpus import CorpusMissing
from voxdag.corpora.readers import ravdess
from voxdag.corpora.readers.ravdess import Options

ACTORS = [f"{actor:02d}" for actor in range(1, 25)]
# Livingstone and Russo 2018: neutral has one intensity, the other seven emotions two; two statements, two repetitions.
TAKES = [
    f"03-01-{emotion}-{intensity}-{statement}-{repetition}"
    for emotion, intensity, statement, repetition in product(
        [f"{n:02d}" for n in range(1, 9)], ("01", "02"), ("01", "02"), ("01", "02")
    )
    if (emotion, intensity) != ("01", "02")
]


def options(**changes: object) -> Options:
    given = {
        "root": "ravdess",
        "labels": None,
        "speakers": None,
        "folds": "standard",
        "official": True,
        "allow_departures": False,
    }
    return Options(**given | changes)


def make(root: Path, names: list[str], content: bytes = b"audio") -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The corpora folder of a RAVDESS with every published name."""
    folder = tmp_path_factory.mktemp("corpora")
    make(folder / "ravdess", [f"Actor_{actor}/{take}-{actor}.wav" for actor in ACTORS for take in TAKES])
    return folder


@pytest.fixture
def small(tmp_path: Path) -> Path:
    make(tmp_path / "ravdess", [f"Actor_{actor}/{take}-{actor}.wav" for actor in ACTORS[:6] for take in TAKES[:8]])
    return tmp_path / "ravdess"


def test_the_published_counts(whole):
    corpus = ravdess.read(whole, options())
    assert len(corpus.trials) == 1440
    assert corpus.report["trials"] == {
        "neutral": 96,
        **dict.fromkeys(["calm", "happy", "sad", "angry", "fearful", "disgust", "surprised"], 192),
    }
    assert corpus.report["speakers"] == dict.fromkeys(ACTORS, 60)
    assert corpus.departures == ()
    assert Counter(corpus.trials["sex"]) == {"female": 720, "male": 720}
    # Neutral has no strong intensity: 24 x 4 more normal than strong.
    assert Counter(corpus.trials["intensity"]) == {"normal": 768, "strong": 672}


def test_a_name_is_understood(whole):
    # The example of the corpus's own description: audio-only, speech, fearful, normal, "dogs", 1st take, actor 12.
    row = ravdess.read(whole, options()).trials.set_index("id").loc["03-01-06-01-02-01-12"]
    assert row["path"] == "ravdess/Actor_12/03-01-06-01-02-01-12.wav"
    assert tuple(row[["speaker", "label", "sex"]]) == ("12", "fearful", "female")
    assert tuple(row[["intensity", "sentence", "bytes"]]) == ("normal", "dogs", 5)


def test_the_emotions_are_in_the_order_of_the_published_codes(whole):
    trials = ravdess.read(whole, options()).trials.set_index("id")
    assert list(trials.loc[[f"03-01-{n:02d}-01-01-01-01" for n in range(1, 9)], "label"]) == [
        *("neutral", "calm", "happy", "sad"),
        *("angry", "fearful", "disgust", "surprised"),
    ]


def test_the_folds_are_emoboxs_with_a_balanced_dev(whole):
    folds = ravdess.read(whole, options()).folds
    # github.com/emo-box/EmoBox, data/ravdess/fold_{1..6}/ravdess_test_fold_{1..6}.json
    assert [" ".join(sorted(fold.eval)) for fold in folds] == [
        "01 11 20 21",
        "04 10 12 14",
        "08 09 19 23",
        "03 05 07 24",
        "02 15 16 18",
        "06 13 17 22",
    ]
    assert [fold.name for fold in folds] == ["1", "2", "3", "4", "5", "6"]
    assert sorted(actor for fold in folds for actor in fold.dev) == ACTORS
    assert all(not fold.dev & fold.eval for fold in folds)
    assert all(sum(int(actor) % 2 for actor in fold.dev) == 2 for fold in folds)


def test_dev_is_made_by_its_rule():
    used: set[str] = set()
    for held, dev in zip(ravdess.EVAL, ravdess.DEV, strict=True):
        free = [actor for actor in ACTORS if actor not in used and actor not in held]
        men = [actor for actor in free if int(actor) % 2][:2]
        women = [actor for actor in free if not int(actor) % 2][:2]
        assert [*men, *women] == list(dev)
        used |= set(dev)


@pytest.mark.parametrize("form", ["{name}.wav", "Actor_{actor}/{name}.WAV", "audio/Actor_{actor}/{name}.flac"])
def test_every_packaging_has_the_same_trials(small, tmp_path, form):
    expected = ravdess.read(tmp_path, options()).trials.drop(columns="path")
    names = [form.format(actor=path.stem[-2:], name=path.stem) for path in small.rglob("*.wav")]
    make(tmp_path / "other", names)
    assert ravdess.read(tmp_path, options(root="other")).trials.drop(columns="path").equals(expected)


def test_the_nested_second_copy_is_dropped_and_counted(small, tmp_path):
    expected = ravdess.read(tmp_path, options()).trials
    names = [f"audio_speech_actors_01-24/{path.relative_to(small).as_posix()}" for path in small.rglob("*.wav")]
    make(small, names)
    corpus = ravdess.read(tmp_path, options())
    assert corpus.trials.equals(expected)
    assert corpus.report["left_out"]["a second copy of the same name and size"]["count"] == len(names) == 48
    make(small, names[:1], b"something else")
    with pytest.raises(ValueError, match=r"Actor_\d\d/.* \(5 bytes\) and audio_speech_actors_01-24/.* \(14 bytes\)"):
        ravdess.read(tmp_path, options())


def test_a_folder_of_other_names_is_told(tmp_path):
    make(tmp_path / "other", ["happy/actor1.wav"])
    message = (
        r"1 file: 1 a name of another form \(such as happy/actor1.wav\); expected names like 03-01-06-01-02-01-12.wav"
    )
    with pytest.raises(CorpusMissing, match=message):
        ravdess.read(tmp_path, options(root="other"))


def test_song_and_video_are_left_out_and_counted(small, tmp_path):
    make(small, ["Actor_01/03-02-01-01-01-01-01.wav", "Actor_01/01-01-01-01-01-01-01.wav", "01-01-01-01-01-01-01.mp4"])
    make(
        small,
        ["Actor_01/02-01-01-01-01-01-01.wav", "Actor_01/._03-01-01-01-01-01-01.wav", "Actor_01/take one.wav", "a.txt"],
    )
    corpus = ravdess.read(tmp_path, options())
    assert {reason: left["count"] for reason, left in corpus.report["left_out"].items()} == {
        "song": 1,
        "audio and video": 2,
        "video only": 1,
        "a macOS resource fork": 1,
        "a name of another form": 1,
        "not audio": 1,
    }
    assert len(corpus.trials) == 48


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("04-01-01-01-01-01-01", "unknown modality '04', expected one of 01, 02, 03"),
        ("03-03-01-01-01-01-01", "unknown channel '03', expected one of 01, 02"),
        ("03-01-09-01-01-01-01", "unknown emotion '09', expected one of 01, 02, 03, 04, 05, 06, 07, 08"),
        ("03-01-02-03-01-01-01", "unknown intensity '03', expected one of 01, 02"),
        ("03-01-01-02-01-01-01", "unknown intensity '02', expected one of 01$"),
        ("03-01-01-01-03-01-01", "unknown statement '03', expected one of 01, 02"),
        ("03-01-01-01-01-03-01", "unknown repetition '03', expected one of 01, 02"),
        ("03-01-01-01-01-01-25", "unknown actor '25', expected one of 01, .*, 24"),
    ],
)
def test_a_code_that_is_not_defined_is_refused_with_its_file(small, tmp_path, name, message):
    make(small, [f"Actor_01/{name}.wav"])
    with pytest.raises(ValueError, match=f"Actor_01/{name}.wav: {message}"):
        ravdess.read(tmp_path, options())


def test_a_missing_corpus_says_where_to_get_it(tmp_path):
    with pytest.raises(CorpusMissing, match=r"RAVDESS: nothing at .*zenodo.org/records/1188976 .*CC BY-NC-SA"):
        ravdess.provide(tmp_path, options())
