"""The shortcuts test compares what a file's outside gives away before and after equalisation."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
import soundfile
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.metrics import roc_curve
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from voxdag.core import streams
from voxdag.corpora.la_layout import CONVERSIONS, Material, Recording, plan, write
from voxdag.corpora.readers import asvspoof2019_la
from voxdag.corpora.readers import simulated_la as la
from voxdag.corpora.readers.asvspoof2019_la import AUDIO, PROTOCOLS, SEEN_ATTACKS, UNSEEN_ATTACKS
from voxdag.make_la import Segment, load
from voxdag.simulation.attacks import spoof
from voxdag.simulation.equalise import RATE, Target, draw_target, equalise


def talk(rng: np.random.Generator, seconds: float = 4.0) -> np.ndarray:
    """Syllables of a pulse train over room noise, with silence around them."""
    time = np.arange(round(seconds * RATE)) / RATE
    pitch, rate = rng.uniform(90, 220), rng.uniform(3, 5)
    voice = sum(np.cos(2 * np.pi * k * pitch * time + rng.uniform(0, 6)) / k for k in range(1, 12))
    envelope = np.clip(np.sin(2 * np.pi * rate * time) + 0.5, 0, None) * (time > 0.3) * (time < seconds - 0.3)
    return 0.03 * envelope * voice + 10 ** rng.uniform(-4, -3) * rng.standard_normal(len(time))


def material(speakers: int = 3, recordings: int = 6, bonafide: int = 8, spoofs: int = 26) -> dict[str, Material]:
    return {
        split: Material(
            tuple(Recording(f"{split}{s}", f"{split}{s}/{k}") for s in range(speakers) for k in range(recordings)),
            bonafide,
            spoofs,
        )
        for split in ("train", "dev", "eval")
    }


def talk_load(recording: Recording) -> np.ndarray:
    return talk(streams.generator(0, "talk", recording.name))


def quick_attack(name: str, wave: np.ndarray, donors: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    return np.convolve(wave, [1, 0.1 * int(name[1:])], mode="same")


# ---- the plan


def test_attacks_take_turns_and_eval_has_its_own():
    counts = {split: Counter() for split in ("train", "dev", "eval")}
    for utterance in plan(material(), seed=3):
        counts[utterance.split][utterance.attack] += 1
    for split, names in (("train", SEEN_ATTACKS), ("dev", SEEN_ATTACKS), ("eval", UNSEEN_ATTACKS)):
        assert set(counts[split]) == {None, *names}
        assert counts[split][None] == 8
        spoofs = [counts[split][name] for name in names]
        assert sum(spoofs) == 26 and max(spoofs) - min(spoofs) <= 1


def test_no_recording_is_both_bona_fide_and_a_source_and_donors_are_of_the_claimed_speaker():
    utterances = plan(material(), seed=3)
    bonafide = {u.source for u in utterances if u.attack is None}
    used = {r for u in utterances if u.attack for r in (u.source, *u.donors)}
    assert bonafide and used and not bonafide & used
    for utterance in utterances:
        assert {donor.speaker for donor in utterance.donors} <= {utterance.speaker}
        assert utterance.source not in utterance.donors
        assert utterance.source.name.startswith(utterance.split)
        assert (utterance.source.speaker != utterance.speaker) == (utterance.attack in CONVERSIONS)
        assert utterance.donors or utterance.attack is None


def test_ids_say_nothing_of_the_class():
    spoofed = [u.attack is not None for u in plan(material(4, 60, 100, 100), seed=0) if u.split == "train"]
    # Of 199 neighbours about half change class; sd 7. Unshuffled, one would.
    assert 70 < sum(a != b for a, b in pairwise(spoofed)) < 130
    assert 30 < sum(spoofed[:100]) < 70


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"dev": Material((Recording("train0", "a"), Recording("x", "b")), 1, 1)}, "train0 is in train and dev"),
        (
            {"dev": Material((Recording("x", "a"), Recording("x", "b")), 1, 1)},
            "dev has 1 speakers, expected at least 2",
        ),
        ({"dev": Material((Recording("x", "a"), Recording("y", "b")), 1, 1)}, "speaker x of dev has 1 recording"),
        ({"eval": material(bonafide=13)["eval"]}, "eval has recordings for 12 bona fide utterances, expected 13"),
    ],
)
def test_impossible_material_is_refused(change, reason):
    with pytest.raises(ValueError, match=reason):
        plan(material() | change, seed=0)


# ---- writing


def test_what_is_written_reads_back(tmp_path):
    (tmp_path / ".LA-left" / "recordings").mkdir(parents=True)  # by a killed run
    write(tmp_path / "LA", material(), talk_load, (1.0, 2.0), seed=3, jobs=1, attack=quick_attack)
    assert [path.name for path in tmp_path.iterdir()] == ["LA"]
    corpus = asvspoof2019_la.read(tmp_path, asvspoof2019_la.Options("LA", official=False))
    planned = plan(material(), seed=3)
    columns = corpus.trials[["id", "split", "speaker", "attack"]].itertuples(index=False, name=None)
    assert list(columns) == [(u.id, u.split, u.speaker, u.attack) for u in planned]
    assert corpus.report["absent"]["count"] == corpus.report["extra"]["count"] == 0
    assert corpus.report["shared_speakers"] == {}
    assert set(zip(corpus.tables["asv"]["split"], corpus.tables["asv"]["key"], strict=True)) == {
        (split, key) for split in ("dev", "eval") for key in ("target", "nontarget", "spoof")
    }
    for path in corpus.trials["path"]:
        info = soundfile.info(tmp_path / path)
        assert (info.format, info.subtype, info.samplerate, info.channels) == ("FLAC", "PCM_16", RATE, 1)
        assert 1.0 <= info.duration <= 2.0
    assert [path.name for path in tmp_path.iterdir()] == ["LA"]


def test_the_number_of_processes_changes_no_byte(tmp_path):
    small = {}
    for split in ("train", "dev", "eval"):
        segments = []
        for k in range(6):
            path = tmp_path / f"{split}{k}.wav"
            soundfile.write(path, talk(streams.generator(0, split, str(k)), 2.0), RATE)
            segments.append(Segment(f"{split}{k % 2}", path.name, path, 0, 2 * RATE))
        small[split] = Material(tuple(segments), 4, 6)
    for jobs in (1, 2):
        write(tmp_path / f"jobs{jobs}", small, load, (1.0, 1.5), seed=5, jobs=jobs)
    files = sorted(path.relative_to(tmp_path / "jobs1") for path in (tmp_path / "jobs1").rglob("*") if path.is_file())
    assert len(files) == 3 * 10 + 5
    for file in files:
        assert (tmp_path / "jobs1" / file).read_bytes() == (tmp_path / "jobs2" / file).read_bytes()


def test_another_seed_makes_another_corpus(tmp_path):
    for seed in (0, 1):
        write(tmp_path / str(seed), material(2, 3, 4, 4), talk_load, (1.0, 1.2), seed, jobs=1, attack=quick_attack)
    lines = [(tmp_path / str(seed) / PROTOCOLS["train"]).read_text() for seed in (0, 1)]
    audio = [next((tmp_path / str(seed) / AUDIO["train"]).glob("*1000001.flac")).read_bytes() for seed in (0, 1)]
    assert lines[0] != lines[1] and audio[0] != audio[1]


def test_a_failure_leaves_nothing_and_names_the_utterance(tmp_path):
    def silence(name: str, wave: np.ndarray, donors: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
        return np.zeros_like(wave)

    with pytest.raises(ValueError, match=r"LA_T_\d{7} \(A0\d, from train\d/\d\): silent"):
        write(tmp_path / "LA", material(), talk_load, (1.0, 2.0), seed=0, jobs=1, attack=silence)
    assert list(tmp_path.iterdir()) == []


def test_a_corpus_is_not_written_over_and_too_short_utterances_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"utterances of 0.5 to 2.0 s, expected 1.0 s or more"):
        write(tmp_path / "LA", material(), talk_load, (0.5, 2.0), seed=0, jobs=1)
    with pytest.raises(FileExistsError, match="is there already"):
        write(tmp_path, material(), talk_load, (1.0, 2.0), seed=0, jobs=1)


# ---- equalisation


TARGET = Target(seconds=3.0, lead=0.2, tail=0.1, level=-26.0, crest=11.0)


def equalised(wave: np.ndarray, target: Target = TARGET) -> np.ndarray:
    return equalise(wave, wave, target, np.random.default_rng(1)) / 32768


@pytest.mark.parametrize("careless", [lambda w: 0.01 * w, lambda w: w + 0.3, lambda w: np.pad(w, (16000, 8000))])
def test_gain_offset_and_padding_of_the_source_do_not_show(careless):
    wave = talk(np.random.default_rng(0))
    measured, expected = outside(equalised(careless(wave))), outside(equalised(wave))
    # 1 dB and 30 ms: the noise and the cut are drawn anew where the number of frames differs.
    assert measured[:4] == pytest.approx(expected[:4], abs=1.0)
    assert measured[4:7] == pytest.approx(expected[4:7], abs=0.03)


def test_the_target_is_met():
    seconds, _, level, peak, offset, lead, tail, *_ = outside(equalised(talk(np.random.default_rng(0))))
    assert seconds == 3.0
    assert level == pytest.approx(-26, abs=1.5)  # the test's definition of speech frames is another one
    assert peak == pytest.approx(-26 + 11, abs=0.3)
    assert abs(offset) < 1e-5  # a third of a 16-bit step
    assert (lead, tail) == pytest.approx((0.2, 0.1), abs=0.03)


def test_lead_and_tail_are_never_digital_silence():
    dry = talk(np.random.default_rng(0))
    dry[np.abs(dry) < 3e-3] = 0
    lead = equalised(dry)[: round(0.2 * RATE)].reshape(-1, 160)
    assert (np.ptp(lead, axis=1) > 0).all()


@pytest.mark.parametrize(
    ("wave", "reason"),
    [(np.zeros(9), "shape"), (np.zeros(9000), "silent"), (np.full(9000, np.nan), "9000 samples are not finite")],
)
def test_what_cannot_be_equalised_is_refused(wave, reason):
    with pytest.raises(ValueError, match=reason):
        equalised(wave)


def outside(wave: np.ndarray) -> list[float]:
    """Duration (s), RMS, active RMS and peak (dBFS), offset, lead and tail (s), their levels (dBFS); no spectrum."""
    frames = wave[: len(wave) // 160 * 160].reshape(-1, 160)
    level = 20 * np.log10(np.sqrt(np.mean((frames - frames.mean()) ** 2, axis=1)) + 1e-7)
    active = np.flatnonzero(level > np.percentile(level, 95) - 25)
    lead, tail = level[: active[0]], level[active[-1] + 1 :]
    return [
        len(wave) / RATE,
        10 * np.log10(np.mean(wave**2)),
        10 * np.log10(np.mean(10 ** (level[active] / 10))),
        20 * np.log10(np.abs(wave).max()),
        wave.mean(),
        len(lead) / 100,
        len(tail) / 100,
        lead.mean() if len(lead) else -140.0,
        tail.mean() if len(tail) else -140.0,
    ]


def shortcut_eer(waves: list[np.ndarray], bonafide: np.ndarray) -> float:
    """EER of a classifier that sees the outside of the files alone, each scored by a model that never saw it."""
    seen = np.array([outside(wave) for wave in waves])
    model = GradientBoostingClassifier(n_estimators=40, random_state=0)
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    scores = cross_val_predict(model, seen, bonafide, cv=folds, method="predict_proba")[:, 1]
    false_alarm, hit, _ = roc_curve(bonafide, scores)
    return float(np.interp(0, false_alarm - (1 - hit), false_alarm))


def careless(name: str, wave: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A real attack by an author who trims, normalises the peak, pads with zeros and leaves an offset."""
    loud = np.flatnonzero(np.abs(wave) > 0.01)
    fake = spoof(name, wave[loud[0] : loud[-1]], [], rng)
    return np.pad(0.9 * fake / np.abs(fake).max(), (300, 100)) + 0.002


