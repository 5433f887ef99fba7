import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from voxdag.core.errors import Refused
from voxdag.corpora.corpus import Corpus, CorpusMissing
from voxdag.corpora.readers import voicebank_demand
from voxdag.corpora.readers.voicebank_demand import NOISY_TEST, Options, provide, read
from voxdag.tasks.enhance import gate

LOGS = {
    "log_trainset_28spk.txt": ["p226_001 babble 15", "p226_002 cafeteria 5", "p227_001 ssn 0", "p287_003 car 10"],
    "log_testset.txt": ["p232_001 bus 17.5", "p232_002 cafe 2.5", "p257_002 living 7.5"],
}
FOLDERS = {"log_trainset_28spk.txt": "trainset_28spk_wav", "log_testset.txt": "testset_wav"}


def options(**changes: object) -> Options:
    given = {"root": "vbd", "speakers": 28, "dev_speakers": ("p226", "p287"), "official": False}
    return Options(**given | {"allow_departures": False} | changes)


def make(root: Path, names: list[str], content: bytes = b"audio") -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)


def utterances(log: str) -> list[str]:
    return [line.split()[0] for line in LOGS[log]]


def lay_out(root: Path, form: str = "{side}_{name}/{utterance}.wav", logs: str = ".") -> Path:
    """The corpus of LOGS; a clean file has another size than its noisy one."""
    for log, lines in LOGS.items():
        for side, content in (("noisy", b"noisy audio"), ("clean", b"clean")):
            names = [form.format(side=side, name=FOLDERS[log], utterance=name) for name in utterances(log)]
            make(root, names, content)
        make(root, [f"{logs}/{log}"], "".join(f"{line}\n" for line in lines).encode())
    return root


@pytest.fixture
def vbd(tmp_path: Path) -> Path:
    return lay_out(tmp_path / "vbd")


def test_names_and_logs_say_everything(vbd, tmp_path):
    corpus = read(tmp_path, options())
    rows = corpus.trials.set_index("id")
    assert rows["split"].to_dict() == {
        **{"p226_001": "dev", "p226_002": "dev", "p227_001": "train", "p287_003": "dev"},
        **dict.fromkeys(["p232_001", "p232_002", "p257_002"], "eval"),
    }
    assert rows.loc["p257_002"].to_dict() == {
        "path": "vbd/noisy_testset_wav/p257_002.wav",
        "clean": "vbd/clean_testset_wav/p257_002.wav",
        **{"split": "eval", "speaker": "p257", "noise": "living", "snr": 7.5, "bytes": 11, "clean_bytes": 5},
    }
    assert corpus.departures is None and corpus.tables == {} and corpus.folds == ()
    assert corpus.report["trials"] == {"train": 1, "dev": 3, "eval": 3}
    assert corpus.report["snrs"]["dev"] == {"5": 1, "10": 1, "15": 1}
    assert corpus.report["noises"]["eval"] == {"bus": 1, "cafe": 1, "living": 1}
    assert corpus.report["not_in_log"]["count"] == corpus.report["absent"]["count"] == 0


@pytest.mark.parametrize(
    ("form", "logs"),
    [
        ("{side}_{name}/{side}_{name}/{utterance}.wav", "logfiles"),  # each zip into a folder of its name
        ("zips/{side}_{name}/{side}_{name}/{utterance}.wav", "zips/logfiles/logfiles"),
        ("VBD/16k/{side}_{name}/{utterance}.wav", "VBD/logfiles"),
        ("{side}_{name}_16k/{utterance}.flac", "."),
        ("{side}_{name}/{utterance}.WAV", "."),
    ],
)
def test_every_packaging_has_the_same_pairs(vbd, tmp_path, form, logs):
    expected = read(tmp_path, options()).trials.drop(columns=["path", "clean"])
    lay_out(tmp_path / "other", form, logs)
    assert read(tmp_path, options(root="other")).trials.drop(columns=["path", "clean"]).equals(expected)


