import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from voxdag.core.errors import Refused
from voxdag.corpora import readers
from voxdag.corpora.corpus import CorpusMissing, reader
from voxdag.corpora.readers import asvspoof2019_la
from voxdag.corpora.readers.asvspoof2019_la import (
    ASV_SCORES,
    AUDIO,
    OFFICIAL_ASV,
    OFFICIAL_TRIALS,
    PROTOCOLS,
    Options,
    read,
)

ROOT = "asvspoof2019_la/LA"
LINES = {
    "train": ["LA_0079 LA_T_1138215 - - bonafide", "LA_0079 LA_T_1271820 - A01 spoof"],
    "dev": ["LA_0069 LA_D_1047731 - - bonafide", "LA_0070 LA_D_1105538 - A06 spoof"],
    "eval": ["LA_0039 LA_E_2834763 - A11 spoof", "LA_0014 LA_E_8877452 - - bonafide"],
}
SCORES = {
    "dev": ["bonafide target 18.20527", "bonafide nontarget -4.5", "A06 spoof 4.84932"],
    "eval": ["bonafide target 7.981530", "A19 spoof -7.964767"],
}


def write_lines(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))


@pytest.fixture
def la(tmp_path: Path) -> Path:
    """The folder LA of a corpus of six trials; train has both files, dev one, eval none."""
    la = tmp_path / ROOT
    for split, lines in LINES.items():
        write_lines(la / PROTOCOLS[split], lines)
        (la / AUDIO[split]).mkdir(parents=True)
    for split, lines in SCORES.items():
        write_lines(la / ASV_SCORES[split], lines)
    tone = 0.1 * np.sin(np.arange(1600))
    soundfile.write(la / AUDIO["train"] / "LA_T_1138215.flac", tone, 16000)
    soundfile.write(la / AUDIO["train"] / "LA_T_1271820.ogg", tone, 16000)
    soundfile.write(la / AUDIO["dev"] / "LA_D_1047731.wav", tone, 16000)
    return la


OTHER = Options(official=False)


def test_asv_scores_that_t_dcf_cannot_use_are_told_with_their_file(la, tmp_path, caplog):
    read(tmp_path, OTHER)
    said = [record.getMessage().removeprefix(str(la)) for record in caplog.records]
    eval_file = f"/{ASV_SCORES['eval']}"
    assert said == [
        f"{eval_file} has no nontarget score: t-DCF is not defined",
        f"{eval_file}: its attacks and those of the protocol differ in A11, A19, and t-DCF with them",
    ]


def test_trials_are_what_the_protocols_say(la, tmp_path):
    trials = read(tmp_path, OTHER).trials.set_index("id")
    assert list(trials.columns) == ["path", "split", "speaker", "label", "attack", "bytes"]
    assert list(trials.index) == [line.split()[1] for split in ("train", "dev", "eval") for line in LINES[split]]
    bonafide, spoof = trials.loc["LA_T_1138215"], trials.loc["LA_E_2834763"]
    assert tuple(bonafide[["split", "speaker", "label", "attack"]]) == ("train", "LA_0079", "bonafide", None)
    assert tuple(spoof[["split", "speaker", "label", "attack"]]) == ("eval", "LA_0039", "spoof", "A11")


def test_any_format_is_found_with_its_size(la, tmp_path):
    trials = read(tmp_path, OTHER).trials.set_index("id")
    for name in ("LA_T_1138215", "LA_T_1271820", "LA_D_1047731"):
        assert trials.loc[name, "bytes"] == (tmp_path / trials.loc[name, "path"]).stat().st_size
    assert trials.loc["LA_T_1271820", "path"] == f"{ROOT}/ASVspoof2019_LA_train/flac/LA_T_1271820.ogg"


