"""Cross-validation: who is in which split, what is refused, and what leaks on purpose."""

import pandas as pd
import pytest

from voxdag.core import streams
from voxdag.corpora import manifest
from voxdag.corpora.corpus import Corpus
from voxdag.corpora.manifest import Prepare
from voxdag.data import folds
from voxdag.data.folds import Fold

SPEAKERS = ("a", "b", "c", "d")
FOLDS = tuple(
    Fold(str(k + 1), dev=frozenset(SPEAKERS[(k + 1) % 4]), eval=frozenset(SPEAKERS[k])) for k in range(4)
)  # fmt: skip


def trials(prefix="x"):
    rows = [
        {"id": f"{prefix}{speaker}{label}{i}", "path": f"{i}.wav", "speaker": speaker, "label": label, "bytes": 9}
        for speaker in SPEAKERS
        for label in ("happy", "sad")
        for i in range(3)
    ]
    return pd.DataFrame(rows)


def corpus(prefix="x", cut=FOLDS):
    return Corpus(trials(prefix), {}, {}, cut)


def settings(**changes):
    return Prepare(**({"corpus": "x", "eval_corpus": None, "max_absent": 0.0, "corpora": {}} | changes))


def speakers(table, fold):
    rows = table[folds.of(table, fold)]
    return {split: set(rows["speaker"][rows["split"] == split]) for split in ("train", "dev", "eval")}


def test_every_fold_has_the_speakers_that_it_names():
    table = folds.assign(trials(), FOLDS)
    assert folds.names(table) == ["1", "2", "3", "4"]
    assert speakers(table, "1") == {"train": {"c", "d"}, "dev": {"b"}, "eval": {"a"}}
    assert speakers(table, "4") == {"train": {"b", "c"}, "dev": {"a"}, "eval": {"d"}}
    assert (table.groupby("split")["id"].nunique() == len(trials())).all()  # each is in each split of some fold
    assert not table.duplicated(["split", "id"]).any()


def test_ten_folds_are_in_order_and_one_is_not_ten():
    ten = tuple(Fold(str(k), dev=frozenset("b"), eval=frozenset("a")) for k in range(1, 11))
    table = folds.assign(trials(), ten)
    assert folds.names(table) == [str(k) for k in range(1, 11)]
    only_ten = folds.assign(trials(), ten[9:])
    assert not folds.of(only_ten, "1").any() and folds.of(only_ten, "10").all()


def test_one_fold_alone_has_its_utterances_once():
    table = folds.assign(trials(), folds.chosen(FOLDS, 2))
    assert folds.names(table) == ["2"]
    assert len(table) == len(trials()) and speakers(table, "2")["eval"] == {"b"}


def test_a_fold_that_is_not_there_is_named_with_those_that_are():
    with pytest.raises(ValueError, match="fold is 7, expected all or one of 1, 2, 3, 4"):
        folds.chosen(FOLDS, 7)


def test_a_fixed_split_is_one_fold_of_everything():
    table = trials().assign(split="train")
    assert folds.names(table) == [folds.FIXED] and folds.of(table, folds.FIXED).all()


def test_the_account_says_who_is_where_and_refuses_a_speaker_in_two_splits():
    table = folds.assign(trials(), FOLDS)
    account = folds.describe(table, "speaker")
    assert account["1"]["shared_speaker"] == 0
    assert account["1"]["splits"]["train"] == {
        "utterances": 12, "speakers": ["c", "d"], "labels": {"happy": 6, "sad": 6}
    }  # fmt: skip
    table.loc[table.index[-1], "speaker"] = "c"
    with pytest.raises(ValueError, match="1 speaker values are in two splits of fold 4, such as c: .* in train, .* in"):
        folds.describe(table, "speaker")


def test_a_copy_of_a_recording_in_two_splits_is_refused_by_its_audio():
    table = folds.assign(trials(), FOLDS[:1]).assign(audio=lambda rows: rows["id"])
    assert folds.describe(table, "audio")["1"]["shared_audio"] == 0
    table.loc[table["id"] == "xasad0", "audio"] = "xchappy1"
    with pytest.raises(ValueError, match="1 audio values .* such as xchappy1: xchappy1 in train, xasad0 in eval"):
        folds.describe(table, "audio")


def test_the_random_split_mixes_speakers_says_so_in_its_names_and_is_not_refused():
    table = manifest.split({"x": corpus()}, settings(protocol="leaky_random"))
    rows = pd.concat(table.values())
    assert folds.names(rows) == ["leaky-1", "leaky-2", "leaky-3", "leaky-4"]
    assert (rows.groupby("split")["id"].nunique() == len(trials())).all()
    account = manifest.describe(table, settings(protocol="leaky_random"))
    assert account["leaky-1"]["shared_speaker"] > 0
    assert account["leaky-1"]["splits"]["eval"]["labels"] == {"happy": 3, "sad": 3}  # balanced by class


def sizes(drawn):
    return [len(fold.eval) for fold in drawn]


def test_the_folds_of_classes_are_those_of_every_run_before():
    # 12 utterances of each of 2 classes in 5 folds: each class begins with the first fold, so that the two left over of
    # each are in the first two.
    drawn = folds.random(trials(), 5)
    shuffled = trials().sample(frac=1, random_state=streams.generator(1, "random split"))
    for k, fold in enumerate(drawn):
        dealt = [list(rows["id"])[k::5] for _, rows in shuffled.groupby("label")]
        assert fold.eval == {name for names in dealt for name in names}
    assert sizes(drawn) == [6, 6, 4, 4, 4]
    assert [fold.dev for fold in drawn] == [fold.eval for fold in (*drawn[1:], drawn[0])]


