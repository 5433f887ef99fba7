"""No file is read shorter than it is: cut, joined, of unknown or wrong length, it is read whole or refused."""

import numpy as np
import pytest
import soundfile

from tests.audio.recordings import COMPRESSED, DECODING, RATE, compressed, encoded, stated, tone, write
from voxdag.audio.containers import mpeg_frame_bytes
from voxdag.audio.decode import BadAudio, decode, read, read_stretch


def test_a_cut_flac_is_never_taken_as_a_shorter_recording(tmp_path):
    write(tmp_path / "a.flac", np.random.default_rng(0).normal(scale=0.1, size=RATE))
    whole = (tmp_path / "a.flac").read_bytes()
    for share in (0.3, 0.6, 0.95):
        (tmp_path / "a.flac").write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(BadAudio, match="truncated|unreadable"):
            decode(tmp_path / "a.flac", DECODING)


@pytest.mark.parametrize("name", COMPRESSED)
def test_what_telephones_and_browsers_write_is_read_whole(tmp_path, name):
    samples = decode(compressed(tmp_path, name), DECODING).samples / 32768
    assert 2.0 <= len(samples) / RATE <= 2.12  # encoders pad to whole frames, up to 64 ms at either end
    # the tone, and nothing else: a decoder's delay moves its phase alone
    spectrum = np.abs(np.fft.rfft(samples[4000:20000] * np.hanning(16000)))
    assert np.argmax(spectrum) == 440
    assert np.square(samples[4000:20000]).mean() == pytest.approx(0.125, rel=0.15)  # a lossy code


@pytest.mark.parametrize("name", COMPRESSED)
@pytest.mark.parametrize("cut", [1, 300, 0.49])
def test_no_cut_file_is_taken_as_a_shorter_recording(tmp_path, name, cut):
    path = compressed(tmp_path, name)
    whole = path.read_bytes()
    path.write_bytes(whole[: -cut if cut >= 1 else int(len(whole) * cut)])
    with pytest.raises(BadAudio, match="truncated|damaged|no known audio format"):
        decode(path, DECODING)


def test_an_mp3_cut_between_two_frames_lacks_what_it_states(tmp_path):
    path = compressed(tmp_path, "a.mp3")
    whole, ends, at = path.read_bytes(), [], path.read_bytes().index(b"\xff\xf3")
    while (size := mpeg_frame_bytes(whole[at : at + 4])) is not None:
        at += size
        ends.append(at)
    assert len(ends) == 59  # the Info frame, and 58 of 576 samples: two seconds and the encoder's delay
    path.write_bytes(whole[: ends[-4]])
    with pytest.raises(BadAudio, match="truncated: 55 of 58 frames"):
        decode(path, DECODING)


def test_two_mp3_files_in_one_are_read_both(tmp_path):
    path = compressed(tmp_path, "a.mp3")
    path.write_bytes(2 * path.read_bytes())
    assert len(decode(path, DECODING).samples) / RATE == pytest.approx(4.1, abs=0.15)


def joined(folder, ending, second):
    for name, wave, rate in (("a", tone(2.0, RATE), RATE), ("b", *second)):
        write(folder / f"{name}.{ending}", wave, rate)
    (folder / f"a.{ending}").write_bytes((folder / f"a.{ending}").read_bytes() + (folder / f"b.{ending}").read_bytes())
    return folder / f"a.{ending}"


@pytest.mark.parametrize("ending", ["ogg", "flac"])
def test_two_files_joined_are_read_both(tmp_path, ending):
    path = joined(tmp_path, ending, (0.5 * tone(1.0, RATE), RATE))
    wave, _ = read(path)
    assert len(wave) == 3 * RATE and np.abs(wave[2000:30000]).max() > 1.8 * np.abs(wave[34000:46000]).max()
    assert (read_stretch(path, 30000, 40000)[0] == wave[30000:40000]).all()


