from pathlib import Path

import pytest

from voxdag.core.errors import Refused
from voxdag.corpora.corpus import CorpusMissing
from voxdag.corpora.readers.dns import Options, provide, read

TEST = "test_set/synthetic"
# Names as the test set and the synthesizer have them; sorted by name, clean and noisy would be paired otherwise.
EVAL = [
    ("clnsp1_train_69005_1_snr15_tl-21_fileid_158", 158),
    ("clnsp102_traffic_248091_3_snr0_tl-21_fileid_268", 268),
    ("clnsp52_amMeH4u6AO4_snr5_tl-18_fileid_19", 19),
    ("clnsp1_wind_97396_2_snr-4_tl-26_fileid_7", 7),
]
TRAIN = [
    ("book_00000_chp_0009_reader_06709_0_door_Freesound_validated_409299_0_snr15_tl-24_fileid_1", 1),
    ("book_00000_chp_0009_reader_06709_1_---1_cCGK4M_snr38_tl-30_fileid_2", 2),
    ("book_00011_chp_0021_reader_10096_2_seg_1_keyboard_Freesound_321_1_snr8_tl-19_fileid_10", 10),
    ("book_00012_chp_0001_reader_00013_2_MTzjwt0Sgo0_snr20_tl-22_fileid_11", 11),
]


def options(**changes: object) -> Options:
    given = {"root": "dns", "training": "training", "reverb": "no_reverb", "dev_share": 0.3, "seed": 1}
    return Options(**given | {"official": False, "allow_departures": False} | changes)


def make(root: Path, names: list[str], content: bytes = b"audio") -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)


def lay_out(root: Path, test: str = f"{TEST}/no_reverb", clean: str = "clean", ending: str = "wav") -> Path:
    for place, side, names in ((test, clean, EVAL), ("training", "clean", TRAIN)):
        make(root, [f"{place}/noisy/{name}.{ending}" for name, _ in names], b"noisy audio")
        make(root, [f"{place}/{side}/clean_fileid_{number}.{ending}" for _, number in names], b"clean")
    return root


@pytest.fixture
def dns(tmp_path: Path) -> Path:
    return lay_out(tmp_path / "dns")


def test_pairs_are_matched_by_file_id_and_not_by_their_order(dns, tmp_path):
    trials = read(tmp_path, options()).trials
    assert len(trials) == 8
    for row in trials.to_dict("records"):
        number = row["path"].rpartition("_fileid_")[2]
        assert row["clean"].endswith(f"/clean/clean_fileid_{number}")
    by_name = sorted(name for name, _ in EVAL)
    assert [name.rpartition("_")[2] for name in by_name] != sorted(str(number) for _, number in EVAL)


def test_names_say_everything(dns, tmp_path):
    rows = read(tmp_path, options()).trials.set_index("id")
    assert rows.loc["eval_158"].to_dict() == {
        "path": f"dns/{TEST}/no_reverb/noisy/{EVAL[0][0]}.wav",
        "clean": f"dns/{TEST}/no_reverb/clean/clean_fileid_158.wav",
        **{"split": "eval", "speaker": "clnsp1", "noise": "train", "snr": 15.0, "bytes": 11, "clean_bytes": 5},
        "level": "-21",
    }
    assert rows.loc["eval_7", ["speaker", "noise", "snr", "level"]].tolist() == ["clnsp1", "wind", -4.0, "-26"]
    assert rows.loc["eval_268", "noise"] == "traffic"
    assert rows.loc["train_1", ["speaker", "noise", "snr"]].tolist() == ["reader_06709", "door", 15.0]
    assert rows.loc["train_10", ["speaker", "noise", "snr"]].tolist() == ["reader_10096", "keyboard", 8.0]


def test_of_audioset_a_name_tells_no_type_and_none_is_guessed(dns, tmp_path):
    corpus = read(tmp_path, options())
    rows = corpus.trials.set_index("id")
    assert rows.loc[["eval_19", "train_2", "train_11"], "noise"].isna().all()
    assert corpus.report["noise_unknown"] == 3 and corpus.report["snr_unknown"] == 0


def test_dev_are_readers_with_all_that_they_read(dns, tmp_path):
    splits = {seed: read(tmp_path, options(seed=seed)).trials for seed in range(6)}
    for trials in splits.values():
        assert trials.groupby("speaker")["split"].nunique().max() == 1
        assert set(trials["split"]) == {"train", "dev", "eval"}
        assert trials.loc[trials["split"] == "dev", "speaker"].nunique() == 1  # .3 of three readers
    assert len({tuple(trials.loc[trials["split"] == "dev", "speaker"].unique()) for trials in splits.values()}) > 1


def test_who_is_no_reader_is_never_dev_where_there_are_readers(dns, tmp_path):
    for path in (dns / "training/noisy").glob("*fileid_1[01].wav"):
        path.rename(path.with_name(path.name.replace("reader", "voice")))
    make(
        dns,
        [
            "training/noisy/book_1_reader_77_2_MTzjwt0Sgo0_snr20_tl-22_fileid_12.wav",
            "training/clean/clean_fileid_12.wav",
        ],
    )
    for seed in range(8):
        trials = read(tmp_path, options(seed=seed)).trials
        assert trials.loc[trials["split"] == "dev", "speaker"].str.startswith("reader_").all()


def test_a_reader_of_the_test_set_stays_there(dns, tmp_path):
    name = f"{TEST}/no_reverb/noisy/book_00000_reader_06709_9_door_69005_1_snr3_tl-21_fileid_900.wav"
    make(dns, [name, f"{TEST}/no_reverb/clean/clean_fileid_900.wav"])
    for seed in range(8):
        assert (read(tmp_path, options(seed=seed)).trials["split"] == "eval").sum() == 5  # prepare tells the leak


