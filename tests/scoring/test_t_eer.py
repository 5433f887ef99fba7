import numpy as np
import pytest

from voxdag.scoring.dcf import tandem_curve
from voxdag.scoring.eer import det_curve, eer
from voxdag.scoring.t_eer import TandemScores, t_eer


def systems(seed, sizes=(40, 50, 60), decimals=8):
    rng = np.random.default_rng(seed)
    draw = [
        [np.round(rng.normal(mean, 1, size), decimals) for mean, size in zip(means, sizes, strict=True)]
        for means in ((3, 0, 2), (2, 2, 0))
    ]
    return TandemScores(*draw[0]), TandemScores(*draw[1])


def by_search(asv, cm):
    """The definition, over all pairs of thresholds."""
    verifier = tandem_curve(*asv)
    gate = det_curve(np.concatenate([cm.target, cm.nontarget]), cm.spoof)
    best, value = np.inf, None
    for miss, nontarget, spoof in zip(*verifier[:3], strict=True):
        if not (miss < nontarget and spoof > 0):
            continue
        point = np.argmin(np.abs(gate.frr + (1 - gate.frr) * miss - (1 - gate.frr) * nontarget))
        apart = abs(nontarget / spoof - gate.far[point] / (1 - gate.frr[point]))
        if apart < best:
            best, value = apart, spoof * gate.far[point]
    return value


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("decimals", [8, 0])
def test_the_closed_form_finds_what_the_search_finds(seed, decimals):
    asv, cm = systems(seed, decimals=decimals)
    assert t_eer(asv, cm).t_eer == pytest.approx(by_search(asv, cm), abs=1e-12)


def test_a_verifier_that_accepts_every_spoof_leaves_the_countermeasure_alone():
    # With a perfect ASV on targets against nontargets that accepts all spoofs, misses and accepted spoofs are the CM's
    # own: the concurrent rate is its EER, up to one trial of each kind (1/400 each way).
    rng = np.random.default_rng(0)
    asv = TandemScores(rng.normal(50, 1, 200), rng.normal(0, 1, 2000), rng.normal(100, 1, 400))
    cm = TandemScores(rng.normal(2, 1, 200), rng.normal(2, 1, 2000), rng.normal(0, 1, 400))
    alone = eer(np.concatenate([cm.target, cm.nontarget]), cm.spoof).eer
    assert t_eer(asv, cm).t_eer == pytest.approx(alone, abs=2 / 400)


def test_only_the_order_of_each_systems_scores_matters():
    asv, cm = systems(1)
    mapped = t_eer(TandemScores(*map(np.exp, asv)), TandemScores(*map(np.arctan, cm)))
    assert mapped.t_eer == t_eer(asv, cm).t_eer
    assert mapped.asv_threshold == pytest.approx(np.exp(t_eer(asv, cm).asv_threshold))


def test_faulty_scores_are_refused():
    asv, cm = systems(2)
    with pytest.raises(ValueError, match="40 target and 50 nontarget and 0 spoof"):
        t_eer(asv, cm._replace(spoof=[]))
    with pytest.raises(ValueError, match="1 of 2 target scores are not finite: the first is nan at index 0"):
        t_eer(asv._replace(target=[np.nan, 1]), cm)
