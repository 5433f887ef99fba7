"""The report: numbers and verdicts are those of the tables, nothing is loaded, nothing that a name holds is run."""

import itertools
import re
import subprocess
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import yaml

from tests.reporting import standing_in
from tests.reporting.reading import Page
from tests.reporting.standing_in import GIT, HOSTILE, intervals, pairs, params_text
from voxdag.core import artifacts, params
from voxdag.core.errors import Refused
from voxdag.reporting import heard, page
from voxdag.reporting.card import card
from voxdag.reporting.page import Asked
from voxdag.scoring.tables import group_metrics

ROOT = Path(__file__).parents[2]
OUT = Path("report.html")
RESULTS = "Speech anti-spoofing: eval of simulated_la"
LOADS = {"src", "srcset", "poster", "data", "background", "action", "xlink:href"}  # attributes that fetch


def rendered(**asked):
    return page.render(Asked(OUT, **asked))


def read(**asked):
    return Page(rendered(**asked))


def test_each_number_is_the_one_in_the_tables(run):
    found, rows = read(), pd.read_csv("metrics/aasist/intervals.csv")
    cells = found.row(RESULTS, "aasist")
    means = rows[rows["resampled_by"] == "speaker"].set_index("metric")["value"]
    assert [values for _, values in cells[:3]] == [[means[name]] for name in ("eer", "min_dcf", "act_dcf")]
    assert cells[0][0] == "24.120.6 to 28.1" and cells[3] == ["1", []]  # as shown: per cent, and ends below it
    assert found.row("Each training alone", "erm, seed 2")[0][1] == [0.369]
    assert found.row("EER (%); lower is better", "erm")[1] == ["36.9", [0.369]]
    assert found.row("EER (%)", "erm") == [["41.039.0 to 43.0", [0.41]]]  # the matrix


def test_a_verdict_is_that_of_the_pair(run):
    found = read()
    ((text, values),) = found.row("Paired differences and verdicts", "aasist − erm")
    assert values == [-0.1284] and text == "−12.8−20.0 to −5.0better"
    spoken = set(pd.read_csv("compare/antispoof/pairs.csv")["verdict"])
    assert spoken == {"better"} and "undecided" in found.tables["All paired differences"][1][2][0] + found.text
    assert ("th", {"scope": "col"}) in found.tags and "margin 0.5" in found.text


def test_a_group_stands_beside_the_same_group_of_other_systems(run):
    cells = read().row("EER (%) by attack", HOSTILE)
    assert [values for _, values in cells] == [[0.175], [0.2], [], []]
    assert [text for text, _ in cells[2:]] == ["20", "7 / 14"]  # one hears several versions of each spoof


def test_nothing_is_loaded_from_anywhere(run):
    found, text = read(), rendered()
    loaded = [value for _, about in found.tags for name, value in about.items() if name in LOADS]
    assert loaded and all(value.startswith("data:image/png;base64,") for value in loaded)
    assert not {"script", "link", "iframe", "object", "embed", "base", "form"} & {tag for tag, _ in found.tags}
    assert all(about["href"].startswith("#") for about in found.of("a"))
    style = text.partition("<style>")[2].partition("</style>")[0]
    assert not re.search(r"url\(|@import|@font-face", style)
    policy = [about["content"] for about in found.of("meta") if about.get("http-equiv") == "Content-Security-Policy"]
    assert policy == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]


def test_a_name_from_a_manifest_is_text(run):
    text = rendered()
    assert HOSTILE not in text and "<b>" not in text
    assert "&lt;b&gt;&#34;A&amp;B&#34;&lt;/b&gt;|`x`" in text