def test_the_outside_of_a_file_does_not_give_the_class_away():
    quick = ("A03", "A09", "A10", "A12", "A14", "A15")  # each takes less than 20 ms
    raw, treated, bonafide = [], [], np.arange(320) % 2 == 0
    for number, genuine in enumerate(bonafide):
        rng = streams.generator(0, "shortcut", str(number))
        recording = talk(rng, rng.uniform(3.2, 4.0))
        wave = recording if genuine else careless(quick[number // 2 % len(quick)], recording, rng)
        raw.append(wave)
        treated.append(equalise(wave, recording, draw_target((2.0, 3.0), rng), rng) / 32768)
    assert shortcut_eer(raw, bonafide) < 0.05  # the control: the shortcuts are there
    # Chance is 0.5; at 160 files a class the sd of an EER at chance is about 0.04.
    assert shortcut_eer(treated, bonafide) > 0.40


def test_the_outside_of_a_simulated_file_does_not_give_the_class_away(tmp_path):
    sizes = {"train": la.Split(6, 150, 150), "dev": la.Split(2, 4, 6), "eval": la.Split(2, 4, 13)}
    trials = la.read(tmp_path, la.Options(**sizes, seconds=(1.0, 1.8))).trials
    train = trials[trials["split"] == "train"]
    waves = [soundfile.read(tmp_path / path)[0] for path in train["path"]]
    # At 150 files a class the sd of an EER at chance is about 0.04.
    assert shortcut_eer(waves, (train["label"] == "bonafide").to_numpy()) > 0.40