def test_the_layout_that_many_programs_keep(vbd, tmp_path):
    expected = read(tmp_path, options()).trials.drop(columns=["path", "clean"])
    for log, split in (("log_trainset_28spk.txt", "train"), ("log_testset.txt", "test")):
        for side, content in (("noisy", b"noisy audio"), ("clean", b"clean")):
            make(tmp_path / "user", [f"{split}/{side}/{name}.wav" for name in utterances(log)], content)
        (tmp_path / "user" / log).write_text("\n".join(LOGS[log]))
    trials = read(tmp_path, options(root="user")).trials
    assert trials.drop(columns=["path", "clean"]).equals(expected)
    assert trials["clean"][0] == "user/train/clean/p226_001.wav"
    # {train,test}/{clean,noisy} somewhere below, in a folder whose own name has a side in it
    (tmp_path / "up/noisy_speech").mkdir(parents=True)
    (tmp_path / "user").rename(tmp_path / "up/noisy_speech/user")
    assert read(tmp_path, options(root="up")).trials.drop(columns=["path", "clean"]).equals(expected)


def test_zip_files_beside_what_was_unpacked_are_not_taken_for_it(vbd, tmp_path):
    make(tmp_path / "zips", ["noisy_testset_wav.zip", "clean_testset_wav.zip"])
    vbd.rename(tmp_path / "zips/unpacked")
    assert len(read(tmp_path, options(root="zips")).trials) == 7


def test_two_rates_side_by_side_are_not_mixed(tmp_path):
    for rate in ("16k", "48k"):
        lay_out(tmp_path / "vbd" / rate)
    make(
        tmp_path / "vbd/48k/noisy_testset_wav", [f"{name}.wav" for name in utterances("log_testset.txt")], b"longer one"
    )
    assert set(read(tmp_path, options()).trials["path"].str.split("/").str[1]) == {"16k"}


def test_of_two_copies_in_one_place_the_one_of_the_official_name_is_read(vbd, tmp_path):
    expected = read(tmp_path, options()).trials
    lay_out(vbd, "{side}_{name}_16k/{utterance}.wav")
    assert read(tmp_path, options()).trials.equals(expected)


def test_the_speakers_choose_the_training_set_and_dev(vbd, tmp_path):
    names = [
        f"{side}_trainset_56spk_wav/{name}.wav" for side in ("noisy", "clean") for name in ("p234_001", "p236_001")
    ]
    make(vbd, names)
    (vbd / "log_trainset_56spk.txt").write_text("p234_001 kitchen 5\np236_001 station 10\n")
    trials = read(tmp_path, options(speakers=56, dev_speakers=("p236",))).trials
    assert trials[["id", "split"]].to_numpy().tolist()[:2] == [["p234_001", "train"], ["p236_001", "dev"]]
    assert trials["noise"].tolist()[:2] == ["kitchen", "station"]


def test_a_dev_speaker_who_is_not_in_train_is_named_and_the_test_set_can_be_read(vbd, tmp_path, caplog):
    trials = read(tmp_path, options(dev_speakers=("p287", "p286"))).trials
    assert set(trials["speaker"][trials["split"] == "dev"]) == {"p287"} and (trials["split"] == "eval").any()
    assert caplog.messages == ["vbd: dev_speakers names p286, train has p226, p227, p287"]


def test_the_test_set_alone_can_be_evaluated_on(vbd, tmp_path):
    for side in ("noisy", "clean"):
        (vbd / f"{side}_trainset_28spk_wav").rename(tmp_path / f"{side}-elsewhere")
    assert set(read(tmp_path, options()).trials["split"]) == {"eval"}


# --- what is missing ---


def test_an_utterance_that_no_log_lists_is_counted_and_nothing_is_guessed(vbd, tmp_path):
    (vbd / "log_testset.txt").write_text("p232_001 bus 17.5\n")
    corpus = read(tmp_path, options())
    rows = corpus.trials.set_index("id")
    assert rows.loc["p257_002", ["noise", "snr"]].isna().all() and rows.loc["p232_001", "snr"] == 17.5
    assert corpus.report["not_in_log"] == {"count": 2, "examples": ["p232_002", "p257_002"]}
    assert corpus.report["noise_unknown"] == corpus.report["snr_unknown"] == 2
    for log in LOGS:
        (vbd / log).unlink()
    assert read(tmp_path, options()).report["not_in_log"]["count"] == 7


def test_a_noisy_file_without_its_clean_one_is_absent_by_the_clean_ones_name(vbd, tmp_path):
    (vbd / "clean_testset_wav/p232_002.wav").unlink()
    corpus = read(tmp_path, options())
    assert corpus.report["absent"] == {"count": 1, "examples": ["vbd/clean_testset_wav/p232_002.wav"]}
    assert corpus.trials.set_index("id")["clean_bytes"].isna().to_dict()["p232_002"]


