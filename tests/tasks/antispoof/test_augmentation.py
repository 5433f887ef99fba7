"""Augmented crops: what each kind does, draws that depend on names alone, kills, and what stays as it was without."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import soundfile
import torch
from torch import nn

from tests.audio.test_rawboost import OFFICIAL
from tests.training.toys import all_bytes, killed_and_resumed, loop, nothing, recipe
from voxdag.audio.decode import INT16_SCALE
from voxdag.audio.rawboost import rawboost
from voxdag.core import params, streams
from voxdag.core.errors import Refused
from voxdag.data import shards
from voxdag.tasks.antispoof import inference
from voxdag.tasks.antispoof.augmentation import Augmentation, Augmenter, Kind, Noise, Reverberation
from voxdag.tasks.antispoof.learner import Settings, make
from voxdag.training.batches import LoaderSettings
from voxdag.training.early_stopping import StoppingRules
from voxdag.training.learner import Materials

CPU, SAMPLES = torch.device("cpu"), 800
ROOM = Reverberation(1.0, None)
MUSIC, SPEECH = Kind("sounds/music", (5.0, 15.0), (1, 1)), Kind("sounds/speech", (0.0, 9.0), (2, 3))
NOISES = Noise(1.0, {"music": MUSIC, "speech": SPEECH})
ALL = Augmentation(Reverberation(0.6, "rooms"), NOISES, OFFICIAL)


@pytest.fixture(scope="module", autouse=True)
def corpora(tmp_path_factory):
    """Folders of noises and of impulse responses; every test's corpora lie here."""
    folder, rng = tmp_path_factory.mktemp("corpora"), np.random.default_rng(7)
    for name in ("sounds/music/a.wav", *(f"sounds/speech/b/{k}.flac" for k in range(4)), "rooms/c.wav", "rooms/d.wav"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        wave = 0.2 * rng.standard_normal(3000)
        if name.startswith("rooms"):
            wave *= 0.2 * np.exp(-np.arange(3000) / 300)
            wave[20] = 0.9
        soundfile.write(path, wave, 16000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VOXDAG_CORPORA", str(folder))
        yield folder


def speech(n=SAMPLES, level=0.1, seed=0):
    """(n,) int16."""
    return np.int16(level * INT16_SCALE * np.clip(np.random.default_rng(seed).standard_normal(n) / 3, -1, 1))


def stream(seed):
    return partial(streams.generator, seed, "augmentation", 0, "u")


def heard(settings, samples, seed=0):
    return Augmenter(settings)(samples, stream(seed))


# What is heard


@pytest.mark.parametrize("kind", ["music", "speech"])
def test_noise_has_a_ratio_within_the_range_of_its_kind(kind):
    # rounding to 16 bits at a level of 1,000 adds noise 80 dB below: nothing at these ratios
    settings = Augmentation(noise=Noise(1.0, {kind: NOISES.kinds[kind]}))
    ratios, samples = [], speech(4000)
    for seed in range(120):
        noise = heard(settings, samples, seed).astype(float) - samples
        ratios.append(10 * np.log10(np.sum(samples.astype(float) ** 2) / np.sum(noise**2)))
    low, high = NOISES.kinds[kind].snr_db
    assert low - 0.01 < min(ratios) < low + 1 and high - 1 < max(ratios) < high + 0.01


def test_several_files_are_heard_at_equal_power(corpora):
    # two files of babble, one of them a thousandth as loud: both are half of the noise
    tones = {"loud": 1000, "quiet": 3000}
    for name, hz in tones.items():
        wave = (0.5 if name == "loud" else 0.002) * np.sin(2 * np.pi * hz / 16000 * np.arange(32000))
        (corpora / "tones").mkdir(exist_ok=True)
        soundfile.write(corpora / f"tones/{name}.wav", wave, 16000, subtype="FLOAT")
    settings = Augmentation(noise=Noise(1.0, {"babble": Kind("tones", (-20.0, -20.0), (2, 2))}))
    spectrum = np.abs(np.fft.rfft(heard(settings, speech(16000, 0.01))))
    assert spectrum[1000] == pytest.approx(spectrum[3000], rel=0.1) and spectrum[1000] > 100 * np.median(spectrum)


def test_every_number_of_files_is_heard(corpora):
    # tones at 1, 2, 3 kHz: how many stand out is how many files were drawn
    for k in (1, 2, 3):
        (corpora / "three").mkdir(exist_ok=True)
        soundfile.write(corpora / f"three/{k}.wav", 0.5 * np.sin(2 * np.pi * k / 16 * np.arange(16000)), 16000)
    settings = Augmentation(noise=Noise(1.0, {"tones": Kind("three", (-20.0, -20.0), (1, 3))}))
    counts = []
    for seed in range(60):
        spectrum = np.abs(np.fft.rfft(heard(settings, speech(1600, 0.01), seed)))
        counts.append(int(np.sum(spectrum[[100, 200, 300]] > 20 * np.median(spectrum))))
    # 20 of each, sd 3.7
    assert {1, 2, 3} == set(counts) and all(abs(counts.count(k) - 20) < 18 for k in (1, 2, 3))


def test_every_kind_is_heard_and_draws_are_new():
    opened = Augmenter(Augmentation(noise=NOISES))
    assert len({opened(speech(), stream(seed)).tobytes() for seed in range(40)}) == 40
    one = {"music": NOISES.kinds["music"]}
    alike = [
        np.array_equal(heard(Augmentation(noise=Noise(1.0, one)), speech(), seed), opened(speech(), stream(seed)))
        for seed in range(60)
    ]
    assert not all(alike)


def test_a_room_is_one_of_the_folders_or_a_simulated_one():
    samples = speech(level=0.3)
    for settings in (ROOM, Reverberation(1.0, "rooms")):
        found = heard(Augmentation(reverberation=settings), samples)
        assert np.sum(found.astype(float) ** 2) == pytest.approx(np.sum(samples.astype(float) ** 2), rel=0.01)
        assert not np.array_equal(found, samples)
        assert np.argmax(np.correlate(found.astype(float), samples.astype(float), "full")) == SAMPLES - 1
    one, other = (heard(Augmentation(reverberation=ROOM), samples, seed) for seed in (1, 2))
    assert not np.array_equal(one, other)


def test_rawboost_is_the_modules_at_the_tasks_rate():
    rng = stream(3)("rawboost")
    rng.random()
    expected = rawboost(speech().astype(np.float32) / INT16_SCALE, 16000, OFFICIAL, rng) * INT16_SCALE
    np.testing.assert_allclose(heard(Augmentation(rawboost=OFFICIAL), speech(), 3), expected, atol=0.51)


def test_it_is_the_room_then_the_noise_then_the_channel():
    step = speech()
    for settings in ({"reverberation": ROOM}, {"noise": NOISES}, {"rawboost": OFFICIAL}):
        step = heard(Augmentation(**settings), step, 5)
    whole = heard(Augmentation(ROOM, NOISES, OFFICIAL), speech(), 5)
    # rounded to 16 bits between the steps and not: impulses are up to three times a sample
    np.testing.assert_allclose(whole, step, atol=8)
    assert not np.allclose(heard(Augmentation(ROOM, NOISES), speech(), 5), step, atol=8)


def test_loud_crops_are_turned_down_and_never_wrap_round():
    loud = Augmentation(noise=Noise(1.0, {"music": Kind("sounds/music", (-20.0, -20.0), (1, 1))}), rawboost=OFFICIAL)
    for seed in range(20):
        samples = np.int16(30000 * np.sin(np.arange(SAMPLES) / 9))
        found = heard(loud, samples, seed).astype(int)
        assert 20000 < np.abs(found).max() <= 32768
        assert np.mean(np.abs(found) >= 32767) < 0.01


def test_what_passes_full_scale_is_turned_down_as_a_whole():
    settings, samples = replace(OFFICIAL, algorithm=3, snr_db=(0.0, 0.0)), speech(level=2.9)
    rng = stream(3)("rawboost")
    rng.random()
    expected = rawboost(samples.astype(np.float32) / INT16_SCALE, 16000, settings, rng)
    assert np.abs(expected).max() > 1.2
    found = heard(Augmentation(rawboost=settings), samples, 3)
    np.testing.assert_allclose(found, expected / np.abs(expected).max() * INT16_SCALE, atol=1.01)  # 1 is 32767


def test_silence_gets_nothing():
    assert not heard(Augmentation(ROOM, NOISES, OFFICIAL), np.zeros(SAMPLES, np.int16)).any()


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_as_many_crops_are_changed_as_the_share_says(share):
    settings = Augmentation(noise=Noise(share, NOISES.kinds))
    opened, samples = Augmenter(settings), speech()
    changed = sum(not np.array_equal(opened(samples, stream(seed)), samples) for seed in range(200))
    assert abs(changed - 200 * share) <= 5 * np.sqrt(200 * share * (1 - share))


def test_the_share_of_one_kind_changes_no_draw_of_another():
    alone = heard(Augmentation(rawboost=OFFICIAL), speech(), 4)
    assert np.array_equal(
        heard(Augmentation(Reverberation(0.0, None), Noise(0.0, NOISES.kinds), OFFICIAL), speech(), 4), alone
    )


# In training


class Embeds(nn.Module):
    """Log odds of a wave, by eight features of it."""

    TAKES = "wave"

    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.features, self.head, self.dropout = nn.Linear(SAMPLES, 8), nn.Linear(8, 2), nn.Dropout(0.2)

    def forward(self, wave):
        embedding = torch.tanh(self.features(wave))
        return embedding, self.head(self.dropout(embedding))


def packed(folder, count, versions=("none",)):
    rows = []
    for i in range(count):
        label = "spoof" if i % 2 else "bonafide"
        for k, codec in enumerate(versions):
            about = {"id": f"u{i}_{codec}", "original": f"u{i}", "codec": codec, "speaker": f"s{i % 3}", "label": label}
            samples = speech(SAMPLES // 2 + 90 * i + 7 * k, 0.1 + 0.2 * (i % 2), i)
            rows.append((about | {"attack": "A01" if i % 2 else None}, {"wave": samples}))
    shards.write(folder, rows, shards.wave_at(16000), 100)
    return shards.Shards(folder)


@pytest.fixture(scope="module")
def splits(tmp_path_factory):
    folder = tmp_path_factory.mktemp("packed")
    return {
        "train": packed(folder / "train", 18, ("none", "mp3")), "dev": packed(folder / "dev", 8),
    }  # fmt: skip


CHANGES = {"epochs": 3, "batch_size": 6, "stopping": StoppingRules("eer", None, 0.0, 0.0, 1)}  # 6 steps an epoch


def learner(splits, augmentation, coded_share=None, seed=1, workers=0, made=None):
    settings = Settings(SAMPLES, (0.3, 0.7), False, coded_share, None, augmentation)
    loader = LoaderSettings(6, seed, CPU, workers)
    scoring = inference.Settings(samples=SAMPLES, batch_size=3, score="logit_difference")
    return make(Materials(splits, {}, loader, made or recipe(**CHANGES), Embeds()), settings, scoring)


def batches(splits, augmentation, epoch=1, first=0, **changes):
    return [batch["waves"].tolist() for batch in learner(splits, augmentation, **changes).batches(epoch, first)]


@pytest.mark.parametrize("coded_share", [None, 0.5])
@pytest.mark.parametrize("workers", [2, 3])
def test_processes_that_load_batches_and_where_they_begin_change_none(splits, workers, coded_share):
    whole = batches(splits, ALL, coded_share=coded_share)
    assert len(whole) > 2 and batches(splits, ALL, workers=workers, coded_share=coded_share) == whole
    assert batches(splits, ALL, first=1, workers=workers, coded_share=coded_share) == whole[1:]


def test_epochs_seeds_and_utterances_differ(splits):
    assert batches(splits, ALL) != batches(splits, ALL, epoch=2) and batches(splits, ALL) != batches(
        splits, ALL, seed=2
    )
    # the same samples under two names
    opened = Augmenter(ALL)
    one, other = (opened(speech(), partial(streams.generator, 1, "augmentation", 0, name)) for name in ("u1", "u2"))
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("coded_share", [None, 0.5])
def test_a_crop_is_that_without_augmentation_changed_by_its_own_stream(splits, coded_share):
    plain, changed = (learner(splits, augmentation, coded_share) for augmentation in (None, ALL))
    items = [(3, 5), (3, 2)]
    before, after = (made._batches.loader.dataset.__getitems__(items) for made in (plain, changed))
    assert after.keys() == before.keys() and after["waves"].dtype == torch.int16
    assert all(torch.equal(after[name], before[name]) for name in before if name != "waves")
    for (epoch, i), wave, expected in zip(items, before["waves"].numpy(), after["waves"].numpy(), strict=True):
        name = f"u{i}" if coded_share else splits["train"].index["id"][i]
        own = partial(streams.generator, 1, "augmentation", epoch, name)
        assert np.array_equal(Augmenter(ALL)(wave, own), expected)
    assert len(changed) == len(plain)


def test_dev_is_scored_as_it_is(splits):
    plain, changed = (learner(splits, augmentation) for augmentation in (None, ALL))
    assert changed.criteria() == plain.criteria()
    assert np.array_equal(
        *(
            inference.score(made.network.eval(), inference.waves(splits["dev"]), made._scoring, CPU)
            for made in (plain, changed)
        )
    )


def of(splits, augmentation):
    """A learner whose step calls `fault` before its update."""

    def make_learner(made, fault=nothing):
        ours = learner(splits, augmentation, made=made)
        step = ours.step
        ours.step = lambda batch, update: (fault(), step(batch, update))[1]
        return ours

    return make_learner


def trained(folder, splits, augmentation):
    unbroken = loop(folder / "state", of(splits, augmentation), None, **CHANGES)
    unbroken.run()
    return all_bytes(unbroken, folder)


def test_with_all_shares_at_0_training_gives_the_bytes_that_it_gives_without(tmp_path, splits):
    none = Augmentation(Reverberation(0.0, "rooms"), Noise(0.0, NOISES.kinds), replace(OFFICIAL, share=0.0))
    without = trained(tmp_path / "a", splits, None)
    assert trained(tmp_path / "b", splits, none) == without == trained(tmp_path / "c", splits, Augmentation())
    assert trained(tmp_path / "d", splits, ALL) != without


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory, splits):
    return trained(tmp_path_factory.mktemp("unbroken"), splits, ALL)


@pytest.mark.parametrize("kill_at", range(1, 19))
def test_a_run_killed_at_any_step_ends_with_the_same_bytes(tmp_path, splits, unbroken, kill_at):
    assert killed_and_resumed(tmp_path, of(splits, ALL), kill_at, **CHANGES) == unbroken


# Refusals


def bound(**augmentation):
    tree = {"samples": SAMPLES, "class_weights": [0.5, 0.5], "shuffle_labels": False, "augmentation": augmentation}
    return params.bind(Settings, tree, "systems.a.objective").augmentation


def music(**changes):
    return {"share": 0.5, "kinds": {"music": {"folder": "sounds/music", "snr_db": [5, 15], "files": [1, 1]} | changes}}


def test_settings_are_bound_from_parameters_and_may_be_absent():
    assert bound(noise=music()).noise == Noise(0.5, {"music": NOISES.kinds["music"]})
    assert bound(reverberation={"share": 1, "folder": None}).reverberation == ROOM
    assert bound() == Augmentation() and Settings(SAMPLES, (0.5, 0.5), False).augmentation is None


@pytest.mark.parametrize(
    ("augmentation", "message"),
    [
        ({"noise": music(snr_db=[15, 5])}, r"noise.kinds.music.snr_db is \(15.0, 5.0\), expected a range in order"),
        ({"noise": music(files=[3, 1])}, r"noise.kinds.music.files is \(3, 1\), expected a range in order"),
        ({"noise": music(files=[0, 1])}, r"noise.kinds.music.files is \(0, 1\), expected 1 or more"),
        ({"noise": music(folder="../x")}, "noise.kinds.music.folder is '../x', expected a folder inside"),
        ({"noise": music(snr_db=[5, 300])}, "noise.kinds.music.snr_db is .*, expected -100.0 to 100.0"),
        ({"noise": {"share": 0.5, "kinds": {}}}, "noise.kinds is {}, expected at least one"),
        ({"noise": {"share": 2, "kinds": music()["kinds"]}}, "noise.share is 2.0, expected a share"),
        ({"reverberation": {"share": -1, "folder": None}}, "reverberation.share is -1.0, expected a share"),
        ({"reverberation": {"share": 1}}, "reverberation lacks the key folder"),
        ({"musan": {}}, "has the unknown key musan; known keys: reverberation, noise, rawboost"),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_key(augmentation, message):
    with pytest.raises(Refused, match=f"params.yaml: systems.a.objective.augmentation.?{message}"):
        bound(**augmentation)


@pytest.mark.parametrize(
    ("augmentation", "message"),
    [
        ({"noise": music(folder="gone")}, "noise.kinds.music.folder is 'gone': .*gone is no folder"),
        ({"noise": music(files=[1, 2])}, r"noise.kinds.music.files is \(1, 2\), and sounds/music holds 1 files"),
        ({"reverberation": {"share": 0, "folder": "gone"}}, "reverberation.folder is 'gone': .*gone is no folder"),
        (
            {"rawboost": vars(OFFICIAL) | {"centre_hz": (20.0, 9000.0)}},
            r"rawboost.centre_hz is \(20.0, 9000.0\), expected up to 8000.0 Hz",
        ),
    ],
)
def test_what_is_not_there_is_refused_by_key_before_training(augmentation, message):
    augmentation = {
        kind: {key: list(value) if isinstance(value, tuple) else value for key, value in own.items()}
        for kind, own in augmentation.items()
    }
    with pytest.raises(Refused, match=f"objective.augmentation.{message}"):
        Augmenter(bound(**augmentation))