def test_numbers_as_labels_are_dealt_evenly_and_alike():
    # 22 distinct numbers in 4 folds: 6, 6, 5, 5. Each of the five blocks of four ranks has one in each fold.
    numbers = trials().head(22).assign(label=[float(k) for k in range(22)])
    drawn = folds.random(numbers, 4)
    assert sizes(drawn) == [6, 6, 5, 5]
    for fold in drawn:
        own = sorted(numbers.set_index("id").loc[list(fold.eval), "label"])
        assert [value // 4 for value in own[:5]] == [0, 1, 2, 3, 4]
    assert folds.random(numbers.assign(label=numbers["label"].astype(object)), 4) == drawn
    assert folds.random(numbers.assign(label=numbers["label"] ** 3), 4) == drawn  # only the order counts
    assert (
        {tuple(sorted(fold.eval)) for fold in drawn}
        != {  # which of a block is in which fold is drawn
            tuple(sorted(numbers["id"][k::4])) for k in range(4)
        }
    )


def test_a_task_may_say_its_strata():
    # Strata of 12 and 10 in 4 folds: 3 of the first in each; of the second 2 or 3, and 22 in all are 6, 6, 5, 5.
    numbers = trials().head(22).assign(label=[float(k) for k in range(22)])
    by_label = lambda table: table["label"].lt(12).map({True: "a", False: "b"})  # noqa: E731
    drawn = folds.random(numbers, 4, by_label)
    low = [sum(name in set(numbers["id"][:12]) for name in fold.eval) for fold in drawn]
    assert low == [3, 3, 3, 3] and sizes(drawn) == [6, 6, 5, 5]
    shuffled = numbers.sample(frac=1, random_state=streams.generator(1, "random split"))
    dealt = [*shuffled["id"][shuffled["label"] < 12], *shuffled["id"][shuffled["label"] >= 12]]
    assert [fold.eval for fold in drawn] == [set(dealt[k::4]) for k in range(4)]


def test_the_strata_of_a_task_reach_the_random_split():
    by_speaker = lambda table: table["speaker"]  # noqa: E731
    listed = manifest.split({"x": corpus()}, settings(protocol="leaky_random", fold=1), by_speaker)
    # 6 utterances of each of 4 speakers, dealt on to 4 folds: 1 or 2 of each speaker, and 6 in all.
    assert len(listed["eval"]) == 6 and set(listed["eval"]["speaker"].value_counts()) == {1, 2}


def test_labels_that_are_numbers_are_told_by_their_mean_and_ends():
    table = trials().head(4).assign(split="train", label=[1.0, -2.0, 7.0, None])
    assert folds.describe(table, "speaker")["fixed"]["splits"]["train"]["labels"] == {
        "n": 3, "mean": 2.0, "min": -2.0, "max": 7.0
    }  # fmt: skip


def test_one_leaky_fold_is_named_by_its_number():
    table = manifest.split({"x": corpus()}, settings(protocol="leaky_random", fold=3))
    assert folds.names(table["eval"]) == ["leaky-3"]


def test_cross_corpus_evaluation_has_all_of_the_other_corpus_in_eval_of_every_fold():
    listed = manifest.split({"x": corpus(), "y": corpus("y")}, settings(eval_corpus="y"))
    assert set(listed["eval"]["id"]) == set(trials("y")["id"])
    assert set(listed["eval"]["folds"]) == {"1 2 3 4"}
    account = manifest.describe(listed, settings(eval_corpus="y"))  # a of x and a of y are two speakers
    assert account["1"]["splits"]["eval"]["speakers"][0] == "y/a"


@pytest.mark.parametrize("change", [{"fold": 2}, {"protocol": "leaky_random"}])
def test_a_fixed_split_has_no_folds_to_choose_from(change):
    fixed = Corpus(trials().assign(split="train"), {}, {})
    with pytest.raises(ValueError, match="x has a fixed split"):
        manifest.split({"x": fixed}, settings(**change))


def test_an_unknown_protocol_is_named():
    with pytest.raises(ValueError, match="protocol is 'random', expected one of speaker_independent, leaky_random"):
        settings(protocol="random")


def test_a_task_without_labels_has_folds_too():
    unlabelled = trials().drop(columns="label")
    drawn = folds.random(unlabelled, 4)
    assert sorted(len(fold.eval) for fold in drawn) == [6, 6, 6, 6]  # of 24 utterances
    described = folds.describe(folds.assign(unlabelled, FOLDS), "speaker")
    assert described["1"]["splits"]["eval"] == {"utterances": 6, "speakers": ["a"]}


def test_speakers_of_two_corpora_that_have_one_name_are_two():
    corpora = {"x": Corpus(trials().assign(split="train"), {}, {}), "y": Corpus(trials().assign(split="eval"), {}, {})}
    crossed = settings(eval_corpus="y")
    account = manifest.describe(manifest.split(corpora, crossed), crossed)["fixed"]
    assert account["shared_speaker"] == 0
    assert account["splits"]["eval"]["speakers"] == ["y/a", "y/b", "y/c", "y/d"]


def test_of_no_recording_none_is_absent():
    manifest.check_absent(trials().head(0), 0.0)
