"""Systems of others take part by their score files: what is frozen, what stays empty, what is refused; and each cell of
the matrix, ours and theirs, is what `voxdag.score` says of a score file."""

import json

import numpy as np
import pandas as pd
import pytest

from stages import beyond, compare, evaluate, external, inputs, transfer
from tests import la_protocols
from tests.countermeasures import configure, place, run, train  # noqa: F401 (place is a fixture)
from voxdag import score
from voxdag.core import params
from voxdag.core.errors import Refused
from voxdag.data import layout
from voxdag.scoring import llr
from voxdag.scoring.dcf import ASVSPOOF5, cllr
from voxdag.scoring.eer import eer
from voxdag.tasks import transferred
from voxdag.tasks.antispoof import score_file
from voxdag.tasks.antispoof import transfer as of_task

LA = {"task": "antispoof", "system": "theirs", "corpus": "asvspoof2019_la", "options": {}}
WILD = LA | {"corpus": "in_the_wild", "options": {"root": "in_the_wild", "official": False}, "column": "wild"}
ENTRIES = {
    "la": LA | {"eval": "scores/eval.txt", "dev": "scores/dev.txt"},
    "wild": WILD | {"eval": "scores/wild.txt"},  # what `la` has of dev freezes for it
    "bare": WILD | {"eval": "scores/wild.txt", "system": "bare"},
}
FROZEN = ["miss_rate", "false_alarm_rate", "hter", "affine_act_dcf", "affine_cllr"]
NEEDS_NOTHING = ["eer", "act_dcf", "cllr"]


@pytest.fixture
def files(place):  # noqa: F811
    """The folder of score files, those of ENTRIES in it, in three forms."""
    la_protocols.write(place / "corpora/LA")
    folder = place / "corpora/scores"
    configure(external=ENTRIES)
    for file, form, (corpus, split) in (
        ("eval.txt", "aasist", ("asvspoof2019_la", "eval")),
        ("dev.txt", "asvspoof2021", ("asvspoof2019_la", "dev")),
        ("wild.txt", "asvspoof5", ("in_the_wild", "eval")),
    ):
        trials = score.protocol(corpus, WILD["options"]["root"] if corpus == "in_the_wild" else None, split)[0]
        means = np.where(trials["label"] == "bonafide", 1.5, 0.0)
        score_file.write(folder / file, trials.assign(score=np.random.default_rng(len(file)).normal(means)), form)
    return folder


def halves(folder, file, corpus, split):
    """(bona fide, spoof) of a score file."""
    table = score_file.read(folder / file, score.protocol(corpus, None, split)[0])
    return [table.loc[table["label"] == label, "score"].to_numpy() for label in ("bonafide", "spoof")]


def cells(entry):
    table = pd.read_csv(layout.external("antispoof", entry) / "cells.csv")
    return table[table["resampled_by"] == "speaker"].set_index("metric")


def test_cells_are_measured_at_what_the_systems_own_dev_scores_freeze(files):
    external.main("la")
    found = cells("la")
    (bonafide, spoof), dev = (halves(files, f"{split}.txt", "asvspoof2019_la", split) for split in ("eval", "dev"))
    threshold = eer(*dev).threshold
    affine = llr.fit_affine(*dev, llr.effective_prior(ASVSPOOF5))
    expected = {"miss_rate": (bonafide <= threshold).mean(), "false_alarm_rate": (spoof > threshold).mean()}
    expected |= {"eer": eer(bonafide, spoof).eer, "cllr": cllr(bonafide, spoof)}
    expected |= {"affine_cllr": cllr(affine(bonafide), affine(spoof))}
    assert found.loc[list(expected), "value"].tolist() == pytest.approx(list(expected.values()), abs=1e-6)
    assert set(found["system"]) == {"theirs"} and set(found.index) == set(of_task.METRICS)
    assert (found["low"] < found["high"]).all()


def test_the_dev_scores_of_one_entry_freeze_for_all_of_its_system_and_without_any_nothing_is_guessed(files):
    for entry in ENTRIES:
        external.main(entry)
    theirs, bare = cells("wild")["value"], cells("bare")["value"]
    assert theirs.notna().all() and bare[FROZEN].isna().all()
    assert bare[NEEDS_NOTHING].tolist() == theirs[NEEDS_NOTHING].tolist()
    threshold = eer(*halves(files, "dev.txt", "asvspoof2019_la", "dev")).threshold
    table = pd.read_csv(layout.external("antispoof", "wild") / "theirs.csv")
    rejected = table.loc[table["label"] == "bonafide", "score"] <= threshold
    assert theirs["miss_rate"] == pytest.approx(rejected.mean(), abs=1e-6)


def test_the_score_file_that_is_written_is_the_one_that_was_read_to_the_last_digit(files):
    external.main("wild")
    trials = score.protocol("in_the_wild", "in_the_wild", "eval")[0]
    written = score_file.read(layout.external("antispoof", "wild") / "theirs.scores.txt", trials)
    assert written["score"].tolist() == score_file.read(files / "wild.txt", trials)["score"].tolist()


