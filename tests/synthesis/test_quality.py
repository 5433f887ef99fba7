"""Quality of planted sets: what comes from train's own distribution stands where real recordings do, and what is
shifted or collapsed does not."""

import numpy as np
import pandas as pd
import pytest
import torch

from tests.synthesis.making import CPU, DIMENSIONS, MELS, RATE, conditions_of, packed_in, settings_of
from voxdag.core.errors import Refused
from voxdag.scoring.concordance import ccc
from voxdag.synthesis import memorised, probes, quality, sets, showing
from voxdag.synthesis.conditions import Classes, Continuous
from voxdag.synthesis.mels import LogMel, Scaling
from voxdag.synthesis.probes import Probes
from voxdag.synthesis.sets import Sets, Spectrograms

SCALING = Scaling(torch.zeros(16, 1), torch.full((16, 1), 1 / 3), True)  # of a value: 1, natural logarithm
QUICK = Probes(epochs=12, batch_size=16, seed=1)


def drawn(count, seed):
    """Spectrograms of a level and a ridge that their conditions say: (count, 16, 16), and the conditions."""
    rng = np.random.default_rng(seed)
    told = rng.uniform(-0.9, 0.9, (count, 2))
    bands, frames = np.arange(16)[:, None], np.arange(16)
    ridge = np.exp(-np.square((bands - 7.5 - 5 * told[:, 0, None, None]) / 2)) * (1 + 0.3 * np.sin(frames))
    values = ridge + 0.4 * told[:, 1, None, None] - 0.3 + 0.1 * rng.normal(size=(count, 16, 16))
    return Spectrograms(np.clip(values, -1, 1).astype(np.float32), told.astype(np.float32))


def conditions():
    told = drawn(72, 1).told
    return Continuous.of(pd.DataFrame(told, columns=list(DIMENSIONS)).assign(id="s"), DIMENSIONS, -1, 1, 1.0)


def shifted(one):
    return Spectrograms(np.clip(one.values + 0.6 * np.linspace(-1, 1, 16, dtype=np.float32)[:, None], -1, 1), one.told)


def collapsed(one):
    same = np.repeat(one.values[:1], len(one), axis=0)
    return Spectrograms(same + 0.01 * drawn(len(one), 9).values, one.told)


def measured(synthetic, count=36, dev=None):
    train, dev = drawn(72, 1), dev or drawn(36, 2)
    nearest = {
        "dev": memorised.nearest(dev.values, train.values),
        "synthetic": memorised.nearest(np.concatenate([synthetic.values, train.values[:4]]), train.values),
    }
    inverted = Spectrograms(train.values[36:] + 0.02, train.told[36:])
    found = Sets(train, dev, inverted, synthetic.part(0, count), SCALING, nearest)
    return quality.measure(found, conditions()).set_index("measure")


@pytest.fixture(scope="module")
def tables():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quality, "PROBES", QUICK)
        whole = drawn(36, 3)
        kinds = {"alike": whole, "shifted": shifted(whole), "collapsed": collapsed(whole)}
        return {name: measured(one) for name, one in kinds.items()}


def test_a_row_a_measure_with_the_columns_that_it_says(tables):
    table = tables["alike"].reset_index()
    assert list(table) == list(quality.COLUMNS) and table["measure"].tolist() == list(quality.BEST)
    assert set(table["recordings"]) == {36} and table["best"].tolist() == list(quality.BEST.values())
    assert table.drop(columns=["real", "inverted"]).notna().all(axis=None)
    missing = table.set_index("measure")[["real", "inverted"]].isna()
    assert missing.loc["copied"].all() and not missing.drop("copied").any(axis=None)
    assert set(quality.HEADLINE) <= set(quality.BEST)


def test_a_set_of_the_same_distribution_stands_where_real_recordings_do(tables):
    made, real = tables["alike"]["synthetic"], tables["alike"]["real"]
    assert made["auc"] < 0.75 and abs(made["kernel"] - real["kernel"]) < 0.2 * abs(
        tables["shifted"]["synthetic"]["kernel"]
    )
    assert made["frechet"] < 1.5 * real["frechet"] and made["frechet_pca"] < 1.5 * real["frechet_pca"]
    assert min(made["precision"], made["recall"], made["coverage"]) > 0.7 and made["density"] > 0.6
    assert made["fidelity"] > 0.8 and made["transfer"] > 0.5 and made["copied"] == pytest.approx(0.1)
    assert made[["mean_db", "deviation_db", "flux_db"]].max() < 0.6


LOWER = ("frechet", "frechet_pca", "kernel", "kernel_pca", "mean_db")


