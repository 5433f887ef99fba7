"""Files are enhanced at any rate, in any number of channels, at any length, and come out as long as they went in."""

import types

import numpy as np
import pytest
import soundfile
import torch

from voxdag.audio.decode import Frames
from voxdag.core.errors import Refused
from voxdag.tasks import file_enhancing
from voxdag.tasks.file_enhancing import Enhancer, outputs
from voxdag.tasks.scoring_loop import NotFinite

CPU = torch.device("cpu")


def enhancer(*gains, rate=16_000, heard=None):
    """Of networks that are gains, which note how many channels of how many samples they are given."""

    def enhance(network, recordings, settings, device):
        if heard is not None:
            heard.append([len(wave) for wave in recordings])
        for wave in recordings:
            assert wave.dtype == np.int16
            yield network * wave.astype(np.float32) / 32768

    return Enhancer(gains, types.SimpleNamespace(RATE=rate, enhance=enhance), None, CPU)


def tones(samples, rate, channels):
    """Tones that a network at 16 kHz can give back: below 3 kHz."""
    time = np.arange(samples)[:, None] / rate
    return 0.4 * np.sin(2 * np.pi * 300 * (1 + np.arange(channels)) * time)


def enhanced(path, wave, rate, by, name="out.wav", **options):
    soundfile.write(path / "in.wav", wave, rate, **options)
    row = by.file(path / "in.wav", path / name)
    made, out_rate = soundfile.read(path / name, always_2d=True)
    assert out_rate == rate and "error" not in row
    return made, row


@pytest.mark.parametrize("samples", [1, 2, 511, 512, 513, 16_001])
@pytest.mark.parametrize(("rate", "channels"), [(16_000, 1), (44_100, 2), (8_000, 3), (48_000, 1)])
def test_the_output_has_the_inputs_length_rate_and_channels(tmp_path, samples, rate, channels):
    made, row = enhanced(tmp_path, tones(samples, rate, channels), rate, enhancer(1.0))
    assert made.shape == (samples, channels)
    assert (row["seconds"], row["rate"], row["channels"], row["clipped"]) == (samples / rate, rate, channels, 0)
    assert (row["path"], row["enhanced"]) == (str(tmp_path / "in.wav"), str(tmp_path / "out.wav"))


@pytest.mark.parametrize("peak", [4.0, 18_000.0])
def test_floats_on_another_scale_are_refused_and_leave_no_file(tmp_path, peak):
    soundfile.write(tmp_path / "in.wav", peak * tones(16_000, 16_000, 1), 16_000, subtype="FLOAT")
    row = enhancer(1.0).file(tmp_path / "in.wav", tmp_path / "out.wav")
    assert "% of the samples lie beyond full scale" in row["error"] and "enhanced" not in row
    assert [path.name for path in tmp_path.iterdir()] == ["in.wav"]