def test_absent_and_unlisted_audio_is_counted_and_not_refused(la, tmp_path):
    (la / AUDIO["eval"] / "LA_E_9999999.flac").write_bytes(b"")
    (la / AUDIO["eval"] / "notes.txt").write_bytes(b"")
    corpus = read(tmp_path, OTHER)
    assert corpus.trials.dtypes["bytes"] == "Int64"
    assert corpus.trials["bytes"].isna().sum() == 3
    assert corpus.report["absent"]["count"] == 3
    assert corpus.report["absent"]["examples"][0] == f"{ROOT}/ASVspoof2019_LA_dev/flac/LA_D_1105538.flac"
    assert corpus.report["extra"] == {"count": 1, "examples": ["ASVspoof2019_LA_eval/flac/LA_E_9999999.flac"]}


def test_the_asv_table(la, tmp_path):
    asv = read(tmp_path, OTHER).tables["asv"]
    assert list(asv.itertuples(index=False, name=None)) == [
        ("dev", None, "target", 18.20527),
        ("dev", None, "nontarget", -4.5),
        ("dev", "A06", "spoof", 4.84932),
        ("eval", None, "target", 7.98153),
        ("eval", "A19", "spoof", -7.964767),
    ]


def test_the_root_may_be_the_folder_that_holds_la_and_may_be_absolute(la, tmp_path):
    expected = read(tmp_path, OTHER).trials
    outer = read(tmp_path, Options("asvspoof2019_la", official=False)).trials
    pd.testing.assert_frame_equal(outer, expected)
    (tmp_path / "zips").mkdir()
    (tmp_path / "asvspoof2019_la").rename(tmp_path / "zips/DS_10283_3336")
    zipped = read(tmp_path, Options("zips", official=False)).trials
    assert zipped["path"][0] == f"zips/DS_10283_3336/LA/{AUDIO['train']}/LA_T_1138215.flac"
    pd.testing.assert_frame_equal(zipped.drop(columns="path"), expected.drop(columns="path"))
    (tmp_path / "zips/DS_10283_3336").rename(tmp_path / "asvspoof2019_la")
    absolute = read(Path("elsewhere"), Options(str(la), official=False)).trials
    assert absolute["path"][0] == (tmp_path / expected["path"][0]).as_posix()


def test_the_report_is_json_and_names_speakers_of_two_splits(la, tmp_path):
    write_lines(la / PROTOCOLS["eval"], ["LA_0079 LA_E_1 - A07 spoof"])
    report = json.loads(json.dumps(read(tmp_path, OTHER).report))
    assert report["shared_speakers"] == {"train, eval": ["LA_0079"]}
    assert report["speakers"] == {"train": 1, "dev": 2, "eval": 1}
    assert report["trials"]["train"] == {"A01": 1, "bonafide": 1}
    assert "departures" not in report and read(tmp_path, OTHER).departures is None


def write_official(la: Path) -> None:
    # Wang et al. 2020, table 2: 25,380, 24,844 and 71,237 trials; ASV score lines counted in the published files.
    for split, counts in OFFICIAL_TRIALS.items():
        kinds = [kind for kind, count in counts.items() for _ in range(count)]
        marks = [("-", "bonafide") if kind == "bonafide" else (kind, "spoof") for kind in kinds]
        lines = [f"LA_{split} LA_{split}_{n} - {attack} {key}" for n, (attack, key) in enumerate(marks)]
        assert len(lines) == {"train": 25_380, "dev": 24_844, "eval": 71_237}[split]
        write_lines(la / PROTOCOLS[split], lines)
    for split, counts in OFFICIAL_ASV.items():
        lines = [
            f"{'A07' if key == 'spoof' else 'bonafide'} {key} 0.5"
            for key, count in counts.items()
            for _ in range(count)
        ]
        write_lines(la / ASV_SCORES[split], lines)