def test_a_shifted_set_is_worse(tables):
    made, alike = tables["shifted"]["synthetic"], tables["alike"]["synthetic"]
    assert made["auc"] > 0.9 > alike["auc"]
    for name in LOWER:
        assert made[name] > 2 * abs(alike[name]), name
    assert made["density"] < 0.8 * alike["density"] and made["coverage"] < 0.8 * alike["coverage"]


def test_a_set_of_one_recording_is_worse(tables):
    made, alike = tables["collapsed"]["synthetic"], tables["alike"]["synthetic"]
    assert made["auc"] > 0.9
    for name in (*LOWER, "deviation_db"):
        assert made[name] > 2 * abs(alike[name]), name
    assert made["recall"] < 0.2 and made["coverage"] < 0.2 and alike["coverage"] > 0.7
    assert made["fidelity"] < 0.3 < alike["fidelity"] and made["transfer"] < 0.3 < alike["transfer"]


def test_what_real_recordings_are_measured_by_never_heard_them(monkeypatch):
    # networks learn conditions from the first half of train; what stands for real recordings is the second half
    learned, told, asked = [], [], []
    monkeypatch.setattr(probes, "of_condition", lambda values, *_: learned.append(values) or len(learned))
    monkeypatch.setattr(quality, "told_apart", lambda a, b: told.append((a, b)) or 0.5)
    monkeypatch.setattr(probes, "ask", lambda network, values, _: asked.append((network, values)) or said(values))
    measured(drawn(36, 3))
    train, dev, made = drawn(72, 1).values, drawn(36, 2).values, drawn(36, 3).values
    heard, rest = train[:36], train[36:]
    expected = [heard, rest, rest + 0.02, made]  # the first says conditions, the others are measured by what they teach
    assert all(np.array_equal(a, b) for a, b in zip(learned, expected, strict=True))
    pairs = [(dev, rest), (heard, rest + 0.02), (heard, made)]
    assert all(np.array_equal(a, x) and np.array_equal(b, y) for (a, b), (x, y) in zip(told, pairs, strict=True))
    assert not any(network == 1 and np.array_equal(values, heard) for network, values in asked)
    assert all(np.array_equal(values, dev) for network, values in asked if network > 1)


def said(values):
    return values.reshape(len(values), -1)[:, :4].astype(float), values.mean((1, 2))[:, None].repeat(2, 1).astype(float)


@pytest.mark.parametrize(("made", "dev"), [(10, 36), (36, 10)])
def test_too_few_recordings_are_refused(made, dev):
    with pytest.raises(Refused, match="has 10 recordings, expected 11 or more: too few to measure"):
        measured(drawn(made, 3), made, drawn(dev, 2))


def test_bands_by_hand():
    # one band: 0 and 1 in one recording, 1 and 3 in the other, of half a natural logarithm each
    values = np.float32([[[0, 1]], [[1, 3]]])
    found = quality.bands(values, np.array([[0.5]])).iloc[0] / (0.5 * 10 / np.log(10))
    assert found[["mean", "deviation", "flux"]].tolist() == pytest.approx([1.25, np.sqrt(1.1875), 1.5])


def test_fidelity_is_concordance_of_numbers_and_accuracy_of_classes(monkeypatch):
    held = drawn(30, 4)
    said = held.told + np.random.default_rng(0).normal(0, 0.3, held.told.shape)
    monkeypatch.setattr(probes, "ask", lambda *_: (None, said))
    expected = np.mean([ccc(held.told[:, i].astype(float), said[:, i]) for i in range(2)])
    assert quality.fidelity(None, held, conditions()) == pytest.approx(expected)
    classes = Classes(("a", "b"), ("a", "b"), "label")
    two = Spectrograms(held.values[:4], np.float32([[1, 0], [1, 0], [0, 1], [0, 1]]))
    monkeypatch.setattr(probes, "ask", lambda *_: (None, np.array([[2.0, 1], [0, 1], [0, 1], [3, 9]])))
    assert quality.fidelity(None, two, classes) == 0.75


# Networks that are asked something


def test_a_probe_of_two_sets_and_one_of_classes_learn(monkeypatch):
    one, other = drawn(40, 1), shifted(drawn(40, 2))
    network = probes.of_set(one.values, other.values, QUICK)
    scores = [probes.ask(network, x.values, 16)[1].mean() for x in (drawn(40, 5), shifted(drawn(40, 6)))]
    assert scores[0] < 0 < scores[1]
    told = np.eye(2, dtype=np.float32)[(one.told[:, 1] > 0).astype(int)]
    classes = Classes(("a", "b"), ("a", "b"), "label")
    embeddings, said = probes.ask(probes.of_condition(one.values, told, classes, QUICK), one.values, 16)
    assert (said.argmax(1) == told.argmax(1)).mean() > 0.85
    assert embeddings.shape == (40, 128) and embeddings.dtype == np.float64


