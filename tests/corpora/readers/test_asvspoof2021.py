"""ASVspoof 2021: keys in the official form, column by column; subsets; ASV scores; what is refused."""

import json
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from tests.corpora.readers.test_asvspoof2019_la import write_lines
from voxdag.core.errors import Refused
from voxdag.corpora.asvspoof2021 import Options
from voxdag.corpora.corpus import CorpusMissing
from voxdag.corpora.readers import asvspoof2021_df, asvspoof2021_la

# Lines of the published keys' form; bona fide speech has the attack "bonafide" or "-", by what is handed around.
LA = [
    "LA_0009 LA_E_9332881 alaw ita_tx A07 spoof notrim eval",
    "LA_0020 LA_E_7294490 g722 loc_tx bonafide bonafide notrim eval",
    "LA_0011 LA_E_1000004 none mad_tx - bonafide notrim eval",
    "LA_0010 LA_E_1000002 opus sin_tx A19 spoof trim hidden",
    "LA_0010 LA_E_1000003 opus sin_tx bonafide bonafide notrim progress",
]
DF = [
    "LA_0023 DF_E_2000011 nocodec asvspoof A14 spoof notrim progress traditional_vocoder - - - -",
    "TEF2 DF_E_2000053 low_m4a vcc2020 Task1-team20 spoof notrim eval neural_vocoder_autoregressive Task1 team20 FF E",
    "LA_0043 DF_E_2000026 mp3m4a asvspoof bonafide bonafide notrim eval bonafide - - - -",
]
ASV = [
    "LA_0007-alaw-ita_tx LA_E_5013670-alaw-ita_tx alaw ita_tx bonafide nontarget notrim eval",
    "LA_0008-alaw-ita_tx LA_E_5013671-alaw-ita_tx alaw ita_tx bonafide target notrim eval",
    "LA_0009-alaw-ita_tx LA_E_9332881-alaw-ita_tx alaw ita_tx A07 spoof notrim eval",
    "LA_0010-opus-sin_tx LA_E_1000002-opus-sin_tx opus sin_tx A19 spoof trim hidden",
]
SCORES = [
    f"{line.split()[0]} {line.split()[1]} {score}" for line, score in zip(ASV, (-4.5, 12.25, 3.0, 1.0), strict=True)
]
OTHER = Options("asvspoof2021", ("eval",), official=False, allow_departures=False)