def test_a_reader_who_cannot_see_is_told_the_same(run):
    found = read()
    assert found.of("html") == [{"lang": "en"}] and found.open == []
    assert all(about["alt"] and int(about["width"]) for about in found.of("img"))
    assert all(about.get("scope") in ("col", "row", "rowgroup") for about in found.of("th"))
    levels = [int(tag[1]) for tag, _ in found.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(below - above <= 1 for above, below in itertools.pairwise(levels))
    named = [about["id"] for _, about in found.tags if "id" in about]
    assert len(set(named)) == len(named)
    assert {about["href"][1:] for about in found.of("a")} <= set(named)
    assert {about["aria-labelledby"] for _, about in found.tags if "aria-labelledby" in about} <= set(named)


def test_the_same_run_gives_the_same_bytes_and_the_report_is_no_change_of_it(run):
    subprocess.run([*GIT, "init", "-q"], check=True)
    subprocess.run([*GIT, "add", "-A"], check=True)
    subprocess.run([*GIT, "commit", "-qm", "a <run>"], check=True)
    first = rendered()
    artifacts.write_bytes(OUT, first.encode())
    assert rendered() == first and "a &lt;run&gt;" in first
    assert "everything as committed" in Page(first).text and "All as in params.yaml of HEAD" in Page(first).text
    Path("notes.txt").touch()
    assert "1 files that are not as committed" in read().text


def test_parameters_that_differ_are_named_with_both_values(run):
    subprocess.run([*GIT, "init", "-q"], check=True)
    subprocess.run([*GIT, "add", "params.yaml"], check=True)
    subprocess.run([*GIT, "commit", "-qm", "x"], check=True)
    run["systems"]["aasist"]["train"]["lr"] = 0.005
    Path("params.yaml").write_text(params_text(run))
    assert read().row("Beside params.yaml of HEAD", "systems.aasist.train.lr") == [["0.002", []], ["0.005", []]]
    Path("presets").mkdir()
    Path("presets/fast.yaml").write_text("systems: {aasist: {train: {lr: 0.005, epochs: 3}}}")
    found = read(preset="fast").tables["Beside params.yaml of HEAD with the preset fast"]
    assert [row[0][0] for row in found[1:]] == ["systems.aasist.train.epochs"]
    with pytest.raises(Refused, match="git has no params.yaml of 'gone'"):
        rendered(revision="gone")


def test_files_that_are_not_the_locks_are_named(run):
    written = {"evaluate@aasist": {"outs": [{"path": "metrics/aasist/intervals.csv", "md5": "0" * 32}]}}
    written["train@aasist"] = {"params": {"params.yaml": {"systems.aasist.seeds": [7], "systems.gone.seeds": [1]}}}
    Path("dvc.lock").write_text(yaml.safe_dump({"stages": written}))
    text = read(tasks=["antispoof"]).text
    assert "not those that dvc.lock names: metrics/aasist/intervals.csv" in text
    assert "is not what these were made with: systems.aasist.seeds How" not in text  # one that is gone is none
    assert "is not what these were made with: systems.aasist.seeds" in text
    written["train@aasist"]["params"]["params.yaml"] = {"systems.aasist.seeds": run["systems"]["aasist"]["seeds"]}
    train = {**run["systems"]["aasist"]["train"], "lr_floor": "5e-05"}  # as DVC writes it: text to YAML 1.1
    written["train@aasist"]["params"]["params.yaml"] |= {"systems.aasist.train": train, "transfers": {}}
    Path("dvc.lock").write_text(yaml.safe_dump({"stages": written}))
    assert "as dvc.lock names it" in read(tasks=["antispoof"]).text
    Path("dvc.lock").write_text("<<<<<<< HEAD")
    with pytest.raises(Refused, match=r"dvc\.lock is damaged"):
        rendered()


def test_what_is_missing_is_named_with_its_command(run):
    for path in ("metrics/erm/intervals.csv", "compare/antispoof/pairs.csv", "compare/antispoof/matrix.csv"):
        Path(path).unlink()
    text = read().text
    assert "metrics/erm/intervals.csv (dvc repro evaluate@erm)" in text and "erm has not been measured" in text
    assert "compare/antispoof/pairs.csv (dvc repro compare@antispoof)" in text and "Nothing is compared yet" in text
    assert "metrics/noisy" not in text


def test_a_run_of_nothing_is_a_page_too(run):
    for path in [*Path("metrics").rglob("*.*"), *Path("compare").rglob("*.*"), *Path("plots").rglob("*.*")]:
        path.unlink()
    text = read().text
    assert text.count("Nothing is measured of this task yet") == 2 and "dvc repro baseline@noisy" in text


def test_a_damaged_table_is_refused_in_one_line(run):
    Path("metrics/erm/intervals.csv").write_text("metric,value\neer,x\n")
    with pytest.raises(Refused, match=r"metrics/erm/intervals.csv, line 2, column value: 'x' is not a number"):
        rendered()
    intervals("antispoof", "erm", {"eer": (0.1, 0.1, 0.2)})
    Path("plots/aasist/det.png").write_bytes(b"no picture")
    with pytest.raises(Refused, match=r"plots/aasist/det.png is no picture"):
        rendered()


def test_a_selection_holds_nothing_else_and_says_so(run):
    found = read(names=["aasist"])
    assert "a selection, not the whole run" in found.text and "erm" not in found.text and "BSRNN" not in found.text
    assert "Paired differences and verdicts" not in found.tables  # a pair is of two
    assert not any("eer.png" in about["alt"] for about in found.of("img"))  # it would show others too
    assert "a selection" not in read().text
    assert read(names=["bsrnn"]).row("ESTOI; higher is better", "noisy")[1][1] == [0.671]  # baselines stay beside it
    with pytest.raises(
        Refused, match="nobody is no system or baseline of params.yaml; it has aasist, erm, bsrnn, noisy"
    ):
        rendered(names=["nobody"])
    with pytest.raises(Refused, match="bsrnn is of the task enhance, expected one of antispoof"):
        rendered(tasks=["antispoof"], names=["bsrnn"])


def test_what_is_no_judge_says_so_and_does_not_lead(run):
    found = read(tasks=["enhance"])
    assert "PESQoptimised" not in found.tables["ESTOI; higher is better"][0][0]
    assert found.row("Speech enhancement: eval of simulated_noisy", "bsrnn")[1] == [
        "1.92optimised1.73 to 2.10",
        [1.917],
    ]
    assert "it is no judge" in found.text and "leaky:" not in found.text


def test_folds_and_easier_protocols_are_told(run):
    run["tasks"]["emotion"] = yaml.safe_load(Path(__file__).parents[2].joinpath("params.yaml").read_text())["tasks"][
        "emotion"
    ]
    run["systems"] = {"tier1": {**run["systems"]["aasist"], "task": "emotion"}}
    run["baselines"] = {}
    Path("params.yaml").write_text(params_text(run))
    folds = ((None, None), ("1", 5), ("2", 5))
    intervals("emotion", "tier1", {"leaky_transductive_uar": (0.78, 0.7, 0.8)}, folds)
    found = read(tasks=["emotion"])
    assert found.row("Each training alone", "tier1, fold 2, seed 5")[0][1] == [0.78]
    assert "leaky: speakers of eval were heard in training" in found.text and "transductive: features" in found.text
    assert found.row("Speech emotion recognition: eval of simulated_emotional", "tier1")[0][0].startswith(
        "78.0leakytrans"
    )


def test_who_heard_other_recordings_stands_apart(run):
    run["coded"] = {"lossy": {"recordings": "features/antispoof"}}
    run["systems"]["erm"]["recordings"] = "coded/lossy"
    run["transfers"] = {"wild": {"task": "antispoof", "recordings": "coded/lossy"}}
    Path("params.yaml").write_text(params_text(run))
    rows = [("own eval", 0.3), ("wild", 0.41), ("mean", 0.41), ("worst", 0.41)]
    about = {"system": "erm", "metric": "eer", "low": None, "high": None}
    matrix = pd.DataFrame([{**about, "column": column, "value": value} for column, value in rows])
    artifacts.write_table(Path("compare/antispoof/matrix.csv"), matrix)
    found, said = read(), "aasist: eval as it is; erm: eval through lossy. Figures of different recordings"
    heads = [row[0][0] for row in found.tables["EER (%); lower is better"][1:]]
    assert heads[:4] == ["Eval as it is", "aasist", "Eval through lossy", "erm"]
    assert [row[0][0] for row in found.tables[RESULTS][1:]] == ["aasistas it is", "ermthrough lossy"]
    assert found.text.count(said) >= 3  # results, all metrics, groups
    assert any(said in about["alt"] for about in found.of("img")) and "aasist, simulated_la." in rendered()
    assert "own eval: each system's eval of Results (as it is of aasist; through lossy of erm)." in found.text
    assert "worst and mean: over wild, not over own eval." in found.text and "wild: eval through lossy." in found.text
    assert "different recordings" not in read(tasks=["enhance"]).text
    assert "eval through lossy, which nothing was chosen on" in " ".join(card("erm").split()).lower()
    assert "(through lossy)" not in card("aasist") and "simulated_la (simulated), through lossy" in card("erm")


def test_each_table_says_what_its_intervals_draw(run):
    text, of_card = read().text, card("aasist")
    assert "by attack Intervals draw recordings. They are no intervals over speakers, as those of Results are." in text
    assert f"{RESULTS} Intervals draw speakers." in text and "verdicts Intervals draw speakers." in text
    assert "Intervals draw recordings. They are no intervals over speakers" in of_card
    assert "Intervals draw speakers." in of_card and "intervals over speakers. Thresholds" not in of_card


def test_groups_draw_what_the_report_says():
    # no table of groups has a column of it: the word is that of what makes them
    class Scores(list):
        def intervals(self, by, *_):
            self.append(by)
            return {}

        values = mean = dict

    scores = Scores([None])
    scores.values = {}
    scoring = SimpleNamespace(replicates=1, confidence=0.95)
    group_metrics(scores, ["eer"], scoring, None)
    assert scores[1:] == [heard.GROUPS_DRAW]


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("speakers, seeds of a", "songs and seeds of the first"),
        ("speakers, seeds of a and b", "songs and seeds of both, each by itself"),
        ("speakers", "songs"),
    ],
)
def test_what_pairs_draw_is_said_in_the_words_of_the_task(written, told):
    assert heard.in_pairs(SimpleNamespace(apart="songs"), written) == told