def test_a_probe_is_a_function_of_its_seed_and_the_batch_that_is_asked_has_no_say():
    one = drawn(17, 1)  # the last batch of 16 has one
    found = []
    for seed in (1, 1, 2):
        torch.manual_seed(99)
        network = probes.of_condition(one.values, one.told, conditions(), Probes(1, 16, seed))
        found.append(probes.ask(network, one.values, 16)[1])
        np.testing.assert_allclose(probes.ask(network, one.values, 5)[1], found[-1], atol=1e-5)
    assert (found[0] == found[1]).all() and (found[0] != found[2]).any()


@pytest.mark.parametrize("change", [{"epochs": 0}, {"batch_size": 0}])
def test_probes_that_cannot_be_are_refused(change):
    with pytest.raises(Refused, match="is 0, expected 1 or more"):
        Probes(**{"epochs": 1, "batch_size": 1, "seed": 1} | change)


# Of packed recordings


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets")
    return [
        packed_in(folder / str(seed), 6, seed, samples)
        for seed, samples in enumerate([(2300, 3400)] * 2 + [(1920, 1921)])
    ]


@pytest.fixture(scope="module")
def found(folders):
    train, dev, synthetic = folders
    return sets.of_folders(train, dev, synthetic, conditions_of(train), RATE, settings_of())


def test_sets_are_scaled_log_mels_of_crops_under_their_conditions(folders, found):
    _, _, synthetic = folders
    log_mel = LogMel(MELS, RATE, CPU)
    waves = np.stack(
        [synthetic.track("wave").wave(i) for i in range(6)]
    )  # as long as a crop: there is one crop of each
    expected = found.scaling.scale(log_mel(torch.from_numpy(waves))).numpy()
    order = [int(np.abs(expected - one).sum((1, 2)).argmin()) for one in found.synthetic.values]
    assert sorted(order) == list(range(6)) and order != list(range(6))
    np.testing.assert_allclose(found.synthetic.values, expected[order], atol=1e-5)
    np.testing.assert_allclose(found.synthetic.told, synthetic.index[list(DIMENSIONS)].to_numpy()[order], atol=1e-6)
    assert [len(one) for one in (found.train, found.dev, found.inverted)] == [6, 6, 3]


def test_a_set_without_a_recording_is_refused(folders):
    train, dev, synthetic = folders
    with pytest.raises(Refused, match="holds no synthetic recording, expected one at least"):
        sets.of_folders(train, dev, synthetic.chosen(np.zeros(6, bool)), conditions_of(train), RATE, settings_of())


def test_the_scaling_is_trains_and_inverted_are_near_to_the_same_recordings(folders, found):
    train, log_mel = folders[0], LogMel(MELS, RATE, CPU)
    waves = [torch.from_numpy(train.track("wave").wave(i))[None] for i in range(6)]
    expected = Scaling.of([log_mel(wave)[0] for wave in waves], True)
    assert torch.equal(expected.mean, found.scaling.mean) and torch.equal(expected.deviation, found.scaling.deviation)
    apart = np.sqrt(np.square(found.inverted.values[:, None] - found.train.values[None]).mean((2, 3)))  # (3, 6)
    assert apart.argmin(1).tolist() == [3, 4, 5] and (found.train.told[3:] == found.inverted.told).all()


def test_the_nearest_of_train_is_looked_for_in_whole_recordings(folders, found):
    train = folders[0]
    assert found.nearest.keys() == {"dev", "synthetic"} and found.nearest["dev"].min() > 0.02
    copies = sets.of_folders(train, folders[1], train, conditions_of(train), RATE, settings_of()).nearest["synthetic"]
    assert copies.max() < found.nearest["dev"].min()  # crops at a drawn place: half a hop off at most


def test_what_is_shown_is_from_all_over_the_conditions_beside_the_most_alike(found):
    rows, words = showing.side_by_side(found, conditions_of_all())
    assert [name for name, _ in rows] == ["Real", "Synthetic"]
    assert rows[0][1].shape == rows[1][1].shape == (6, 16, 16) and len(words) == 6
    told = found.synthetic.told
    few = showing._spread(Spectrograms(found.synthetic.values, told), 2).told
    farthest = np.linalg.norm(told - told[0], axis=1).argmax()
    assert sorted(map(tuple, few)) == sorted([tuple(told[0]), tuple(told[farthest])])


def conditions_of_all():
    return Continuous(np.zeros((6, 2)), DIMENSIONS, -1, 1, 1.0)


def test_each_real_recording_is_shown_once():
    one = Spectrograms(np.arange(3, dtype=np.float32)[:, None, None], np.float32([[0.0], [0.4], [0.9]]))
    to = Spectrograms(one.values, np.float32([[0.1], [0.15], [0.2]]))
    assert showing._alike(one, to).told[:, 0].tolist() == pytest.approx([0.0, 0.4, 0.9])
