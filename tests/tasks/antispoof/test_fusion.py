"""Fusion: what two systems know together, what is refused, and the command line."""

import numpy as np
import pandas as pd
import pytest

from tests.countermeasures import place, run, trained  # noqa: F401 (fixtures)
from voxdag import fuse
from voxdag.core.errors import Refused
from voxdag.scoring import dcf, llr
from voxdag.tasks.antispoof import fusion, metrics

COUNT = 300
PRIOR = llr.effective_prior(dcf.ASVSPOOF5)


def predictions(seed, seeds=(1,), separation=1.0, scale=1.0):
    """A system whose members' scores are normal, by split, with the classes so many standard deviations apart."""
    rng, found = np.random.default_rng(seed), {}
    for split in ("dev", "eval"):
        labels = np.repeat(["bonafide", "spoof"], COUNT)
        ids = [f"{split}_{i}" for i in range(2 * COUNT)]
        about = {"id": ids, "label": labels, "attack": np.where(labels == "spoof", "A01", None), "speaker": "s"}
        of_class = separation * (labels == "bonafide")
        tables = [
            pd.DataFrame(about).assign(score=scale * (of_class + rng.normal(size=len(ids))), seed=one) for one in seeds
        ]
        found[split] = pd.concat(tables, ignore_index=True)
    return found


def eer(table):
    return metrics.headline(table, metrics.NO_ASV)["eer"]


def test_two_systems_that_err_apart_are_better_together_and_weigh_alike_on_their_own_scales():
    systems = {"a": predictions(1), "b": predictions(2, scale=50.0)}
    averaged = {name: fusion.averaged(splits) for name, splits in systems.items()}
    fused, weights = fusion.fused(averaged)
    # of equal and independent systems d' is sqrt(2) of one's: EER Phi(-1/2) = .309 becomes Phi(-1/sqrt(2)) = .240
    assert eer(fused["eval"]) == pytest.approx(0.240, abs=0.035)
    assert min(eer(one["eval"]) for one in systems.values()) == pytest.approx(0.309, abs=0.035)
    assert weights["a"] == pytest.approx(1, abs=0.3) and weights["b"] == pytest.approx(1, abs=0.3)
    assert weights.index.tolist() == ["a", "b", "offset"]


def test_a_system_that_knows_nothing_weighs_nothing():
    told, noise = fusion.averaged(predictions(1)), fusion.averaged(predictions(2, separation=0))
    fused, weights = fusion.fused({"a": told, "noise": noise})
    # noise's own scores are brought to ratios near 0 before, so that its weight is of numbers that hardly vary
    assert abs(weights["noise"]) * noise["eval"]["score"].std() < 0.15 * fused["eval"]["score"].std()


def test_members_count_as_the_mean_of_their_ratios():
    splits = predictions(3, seeds=(1, 2), scale=7.0)
    table = fusion.averaged(splits)["eval"]
    expected = 0.0
    for _, rows in splits["dev"].groupby("seed"):
        by_label = [rows.loc[rows["label"] == label, "score"] for label in metrics.CLASSES]
        member = splits["eval"][splits["eval"]["seed"] == rows["seed"].iloc[0]]
        expected = expected + llr.fit_affine(*by_label, PRIOR)(member["score"].to_numpy()) / 2
    np.testing.assert_allclose(table["score"], expected, rtol=1e-9)
    assert "seed" not in table and len(table) == 2 * COUNT


def test_the_order_of_rows_changes_nothing():
    a, b = predictions(1), predictions(2)
    turned = {split: table.iloc[::-1].reset_index(drop=True) for split, table in b.items()}
    one, other = (fusion.fused({"a": fusion.averaged(a), "b": fusion.averaged(x)}) for x in (b, turned))
    assert one[0]["eval"]["id"].tolist() == other[0]["eval"]["id"].tolist()
    np.testing.assert_allclose(one[0]["eval"]["score"], other[0]["eval"]["score"], rtol=1e-6)


def test_fewer_than_two_and_different_trials_are_refused():
    a, b = (fusion.averaged(predictions(seed)) for seed in (1, 2))
    with pytest.raises(Refused, match="a fusion of a, expected two systems at least"):
        fusion.fused({"a": a})
    lacking = b | {"eval": b["eval"].iloc[2:]}
    with pytest.raises(Refused, match="a and b scored different trials in eval: 2 are in one alone, such as eval_0"):
        fusion.fused({"a": a, "b": lacking})


def test_members_of_other_trials_and_folds_are_refused():
    splits = predictions(1, seeds=(1, 2))
    with pytest.raises(Refused, match="members of eval scored different trials"):
        fusion.averaged(splits | {"eval": splits["eval"].iloc[1:]})
    with pytest.raises(Refused, match="eval has 1 members and dev 2"):
        fusion.averaged(splits | {"eval": splits["eval"][splits["eval"]["seed"] == 1]})
    with pytest.raises(Refused, match="in folds"):
        fusion.averaged({split: table.assign(fold="1") for split, table in predictions(1).items()})


def test_the_command_writes_what_can_be_scored_again(trained, monkeypatch, capsys):  # noqa: F811
    run(monkeypatch, fuse, "fused", "one", "two")
    intervals, pairs = (pd.read_csv(trained / f"fused/{name}.csv") for name in ("intervals", "pairs"))
    lines = [line.split() for line in (trained / "fused/eval.scores.txt").read_text().splitlines()]
    table = pd.DataFrame(lines, columns=["id", "attack", "label", "score"]).astype({"score": float})
    again = eer(table.assign(speaker="s", attack=table["attack"].replace("-", None)))
    of_speakers = intervals[(intervals["metric"] == "eer") & (intervals["resampled_by"] == "speaker")]
    assert of_speakers["value"].tolist() == [pytest.approx(again, abs=1e-6)]
    assert set(pairs["system_a"]) == {"fusion"} and set(pairs["system_b"]) == {"one", "two"}
    assert pd.read_csv(trained / "fused/weights.csv")["system"].tolist() == ["one", "two", "offset"]
    assert "offset" in capsys.readouterr().out


def test_what_is_no_system_is_refused(trained, monkeypatch):  # noqa: F811
    with pytest.raises(Refused, match="three is no system of antispoof; they are"):
        run(monkeypatch, fuse, "fused", "one", "three")