def test_what_a_corpus_has_in_the_place_of_speakers_is_called_so(run):
    product = yaml.safe_load((ROOT / "params.yaml").read_text())
    run["tasks"]["affect"] = product["tasks"]["affect"]
    run["systems"], run["baselines"] = {}, {"ridge": product["baselines"]["ridge"]}
    Path("params.yaml").write_text(params_text(run))
    intervals("affect", "ridge", {"ccc": (0.5, 0.4, 0.6)})
    rows = pd.DataFrame({"id": ["a", "b"], "speaker": ["1", "2"]})
    artifacts.write_table(Path("data/manifest/affect/train/utterances.csv"), rows)
    text = read(tasks=["affect"]).text
    assert "train: 2 recordings of 2 songs" in text and "Intervals draw songs." in text and "2 speakers" not in text


def test_a_column_of_groups_is_called_as_readers_call_it(run):
    run["systems"] = {"bsrnn": run["systems"]["bsrnn"]}
    Path("params.yaml").write_text(params_text(run))
    columns = [*standing_in.types("enhance", "BREAKDOWN")]
    row = {"protocol": "speaker_independent", "column": "snr", "value": "2.5", "members": 1, "n": 8, "estoi": 0.6}
    table = pd.DataFrame([row | {"estoi_low": 0.5, "estoi_high": 0.7}], columns=columns)
    artifacts.write_table(Path("metrics/bsrnn/breakdown.csv"), table)
    assert read(tasks=["enhance"]).tables["ESTOI by SNR (dB)"][0][0][0] == "SNR (dB)"