@pytest.mark.parametrize("ending", ["ogg", "flac", "mp3"])
def test_two_files_of_two_rates_joined_are_refused(tmp_path, ending):
    with pytest.raises(BadAudio, match="16000 Hz in 1 channels(, then| and) 32000"):
        read(joined(tmp_path, ending, (tone(1.0, 32_000), 32_000)))


def test_the_first_of_two_files_joined_may_not_be_cut(tmp_path):
    path = write(tmp_path / "a.ogg", tone(2.0, RATE))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] + whole)
    with pytest.raises(BadAudio, match="truncated: the last page"):
        decode(path, DECODING)


def test_wma_is_read_whole_and_never_cut(tmp_path):
    path = encoded(tmp_path / "a.wma", "asf", "wmav2", RATE, {})
    assert len(decode(path, DECODING).samples) / RATE == pytest.approx(2.0, abs=0.15)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(BadAudio, match="truncated"):
        decode(path, DECODING)


def test_mpeg_audio_in_a_wav_is_read_whole(tmp_path):
    path = encoded(tmp_path / "a.wav", "wav", "libmp3lame", RATE, {})
    assert len(decode(path, DECODING).samples) / RATE == pytest.approx(2.0, abs=0.15)


@pytest.mark.parametrize(
    ("kind", "subtype", "endian"),
    [
        ("WAV", "GSM610", None),
        ("AU", "G721_32", None),
        ("WAV", "PCM_16", "BIG"),
        ("WAV", "PCM_24", None),
        ("WAV", "PCM_U8", None),
        ("WAV", "ULAW", None),
        ("WAV", "ALAW", None),
        ("WAV", "IMA_ADPCM", None),
        ("NIST", "ULAW", None),
    ],
)
def test_what_telephones_and_old_programs_write_is_read_whole_and_never_cut(tmp_path, kind, subtype, endian):
    path = tmp_path / "a"
    soundfile.write(path, tone(2.0, RATE), RATE, format=kind, subtype=subtype, endian=endian)
    wave, rate = read(path)
    assert len(wave) / rate == pytest.approx(2.0, abs=0.05)
    assert (read_stretch(path, 1000, 5000)[0] == wave[1000:5000]).all()
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(BadAudio, match="truncated"):
        read(path)


def test_a_caf_of_unknown_length_is_read_to_its_end(tmp_path):
    path = write(tmp_path / "a.caf", tone(0.5, RATE))
    expected, content = decode(path, DECODING).samples, bytearray(path.read_bytes())
    at = content.index(b"data") + 4
    content[at : at + 8] = b"\xff" * 8
    path.write_bytes(content)
    assert (decode(path, DECODING).samples == expected).all()


def test_an_mp3_has_the_samples_that_another_decoder_gives(tmp_path):
    ours, _ = read(compressed(tmp_path, "a.mp3"))
    theirs, _ = soundfile.read(tmp_path / "a.mp3", always_2d=True)  # mpg123
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() < 1e-5


@pytest.mark.parametrize(("data", "riff"), [(0, 0), (0xFFFFFFFF, 0xFFFFFFFF), (0x7FFFF000, 0x7FFFF024), (16000, 16044)])
def test_a_wav_whose_sizes_were_never_written_is_read_to_its_end(tmp_path, data, riff):
    path = write(tmp_path / "a.wav", tone(0.5, RATE))
    expected = decode(path, DECODING).samples
    content = bytearray(path.read_bytes())
    content[4:8], content[40:44] = riff.to_bytes(4, "little"), data.to_bytes(4, "little")
    path.write_bytes(content)
    assert (decode(path, DECODING).samples == expected).all()


def test_a_flac_of_unknown_length_is_read_whole_or_refused(tmp_path):
    path = write(tmp_path / "a.flac", tone(0.5, RATE))
    expected = decode(path, DECODING).samples
    content = bytearray(path.read_bytes())
    content[21] &= 0xF0
    content[22:26] = bytes(4)
    path.write_bytes(content)
    assert (decode(path, DECODING).samples == expected).all()
    path.write_bytes(content[:-1])
    with pytest.raises(BadAudio, match="damaged"):
        decode(path, DECODING)