def test_saturated_scores_are_measured_as_they_are_and_said(files, caplog):
    # all 20 bona fide trials and 20 of the 40 spoofs have the score 1. In a tie bona fide speech is rejected first, so
    # dev's EER is where 10 of it are, and half of the spoofs accepted, at the threshold 1
    lines = [f"dev_{n:02d} {1.0 if n < 40 else 0.0}" for n in range(60)]
    (files / "dev.txt").write_text("\n".join(lines))
    (files / "eval.txt").write_text("\n".join(line.replace("dev", "eval") for line in lines))
    external.main("la")
    found = cells("la")["value"]
    assert found.notna().all() and np.isfinite(found).all()
    assert found["miss_rate"] == 1.0 and found["false_alarm_rate"] == 0.0  # at the threshold 1 nothing is above it
    assert f"{files / 'eval.txt'}: 40 of 60 trials have the score 1.0" in caplog.text


def test_a_corpus_of_spoofs_alone_has_their_error_alone(files, place):  # noqa: F811
    spoofs = [f"{i}.wav,x{i % 3},spoof" for i in range(1, 12, 2)]
    (place / "corpora/in_the_wild/meta.csv").write_text("\n".join(["file,speaker,label", *spoofs]))
    (files / "wild.txt").write_text("\n".join(f"{i} {i - 6}" for i in range(1, 12, 2)))
    external.main("wild")
    found = cells("wild")["value"]
    threshold = eer(*halves(files, "dev.txt", "asvspoof2019_la", "dev")).threshold
    assert found["false_alarm_rate"] == pytest.approx(np.mean(np.arange(-5, 6, 2) > threshold), abs=1e-6)
    assert found.drop("false_alarm_rate").isna().all()
    with pytest.raises(Refused, match="external.bare: of 6 spoof trials and without dev scores no metric is defined"):
        external.main("bare")


def test_scores_with_their_sign_turned_are_measured_as_they_are_and_said(files, caplog):
    trials = score.protocol("asvspoof2019_la", None, "eval")[0]
    parted = np.where(trials["label"] == "bonafide", 10.0, 0.0) + np.random.default_rng(1).normal(size=len(trials))
    for sign, said in ((1, False), (-1, True)):
        score_file.write(files / "eval.txt", trials.assign(score=sign * parted), "aasist")
        external.main("la")
        assert cells("la")["value"]["eer"] == said
        assert ("EER of all trials is 1.0000, above 0.5 by more than chance" in caplog.text) is said


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"eval": "scores/none.txt"}, "external.la.eval is scores/none.txt: there is no file .*scores/none.txt"),
        ({"dev": "scores/none.txt"}, "external.la.dev is scores/none.txt: there is no file"),
        ({"eval": "scores/wild.txt"}, "wild.txt: 60 utterances are missing of 60 in the protocol: eval_00"),
        ({"eval": "scores/dev.txt"}, "dev.txt: 60 utterances are missing .* 60 of the file are not in the protocol"),
        ({"eval": ""}, "external.la.eval is '', expected at least one"),
        ({"system": "a b"}, "external.la.system is 'a b', expected a name of letters"),
        ({"system": "one"}, "external.la.system is one, which params.yaml has: expected another name"),
        ({"column": "own eval"}, "external.la.column is 'own eval', expected a name of letters"),
        ({"column": "wild"}, "external.la and external.wild are both the column wild of theirs: expected one"),
        ({"corpus": "savee"}, "external.la.corpus is savee; tasks.antispoof.prepare.corpora has none of it"),
        ({"options": {"rot": "x"}}, "external.la.options has the unknown key rot"),
        ({"options": {"official": True}}, "asvspoof2019_la under .*LA is not as published: .* departures"),
        ({"options": {"root": "gone"}}, "nothing at .* Params key external.la.options.root names the folder"),
        ({"task": "emotion"}, "task emotion has no transfer: there is no voxdag.tasks.emotion.transfer"),
    ],
)
def test_an_entry_that_makes_no_sense_is_refused(files, entries, message):
    configure(external=ENTRIES | {"la": ENTRIES["la"] | entries})
    with pytest.raises(Refused, match=message):
        external.main("la")


def test_two_files_of_dev_scores_of_one_system_are_refused(files):
    configure(external=ENTRIES | {"wild": ENTRIES["wild"] | {"dev": "scores/dev.txt"}})
    with pytest.raises(Refused, match="external.la.dev and external.wild.dev are both of theirs: expected one"):
        external.main("wild")


def test_dev_scores_without_one_class_freeze_nothing(files, place):  # noqa: F811
    protocol = place / "corpora/LA" / external.reader("asvspoof2019_la").PROTOCOLS["dev"]
    spoofs = [line for line in protocol.read_text().splitlines() if line.endswith("spoof")]
    protocol.write_text("\n".join(spoofs))
    (files / "dev.txt").write_text("\n".join(f"{line.split()[1]} 1" for line in spoofs))
    with pytest.raises(Refused, match="external.la.dev freezes nothing: every class needs .* 0 bona fide and 40 spoof"):
        external.main("wild")