def test_an_utterance_that_is_listed_and_has_no_noisy_file_is_absent(vbd, tmp_path):
    (vbd / "noisy_trainset_28spk_wav/p227_001.wav").unlink()
    corpus = read(tmp_path, options())
    assert corpus.report["absent"]["examples"] == ["vbd/noisy_trainset_28spk_wav/p227_001.wav"]
    assert len(corpus.trials) == 7 and corpus.report["left_out"] == {}


def test_a_missing_clean_folder_leaves_all_of_its_set_absent(vbd, tmp_path):
    (vbd / "clean_testset_wav").rename(tmp_path / "gone")
    examples = read(tmp_path, options()).report["absent"]
    assert examples["count"] == 3 and examples["examples"][0] == "vbd/clean_testset_wav/p232_001.wav"


def test_clean_files_without_a_noisy_one_are_left_out_and_told(vbd, tmp_path):
    make(vbd, ["clean_testset_wav/p232_009.wav", "noisy_testset_wav/._p232_001.wav", "noisy_testset_wav/readme.txt"])
    left_out = read(tmp_path, options()).report["left_out"]
    assert left_out["a clean file without a noisy one"]["examples"] == ["vbd/clean_testset_wav/p232_009.wav"]
    assert {reason: left["count"] for reason, left in left_out.items()} == {
        **{"a clean file without a noisy one": 1, "a macOS resource fork": 1, "not audio": 1}
    }


def test_a_link_without_target_is_absent(vbd, tmp_path):
    (vbd / "noisy_testset_wav/p232_001.wav").unlink()
    (vbd / "noisy_testset_wav/p232_001.wav").symlink_to(tmp_path / "annex/object")
    assert read(tmp_path, options()).report["absent"]["examples"] == ["vbd/noisy_testset_wav/p232_001.wav"]


def test_linked_folders_are_entered(vbd, tmp_path):
    expected = read(tmp_path, options()).trials
    (tmp_path / "store").mkdir()
    for side in ("noisy", "clean"):
        (vbd / f"{side}_testset_wav").rename(tmp_path / "store" / side)
        (vbd / f"{side}_testset_wav").symlink_to(tmp_path / "store" / side)
    assert read(tmp_path, options()).trials.equals(expected)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("p232_001 bus", r"log_testset.txt:2: 'p232_001 bus' has 2 columns, expected 3: UTTERANCE NOISE SNR"),
        ("p232_001 bus seven", r"log_testset.txt:2: .* has the SNR 'seven', expected a finite number of dB"),
        ("p232_001 bus inf", r"has the SNR 'inf'"),
        ("p232_002 cafe 7.5", r"'p232_002 cafe 7.5' lists p232_002 again, and otherwise"),
    ],
)
def test_a_log_line_of_another_form_is_refused_with_its_place(vbd, tmp_path, line, message):
    (vbd / "log_testset.txt").write_text(f"p232_002 cafe 2.5\n{line}\n")
    with pytest.raises(Refused, match=message):
        read(tmp_path, options())


def test_logs_are_read_as_editors_save_them(vbd, tmp_path):
    expected = read(tmp_path, options()).trials
    text = "\r\n\r\n".join(LOGS["log_testset.txt"] + LOGS["log_testset.txt"][:1]).replace(" ", "\t")
    (vbd / "log_testset.txt").write_bytes(text.encode("utf-16"))
    assert read(tmp_path, options()).trials.equals(expected)


def test_a_missing_corpus_says_where_to_get_it(tmp_path):
    with pytest.raises(CorpusMissing, match=r"VoiceBank\+DEMAND: nothing at .*vbd/noisy_testset_wav.*10283/2791"):
        provide(tmp_path, options())
    make(tmp_path / "vbd", ["noisy_testset_wav.zip"])
    with pytest.raises(
        CorpusMissing, match=r"nothing of it at .*, but 1 file: 1 not audio \(such as noisy_testset_wav.zip"
    ):
        read(tmp_path, options())


# --- the published corpus ---


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> Corpus:
    """A corpus of as many names as were published: 28 x 413 + 8 = 11,572 and 393 + 431 = 824."""
    root = tmp_path_factory.mktemp("corpora")
    speakers = ["p226", "p287", *(f"p{number}" for number in range(300, 326))]
    train = [f"{name}_{i:03d}" for name in speakers for i in range(413)] + [f"p226_9{i}" for i in range(8)]
    test = [f"{name}_{i:03d}" for name, count in (("p232", 393), ("p257", 431)) for i in range(count)]
    for name, listed, snrs in (("trainset_28spk", train, (0, 5, 10, 15)), ("testset", test, (2.5, 7.5, 12.5, 17.5))):
        for side in ("noisy", "clean"):
            folder = root / "vbd" / f"{side}_{name}_wav"
            folder.mkdir(parents=True)
            for utterance in listed:
                os.close(os.open(folder / f"{utterance}.wav", os.O_CREAT))
        lines = [f"{utterance} noise{i % 5} {snrs[i % 4]}\n" for i, utterance in enumerate(listed)]
        (root / "vbd" / f"log_{name}.txt").write_text("".join(lines))
    return read(root, options(official=True))


