import shutil
from pathlib import Path

import pytest

from voxdag.corpora.corpus import CorpusMissing
from voxdag.corpora.readers import iemocap
from voxdag.corpora.readers.iemocap import Options

HEADER = "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"
TURNS = {
    "impro01_F000": "neu",
    "impro01_M000": "ang",
    "impro01_F001": "exc",
    "impro01_M001": "hap",
    "script01_1b_M000": "sad",
    "script01_1b_F000": "xxx",
    "script01_1b_F001": "fru",
    "script01_1b_F002": "sur",
}


def line(turn: str, emotion: str) -> str:
    # As in the release, with the single evaluators' answers below.
    answers = f"C-E2:\t{emotion};\t()\nC-F1:\tAnger;\t(sarcastic)\nA-E3:\tval 3; act 2; dom  2;\t()\n\n"
    return f"[6.2901 - 8.2357]\t{turn}\t{emotion}\t[2.5000, 2.5000, 2.5000]\n{answers}"


def options(**changes: object) -> Options:
    given = {
        "root": "iemocap",
        "labels": None,
        "speakers": None,
        "folds": "standard",
        "official": False,
        "allow_departures": False,
    }
    return Options(**given | {"classes": "four"} | changes)


def make(root: Path, names: list[str], content: bytes = b"audio") -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)


def write(root: Path, suffix: str = "wav") -> None:
    """Two dialogues of each session; in both the woman wears the markers."""
    for session in range(1, 6):
        for dialogue in ("impro01", "script01_1b"):
            name = f"Ses0{session}F_{dialogue}"
            turns = {f"Ses0{session}F_{turn}": emotion for turn, emotion in TURNS.items() if turn.startswith(dialogue)}
            text = HEADER + "".join(line(turn, emotion) for turn, emotion in turns.items())
            make(root, [f"Session{session}/dialog/EmoEvaluation/{name}.txt"], text.encode())
            make(root, [f"Session{session}/dialog/EmoEvaluation/Categorical/{name}_e1_cat.txt"], b"[nothing]\tof\tuse")
            make(root, [f"Session{session}/dialog/wav/{name}.{suffix}"])
            make(root, [f"Session{session}/sentences/wav/{name}/{turn}.{suffix}" for turn in turns])


@pytest.fixture
def small(tmp_path: Path) -> Path:
    write(tmp_path / "iemocap")
    return tmp_path / "iemocap"


def evaluation(root: Path) -> Path:
    return root / "Session1/dialog/EmoEvaluation/Ses01F_impro01.txt"


def test_turns_are_understood(small, tmp_path):
    trials = iemocap.read(tmp_path, options()).trials.set_index("id")
    assert len(trials) == 5 * 5
    # The speaker is the letter of the last field: the man speaks while the woman wears the markers (Ses01F).
    path = "iemocap/Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_M000.wav"
    expected = (path, "Ses01M", "angry", "male", None, "improvised", 5)
    assert tuple(trials.loc["Ses01F_impro01_M000"]) == expected
    scripted = trials.loc["Ses05F_script01_1b_M000", ["speaker", "label", "sentence"]]
    assert tuple(scripted) == ("Ses05M", "sad", "scripted")
    assert list(trials.loc[["Ses02F_impro01_F001", "Ses02F_impro01_M001"], "label"]) == ["happy", "happy"]


def test_turns_outside_the_classes_are_left_out_and_counted(small, tmp_path):
    four = iemocap.read(tmp_path, options()).report["left_out"]
    assert {reason: left["count"] for reason, left in four.items()} == {
        "no majority (xxx)": 5,
        "frustration (fru)": 5,
        "surprise (sur)": 5,
    }
    seven = iemocap.read(tmp_path, options(classes="seven"))
    assert set(seven.report["left_out"]) == {"no majority (xxx)", "frustration (fru)"}
    assert seven.report["trials"] == {
        "neutral": 5,
        "happy": 10,
        "sad": 5,
        "angry": 5,
        "fearful": 0,
        "disgust": 0,
        "surprised": 5,
    }


def test_the_published_counts():
    # 10,039 turns, of which 2,507 have no majority, 1,849 are frustrated and 3 of another emotion.
    assert sum(iemocap.FOUR.labels.values()) == sum(iemocap.FOUR.speakers.values()) == 5531
    assert sum(iemocap.PUBLISHED["seven"].labels.values()) + 2507 + 1849 + 3 == 10039


def test_departures_from_the_published_counts_are_reported(small, tmp_path):
    departures = iemocap.read(tmp_path, options(official=True)).departures
    assert "label happy has 10 utterances, published are 1636" in departures
    assert "speaker Ses01F has 2 utterances, published are 528" in departures


def test_one_session_is_left_out_in_turn(small, tmp_path):
    folds = iemocap.read(tmp_path, options()).folds
    assert [(fold.name, sorted(fold.eval), sorted(fold.dev)) for fold in folds] == [
        (str(n), [f"Ses0{n}F", f"Ses0{n}M"], [f"Ses0{n % 5 + 1}F", f"Ses0{n % 5 + 1}M"]) for n in range(1, 6)
    ]