def test_joined_flac_files_of_unknown_length_are_refused(tmp_path):
    content = bytearray(write(tmp_path / "a.flac", tone(0.5, RATE)).read_bytes())
    content[21] &= 0xF0
    content[22:26] = bytes(4)
    (tmp_path / "a.flac").write_bytes(2 * content)
    with pytest.raises(BadAudio, match="2 FLAC files were joined to one, and one does not state its length"):
        decode(tmp_path / "a.flac", DECODING)


@pytest.mark.parametrize("riff", [4036, 16036], ids=["both sizes", "data alone"])
def test_a_wav_that_states_less_than_it_holds_is_refused(tmp_path, riff):
    path = stated(stated(write(tmp_path / "a.wav", tone(0.5, RATE)), 40, 4000, "little"), 4, riff, "little")
    with pytest.raises(BadAudio, match="12000 bytes follow the 4000 bytes of audio that the header states"):
        read(path)


@pytest.mark.parametrize(("ending", "name", "behind"), [("aiff", b"SSND", 4), ("au", b".snd", 8), ("caf", b"data", 8)])
def test_other_headers_that_state_less_than_there_is_are_refused(tmp_path, ending, name, behind):
    path = write(tmp_path / f"a.{ending}", tone(0.5, RATE), subtype="PCM_16")
    at = path.read_bytes().index(name) + behind
    with pytest.raises(BadAudio, match="12[0-9]+ bytes follow the [34][0-9]+ bytes of audio that the header states"):
        read(stated(path, at, 4000, "big"))


BEHIND = {
    "a chunk": b"LIST\x04\0\0\0INFO",
    "a chunk that is cut": b"LIST\x40\0\0\0INFO",
    "zeros": bytes(3000),
    "an ID3v1 tag": b"TAG" + bytes(125),
    "zeros and a chunk": bytes(6) + b"LIST\x04\0\0\0INFO",
    "less than a chunk": b"\1\2\3",
}


@pytest.mark.parametrize("behind", BEHIND)
def test_what_may_follow_the_audio_is_no_audio(tmp_path, behind):
    path = write(tmp_path / "a.wav", tone(0.5, RATE))
    expected, _ = read(path)
    path.write_bytes(path.read_bytes() + BEHIND[behind])
    assert (read(path)[0] == expected).all()


@pytest.mark.parametrize("kind", ["WAV", "RF64", "AIFF", "AU", "CAF", "W64", "NIST", "SVX"])
def test_joined_files_that_libsndfile_reads_half_of_are_refused(tmp_path, kind):
    path = tmp_path / "a"
    soundfile.write(path, tone(0.5, RATE), RATE, format=kind, subtype="PCM_16")
    whole = path.read_bytes()
    path.write_bytes(2 * whole)
    with pytest.raises(BadAudio, match=f"another recording begins at byte {len(whole)}: files were joined"):
        read(path)


FRAGMENTS = {"movflags": "frag_keyframe+empty_moov", "frag_duration": "500000"}
JOINED = {
    "a.m4a": ("ipod", "aac", RATE, {}),
    "fragments.mp4": ("mp4", "aac", RATE, FRAGMENTS),
    "a.mov": ("mov", "pcm_s16le", RATE, {}),
    "a.wma": ("asf", "wmav2", RATE, {}),
    "mp3.wav": ("wav", "libmp3lame", RATE, {}),
}


@pytest.mark.parametrize("name", JOINED)
def test_joined_files_that_ffmpeg_reads_half_of_are_refused(tmp_path, name):
    path = encoded(tmp_path / name, *JOINED[name])
    assert len(decode(path, DECODING).samples) / RATE == pytest.approx(2.0, abs=0.15)
    whole = path.read_bytes()
    path.write_bytes(2 * whole)
    with pytest.raises(BadAudio, match=f"another recording begins at byte {len(whole)}: files were joined"):
        read(path)


def flac_of_unknown_length(path, with_md5=False):
    content = bytearray(write(path, np.random.default_rng(0).normal(scale=0.1, size=2 * RATE)).read_bytes())
    content[21] &= 0xF0
    content[22:26] = bytes(4)
    if not with_md5:
        content[26:42] = bytes(16)
    return bytes(content)