def test_the_published_counts(published):
    assert published.departures == () and published.report["departures"] == []
    assert published.report["trials"] == {"train": 26 * 413, "dev": 2 * 413 + 8, "eval": 824}
    assert Counter(published.trials["split"]) == published.report["trials"]


def test_a_whole_test_set_says_what_its_noisy_files_measure(published):
    [(name, table)] = published.tables.items()
    assert name == gate.TABLE and set(table["split"]) == {"eval"}
    assert dict(zip(table["metric"], table["score"], strict=True)) == {"pesq": 1.972, "ssnr": 1.679, "stoi": 0.9211}
    assert (table["tolerance"] > 0).all()


@pytest.mark.parametrize(
    ("change", "tables"),
    [
        ({}, ["published_noisy"]),
        ({"official": False}, []),  # another corpus in this layout has no published means
        ({"absent": "clean_testset_wav/p257_002.wav"}, []),
        ({"absent": "noisy_testset_wav/p232_001.wav"}, []),
        ({"absent": "noisy_trainset_28spk_wav/p227_001.wav"}, ["published_noisy"]),
    ],
)
def test_where_a_test_file_is_absent_there_is_no_gate(vbd, tmp_path, monkeypatch, change, tables):
    monkeypatch.setattr(voicebank_demand, "TEST_UTTERANCES", {"p232": 2, "p257": 1})
    if "absent" in change:
        (vbd / change["absent"]).unlink()
    assert list(read(tmp_path, options(official=change.get("official", True))).tables) == tables


def test_the_means_are_those_of_the_published_table():
    # CMGAN's table of the 824 noisy test files: its last lines print PESQ 1.971994, SSNR 1.679430 and, of STOI, the
    # mean of its rows with two digits swapped (0.912074); the rows' mean is 0.921074.
    published = {"pesq": 1.971994, "ssnr": 1.679430, "stoi": 0.921074}
    for name, (mean, tolerance) in NOISY_TEST.items():
        assert mean == pytest.approx(published[name], abs=5e-4) and tolerance < 0.06
    assert NOISY_TEST["stoi"][0] - 0.912074 > NOISY_TEST["stoi"][1]


def test_every_departure_is_told(vbd, tmp_path):
    (vbd / "log_testset.txt").write_text("p232_001 bus 17.5\np232_002 cafe 5\n")
    corpus = read(tmp_path, options(official=True))
    assert corpus.departures == (
        "train has 4 utterances, published are 11572",
        "train has 3 speakers, published are 28",
        "the test set has 2 utterances of p232, published are 393",
        "the test set has 1 utterances of p257, published are 431",
        "the test set has an SNR of 5 dB, published are 2.5, 7.5, 12.5, 17.5",
        "1 utterances are in no log, such as p257_002: noise and SNR are unknown",
    )
    assert corpus.tables == {}


def test_names_of_another_form_are_not_of_the_published_corpus(vbd, tmp_path):
    make(vbd, [f"{side}_testset_wav/noise-only.wav" for side in ("noisy", "clean")])
    assert read(tmp_path, options(official=True)).report["left_out"]["a name of another form"]["count"] == 2
    assert read(tmp_path, options()).trials["id"].tolist().count("noise-only") == 1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"speakers": 30}, "speakers is 30, expected one of 28, 56"),
        ({"dev_speakers": ()}, "dev_speakers is .*, expected at least one"),
        ({"dev_speakers": ("p226", "p226")}, "dev_speakers is .*, expected each once"),
    ],
)
def test_wrong_options_are_refused(wrong, message):
    with pytest.raises(Refused, match=message):
        options(**wrong)


def test_snrs_are_numbers_and_sizes_may_lack(vbd, tmp_path):
    kinds = read(tmp_path, options()).trials.dtypes
    assert kinds["snr"] == np.float64 and str(kinds["bytes"]) == str(kinds["clean_bytes"]) == "Int64"
