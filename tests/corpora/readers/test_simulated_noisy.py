from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from tests.corpora.readers import making
from voxdag.core.errors import Refused
from voxdag.corpora.readers import simulated_noisy
from voxdag.corpora.readers.simulated_noisy import (
    TYPES,
    Options,
    Split,
    Utterance,
    elsewhere,
    pair,
    provide,
    read,
    utterances,
)
from voxdag.simulation.noises import HELD, LEARNED
from voxdag.simulation.scene import impulse_response
from voxdag.simulation.speech import SAMPLE_RATE, draw_scene, draw_speaker

SMALL = Options(
    train=Split(speakers=2, utterances=10, snrs=(-5.0, 5.0)),
    dev=Split(speakers=2, utterances=2, snrs=(0.0,)),
    eval=Split(speakers=3, utterances=10, snrs=(-2.5, 12.5)),
    seconds=(1.8, 2.0),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return making.made(tmp_path_factory, provide, SMALL)


def waves(folder, row):
    """The noisy and the clean recording of a row, and their rates."""
    return [soundfile.read(folder / row[column]) for column in ("path", "clean")]


def ratio(noisy, clean):
    """SNR in dB."""
    return 10 * np.log10(np.sum(clean**2) / np.sum((noisy - clean) ** 2))


def test_it_reads_back_as_voicebank_demand_does(folder):
    corpus = read(folder, SMALL)
    assert corpus.report["trials"] == {"train": 10, "dev": 2, "eval": 10}
    assert corpus.report["speakers"] == {"train": 2, "dev": 2, "eval": 3}
    assert corpus.report["absent"]["count"] == corpus.report["not_in_log"]["count"] == 0
    assert corpus.report["left_out"] == {} and corpus.departures is None and corpus.tables == {}
    listed = {utterance.id: utterance for utterance in utterances(SMALL)}
    for row in corpus.trials.to_dict("records"):
        made = listed[row["id"]]
        assert (row["split"], row["speaker"], row["noise"], row["snr"]) == (
            made.split,
            made.speaker,
            made.noise,
            made.snr,
        )
    assert (
        corpus.trials["path"].str.match(r"simulated_noisy/[0-9a-f]{12}/noisy_(trainset_28spk|testset)_wav/p\d{3}").all()
    )


def test_speakers_and_types_of_noise_of_the_test_are_in_no_other_split():
    trials = {split: [u for u in utterances(Options()) if u.split == split] for split in ("train", "dev", "eval")}
    speakers = {split: {u.speaker for u in listed} for split, listed in trials.items()}
    assert {split: len(names) for split, names in speakers.items()} == {"train": 24, "dev": 4, "eval": 10}
    assert len(set.union(*speakers.values())) == 38
    assert {split: {u.noise for u in listed} for split, listed in trials.items()} == {
        **{"train": set(LEARNED), "dev": set(LEARNED), "eval": set(HELD)}
    }
    assert not set(TYPES["eval"]) & set(TYPES["train"])


def test_noises_and_ratios_and_sexes_are_balanced():
    made = [u for u in utterances(Options()) if u.split == "eval"]
    assert set(Counter(u.noise for u in made).values()) == {12}  # 60 utterances of 5 types
    assert set(Counter(u.snr for u in made).values()) == {12}  # and 5 SNRs
    assert set(Counter(u.speaker for u in made).values()) == {6}
    assert Counter(u.sex for u in made) == {"female": 30, "male": 30}
    assert len({u.id for u in utterances(Options())}) == 500
    assert len({(u.noise, u.snr) for u in made}) > 15  # of 25: types do not go with one SNR


def test_the_ratio_of_a_file_is_the_one_its_log_says(folder):
    for row in read(folder, SMALL).trials.to_dict("records"):
        (noisy, rate), (clean, other) = waves(folder, row)
        assert rate == other == SAMPLE_RATE and len(noisy) == len(clean)
        # both files are rounded to 16 bits: of a difference of -40 dBFS by 1e-3
        assert ratio(noisy, clean) == pytest.approx(row["snr"], abs=0.05)


def test_recordings_are_as_a_front_end_expects_them(folder):
    for row in read(folder, SMALL).trials.to_dict("records"):
        (noisy, _), (clean, _) = waves(folder, row)
        assert 1.8 - 0.001 <= len(clean) / SAMPLE_RATE <= 2.0 + 0.001  # with the silence on either side
        assert np.abs(noisy).max() < 1 and np.abs(clean).max() < 1
        level = 20 * np.log10(np.sqrt(np.mean(clean**2)))
        assert -45 < level < -20
        lead = slice(0, round(0.09 * SAMPLE_RATE))
        assert 20 * np.log10(np.sqrt(np.mean(clean[lead] ** 2))) < -75  # a quiet microphone, before anybody speaks
        assert np.mean(noisy[lead] ** 2) > 3 * np.mean(clean[lead] ** 2)  # the noise is there from the first sample


def test_what_was_said_of_an_utterance_depends_on_nothing_else():
    one = Utterance("p001_001", "train", "p001", "male", "white", 5.0)
    noisy, clean = pair(one, (1.8, 2.0), 1)
    np.testing.assert_array_equal(clean, pair(one, (1.8, 2.0), 1)[1])
    for other in (replace(one, id="p001_002"), replace(one, sex="female")):
        assert not np.array_equal(clean[:8000], pair(other, (1.8, 2.0), 1)[1][:8000])
    assert not np.array_equal(clean[:8000], pair(one, (1.8, 2.0), 2)[1][:8000])
    louder, same = pair(replace(one, snr=-5.0), (1.8, 2.0), 1)
    gain = np.sqrt(np.mean(same**2) / np.mean(clean**2))  # less than 1 where the louder noise would be clipped
    np.testing.assert_allclose(same, gain * clean, atol=1e-12)
    assert ratio(louder, same) == pytest.approx(-5.0) and ratio(noisy, clean) == pytest.approx(5.0)


def test_noise_comes_from_elsewhere_in_the_room_and_from_before_the_recording():
    scene, impulse = draw_scene(np.random.default_rng(0)), np.zeros(16000)
    impulse[0] = 1.0
    one, other = (elsewhere(impulse, scene, np.random.default_rng(seed)) for seed in (1, 2))
    assert one.shape == impulse.shape and not np.allclose(one, other)
    # nor are they those of the speaker's place, however much of them there is
    spoken, heard = (wave[40:4000] / np.linalg.norm(wave[40:4000]) for wave in (impulse_response(scene), one))
    assert abs(spoken @ heard[: len(spoken)]) < 0.3
    # its reflections last as long as the room's: 60 dB down after rt60
    late = one[round(scene.rt60_s * SAMPLE_RATE) :]
    assert np.sum(late**2) < 1e-5 * np.sum(one**2) < np.sum(one[160 : round(scene.rt60_s * 8000)] ** 2)


def test_a_speakers_voice_is_the_same_in_all_that_is_said(monkeypatch):
    voices = {}

    def draw(rng, sex):
        voice = draw_speaker(rng, sex)
        voices.setdefault((voice, sex), len(voices))
        return voice

    monkeypatch.setattr(simulated_noisy, "draw_speaker", draw)
    for name, speaker in (("p001_001", "p001"), ("p001_002", "p001"), ("p003_001", "p003")):
        pair(Utterance(name, "train", speaker, "male", "white", 5.0), (1.8, 2.0), 1)
    assert len(voices) == 2


def test_a_sound_from_before_the_recording_is_heard_in_its_reflections_alone(monkeypatch):
    def knock(name, samples, rng):
        wave = np.zeros(samples)
        wave[round(simulated_noisy.LEAD * SAMPLE_RATE) - 160] = 1.0  # 10 ms before the recording begins
        return wave

    monkeypatch.setattr(simulated_noisy.noises, "draw_noise", knock)
    noisy, clean = pair(Utterance("p001_001", "train", "p001", "male", "white", 5.0), (1.8, 2.0), 1)
    power = (noisy - clean) ** 2
    assert power[:2400].sum() > 10 * power[2400:].sum() and power.argmax() < 2400


def test_the_same_options_make_the_same_bytes_by_one_process_or_two(folder, tmp_path):
    simulated_noisy._make(tmp_path / "made", SMALL, jobs=2)
    [first] = (folder / SMALL.root).glob("[0-9a-f]*")
    names = sorted(path.relative_to(first) for path in first.rglob("*") if path.is_file())
    assert len(names) == 2 * 22 + 2
    assert names == sorted(
        path.relative_to(tmp_path / "made") for path in (tmp_path / "made").rglob("*") if path.is_file()
    )
    assert all((first / name).read_bytes() == (tmp_path / "made" / name).read_bytes() for name in names)


def test_a_second_call_makes_nothing(folder, monkeypatch):
    monkeypatch.setattr(simulated_noisy, "_make", lambda *args, **kwargs: pytest.fail("made again"))
    provide(folder, SMALL)
    for other in ({"seed": 2}, {"seconds": (1.8, 2.1)}, {"eval": replace(SMALL.eval, snrs=(0.0,))}):
        with pytest.raises(pytest.fail.Exception, match="made again"):
            provide(folder, replace(SMALL, **other))


def test_a_killed_run_leaves_no_half_corpus_and_the_next_one_cleans_up(tmp_path, monkeypatch):
    monkeypatch.setattr(simulated_noisy, "utterances", lambda options: utterances(SMALL)[:2])
    monkeypatch.setenv("VOXDAG_JOBS", "1")
    making.kill_while_writing(monkeypatch, simulated_noisy, tmp_path / SMALL.root, lambda: provide(tmp_path, SMALL))
    provide(tmp_path, SMALL)
    [made] = making.folders(tmp_path / SMALL.root)
    assert len(list(made.rglob("*.flac"))) == 4


def test_the_fingerprint_covers_the_noises_the_mixing_and_the_synthesiser():
    made_by = {f"simulation/{name}" for name in ("noises", "speech", "scene", "speaker")}
    assert {"audio/mixing", "corpora/readers/simulated_noisy", *made_by} <= making.sources(simulated_noisy)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"speakers": 0}, "speakers is 0, expected 1 to 999"),
        ({"speakers": 1000}, "speakers is 1000"),
        ({"utterances": 0}, "utterances is 0, expected 1 or more"),
        ({"snrs": ()}, r"snrs is \(\), expected at least one"),
        ({"snrs": (0.0, 0.0)}, "snrs is .*, expected each once"),
        ({"snrs": (70.0,)}, "snrs is .*, expected -60.0 to 60.0"),
    ],
)
def test_sizes_that_make_no_corpus_are_refused(wrong, message):
    with pytest.raises(Refused, match=message):
        Split(**{"speakers": 2, "utterances": 2, "snrs": (0.0,)} | wrong)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"root": "../x"}, "root is '../x', expected a folder inside the corpora folder"),
        ({"seconds": (0.5, 2.0)}, "seconds is .*, expected 1.8 to 60.0"),
        ({"seconds": (3.0, 2.0)}, "seconds is .*, expected a range in order"),
    ],
)
def test_wrong_options_are_refused(wrong, message):
    with pytest.raises(Refused, match=message):
        Options(**wrong)
