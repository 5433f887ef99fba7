from collections import Counter
from pathlib import Path

import pytest

from voxdag.corpora.corpus import CorpusMissing
from voxdag.corpora.readers import crema_d
from voxdag.corpora.readers.crema_d import EMOTIONS, SENTENCES, VOTES, Options

ACTORS = [str(actor) for actor in range(1001, 1092)]
# github.com/CheyneyComputerScience/CREMA-D, AudioWAV at 1658cd34: every actor says every sentence in every emotion, IEO
# in three intensities but for neutral, except these 20 clips.
ABSENT = {"1002_TIE_NEU_XX", "1076_ITS_NEU_XX"} | {
    f"{take}_{emotion}_XX" for take in ("1008_WSI", "1009_MTI", "1019_ITH") for emotion in EMOTIONS
}


def takes(actors: list[str]) -> list[str]:
    return [
        f"{actor}_{sentence}_{emotion}_{intensity}"
        for actor in actors
        for sentence in SENTENCES
        for emotion in EMOTIONS
        for intensity in (("LO", "MD", "HI") if sentence == "IEO" and emotion != "NEU" else ("XX",))
    ]


def options(**changes: object) -> Options:
    given = {
        "root": "crema",
        "labels": None,
        "speakers": None,
        "folds": "standard",
        "official": True,
        "allow_departures": False,
    }
    return Options(**given | {"labels_from": "acted"} | changes)