def test_where_no_name_tells_a_reader_a_recording_is_a_speaker(dns, tmp_path):
    for path in (dns / "training/noisy").iterdir():
        path.rename(path.with_name(path.name.replace("reader", "voice")))
    trials = read(tmp_path, options()).trials
    assert set(trials.loc[trials["split"] != "eval", "speaker"]) == {"train_1", "train_2", "train_10", "train_11"}
    assert (trials["split"] == "dev").sum() == 1


@pytest.mark.parametrize(
    ("place", "clean", "ending"),
    [
        (f"{TEST}/no_reverb", "clean_y", "wav"),
        (f"datasets/{TEST}/no_reverb", "clean", "wav"),
        (f"DNS-Challenge/datasets/{TEST}/no_reverb", "clean", "flac"),
    ],
)
def test_every_packaging_has_the_same_pairs(dns, tmp_path, place, clean, ending):
    expected = read(tmp_path, options()).trials.drop(columns=["path", "clean"])
    lay_out(tmp_path / "other", place, clean, ending)
    assert read(tmp_path, options(root="other")).trials.drop(columns=["path", "clean"]).equals(expected)


def test_the_part_with_reverberation_is_another_test_set(dns, tmp_path):
    make(dns, [f"{TEST}/with_reverb/noisy/{EVAL[0][0]}.wav", f"{TEST}/with_reverb/clean_y/clean_fileid_158.wav"])
    trials = read(tmp_path, options(reverb="with_reverb")).trials
    assert trials.loc[trials["split"] == "eval", "clean"].tolist() == [
        f"dns/{TEST}/with_reverb/clean_y/clean_fileid_158.wav"
    ]
    assert (read(tmp_path, options()).trials["split"] == "eval").sum() == 4


def test_an_empty_folder_of_clean_speech_does_not_hide_the_other(dns, tmp_path):
    make(dns, [f"{TEST}/with_reverb/noisy/{EVAL[0][0]}.wav", f"{TEST}/with_reverb/clean_y/clean_fileid_158.wav"])
    (dns / TEST / "with_reverb/clean").mkdir()
    trials = read(tmp_path, options(reverb="with_reverb")).trials
    assert trials.loc[trials["split"] == "eval", "clean"].tolist() == [
        f"dns/{TEST}/with_reverb/clean_y/clean_fileid_158.wav"
    ]


def test_the_test_set_alone_can_be_evaluated_on(dns, tmp_path):
    (dns / "training").rename(tmp_path / "elsewhere")
    assert set(read(tmp_path, options()).trials["split"]) == {"eval"}


def test_a_noisy_file_without_its_clean_one_is_absent_by_the_clean_ones_name(dns, tmp_path):
    (dns / "training/clean/clean_fileid_10.wav").unlink()
    make(dns, ["training/clean/clean_fileid_99.wav", "training/noisy/notes.txt", "training/noisy/other.wav"])
    report = read(tmp_path, options()).report
    assert report["absent"] == {"count": 1, "examples": ["dns/training/clean/clean_fileid_10.wav"]}
    assert {reason: left["examples"] for reason, left in report["left_out"].items()} == {
        "a clean file without a noisy one": ["dns/training/clean/clean_fileid_99.wav"],
        "a name of another form": ["dns/training/noisy/other.wav"],
        "not audio": ["dns/training/noisy/notes.txt"],
    }


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "training/noisy/clnsp3_door_6900_1_tl-21_fileid_55.wav",
            "fileid_55.*: expected a name like clnsp1_door_69005_1",
        ),
        # as long as the other, as all of them are: not a second copy
        (
            "training/noisy/clnsp3_door_6900_1_snr3_tl-21_fileid_1.wav",
            "fileid_1.wav and .*fileid_1.wav have one file id",
        ),
        ("training/clean/synthetic_clean_fileid_1.wav", "clean_fileid_1.wav and .*clean_fileid_1.wav have one file id"),
    ],
)
def test_names_that_cannot_be_understood_are_refused_with_the_file(dns, tmp_path, name, message):
    make(dns, [name], b"noisy audio" if "noisy" in name else b"clean")
    with pytest.raises(Refused, match=message):
        read(tmp_path, options())


def test_the_published_test_set_has_150_pairs(dns, tmp_path):
    corpus = read(tmp_path, options(official=True))
    assert corpus.departures == ("the test set has 4 pairs, published are 150",) == tuple(corpus.report["departures"])
    more = [f"clnsp{number}_door_69005_1_snr3_tl-21_fileid_{number}" for number in range(300, 446)]
    make(dns, [f"{TEST}/no_reverb/noisy/{name}.wav" for name in more])
    make(dns, [f"{TEST}/no_reverb/clean/clean_fileid_{number}.wav" for number in range(300, 446)])
    assert read(tmp_path, options(official=True)).departures == ()


def test_a_missing_corpus_says_where_to_get_it(dns, tmp_path):
    message = (
        r"DNS Challenge: nothing at .*test_set/synthetic/with_reverb/noisy. Get it from https://github.com/microsoft"
    )
    with pytest.raises(CorpusMissing, match=message):
        provide(tmp_path, options(reverb="with_reverb"))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"reverb": "some"}, "reverb is 'some', expected one of no_reverb, with_reverb"),
        ({"dev_share": -0.1}, "dev_share is -0.1, expected a share from 0 to 1"),
    ],
)
def test_wrong_options_are_refused(wrong, message):
    with pytest.raises(Refused, match=message):
        options(**wrong)
