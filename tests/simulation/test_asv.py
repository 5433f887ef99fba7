import numpy as np
import pandas as pd
import pytest

from voxdag.scoring.eer import eer
from voxdag.simulation import asv

RATE = 16_000


def crowd(speakers: int, each: int, seed: int, spread: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings (N, 6) of speakers who differ in the first three dimensions, with strong noise in the others."""
    rng = np.random.default_rng(seed)
    means = np.pad(spread * rng.standard_normal((speakers, 3)), ((0, 0), (0, 3)))
    noise = rng.standard_normal((speakers, each, 6)) * [0.2, 0.2, 0.2, 5, 5, 5]
    return (means[:, None] + noise).reshape(-1, 6), np.repeat([f"s{k}" for k in range(speakers)], each)


def table(speakers: np.ndarray, attacks: list[str | None]) -> pd.DataFrame:
    labels = ["spoof" if attack else "bonafide" for attack in attacks]
    return pd.DataFrame({"speaker": speakers, "label": labels, "attack": pd.Series(attacks, dtype=object)})


def test_unseen_speakers_are_told_apart_and_shuffled_names_are_not():
    verifier = asv.train(*crowd(40, 10, seed=0))
    embeddings, speakers = crowd(20, 12, seed=1)
    rates = []
    for names in (speakers, np.random.default_rng(0).permutation(speakers)):
        found = asv.trials(verifier, table(names, [None] * len(names)), embeddings, np.random.default_rng(0))
        rates.append(eer(*(found.loc[found["key"] == key, "score"] for key in ("target", "nontarget"))).eer)
    # Random directions in 3 dimensions: one pair in 40 lies within 18 degrees.
    assert rates[0] < 0.15
    assert rates[1] == pytest.approx(0.5, abs=0.1)


def test_the_projection_makes_the_within_speaker_covariance_nearly_the_identity():
    embeddings, speakers = crowd(60, 200, seed=0)
    verifier = asv.train(embeddings, speakers)
    projected = (embeddings @ verifier.projection).reshape(60, 200, -1)
    within = np.cov((projected - projected.mean(axis=1, keepdims=True)).reshape(12_000, -1).T)
    # Noise is independent over dimensions, so shrinking towards the diagonal moves it by the sampling error only.
    assert within == pytest.approx(np.eye(len(within)), abs=0.05)


def test_trials_are_what_the_protocol_allows():
    # 7 bona fide of a: 3 enrol, 4 target trials; 4 of b: 2 and 2; 1 of c: it enrols. Each target trial's file meets
    # both other models. Spoofs claim a and c.
    speakers = np.array(["a"] * 7 + ["b"] * 4 + ["c"] + ["a", "c", "c"])
    attacks = [None] * 12 + ["A01", "A01", "A02"]
    embeddings = np.random.default_rng(0).standard_normal((15, 6))
    verifier = asv.train(*crowd(5, 5, seed=0))
    found = asv.trials(verifier, table(speakers, attacks), embeddings, np.random.default_rng(0))
    assert found["key"].value_counts().to_dict() == {"target": 6, "nontarget": 12, "spoof": 3}
    assert list(found.loc[found["key"] == "spoof", "attack"]) == ["A01", "A01", "A02"]
    assert found.loc[found["key"] != "spoof", "attack"].isna().all()


def test_a_spoof_that_sounds_like_its_target_is_accepted():
    verifier = asv.train(*crowd(40, 10, seed=0))
    embeddings, speakers = crowd(4, 6, seed=1)
    names, attacks = np.append(speakers, ["s0", "s0"]), [None] * 24 + ["A01", "A02"]
    fakes = np.stack([embeddings[:6].mean(axis=0), embeddings[6:12].mean(axis=0)])  # of s0, and of someone else
    found = asv.trials(verifier, table(names, attacks), np.concatenate([embeddings, fakes]), np.random.default_rng(0))
    alike, unlike = found.loc[found["key"] == "spoof", "score"]
    assert alike > 0.8 > unlike


def test_an_embedding_ignores_level_and_sees_the_spectrum():
    rng = np.random.default_rng(0)
    wave = rng.standard_normal(RATE) * np.abs(np.sin(np.arange(RATE) / 2000))
    assert asv.embed(0.01 * wave, RATE) == pytest.approx(asv.embed(wave, RATE), abs=1e-9)
    assert np.abs(asv.embed(np.convolve(wave, [1, 0.9], mode="same"), RATE) - asv.embed(wave, RATE)).max() > 1
    assert asv.embed(wave, RATE).shape == (50,)


@pytest.mark.parametrize(
    ("speakers", "reason"),
    [(["a", "a", "a"], "1 training speakers with at most 3"), (["a", "b", "c"], "3 training speakers with at most 1")],
)
def test_too_little_training_material_is_refused(speakers, reason):
    with pytest.raises(ValueError, match=reason):
        asv.train(np.zeros((3, 4)), np.array(speakers))