@pytest.mark.parametrize("put", [b"", bytes(20_000)], ids=["missing", "zeros"])
def test_a_flac_of_unknown_length_may_not_lack_its_middle(tmp_path, put):
    path = tmp_path / "a.flac"
    content = flac_of_unknown_length(path)
    path.write_bytes(content[:20_000] + put + content[40_000:])
    with pytest.raises(BadAudio, match="damaged: Invalid data"):
        read(path)


def frames_of(flac):
    """Where the frames begin in a FLAC file of RATE, 4096 samples each and fewer than 128."""
    header = b"\xff\xf8\xc5\x08"
    places = (flac.find(header + bytes([number])) for number in range(128))
    return [place for place in places if place >= 0]


def test_a_flac_of_unknown_length_may_not_lack_one_frame(tmp_path):
    path = tmp_path / "a.flac"
    content = flac_of_unknown_length(path)
    begins = frames_of(content)
    assert len(begins) == 7  # and one of 3328 samples
    path.write_bytes(content[: begins[2]] + content[begins[3] :])
    with pytest.raises(BadAudio, match="damaged: frame 3 comes where frame 2 is expected"):
        read(path)


def test_a_flac_of_unknown_length_that_states_its_md5_may_not_end_early(tmp_path):
    path = tmp_path / "a.flac"
    content = flac_of_unknown_length(path, with_md5=True)
    path.write_bytes(content)
    assert len(read(path)[0]) == 2 * RATE
    path.write_bytes(content[: frames_of(content)[-1]])
    with pytest.raises(BadAudio, match="truncated or damaged: the MD5 of the samples is not what the header states"):
        read(path)


@pytest.mark.parametrize(("start", "stop"), [(0.6, 1.0), (0.4, 0.6)])
def test_zeros_in_a_wma_make_it_shorter_than_it_states(tmp_path, start, stop):
    path = encoded(tmp_path / "a.wma", "asf", "wmav2", RATE, {})
    content = path.read_bytes()
    start, stop = int(start * len(content)), int(stop * len(content))
    path.write_bytes(content[:start] + bytes(stop - start) + content[stop:])
    with pytest.raises(BadAudio, match="truncated: [01][.][0-9]+ of 2[.]0[0-9] s|damaged"):
        read(path)


@pytest.mark.parametrize(("start", "stop"), [(0.6, 1.0), (0.4, 0.6)])
def test_zeros_in_a_live_webm_are_no_elements(tmp_path, start, stop):
    path = compressed(tmp_path, "live.webm")
    content = path.read_bytes()
    start, stop = int(start * len(content)), int(stop * len(content))
    path.write_bytes(content[:start] + bytes(stop - start) + content[stop:])
    with pytest.raises(BadAudio, match="damaged: the bytes from [0-9]+ on are no element of WebM"):
        read(path)


def test_a_live_webm_may_not_lack_blocks_in_its_middle(tmp_path):
    path = encoded(tmp_path / "a.webm", "webm", "libopus", 48_000, {"live": "1", "cluster_time_limit": "200"})
    content = path.read_bytes()
    clusters = [place for place in range(len(content)) if content[place : place + 4] == b"\x1f\x43\xb6\x75"]
    assert len(read(path)[0]) / 48_000 == pytest.approx(2.0, abs=0.05)
    path.write_bytes(content[: clusters[3]] + content[clusters[4] :])
    with pytest.raises(BadAudio, match="damaged: 0[.]2[0-9]+ s are missing before"):
        read(path)


ID3 = b"ID3\4\0\0" + bytes([0, 0, 15, 80]) + b"APIC" + bytes(1996)  # 15 * 128 + 80 = 2000 bytes
LYRICS = b"LYRICSBEGININD0000200" + b"11LYR00005hello" + b"000036LYRICS200"
APE = b"APETAGEX" + (2000).to_bytes(4, "little") + (44).to_bytes(4, "little") + bytes(7) + b"\xa0" + bytes(8)
APE += bytes(12) + APE[:23] + b"\x80" + bytes(8)


