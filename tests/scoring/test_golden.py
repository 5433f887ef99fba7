"""Every score set against what the official ASVspoof programs return for it (tests/golden/SOURCES.md)."""

import json
from pathlib import Path

import numpy as np
import pytest

from voxdag.scoring.dcf import ASVSPOOF5, ASVSPOOF5_A_DCF, PACKAGE_A_DCF, a_dcf, act_dcf, cllr, min_dcf
from voxdag.scoring.eer import eer
from voxdag.scoring.t_eer import TandemScores, t_eer
from voxdag.scoring.tdcf import ASVRates, asv_rates, min_tdcf

GOLDEN = Path(__file__).parents[1] / "golden"
SCORES = dict(np.load(GOLDEN / "antispoof_metrics.npz"))
EXPECTED = json.loads((GOLDEN / "antispoof_metrics.json").read_text())
REFUSED = [
    case for case, expected in EXPECTED["binary_cases"].items() if expected["min_tdcf_legacy_asvrates_b"] is None
]
TWO_CLASSES, THREE_CLASSES = EXPECTED["binary_cases"], EXPECTED["three_class_cases"]
ASV = {
    "asvrates_a5": ASVRates(
        pfa=0.01881016557566423, pmiss=0.01880141010575793, pfa_spoof=0.4607082907604729, threshold=0
    ),
    "asvrates_b": ASVRates(pfa=0.0248, pmiss=0.0248, pfa_spoof=0.4, threshold=0),
}
KEYS = {"legacy2019": "legacy", "revised2021": "revised"}
EXACT = {"rel": 1e-12, "abs": 1e-12}  # the same sums of at most 3,000 terms, in another order


def classes(case):
    return SCORES[f"{case}/bonafide"], SCORES[f"{case}/spoof"]


def systems(case):
    asv, cm = ([SCORES[f"tri_{case}/{prefix}{key}"] for key in TandemScores._fields] for prefix in ("", "cm_"))
    return TandemScores(*asv), TandemScores(*cm)


@pytest.mark.parametrize("case", TWO_CLASSES)
def test_eer(case):
    expected = TWO_CLASSES[case]
    assert eer(*classes(case)) == pytest.approx((expected["eer"], expected["eer_threshold"]), **EXACT)


@pytest.mark.parametrize("case", TWO_CLASSES)
def test_detection_costs(case):
    expected = TWO_CLASSES[case]
    assert min_dcf(*classes(case)) == pytest.approx(
        (expected["mindcf_asvspoof5"], expected["mindcf_threshold"]), **EXACT
    )
    assert act_dcf(*classes(case)) == pytest.approx(expected["actdcf_asvspoof5"], **EXACT)
    assert ASVSPOOF5.threshold == pytest.approx(expected["actdcf_threshold"], **EXACT)
    assert cllr(*classes(case)) == pytest.approx(expected["cllr_bits"], **EXACT)


@pytest.mark.parametrize("form", KEYS)
@pytest.mark.parametrize("rates", ASV)
@pytest.mark.parametrize("case", [case for case in TWO_CLASSES if case not in REFUSED])
def test_min_tdcf(case, rates, form):
    value, _ = min_tdcf(*classes(case), ASV[rates], form)
    assert value == pytest.approx(TWO_CLASSES[case][f"min_tdcf_{KEYS[form]}_{rates}"], **EXACT)


@pytest.mark.parametrize("rates", ASV)
@pytest.mark.parametrize("case", [case for case in TWO_CLASSES if case not in REFUSED])
def test_threshold_of_min_tdcf(case, rates):
    _, threshold = min_tdcf(*classes(case), ASV[rates], "legacy2019")
    assert threshold == pytest.approx(TWO_CLASSES[case][f"min_tdcf_legacy_thr_{rates}"], **EXACT)


@pytest.mark.parametrize("form", KEYS)
@pytest.mark.parametrize("case", REFUSED)
def test_what_the_programs_refuse_is_refused(case, form):
    with pytest.raises(ValueError, match=r"[12] distinct scores .*, expected at least 3"):
        min_tdcf(*classes(case), ASV["asvrates_b"], form)


@pytest.mark.parametrize("case", THREE_CLASSES)
def test_asv_rates_and_the_tandem(case):
    expected, (asv, cm) = THREE_CLASSES[case], systems(case)
    rates = asv_rates(*asv)
    assert rates.pfa == pytest.approx(expected["asv_rates"]["Pfa_asv"], **EXACT)
    assert rates.pmiss == pytest.approx(expected["asv_rates"]["Pmiss_asv"], **EXACT)
    assert rates.pfa_spoof == pytest.approx(expected["asv_rates"]["Pfa_spoof_asv"], **EXACT)
    assert rates.threshold == pytest.approx(expected["asv_eer_threshold"], **EXACT)
    bonafide = np.concatenate([cm.target, cm.nontarget])
    for form, key in KEYS.items():
        value, _ = min_tdcf(bonafide, cm.spoof, rates, form)
        assert value == pytest.approx(expected[f"min_tdcf_{key}"], **EXACT)


@pytest.mark.parametrize(("costs", "key"), [(ASVSPOOF5_A_DCF, "asvspoof5"), (PACKAGE_A_DCF, "default_costs")])
@pytest.mark.parametrize("case", THREE_CLASSES)
def test_a_dcf(case, costs, key):
    expected = THREE_CLASSES[case][f"a_dcf_{key}"]
    assert a_dcf(*systems(case)[0], costs) == pytest.approx((expected["min"], expected["thr"]), **EXACT)


@pytest.mark.parametrize("case", THREE_CLASSES)
def test_concurrent_t_eer(case):
    assert 100 * t_eer(*systems(case)).t_eer == pytest.approx(THREE_CLASSES[case]["t_eer_exact_pct"], **EXACT)