def matrix(**changes):
    """The matrix of two systems of ours, which are evaluated and tested on two columns, and of those of others."""
    columns = {"wild": "beyond/wild", "again": "features/antispoof"}
    transfers = {name: {"task": "antispoof", "recordings": folder} for name, folder in columns.items()}
    configure(("one", "two"), transfers=transfers, **({"external": ENTRIES} | changes))
    for name in ("one", "two"):
        train(name)
        evaluate.main(name)
    beyond.main("wild")
    for stage, names in ((transfer, columns), (external, params.read()["external"])):
        for name in names:
            stage.main(name)
    return transferred.cells(params.read(), "antispoof", of_task)


def test_the_matrix_has_systems_of_others_and_leaves_free_what_they_lack(files):
    table = matrix(external=ENTRIES | {"alone": LA | {"system": "alone", "eval": "scores/eval.txt", "column": "la"}})
    wide = table.pivot(index=["system", "metric"], columns="column", values="value")
    assert {name for name, _ in wide.index} == {"one", "two", "theirs", "bare", "alone"}
    assert wide.loc[("theirs", "hter"), ["own eval", "wild"]].notna().all()
    assert wide.loc[("theirs", "hter"), ["again", "worst", "mean"]].isna().all()  # not of all columns: no mean of them
    assert wide.loc[("one", "hter")].drop("la").notna().all() and np.isnan(wide.loc[("one", "eer"), "la"])
    assert wide.loc[("one", "eer"), "mean"] == wide.loc[("one", "eer"), ["wild", "again"]].mean()  # of our own columns
    assert wide.loc[("bare", "eer"), ["wild"]].notna().all() and wide.loc[("bare", "hter")].isna().all()


def test_without_further_recordings_the_mean_is_over_the_columns_of_the_others(files):
    entries = {name: entry | {"column": f"c_{name}"} for name, entry in ENTRIES.items() if name != "bare"}
    configure(systems=(), transfers=None, external=entries)
    for name in entries:
        external.main(name)
    table = transferred.cells(params.read(), "antispoof", of_task)
    wide = table.pivot(index="metric", columns="column", values="value")
    assert wide["mean"].tolist() == pytest.approx(wide[["c_la", "c_wild"]].mean(axis=1).tolist())
    assert wide["worst"].tolist() == wide[["c_la", "c_wild"]].max(axis=1).tolist()


def test_other_trials_in_a_column_are_said(files, caplog):
    matrix(external={"la": ENTRIES["la"] | {"column": "wild"}})
    assert "n_bonafide and n_spoof of column wild differ: one 6 and 6, theirs 20 and 40" in caplog.text


def test_a_column_that_is_called_as_the_mean_is_refused(files):
    configure(systems=(), transfers=None, external={"la": ENTRIES["la"] | {"column": "mean"}})
    with pytest.raises(Refused, match="a column of the matrix is called mean"):
        transferred.cells(params.read(), "antispoof", of_task)


def score_files(system, column):
    """(score file, dev score file) of each member behind a cell."""
    if system in ("theirs", "bare"):
        entry = {"own eval": "la", "wild": "wild" if system == "theirs" else "bare"}[column]
        scored = layout.external("antispoof", entry) / f"{system}.scores.txt"
        yield scored, None if system == "bare" else "corpora/scores/dev.txt"
        return
    for member in ("seed-1", "seed-2"):
        folder, name = layout.transfers("antispoof", column), f"{system}_{member}.scores.txt"
        if column == "own eval":
            folder, name = layout.predictions(system), f"eval_{member}.scores.txt"
        yield folder / name, layout.predictions(system) / f"dev_{member}.scores.txt"


def test_each_cell_is_what_the_program_says_of_its_score_files(files, monkeypatch, capsys):
    table = matrix()
    table = table[~table["column"].isin([transferred.WORST, transferred.MEAN])]
    capsys.readouterr()
    recomputed = 0
    for (system, column), of_cell in table.groupby(["system", "column"]):
        printed = []
        for scored, dev in score_files(system, column):
            of_corpus = ["--dev-corpus", "asvspoof2019_la"] if system == "theirs" else []
            run(monkeypatch, score, str(scored), *([] if dev is None else ["--dev", str(dev), *of_corpus]))
            printed.append(json.loads(capsys.readouterr().out))
        means = pd.DataFrame(printed).mean()
        for _, cell in of_cell.iterrows():
            value = means.get(cell["metric"], np.nan)
            assert value == pytest.approx(cell["value"], abs=1e-6, nan_ok=True), (system, column, cell["metric"])
            recomputed += np.isfinite(value)
    assert recomputed == len(of_task.METRICS) * (2 * 3 + 2) + len(NEEDS_NOTHING)


def test_the_stage_that_compares_writes_and_draws_them(files):
    matrix()
    inputs.main()
    compare.main("antispoof")
    written = pd.read_csv(layout.comparison("antispoof") / "matrix.csv")
    assert set(written["system"]) == {"one", "two", "theirs", "bare"}
    assert (layout.comparison("antispoof") / "figures/matrix.pdf").is_file()