def test_published_lines_stand_beside_ours_on_their_corpus_alone(run):
    assert "Nothing that was published compares: simulated_la is simulated" in read().text
    run["tasks"]["antispoof"]["prepare"]["eval_corpus"] = "asvspoof2019_la"
    Path("params.yaml").write_text(params_text(run))
    found = read(tasks=["antispoof"])
    caption = "Published on asvspoof2019_la, beside this run"
    assert found.row(caption, "aasist")[0][1] == [0.2406] and found.row(caption, "AASIST-L")[0][1] == [0.0099]
    assert found.row(caption, "AASIST-L")[3][0].startswith("the checkpoint was chosen on eval")
    assert "Trained on simulated_la" in found.text and "measured on asvspoof2019_la" in found.text


def test_a_machine_is_known_by_records_of_trainings_with_these_settings(run):
    record = {"settings": asdict(params.system(run, "aasist")), "recordings": {}, "processor": "a processor"}
    record |= {"packages": {"numpy": "2.4.6"}, "git": {"commit": "f" * 40, "changed_files": [" M x"]}}
    artifacts.write_json(Path("data/runs/aasist/seed-1-a.json"), record)
    other = record | {"processor": "of another run", "settings": record["settings"] | {"seeds": [99]}}
    artifacts.write_json(Path("data/runs/aasist/seed-1-b.json"), other)
    text = read().text
    assert "a processor" in text and "numpy 2.4.6" in text and "ffffffffffff and 1 changed files" in text
    assert "of another run" not in text


def test_a_pair_without_an_interval_has_a_dash_and_no_verdict(run):
    pairs("antispoof", [("aasist", "erm", "eer", -0.1, float("nan"), float("nan"), 0.005, None)])
    table = pd.read_csv("compare/antispoof/pairs.csv").assign(p=None, resampled=None, speakers=None)
    artifacts.write_table(Path("compare/antispoof/pairs.csv"), table)
    found = read(tasks=["antispoof"])
    cells = found.row("All paired differences", "aasist − erm")
    assert [text for text, _ in cells] == ["EER (%)", "−10.0", "–", "–", "60", "–"] and "nan" not in found.text
