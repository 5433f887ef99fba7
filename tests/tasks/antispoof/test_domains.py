"""Training against heads that tell codecs: targets, gradients turned round once, selection, kills; what is refused."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from tests.training.toys import all_bytes, kill, killed_and_resumed, loop, nothing
from voxdag.core import params
from voxdag.core.errors import Refused
from voxdag.data import shards
from voxdag.networks.by_name import Further
from voxdag.tasks.antispoof import inference
from voxdag.tasks.antispoof.domains import UNKNOWN, Domains, Head, Opponents, targets
from voxdag.tasks.antispoof.learner import DOMAINS, Settings, make
from voxdag.training.batches import LoaderSettings
from voxdag.training.early_stopping import StoppingRules
from voxdag.training.learner import Materials
from voxdag.training.reversal import Strength

CPU = torch.device("cpu")
SAMPLES, WIDTH = 64, 4
CODEC = Head(("none", "mp3", "gsm"), 1.0)
QUALITY = Head(("1", "2"), 0.5)
BOTH = {"codec": CODEC, "quality": QUALITY}
LINEAR = Further("domain_head", "quick", {"inputs": WIDTH, "hidden": [], "dropout": 0.0})
DROPPING = Further("domain_head", "quick", {"inputs": WIDTH, "hidden": [3], "dropout": 0.3})
STRENGTH = Strength("linear", 0.1, 0.8, 4)
DOMAINS_OF = Domains(DROPPING, BOTH, STRENGTH)


class Embeds(nn.Module):
    """Four linear features of a wave, and log odds of these."""

    TAKES = "wave"

    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.features, self.head = nn.Linear(SAMPLES, WIDTH), nn.Linear(WIDTH, 2)
        self.dropout = nn.Dropout(0.2)

    def forward(self, wave):
        embedding = torch.tanh(self.features(wave))
        return embedding, self.head(self.dropout(embedding))


class Alone(Embeds):
    def forward(self, wave):
        return super().forward(wave)[1]


def packed(folder, count, versions=3):
    rng = np.random.default_rng(5)
    rows = []
    for i in range(count):
        for k, codec in enumerate(CODEC.classes[:versions]):
            label = "spoof" if i % 2 else "bonafide"
            about = {"id": f"u{i}_{codec}", "original": f"u{i}", "codec": codec, "speaker": f"s{i % 3}", "label": label}
            about |= {"quality": "none" if codec == "none" else str(1 + i % 2), "attack": "A01" if i % 2 else None}
            wave = 3000 * rng.normal(size=SAMPLES) + (2000 if i % 2 else -2000) + 900 * k
            rows.append((about, {"wave": wave.astype(np.int16)}))
    shards.write(folder, rows, shards.wave_at(16000), 100)
    return shards.Shards(folder)


@pytest.fixture(scope="module")
def splits(tmp_path_factory):
    folder = tmp_path_factory.mktemp("coded")
    return {"train": packed(folder / "train", 24), "dev": packed(folder / "dev", 8, versions=2)}


def learner(splits, recipe, network=None, share=0.5, domains=DOMAINS_OF):
    settings = Settings(SAMPLES, (0.5, 0.5), False, share, domains)
    materials = Materials(splits, {}, LoaderSettings(recipe.batch_size, 7, CPU, 0), recipe, network or Embeds())
    return make(materials, settings, inference.Settings(SAMPLES, 8, "logit_difference"))


def breaking(splits):
    """make_learner(recipe, fault): `fault` is called before every step."""

    def make_learner(recipe, fault=nothing):
        one = learner(splits, recipe)
        step = one.step

        def broken(batch, update):
            fault()
            return step(batch, update)

        one.step = broken
        return one

    return make_learner


CHANGES = {"stopping": StoppingRules("eer", None, 0.0, 0.0, 1)}


def run(folder, splits, **changes):
    return loop(folder / "state", lambda recipe: learner(splits, recipe, **changes), **CHANGES)


def test_targets_are_places_among_the_classes_and_what_was_not_coded_has_no_quality():
    index = pd.DataFrame({"codec": ["gsm", "none", "mp3"], "quality": ["2", "none", "1"]})
    assert targets(index, "codec", CODEC).tolist() == [2, 0, 1]
    assert targets(index, "quality", QUALITY).tolist() == [1, UNKNOWN, 0]


def test_the_loss_of_heads_is_by_hand_and_what_has_no_target_counts_in_none():
    # heads without a hidden layer, weights 0: all classes alike, ln 3 and ln 2; of quality two of three have a target
    index = pd.DataFrame({"codec": ["gsm", "none", "mp3"], "quality": ["2", "none", "1"]})
    opponents = Opponents(Domains(LINEAR, BOTH, STRENGTH), index, CPU)
    for parameter in opponents.networks.parameters():
        nn.init.zeros_(parameter)
    loss, told = opponents.losses(torch.randn(3, WIDTH), torch.arange(3), 1.0)
    assert loss.item() == pytest.approx(math.log(3) + 0.5 * math.log(2), rel=1e-6)
    assert told["codec_accuracy"].item() == pytest.approx(1 / 3) and told["quality_accuracy"].item() == 0.5
    assert opponents.losses(torch.randn(1, WIDTH), torch.tensor([1]), 1.0)[0].item() == pytest.approx(math.log(3))


def test_heads_of_another_width_are_refused():
    index = pd.DataFrame({"codec": ["gsm", "none", "mp3"]})
    opponents = Opponents(Domains(LINEAR, {"codec": CODEC}, STRENGTH), index, CPU)
    message = f"objective.domains.head takes embeddings of {WIDTH} numbers, and the network's have {WIDTH + 1}: see"
    with pytest.raises(Refused, match=message):
        opponents.losses(torch.randn(3, WIDTH + 1), torch.arange(3), 1.0)


@pytest.mark.parametrize("strength", [0.0, 0.5])
def test_the_network_gets_the_heads_gradient_turned_round_once_and_the_heads_all_of_it(splits, strength):
    # the reference multiplied by the strength twice: -strength^2, and heads that learned nothing during warm-up
    index = splits["train"].index
    opponents = Opponents(Domains(LINEAR, {"codec": CODEC}, STRENGTH), index, CPU)
    embedding, rows = torch.randn(6, WIDTH, requires_grad=True), torch.arange(6)
    heads = list(opponents.networks.parameters())
    logits = opponents.networks["codec"](embedding)
    plain = nn.functional.cross_entropy(logits, torch.from_numpy(targets(index, "codec", CODEC))[:6])
    expected = torch.autograd.grad(plain, [embedding, *heads])
    found = torch.autograd.grad(opponents.losses(embedding, rows, strength)[0], [embedding, *heads])
    torch.testing.assert_close(found[0], -strength * expected[0])
    for one, other in zip(found[1:], expected[1:], strict=True):
        torch.testing.assert_close(one, other)
    assert expected[1].abs().max() > 0.01


def test_history_has_the_strength_and_how_often_the_heads_are_right(tmp_path, splits):
    history = run(tmp_path, splits).run().history
    # 24 originals in batches of 4: 6 steps an epoch, 3 epochs, the first 4 steps without; 14 steps from .1 to .8
    expected = [0.1 + 0.7 * max(0, step - 4) / 13 if step >= 4 else 0 for step in range(18)]
    means = [np.mean(expected[first : first + 6]) for first in (0, 6, 12)]
    assert [row["train_strength"] for row in history] == pytest.approx(means)
    assert all(0 <= row["train_codec_accuracy"] <= 1 and row["train_domains"] > 0 for row in history)


def test_weights_from_before_the_strength_is_on_are_never_chosen(tmp_path, splits):
    # of 18 steps the first 12, two epochs, are warm-up
    late = replace(DOMAINS_OF, strength=Strength("constant", 0.0, 0.5, 12))
    progress = run(tmp_path, splits, domains=late).run()
    assert [math.isnan(row.get("dev_eer", math.nan)) for row in progress.history] == [True, True, False]
    assert progress.best["eer"]["epoch"] == 3
    never = replace(DOMAINS_OF, strength=Strength("constant", 0.0, 0.5, 50))
    assert run(tmp_path / "never", splits, domains=never).run().best == {}


def test_without_heads_nothing_is_as_if_there_were_none(tmp_path, splits):
    plain = run(tmp_path, splits, domains=None)
    assert list(plain.learner.networks) == ["main"] and plain.run().best["eer"]["epoch"] >= 1
    assert "train_strength" not in plain.progress.history[0] and plain.learner.state() == {}


@pytest.mark.parametrize("kill_at", range(1, 19))
def test_a_run_killed_at_any_step_ends_with_the_same_bytes(tmp_path, splits, kill_at):
    unbroken = run(tmp_path / "whole", splits)
    unbroken.run()
    found = killed_and_resumed(tmp_path / "killed", breaking(splits), kill_at, **CHANGES)
    assert found == all_bytes(unbroken, tmp_path / "whole")


def test_control_without_the_heads_weights_the_resume_differs(tmp_path, splits):
    unbroken = run(tmp_path / "whole", splits)
    unbroken.run()

    def forget(resumed):
        for parameter in resumed.learner.networks[DOMAINS].parameters():
            nn.init.ones_(parameter)

    resume = resume_with(tmp_path / "killed", splits, 9, forget)
    assert resume != all_bytes(unbroken, tmp_path / "whole")


def resume_with(folder, splits, kill_at, before_steps):
    """A run that is killed, started again, and changed by `before_steps` once its state is read."""
    kill(folder, breaking(splits), kill_at, None, **CHANGES)
    resumed = loop(folder / "state", breaking(splits), None, **CHANGES)
    resume = resumed.resume
    resumed.resume = lambda: (resume(), before_steps(resumed))
    resumed.run()
    return all_bytes(resumed, folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"domains": Domains(LINEAR, {"codec": Head(("none", "mp3"), 1.0)}, STRENGTH)}, "codec gsm of train is none"),
        ({"domains": Domains(LINEAR, {"room": Head(("a", "b"), 1.0)}, STRENGTH)}, "a head tells room, which train's"),
        ({"share": None}, "coded_share is None, and there are domains: expected coded speech to tell"),
        ({"share": 0.0}, "coded_share is 0.0, and there are domains"),
        ({"share": 1.5}, "coded_share is 1.5, expected a share from 0 to 1"),
        ({"network": Alone()}, r"Alone gives \(4, 2\); expected a pair \(embedding \(B, D\), logits \(B, 2\)\)"),
    ],
)
def test_what_cannot_be_trained_against_is_refused(tmp_path, splits, change, message):
    with pytest.raises(Refused, match=message):
        run(tmp_path, splits, **change).run()


def test_heads_that_make_no_sense_are_refused():
    with pytest.raises(Refused, match="heads is {}, expected at least one"):
        Domains(LINEAR, {}, STRENGTH)
    with pytest.raises(Refused, match="classes is .'mp3'., expected two or more"):
        Head(("mp3",), 1.0)
    with pytest.raises(Refused, match="weight is 0.0, expected more than 0"):
        Head(("none", "mp3"), 0.0)


def test_heads_are_bound_from_parameters_by_the_column_that_they_tell():
    heads = {"codec": {"classes": ["none", "mp3"], "weight": 1}, "quality": {"classes": ["1", "2"], "weight": 0.5}}
    strength = {"shape": "linear", "start": 0.0, "end": 1.0, "warmup": 0}
    head = {"network": "domain_head", "config": "quick", "changes": {}}
    found = params.bind(Domains, {"head": head, "heads": heads, "strength": strength}, "domains")
    assert found.heads == {"codec": Head(("none", "mp3"), 1.0), "quality": QUALITY}
    heads["quality"]["rate"] = 1
    with pytest.raises(Refused, match="params.yaml: domains.heads.quality has the unknown key rate"):
        params.bind(Domains, {"head": head, "heads": heads, "strength": strength}, "domains")
    with pytest.raises(Refused, match="domains.heads is .'codec'., expected a mapping"):
        params.bind(Domains, {"head": head, "heads": ["codec"], "strength": strength}, "domains")