def make(root: Path, names: list[str], content: bytes = b"audio") -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The corpora folder of a CREMA-D with every published name."""
    folder = tmp_path_factory.mktemp("corpora")
    make(folder / "crema", [f"AudioWAV/{name}.wav" for name in takes(ACTORS) if name not in ABSENT])
    return folder


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """One sentence of an actor of each of the five groups; one clip of 1001 with each kind of vote."""
    names = [f"{actor}_DFA_{emotion}_XX" for actor in ("1001", "1019", "1037", "1055", "1073") for emotion in EMOTIONS]
    make(tmp_path / "crema", [f"AudioWAV/{name}.wav" for name in names])
    votes = {name: "N" for name in names} | {"1001_DFA_HAP_XX": "H", "1001_DFA_FEA_XX": "A:F", "1001_DFA_SAD_XX": "S"}
    lines = ['"","FileName","VoiceVote","VoiceLevel"']
    lines += [f'"{n}","{name}","{vote}","50"' for n, (name, vote) in enumerate(votes.items(), start=1)]
    make(tmp_path / "crema", [VOTES], "\n".join(lines).encode())
    return tmp_path / "crema"


def test_the_published_counts(whole):
    corpus = crema_d.read(whole, options())
    assert len(corpus.trials) == 7442
    assert corpus.report["trials"] == {
        "neutral": 1087,
        **dict.fromkeys(["happy", "sad", "angry", "fearful", "disgust"], 1271),
    }
    assert corpus.departures == ()
    assert Counter(corpus.trials["intensity"]) == {"unspecified": 6077, "low": 455, "medium": 455, "high": 455}
    # VideoDemographics.csv: 48 men, 43 women; 1001 is a man, 1002 and 1091 are women.
    sexes = dict(zip(corpus.trials["speaker"], corpus.trials["sex"], strict=True))
    assert Counter(sexes.values()) == {"male": 48, "female": 43}
    assert [sexes[actor] for actor in ("1001", "1002", "1090", "1091")] == ["male", "female", "male", "female"]


def test_the_folds_are_emo_superbs(whole):
    corpus = crema_d.read(whole, options())
    clips = corpus.report["speakers"]
    # github.com/EMOsuperb/EMO-SUPERB-submission, data/CREMA-D/Primary/labels_consensus_{1..5}.csv at 4167e30: first and
    # last actor and number of clips of Test, then of Development.
    expected = [
        ("1001", "1018", 1463, "1019", "1036", 1470),
        ("1019", "1036", 1470, "1037", "1054", 1476),
        ("1037", "1054", 1476, "1055", "1072", 1476),
        ("1055", "1072", 1476, "1073", "1091", 1557),
        ("1073", "1091", 1557, "1001", "1018", 1463),
    ]
    for fold, row in zip(corpus.folds, expected, strict=True):
        for speakers, (first, last, count) in ((fold.eval, row[:3]), (fold.dev, row[3:])):
            assert speakers == {actor for actor in ACTORS if first <= actor <= last}
            assert sum(clips[speaker] for speaker in speakers) == count


def test_a_name_is_understood(small, tmp_path):
    make(small, ["AudioWAV/1001_IEO_ANG_HI.wav"])
    row = crema_d.read(tmp_path, options()).trials.set_index("id").loc["1001_IEO_ANG_HI"]
    assert tuple(row) == ("crema/AudioWAV/1001_IEO_ANG_HI.wav", "1001", "angry", "male", "high", "IEO", 5)
    trials = crema_d.read(tmp_path, options()).trials.set_index("id")
    names = [f"1019_DFA_{code}_XX" for code in ("ANG", "DIS", "FEA", "HAP", "NEU", "SAD")]
    assert list(trials.loc[names, "label"]) == ["angry", "disgust", "fearful", "happy", "neutral", "sad"]


def test_the_misnamed_file_of_early_releases_gets_its_name(small, tmp_path):
    make(small, ["AudioWAV/1040_ITH_SAD_X.wav"])
    row = crema_d.read(tmp_path, options()).trials.set_index("id").loc["1040_ITH_SAD_XX"]
    assert tuple(row[["path", "label", "intensity"]]) == ("crema/AudioWAV/1040_ITH_SAD_X.wav", "sad", "unspecified")


def test_a_flat_folder_and_a_clone_with_mp3_have_the_same_trials(small, tmp_path):
    expected = crema_d.read(tmp_path, options()).trials
    names = [path.stem for path in small.glob("AudioWAV/*.wav")]
    make(small, [f"AudioMP3/{name}.mp3" for name in names], b"another size")
    assert crema_d.read(tmp_path, options()).trials.equals(expected)
    make(tmp_path / "flat", [f"{name}.WAV" for name in names])
    flat = crema_d.read(tmp_path, options(root="flat")).trials
    assert flat.drop(columns="path").equals(expected.drop(columns="path"))


def test_a_zip_of_the_repository_one_folder_down_has_the_same_trials(small, tmp_path):
    expected = crema_d.read(tmp_path, options(labels_from="voice_vote"))
    make(small, [f"AudioMP3/{path.stem}.mp3" for path in small.glob("AudioWAV/*.wav")], b"another size")
    (tmp_path / "zip").mkdir()
    small.rename(tmp_path / "zip/CREMA-D-master")
    zipped = crema_d.read(tmp_path, options(root="zip", labels_from="voice_vote"))
    assert zipped.trials.drop(columns="path").equals(expected.trials.drop(columns="path"))
    assert zipped.trials["path"][0] == "zip/CREMA-D-master/AudioWAV/1001_DFA_ANG_XX.wav"
    assert zipped.report == expected.report


def test_the_votes_may_lie_beside_the_files_alone(small, tmp_path):
    expected = crema_d.read(tmp_path, options(labels_from="voice_vote")).trials
    for path in small.glob("AudioWAV/*.wav"):
        path.rename(small / path.name)
    (small / "AudioWAV").rmdir()
    flat = crema_d.read(tmp_path, options(labels_from="voice_vote")).trials
    assert flat.drop(columns="path").equals(expected.drop(columns="path"))


def as_spreadsheets_save_it(text):
    lines = [line.replace('"', "").split(",") for line in text.splitlines()]
    return "\ufeff" + "".join(";".join([name, number, *cells]) + "\r\n" for number, name, *cells in lines) + ";;;\r\n"


@pytest.mark.parametrize("change", [as_spreadsheets_save_it, lambda text: "\ufeff" + text])
def test_votes_that_a_spreadsheet_saved_are_the_same(small, tmp_path, change):
    expected = crema_d.read(tmp_path, options(labels_from="voice_vote"))
    (small / VOTES).write_text(change((small / VOTES).read_text()), encoding="utf-8", newline="")
    corpus = crema_d.read(tmp_path, options(labels_from="voice_vote"))
    assert corpus.trials.equals(expected.trials) and corpus.report == expected.report


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("FileName,FaceVote\n1001_DFA_SAD_XX,S\n", "summaryTable.csv:1: no column VoiceVote in the header"),
        ("FileName;VoiceVote\n1001_DFA_SAD_XX\n", "summaryTable.csv:2: '1001_DFA_SAD_XX' has 1 cells, expected 2"),
        ("FileName,VoiceVote\nx,S\nx,S\nx,N\n", "summaryTable.csv:4: another vote for x than above"),
        ("version https://git-lfs.github.com/spec/v1\n", "summaryTable.csv is a pointer of Git LFS"),
    ],
)
def test_a_table_of_votes_in_another_form_is_refused_with_its_file(small, tmp_path, text, message):
    (small / VOTES).write_text(text)
    with pytest.raises(ValueError, match=message):
        crema_d.read(tmp_path, options(labels_from="voice_vote"))


@pytest.mark.parametrize("root", ["crema", "crema/AudioWAV"])
def test_voice_votes_replace_the_acted_labels_and_ties_are_left_out(small, tmp_path, root):
    corpus = crema_d.read(tmp_path, options(root=root, labels_from="voice_vote"))
    labels = dict(zip(corpus.trials["id"], corpus.trials["label"], strict=True))
    assert {name: label for name, label in labels.items() if name.startswith("1001")} == {
        "1001_DFA_NEU_XX": "neutral",
        "1001_DFA_HAP_XX": "happy",
        "1001_DFA_SAD_XX": "sad",
        "1001_DFA_ANG_XX": "neutral",
        "1001_DFA_DIS_XX": "neutral",
    }
    assert corpus.report["left_out"]["a tie in the voice vote"] == {"count": 1, "examples": ["1001_DFA_FEA_XX.wav"]}
    assert corpus.report["labels_from"] == "voice_vote"


def test_a_clip_without_a_vote_is_left_out_and_counted(small, tmp_path):
    make(small, ["AudioWAV/1002_DFA_SAD_XX.wav"])
    report = crema_d.read(tmp_path, options(labels_from="voice_vote")).report
    assert report["left_out"]["not in the table of votes"]["examples"] == ["1002_DFA_SAD_XX.wav"]


def test_the_published_votes_and_ties_are_all_the_clips():
    # processedResults/summaryTable.csv at 1658cd34: 644 ties.
    assert sum(crema_d.PUBLISHED_VOTES.labels.values()) + 644 == sum(crema_d.PUBLISHED.labels.values()) == 7442
    assert sum(crema_d.PUBLISHED.speakers.values()) == 7442


def test_wrong_votes_and_a_missing_table_are_refused(small, tmp_path):
    table = small / VOTES
    table.write_text('"","FileName","VoiceVote"\n"1","1001_DFA_SAD_XX","S:Q"\n')
    with pytest.raises(ValueError, match="1001_DFA_SAD_XX: unknown vote 'Q', expected one of N, H, S, A, F, D"):
        crema_d.read(tmp_path, options(labels_from="voice_vote"))
    table.unlink()
    with pytest.raises(CorpusMissing, match=r"table of votes .*summaryTable\.csv"):
        crema_d.provide(tmp_path, options(labels_from="voice_vote"))
    with pytest.raises(ValueError, match="labels_from is 'face', expected one of acted, voice_vote"):
        crema_d.provide(tmp_path, options(labels_from="face"))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("1092_DFA_ANG_XX", "unknown actor '1092', expected one of 1001, .*, 1091"),
        ("1001_ABC_ANG_XX", "unknown sentence 'ABC', expected one of DFA, .*, WSI"),
        ("1001_DFA_SUR_XX", "unknown emotion 'SUR', expected one of NEU, HAP, SAD, ANG, FEA, DIS"),
        ("1001_DFA_ANG_UP", "unknown intensity 'UP', expected one of LO, MD, HI, XX"),
    ],
)
def test_a_code_that_is_not_defined_is_refused_with_its_file(small, tmp_path, name, message):
    make(small, [f"AudioWAV/{name}.wav"])
    with pytest.raises(ValueError, match=f"{name}.wav: {message}"):
        crema_d.read(tmp_path, options())


def test_a_missing_corpus_says_where_to_get_it(tmp_path):
    with pytest.raises(CorpusMissing, match="CREMA-D: nothing at .*github.com/CheyneyComputerScience/CREMA-D"):
        crema_d.provide(tmp_path, options())
