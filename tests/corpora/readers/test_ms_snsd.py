from pathlib import Path

import pytest

from voxdag.core.errors import Refused
from voxdag.corpora.corpus import CorpusMissing
from voxdag.corpora.readers.ms_snsd import Options, provide, read

SNRS = ("0.0", "10.0", "20.0", "-5.0")
NUMBERS = (1, 2, 3, 10, 11)


def options(**changes: object) -> Options:
    return Options(**{"root": "ms_snsd", "dev_share": 0.2, "eval_share": 0.4, "seed": 1} | changes)


def make(root: Path, names: list[str], content: bytes = b"audio") -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)


def lay_out(root: Path) -> Path:
    """Five clean files, four SNRs of each."""
    noisy = [f"NoisySpeech_training/noisy{k}_SNRdb_{snr}_clnsp{k}.wav" for k in NUMBERS for snr in SNRS]
    make(root, noisy, b"noisy audio")
    make(root, [f"CleanSpeech_training/clnsp{k}.wav" for k in NUMBERS], b"clean")
    make(root, [f"Noise_training/noisy{k}_SNRdb_{snr}.wav" for k in NUMBERS for snr in SNRS], b"noise")
    return root


@pytest.fixture
def snsd(tmp_path: Path) -> Path:
    return lay_out(tmp_path / "ms_snsd")


def test_one_clean_file_is_that_of_all_its_ratios(snsd, tmp_path):
    rows = read(tmp_path, options()).trials.set_index("id")
    assert len(rows) == 20
    for name, row in rows.iterrows():
        number = name.rpartition("clnsp")[2]
        assert row["clean"] == f"ms_snsd/CleanSpeech_training/clnsp{number}.wav" and row["speaker"] == f"clnsp{number}"
    about = rows.loc["noisy10_SNRdb_-5.0_clnsp10"]
    assert about["path"] == "ms_snsd/NoisySpeech_training/noisy10_SNRdb_-5.0_clnsp10.wav"
    assert about["snr"] == -5.0 and (about["bytes"], about["clean_bytes"]) == (11, 5) and about["noise"] is None
    assert sorted(rows.loc[rows["speaker"] == "clnsp1", "snr"]) == [-5.0, 0.0, 10.0, 20.0]


def test_no_clean_file_leaks_from_one_split_into_another(snsd, tmp_path):
    splits = set()
    for seed in range(8):
        trials = read(tmp_path, options(seed=seed)).trials
        assert trials.groupby("clean")["split"].nunique().max() == 1
        assert trials.groupby("split")["clean"].nunique().to_dict() == {"train": 2, "dev": 1, "eval": 2}  # .4 of 5
        splits.add(tuple(trials.sort_values("id")["split"]))
    assert len(splits) > 3


def test_the_report_says_what_is_unknown(snsd, tmp_path):
    corpus = read(tmp_path, options())
    assert corpus.report["noise_unknown"] == 20 and corpus.report["snr_unknown"] == 0 and corpus.departures is None
    assert corpus.report["snrs"]["eval"] == {"-5": 2, "0": 2, "10": 2, "20": 2}


def test_it_is_found_below_its_root(snsd, tmp_path):
    expected = read(tmp_path, options()).trials.drop(columns=["path", "clean"])
    (tmp_path / "clone").mkdir()
    snsd.rename(tmp_path / "clone/MS-SNSD-master")
    assert read(tmp_path, options(root="clone")).trials.drop(columns=["path", "clean"]).equals(expected)


def test_what_is_missing_is_named(snsd, tmp_path):
    (snsd / "CleanSpeech_training/clnsp10.wav").unlink()
    make(snsd, ["CleanSpeech_training/clnsp77.wav", "NoisySpeech_training/noisy1_clnsp1.wav"])
    report = read(tmp_path, options()).report
    assert report["absent"]["count"] == 4
    assert set(report["absent"]["examples"]) == {"ms_snsd/CleanSpeech_training/clnsp10.wav"}
    assert report["left_out"]["a clean file without a noisy one"]["count"] == 1
    assert report["left_out"]["a name of another form"]["examples"] == [
        "ms_snsd/NoisySpeech_training/noisy1_clnsp1.wav"
    ]


def test_too_few_clean_files_are_refused(tmp_path):
    make(tmp_path / "ms_snsd", [f"NoisySpeech_training/noisy{k}_SNRdb_0.0_clnsp{k}.wav" for k in (1, 2)])
    with pytest.raises(Refused, match="clean files of dev: 1 to hold out from, expected 2 or more"):
        read(tmp_path, options())


def test_a_missing_corpus_says_where_to_get_it(tmp_path):
    with pytest.raises(
        CorpusMissing, match="MS-SNSD: nothing at .*NoisySpeech_training. Get it from https://github.com/"
    ):
        provide(tmp_path, options())


@pytest.mark.parametrize("share", ["dev_share", "eval_share"])
def test_wrong_options_are_refused(share):
    with pytest.raises(Refused, match=f"{share} is 2, expected a share from 0 to 1"):
        options(**{share: 2})