def test_counts_are_compared_with_the_published_ones(la, tmp_path):
    write_official(la)
    assert read(tmp_path, Options()).departures == ()
    lines = (la / PROTOCOLS["dev"]).read_text().splitlines()
    write_lines(la / PROTOCOLS["dev"], [*lines[:-1], "LA_dev LA_D_0 - A07 spoof"])
    write_lines(la / ASV_SCORES["eval"], ["bonafide target 1"])
    corpus = read(tmp_path, Options())
    assert corpus.departures == (
        "dev has 3715 A06 trials, published are 3716",
        "dev has 1 A07 trials, published are 0",
        "eval has 0 nontarget ASV scores, published are 33327",
        "eval has 0 spoof ASV scores, published are 63882",
        "eval has 1 target ASV scores, published are 5370",
    )
    assert corpus.report["departures"] == list(corpus.departures)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("LA_0079 LA_T_2 - bonafide", "has 4 columns, expected 5: SPEAKER UTTERANCE - ATTACK KEY"),
        ("LA_0079 LA_T_2 - - bonafide extra", "has 6 columns, expected 5"),
        ("LA_0079 LA_T_2 - - genuine", "has the key 'genuine', expected bonafide or spoof"),
        ("LA_0079 LA_T_2 - A01 bonafide", "is bonafide with the attack 'A01'"),
        ("LA_0079 LA_T_2 - - spoof", "is spoof with the attack '-'"),
        ("LA_0079 LA_T_2 - A20 spoof", "has the attack 'A20', expected A01 to A19"),
        ("LA_0079 LA_T_1138215 - - bonafide", "lists LA_T_1138215 for the second time"),
    ],
)
def test_a_faulty_protocol_line_is_refused_with_its_place(la, tmp_path, line, reason):
    path = la / PROTOCOLS["train"]
    write_lines(path, [*LINES["train"], line])
    with pytest.raises(ValueError) as caught:
        read(tmp_path, Options())
    assert f"{path}:3: {line!r} {reason}" in str(caught.value)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("bonafide target", "has 2 columns, expected 3: ATTACK|bonafide KEY SCORE"),
        ("bonafide impostor 1.0", "has the key 'impostor', expected target, nontarget or spoof"),
        ("A07 target 1.0", "is target with the attack 'A07'"),
        ("bonafide spoof 1.0", "is spoof with the attack 'bonafide'"),
        ("bonafide target high", "has the score 'high', expected a finite number"),
        ("bonafide target nan", "has the score 'nan', expected a finite number"),
    ],
)
def test_a_faulty_asv_line_is_refused_with_its_place(la, tmp_path, line, reason):
    path = la / ASV_SCORES["eval"]
    write_lines(path, [*SCORES["eval"], line])
    with pytest.raises(ValueError) as caught:
        read(tmp_path, OTHER)
    assert f"{path}:3: {line!r} {reason}" in str(caught.value)


def test_an_utterance_in_two_splits_is_refused(la, tmp_path):
    write_lines(la / PROTOCOLS["eval"], [LINES["dev"][0]])
    with pytest.raises(ValueError, match="LA_D_1047731 is listed in the protocols of dev and eval"):
        read(tmp_path, OTHER)


def test_two_files_of_one_utterance_in_one_format_are_refused(la, tmp_path):
    (la / AUDIO["train"] / "again").mkdir()
    (la / AUDIO["train"] / "again/LA_T_1138215.flac").write_bytes(b"other")
    with pytest.raises(
        ValueError, match=r"/LA_T_1138215\.flac \(\d+ bytes\) and .*again/LA_T_1138215\.flac \(5 bytes\)"
    ):
        read(tmp_path, OTHER)


def test_copies_in_other_formats_and_what_is_no_audio_are_left_out_and_counted(la, tmp_path):
    whole = read(tmp_path, OTHER)
    for name in ("LA_T_1138215.mp3", "LA_T_1138215.wav", "._LA_T_1138215.flac", "notes.txt"):
        (la / AUDIO["train"] / name).write_bytes(b"x")
    (la / AUDIO["dev"] / os.fsdecode(b"\xfc.txt")).touch()
    corpus = read(tmp_path, OTHER)
    pd.testing.assert_frame_equal(corpus.trials, whole.trials)
    assert "left_out" not in whole.report
    assert {reason: left["count"] for reason, left in corpus.report["left_out"].items()} == {
        "a macOS resource fork": 1,
        "not audio": 2,
        "the same recording in another format": 2,
    }