@pytest.fixture
def folder(tmp_path):
    base = tmp_path / "asvspoof2021"
    write_lines(base / "keys/LA/CM/trial_metadata.txt", LA)
    write_lines(base / "keys/DF/CM/trial_metadata.txt", DF)
    write_lines(base / "keys/LA/ASV/trial_metadata.txt", ASV)
    write_lines(base / "keys/LA/ASV/ASVTorch_Kaldi/score.txt", SCORES)
    for name in ("LA/ASVspoof2021_LA_eval/flac/LA_E_9332881", "ASVspoof2021_LA_eval/flac/LA_E_1000002", "DF_E_2000053"):
        (base / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(base / f"{name}.flac", 0.1 * np.sin(np.arange(1600)), 16000)
    return tmp_path


def test_every_column_of_la_lands_where_the_breakdown_finds_it(folder):
    trials = asvspoof2021_la.read(folder, OTHER).trials
    rows = trials.drop(columns="bytes").astype(object).where(trials.drop(columns="bytes").notna(), None)
    root = "asvspoof2021/ASVspoof2021_LA_eval/flac"
    assert rows.to_dict("records") == [
        {"id": "LA_E_9332881", "split": "eval", "speaker": "LA_0009", "label": "spoof", "attack": "A07",
         "trim": "notrim", "subset": "eval", "codec": "alaw", "transmission": "ita_tx",
         "path": "asvspoof2021/LA/ASVspoof2021_LA_eval/flac/LA_E_9332881.flac"},
        {"id": "LA_E_7294490", "split": "eval", "speaker": "LA_0020", "label": "bonafide", "attack": None,
         "trim": "notrim", "subset": "eval", "codec": "g722", "transmission": "loc_tx",
         "path": f"{root}/LA_E_7294490.flac"},
        {"id": "LA_E_1000004", "split": "eval", "speaker": "LA_0011", "label": "bonafide", "attack": None,
         "trim": "notrim", "subset": "eval", "codec": "none", "transmission": "mad_tx",
         "path": f"{root}/LA_E_1000004.flac"},
    ]  # fmt: skip
    assert trials["bytes"].notna().tolist() == [True, False, False]


def test_every_column_of_df_lands_where_the_breakdown_finds_it(folder):
    trials = asvspoof2021_df.read(folder, OTHER).trials
    columns = ["id", "speaker", "label", "attack", "compression", "source", "vocoder"]
    rows = trials[columns].astype(object).where(trials[columns].notna(), None)
    spoof = ["DF_E_2000053", "TEF2", "spoof", "Task1-team20", "low_m4a", "vcc2020", "neural_vocoder_autoregressive"]
    assert rows.to_numpy().tolist() == [
        spoof,
        ["DF_E_2000026", "LA_0043", "bonafide", None, "mp3m4a", "asvspoof", None],
    ]
    assert trials["path"].iloc[0] == "asvspoof2021/DF_E_2000053.flac"


def test_the_subset_is_a_choice_and_what_is_of_another_is_not_extra(folder):
    corpus = asvspoof2021_la.read(folder, OTHER)
    assert corpus.report["subsets"] == {"eval": 3, "hidden": 1, "progress": 1}
    assert corpus.report["absent"]["count"] == 2
    assert corpus.report["extra"] == {"count": 1, "examples": ["DF_E_2000053.flac"]}
    both = asvspoof2021_la.read(folder, replace(OTHER, subsets=("eval", "hidden"))).trials
    assert both["subset"].tolist() == ["eval", "eval", "eval", "hidden"] and len(both) == 4
    with pytest.raises(Refused, match="subsets is .'training',., expected one of eval, progress, hidden"):
        replace(OTHER, subsets=("training",))


def test_asv_scores_are_those_of_the_subset_under_their_keys(folder):
    asv = asvspoof2021_la.read(folder, OTHER).tables["asv"]
    assert asv.astype(object).where(asv.notna(), None).to_numpy().tolist() == [
        ["eval", None, "nontarget", -4.5],
        ["eval", None, "target", 12.25],
        ["eval", "A07", "spoof", 3.0],
    ]
    assert asvspoof2021_df.read(folder, OTHER).tables == {}


def test_a_report_is_json_with_departures_from_the_published_counts(folder):
    official = asvspoof2021_la.read(folder, replace(OTHER, official=True))
    assert official.departures == (
        "there are 5 trials, published are 181566",
        "there are 3 trials of the subset eval, published are 148176",
    )
    assert json.loads(json.dumps(official.report))["departures"] == list(official.departures)


@pytest.mark.parametrize(
    ("name", "line", "message"),
    [
        ("CM/trial_metadata.txt", "LA_0009 LA_E_1 alaw ita_tx A07 spoof notrim", "has 7 columns, expected 8: SPEAKER"),
        ("CM/trial_metadata.txt", "LA_0009 LA_E_1 alaw ita_tx - spoof notrim eval", "is spoof with the attack '-'"),
        ("CM/trial_metadata.txt", "LA_0009 LA_E_1 alaw ita_tx A07 bonafide notrim eval", "is bonafide with the attack"),
        ("CM/trial_metadata.txt", "LA_0009 LA_E_1 alaw ita_tx A07 fake notrim eval", "has the key 'fake', expected"),
        ("CM/trial_metadata.txt", "LA_0009 LA_E_1 alaw ita_tx A07 spoof notrim dev", "has the subset 'dev', expected"),
        ("CM/trial_metadata.txt", LA[0], "txt:6: .* lists LA_E_9332881 for the second time"),
        ("ASV/trial_metadata.txt", ASV[0].replace("5013670", "5"), "has no score in .*score.txt"),
        ("ASV/trial_metadata.txt", ASV[0].replace("nontarget", "other"), "has the key 'other', expected target, nonta"),
        ("ASV/ASVTorch_Kaldi/score.txt", "LA_0007 LA_E_1 inf", "has the score 'inf', expected a finite number"),
    ],
)
def test_what_is_not_in_the_published_form_is_refused_with_file_and_line(folder, name, line, message):
    path = folder / "asvspoof2021/keys/LA" / name
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(Refused, match=message):
        asvspoof2021_la.read(folder, OTHER)


def test_keys_of_the_other_track_are_not_taken(folder):
    (folder / "asvspoof2021/keys/DF/CM/trial_metadata.txt").unlink()
    with pytest.raises(CorpusMissing, match="ASVspoof 2021 DF's keys: nothing at .*DF/CM/trial_metadata.txt"):
        asvspoof2021_df.provide(folder, OTHER)
    asvspoof2021_la.provide(folder, OTHER)