@pytest.mark.parametrize(("rate", "least"), [(16_000, 80), (44_100, 44), (8_000, 44)])
def test_each_channel_is_enhanced_for_itself_and_stays_in_step(tmp_path, rate, least):
    # A tone of 0.2 lies 83 dB above the roundings to 16 bits on the way in and out; the ripple of the resampler, there
    # and back, below -44 dB.
    wave = tones(2 * rate, rate, 2)
    made, _ = enhanced(tmp_path, wave, rate, enhancer(0.5), subtype="DOUBLE")
    inside = slice(rate // 10, -rate // 10)  # the ends are cut, which no band-limited wave is
    error = made[inside] - 0.5 * wave[inside]
    assert 10 * np.log10(np.square(0.5 * wave[inside]).mean() / np.square(error).mean()) > least
    assert np.square(made[inside]).mean(axis=0) == pytest.approx([0.02, 0.02], rel=0.02)


def test_several_members_give_their_mean(tmp_path):
    made, _ = enhanced(tmp_path, tones(4000, 16_000, 1), 16_000, enhancer(1.0, 0.0, 0.5))
    assert made == pytest.approx(0.5 * tones(4000, 16_000, 1), abs=2 / 32768)


@pytest.mark.parametrize("seconds", [0.9, 3.0, 3.1, 4.9, 5.0, 7.3])
def test_a_long_file_is_enhanced_in_stretches_that_fade_into_one_another_without_a_trace(
    tmp_path, monkeypatch, seconds
):
    monkeypatch.setattr(file_enhancing, "STRETCH", 3)
    heard, rate = [], 8_000
    wave = tones(round(seconds * rate), rate, 2)
    made, _ = enhanced(tmp_path, wave, rate, enhancer(1.0, rate=rate, heard=heard))
    assert made == pytest.approx(wave, abs=2 / 32768) and len(made) == len(wave)
    assert max(max(lengths) for lengths in heard) <= 3 * rate  # of each of two channels
    assert len(heard) == max(1, -(-(len(wave) - rate) // (2 * rate)))  # a stretch of 3 s every 2 s


def test_a_stretch_and_the_next_share_the_second_that_both_hear(tmp_path, monkeypatch):
    monkeypatch.setattr(file_enhancing, "STRETCH", 3)
    levels = iter([0.25, 0.75])

    def enhance(network, recordings, settings, device):
        yield np.full(len(recordings[0]), next(levels), np.float32)

    by = Enhancer([1], types.SimpleNamespace(RATE=1000, enhance=enhance), None, CPU)
    made, _ = enhanced(tmp_path, tones(5000, 1000, 1), 1000, by)
    expected = np.concatenate([np.full(2000, 0.25), 0.25 + 0.5 * (np.arange(1000) + 0.5) / 1000, np.full(2000, 0.75)])
    assert made[:, 0] == pytest.approx(expected, abs=1 / 32768)


def test_a_file_on_the_disk_is_read_in_stretches(tmp_path, monkeypatch):
    monkeypatch.setattr(file_enhancing, "STRETCH", 3)
    asked, read = [], Frames.read
    monkeypatch.setattr(
        Frames, "read", lambda self, start, stop: asked.append((start, stop)) or read(self, start, stop)
    )
    enhanced(tmp_path, tones(20_000, 4000, 1), 4000, enhancer(1.0, rate=4000))
    assert asked == [(0, 12_000), (8000, 20_000)]


def test_what_lies_beyond_full_scale_is_cut_off_and_counted(tmp_path):
    made, row = enhanced(tmp_path, np.full(100, 0.6), 16_000, enhancer(2.0))
    assert row["clipped"] == 100 and made == pytest.approx(1, abs=1 / 32768)


def test_what_is_cut_off_is_counted_in_every_stretch(tmp_path, monkeypatch):
    monkeypatch.setattr(file_enhancing, "STRETCH", 3)
    _, row = enhanced(tmp_path, np.full(5000, 0.6), 1000, enhancer(2.0, rate=1000))
    assert row["clipped"] == 5000


def test_a_flac_is_written_where_its_name_says_so(tmp_path):
    enhanced(tmp_path, tones(4000, 16_000, 1), 16_000, enhancer(1.0), "out.flac")
    assert soundfile.info(tmp_path / "out.flac").format == "FLAC"
    assert soundfile.info(tmp_path / "out.flac").subtype == "PCM_16"


def test_what_cannot_be_enhanced_has_its_reason_and_no_output(tmp_path):
    (tmp_path / "broken.wav").write_bytes(b"RIFF no audio")
    soundfile.write(tmp_path / "in.wav", tones(100, 16_000, 1), 16_000)

    def enhance(network, recordings, settings, device):
        raise NotFinite("what the network makes of recording 0 is not finite")
        yield

    by = Enhancer([1], types.SimpleNamespace(RATE=16_000, enhance=enhance), None, CPU)
    out = tmp_path / "out"
    assert "unreadable" in enhancer(1.0).file(tmp_path / "broken.wav", out / "a.wav")["error"]
    assert enhancer(1.0).file(tmp_path / "gone.wav", out / "a.wav")["error"] == "absent"
    row = by.file(tmp_path / "in.wav", out / "a.wav")
    assert "is not finite" in row["error"] and row["seconds"] == 100 / 16_000
    assert "enhanced" not in row and not [path for path in out.rglob("*") if path.is_file()]


def test_outputs_go_to_a_file_or_below_a_folder(tmp_path):
    a, b = tmp_path / "a.mp3", tmp_path / "b.wav"
    assert outputs([a], tmp_path / "x.flac") == {a: tmp_path / "x.flac"}
    assert outputs([a, b], tmp_path / "new") == {a: tmp_path / "new/a.wav", b: tmp_path / "new/b.wav"}
    below = [tmp_path / "in/one/a.wav", tmp_path / "in/two/a.wav"]
    assert list(outputs(below, tmp_path / "new").values()) == [tmp_path / "new/one/a.wav", tmp_path / "new/two/a.wav"]
    both = [tmp_path / "a.wav", tmp_path / "a.mp3"]
    assert list(outputs(both, tmp_path / "new").values()) == [tmp_path / "new/a.wav.wav", tmp_path / "new/a.mp3.wav"]
    (tmp_path / "there.d").mkdir()
    assert outputs([a], tmp_path / "there.d") == {a: tmp_path / "there.d/a.wav"}


@pytest.mark.parametrize(
    ("files", "out", "message"),
    [
        (["a.wav"], "x.mp3", "-o is x.mp3: expected a folder, or a name that ends in .wav, .flac"),
        (["a.wav", "b.wav"], "x.wav", "-o is x.wav, one file, for 2: expected a folder"),
        (["a.wav"], "a.wav", "the output a.wav is one of the files to enhance"),
        (["a.wav", "b.flac"], ".", "the output a.wav is one of the files to enhance"),
    ],
)
def test_outputs_that_would_be_lost_are_refused(tmp_path, monkeypatch, files, out, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Refused, match=message):
        outputs([file_enhancing.Path(name) for name in files], file_enhancing.Path(out))


def test_two_files_never_share_an_output_and_none_lies_outside_the_folder(tmp_path):
    names = ("a.flac", "a.wav", "a.flac.flac", "b.wav", "sub/../../old/c.wav")
    files = [tmp_path / "in" / name for name in names]
    found = file_enhancing.places(files, tmp_path / "out", ".wav")
    assert len({path.resolve() for path in found.values()}) == len(files)
    assert all(path.resolve().is_relative_to(tmp_path / "out") for path in found.values())
    assert found[files[3]].name == "b.wav" and found[files[4]].name == "c.wav"