def test_links_without_target_are_absent_and_linked_folders_are_entered(la, tmp_path):
    whole = read(tmp_path, OTHER)
    (la / AUDIO["eval"] / "LA_E_2834763.flac").symlink_to("../../.git/annex/objects/none")
    (la / AUDIO["eval"] / "LA_E_8877452.flac").symlink_to("LA_E_8877452.flac")
    (la / AUDIO["train"]).rename(tmp_path / "disk")
    (la / AUDIO["train"]).symlink_to(tmp_path / "disk")
    corpus = read(tmp_path, OTHER)
    pd.testing.assert_frame_equal(corpus.trials, whole.trials)
    assert corpus.report["absent"] == whole.report["absent"]


@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", b""])
def test_byte_order_marks_and_blank_lines_are_no_part_of_a_protocol(la, tmp_path, mark):
    whole = read(tmp_path, OTHER)
    for name in [*PROTOCOLS.values(), *ASV_SCORES.values()]:
        (la / name).write_bytes(mark + (la / name).read_bytes().replace(b"\n", b"\r\n") + b"\r\n \n")
    again = read(tmp_path, OTHER)
    pd.testing.assert_frame_equal(again.trials, whole.trials)
    pd.testing.assert_frame_equal(again.tables["asv"], whole.tables["asv"])


@pytest.mark.parametrize("name", [*PROTOCOLS.values(), *ASV_SCORES.values()])
def test_a_protocol_in_another_encoding_is_refused_with_its_file(la, tmp_path, name):
    (la / name).write_bytes((la / name).read_bytes() + b"M\xfcller x y z\n")
    with pytest.raises(Refused, match=f"{la / name} is not in UTF-8"):
        read(tmp_path, OTHER)


@pytest.mark.parametrize("name", [*PROTOCOLS.values(), *ASV_SCORES.values()])
def test_a_missing_file_says_where_to_get_and_put_it(la, tmp_path, name):
    (la / name).unlink()
    with pytest.raises(CorpusMissing) as caught:
        asvspoof2019_la.provide(tmp_path, OTHER)
    for part in (str(la / name), "datashare.ed.ac.uk/handle/10283/3336", str(la), "VOXDAG_CORPORA"):
        assert part in str(caught.value)
    assert "Params key" not in str(caught.value)  # which one it is, a reader cannot know


def test_a_new_corpus_is_one_file(tmp_path, monkeypatch):
    (tmp_path / "toy.py").write_text(
        "from dataclasses import dataclass\n"
        "import pandas as pd\n"
        "from voxdag.corpora.corpus import Corpus\n"
        "@dataclass(frozen=True)\n"
        "class Options:\n"
        "    root: str = 'toy'\n"
        "def provide(folder, options):\n"
        "    (folder / options.root).mkdir(parents=True, exist_ok=True)\n"
        "def read(folder, options):\n"
        "    provide(folder, options)\n"
        "    trials = pd.DataFrame({'id': ['a'], 'path': [f'{options.root}/a.wav']})\n"
        "    return Corpus(trials, {}, {'root': options.root})\n"
    )
    monkeypatch.setattr(readers, "__path__", [*readers.__path__, str(tmp_path)])
    toy = reader("toy")
    made = toy.read(tmp_path, toy.Options())
    assert (made.trials["path"][0], made.report) == ("toy/a.wav", {"root": "toy"})


def test_an_unknown_corpus_is_refused_with_the_valid_names():
    with pytest.raises(
        Refused, match="corpus 'asvspoof2031', expected one of asvspoof2019_la, asvspoof2021_df, .*, simulated_la"
    ):
        reader("asvspoof2031")