@pytest.mark.parametrize("name", ["a.mp3", "no_info_frame.mp3"])
@pytest.mark.parametrize("behind", [bytes(4096), LYRICS + b"TAG" + bytes(125), ID3, APE, ID3 + bytes(99) + APE])
def test_tags_and_zeros_behind_an_mp3_are_no_damage(tmp_path, name, behind):
    path = compressed(tmp_path, name)
    expected, _ = read(path)
    path.write_bytes(path.read_bytes() + behind)
    assert (read(path)[0] == expected).all()


def test_an_mp3_behind_the_tag_of_another_is_read_too(tmp_path):
    path = compressed(tmp_path, "a.mp3")
    path.write_bytes(path.read_bytes() + ID3 + path.read_bytes())
    assert len(read(path)[0]) / RATE == pytest.approx(4.1, abs=0.15)


@pytest.mark.parametrize("name", ["a.mp3", "no_info_frame.mp3"])
@pytest.mark.parametrize(("start", "stop"), [(0.603, 1.0), (0.4, 0.6)])
def test_zeros_in_place_of_an_mp3s_frames_are_damage(tmp_path, name, start, stop):
    path = compressed(tmp_path, name)
    content = path.read_bytes()
    start, stop = int(start * len(content)), int(stop * len(content))
    path.write_bytes(content[:start] + bytes(stop - start) + content[stop:])
    with pytest.raises(BadAudio, match="damaged|truncated"):
        read(path)


def test_an_au_whose_size_was_never_written_is_read_to_its_end(tmp_path):
    path = write(tmp_path / "a.au", tone(0.5, RATE))
    expected, _ = read(path)
    assert (read(stated(path, 8, 0, "big"))[0] == expected).all()


@pytest.mark.parametrize("first", [b"RF64", b"BW64"])
@pytest.mark.parametrize("size", [0, 16000])
def test_rf64_and_bw64_are_read_whole(tmp_path, first, size):
    path = tmp_path / "a.rf64"
    soundfile.write(path, tone(0.5, RATE), RATE, format="RF64", subtype="PCM_16")
    expected, _ = read(path)
    path.write_bytes(first + path.read_bytes()[4:])
    assert (read(stated(path, 28, size, "little", 8))[0] == expected).all()


def test_an_odd_chunk_without_its_padding_does_not_hide_the_audio(tmp_path):
    path = write(tmp_path / "a.wav", tone(0.5, RATE))
    expected, _ = read(path)
    content = path.read_bytes()
    path.write_bytes(content[:36] + b"LIST\x07\0\0\0INFOabc" + content[36:])
    assert (read(path)[0] == expected).all()
    assert (read_stretch(path, 1000, 5000)[0] == expected[1000:5000]).all()


def test_alac_in_caf_is_read_to_its_last_sample(tmp_path):
    path = encoded(tmp_path / "a.caf", "caf", "alac", RATE, {})
    wave, _ = read(path)
    # what ffmpeg makes 16 bits of is within one of them
    assert wave.shape == (2 * RATE, 1) and np.abs(wave[:, 0] - tone(2.0, RATE)).max() < 1 / 32768


@pytest.mark.parametrize(("codec", "rate"), [("g726", 8_000), ("wmav2", RATE)])
def test_codecs_in_a_wav_that_libsndfile_does_not_know_go_to_ffmpeg(tmp_path, codec, rate):
    path = encoded(tmp_path / "a.wav", "wav", codec, rate, {})
    assert len(decode(path, DECODING).samples) / RATE == pytest.approx(2.0, abs=0.07)


def test_a_cut_8svx_is_refused(tmp_path):
    path = tmp_path / "a.svx"
    soundfile.write(path, tone(0.5, RATE), RATE, format="SVX", subtype="PCM_16")
    path.write_bytes(path.read_bytes()[:-6400])
    with pytest.raises(BadAudio, match="truncated: 9600 of 16000 bytes of audio"):
        read(path)