def test_other_packagings_have_the_same_trials(small, tmp_path):
    expected = iemocap.read(tmp_path, options()).trials.drop(columns="path")
    write(tmp_path / "zip" / "IEMOCAP_full_release", suffix="FLAC")
    other = iemocap.read(tmp_path, options(root="zip")).trials
    assert other.drop(columns="path").equals(expected)
    assert other["path"][0].startswith("zip/IEMOCAP_full_release/Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_")


def test_absent_audio_is_counted_and_not_refused(small, tmp_path):
    turn = "Session3/sentences/wav/Ses03F_impro01/Ses03F_impro01_F000.wav"
    (small / turn).unlink()
    corpus = iemocap.read(tmp_path, options())
    assert corpus.report["absent"] == {"count": 1, "examples": [f"iemocap/{turn}"]}
    assert corpus.trials["bytes"].isna().sum() == 1
    assert len(corpus.trials) == 25


def test_macos_files_and_comments_in_other_encodings_do_no_harm(small, tmp_path):
    expected = iemocap.read(tmp_path, options()).trials
    make(small, ["Session1/dialog/EmoEvaluation/._Ses01F_impro01.txt"], b"[\x00\x05\x16\x07")
    make(small, ["Session1/sentences/wav/Ses01F_impro01/._Ses01F_impro01_F000.wav"])
    with evaluation(small).open("ab") as file:
        file.write(b"C-E4:\tOther;\t(she\x92s bored)\n")
    corpus = iemocap.read(tmp_path, options())
    assert corpus.trials.equals(expected)
    assert corpus.report["left_out"]["a macOS resource fork"]["count"] == 2


def test_a_byte_order_mark_loses_no_turn(small, tmp_path):
    expected = iemocap.read(tmp_path, options()).trials
    for path in small.glob("Session*/dialog/EmoEvaluation/*.txt"):
        lines = [line for line in path.read_text().splitlines() if line.startswith("[")]
        path.write_text("\ufeff" + "\n".join(lines), encoding="utf-8")
    assert iemocap.read(tmp_path, options()).trials.equals(expected)


def test_audio_without_evaluations_is_told(small, tmp_path):
    for folder in small.glob("Session*/dialog"):
        shutil.rmtree(folder)
    count = len(list(small.rglob("*.wav")))
    message = (
        rf"nothing of it at .*, but {count} files: {count} audio that no evaluation lists .*; expected eval.* Session1"
    )
    with pytest.raises(CorpusMissing, match=message):
        iemocap.provide(tmp_path, options())


def test_any_folder_around_the_sessions_will_do(small, tmp_path):
    expected = iemocap.read(tmp_path, options()).trials
    (tmp_path / "zip/IEMOCAP").mkdir(parents=True)
    small.rename(tmp_path / "zip/IEMOCAP/release")
    zipped = iemocap.read(tmp_path, options(root="zip")).trials
    assert zipped.drop(columns="path").equals(expected.drop(columns="path"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1.0 - 2.0]\tSes01F_impro01_F009\tjoy\t[1, 1, 1]", "unknown emotion 'joy', expected one of neu, hap, exc, "),
        ("[1.0 - 2.0]\tSes01F_impro01_F000\tneu\t[1, 1, 1]", "lists Ses01F_impro01_F000 for the second time"),
        ("[1.0 - 2.0]\tSes09F_impro01_F000\tneu\t[1, 1, 1]", "is not in the form"),
        ("[1.0 - 2.0] Ses01F_impro01_F009 neu", "is not in the form"),
    ],
)
def test_a_faulty_line_is_refused_with_its_place(small, tmp_path, text, message):
    path = evaluation(small)
    path.write_text(path.read_text() + text + "\n")
    with pytest.raises(ValueError) as caught:
        iemocap.read(tmp_path, options())
    number = path.read_text().splitlines().index(text) + 1
    assert f"{path}:{number}: {text!r}" in str(caught.value)
    assert message in str(caught.value)


def test_wrong_options_are_refused_with_the_valid_ones(small, tmp_path):
    with pytest.raises(ValueError, match="classes is 'nine', expected one of four, seven"):
        iemocap.read(tmp_path, options(classes="nine"))
    with pytest.raises(ValueError, match="unknown label 'surprised', expected one of neutral, happy, sad, angry"):
        iemocap.read(tmp_path, options(labels=("surprised",)))
    with pytest.raises(ValueError, match="unknown speaker 'Ses01', expected one of Ses01F, Ses01M"):
        iemocap.read(tmp_path, options(speakers=("Ses01",)))


def test_a_missing_corpus_says_where_to_get_it(tmp_path):
    (tmp_path / "iemocap").mkdir()
    with pytest.raises(CorpusMissing, match=r"IEMOCAP: nothing at .*sail\.usc\.edu/iemocap"):
        iemocap.provide(tmp_path, options())
