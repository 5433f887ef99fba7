"""Where a file's audio ends, as its header says, against files of known length and headers built by hand."""

import struct

import numpy as np
import pytest
import soundfile

from voxdag.audio import containers
from voxdag.audio.containers import Extent

TONE = 0.5 * np.sin(0.1 * np.arange(4001))


@pytest.mark.parametrize("kind", ["WAV", "WAVEX", "AIFF", "AU", "CAF", "W64", "RF64", "NIST"])
@pytest.mark.parametrize("channels", [1, 2])
def test_the_audio_ends_where_libsndfile_ended_it(tmp_path, kind, channels):
    path = tmp_path / "a"
    soundfile.write(path, np.stack([TONE] * channels, 1), 16000, format=kind, subtype="PCM_16")
    found = containers.extent(path)
    assert found.end - found.start == 2 * 4001 * channels
    # what was written is the two bytes of 0.5 sin(0.1) there
    order = "big" if kind in ("AIFF", "AU", "CAF") else "little"
    second = path.read_bytes()[found.start + 2 * channels :][:2]
    assert abs(int.from_bytes(second, order, signed=True) - 32768 * TONE[1]) <= 1


def wav(data_size, riff_size, audio=b"\1\0" * 10, before=b"", after=b""):
    body = b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 16000, 32000, 2, 16)
    return (
        b"RIFF" + struct.pack("<I", riff_size) + body + before + b"data" + struct.pack("<I", data_size) + audio + after
    )


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (wav(20, 56), Extent(44, 64)),  # 12 of RIFF, 24 of fmt, 8 of the data's header
        (wav(20, 0xFFFFFFFF), Extent(44, 64)),  # the data chunk decides
        (wav(20, 56, after=b"LIST\x10\0\0\0cut"), Extent(44, 64)),  # a cut behind the audio
        (wav(20, 70, before=b"junk\3\0\0\0abc\0"), Extent(56, 76)),  # an odd chunk and its pad byte
        (wav(30, 66), Extent(44, 74)),  # ten bytes are not there
        (wav(0xFFFFFFFF, 0xFFFFFFFF), Extent(44, None)),  # ffmpeg to a pipe
        (wav(0x7FFFF000, 0x7FFFF024), Extent(44, None)),  # SoX to a pipe
        (wav(0, 0), Extent(44, None)),  # a recorder that was killed
        (wav(0, 36), Extent(44, None)),  # another, whose header was right for no samples
        (wav(0, 56), Extent(44, None)),  # a third, which came to RIFF's size alone
        (wav(0, 36, audio=b""), Extent(44, 44)),  # a recording without samples
        (wav(0, 48, audio=b"LIST\4\0\0\0INFO"), Extent(44, 44)),  # the same, with a chunk behind
        (wav(20, 56).replace(b"RIFF", b"RIFX").replace(b"\x14\0\0\0", b"\0\0\0\x14"), None),
        (b"RIFX\0\0\0\x1cWAVEdata\0\0\0\4\1\2\3\4", Extent(20, 24)),
        (
            containers.ASF_HEADER + struct.pack("<Q", 30) + bytes(6) + containers.ASF_DATA + struct.pack("<Q", 99),
            Extent(54, 129),
        ),
        (wav(0xB0000000, 0xB0000024), Extent(44, 44 + 0xB0000000)),  # three gigabytes are a length
        (b"RIFF" + struct.pack("<I", 4) + b"WAVE", None),  # no audio chunk
        (b"RIFF", None),
        (b".snd" + struct.pack(">IIIII", 24, 20, 3, 16000, 1), Extent(24, 44)),
        (b".snd" + struct.pack(">IIIII", 24, 0xFFFFFFFF, 3, 16000, 1), Extent(24, None)),
        (b"caff\0\1\0\0data" + struct.pack(">qI", -1, 0), Extent(24, None)),
        (b"OggS", None),
        (b"", None),
    ],
)
def test_headers_by_hand(tmp_path, content, expected):
    (tmp_path / "a").write_bytes(content)
    assert containers.extent(tmp_path / "a") == expected


def rf64(ds64_size):
    ds64 = b"ds64" + struct.pack("<IQQQI", 28, 0, ds64_size, 10, 0)
    return b"RF64\xff\xff\xff\xffWAVE" + ds64 + b"data\xff\xff\xff\xff" + b"\1\0" * 10


@pytest.mark.parametrize(("size", "expected"), [(20, Extent(56, 76)), (0, Extent(56, None))])
def test_rf64_states_its_size_in_a_chunk_of_its_own(tmp_path, size, expected):
    (tmp_path / "a").write_bytes(rf64(size))
    assert containers.extent(tmp_path / "a") == expected


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (b"\x85", Extent(17, 22)),  # one byte wide: 5
        (b"\x40\x05", Extent(18, 23)),  # the same, two bytes wide
        (b"\xff", Extent(17, None)),  # all ones: unknown, as browsers record
        (b"\x01" + b"\xff" * 7, Extent(24, None)),
    ],
)
def test_matroska_states_the_size_of_its_segment(tmp_path, size, expected):
    # the EBML header: its size (7) and seven bytes; then the segment
    (tmp_path / "a").write_bytes(containers.EBML + b"\x87" + b"\0" * 7 + containers.SEGMENT + size + b"12345")
    assert containers.extent(tmp_path / "a") == expected


def test_an_ogg_file_ends_with_the_last_page_whole(tmp_path):
    path = tmp_path / "a.ogg"
    soundfile.write(path, TONE, 16000)
    whole = path.read_bytes()
    assert containers.ends_as_ogg(whole)
    for cut in (1, 40, len(whole) // 2):
        assert not containers.ends_as_ogg(whole[:-cut])
    assert not containers.ends_as_ogg(b"")


def test_a_flac_says_whether_it_knows_its_length(tmp_path):
    soundfile.write(tmp_path / "a", TONE, 16000, format="FLAC")
    head = bytearray((tmp_path / "a").read_bytes()[:64])
    assert containers.flac_states_length(head)
    assert int.from_bytes(head[22:26], "big") == 4001
    head[22:26] = bytes(4)
    assert not containers.flac_states_length(head)
    head[21] |= 1  # the upper four of the 36 bits
    assert containers.flac_states_length(head)


@pytest.mark.parametrize(
    ("header", "length"),
    [
        (b"\xff\xfb\x90\x00", 417),  # MPEG-1, 128 kbit/s, 44.1 kHz: 144 * 128000 / 44100 = 417.96
        (b"\xff\xfb\x92\x00", 418),  # the same, padded
        (b"\xff\xf3\x48\x00", 144),  # MPEG-2, 32 kbit/s, 16 kHz: 72 * 32000 / 16000
        (b"\xff\xe3\x48\x00", 288),  # MPEG-2.5, 8 kHz
        (b"\xff\xfd\x90\x00", 522),  # Layer II, 160 kbit/s: 144 * 160000 / 44100 = 522.4
        (b"\xff\xf5\x48\x00", 288),  # Layer II of MPEG-2, 32 kbit/s, 16 kHz: 144 * 32000 / 16000
        (b"\xff\xff\x90\x00", None),  # Layer I
        (b"\xff\xfb\xf0\x00", None),  # no such bit rate
        (b"ID3\x04", None),
        (b"\xff", None),
    ],
)
def test_the_length_of_an_mpeg_frame(header, length):
    assert containers.mpeg_frame_bytes(header) == length


@pytest.mark.parametrize(
    ("header", "length"),
    [
        (b"\x0b\x77\0\0\x14\x40", 768),  # 192 kbit/s at 48 kHz: 192000 * 1536 / 48000 / 8
        (b"\x0b\x77\0\0\x54\x40", 834),  # at 44.1 kHz: 192000 * 1536 / 44100 / 16 = 417.9 words of two bytes
        (b"\x0b\x77\0\0\x55\x40", 836),  # every other one has a word more
        (b"\x0b\x77\0\0\x95\x40", 1152),  # at 32 kHz
        (b"\x0b\x77\x01\x7f\x34\x80", 768),  # E-AC-3: 383 and one words
        (b"\x0b\x77\0\0\xd4\x40", None),  # no such rate
        (b"\x0b\x77\0\0\x26\x40", None),  # no such size
        (b"\x0b\x78\0\0\x14\x40", None),
        (b"\x0b\x77\0\0\x14", None),
    ],
)
def test_the_length_of_an_ac3_frame(header, length):
    assert containers.ac3_frame_bytes(header) == length


@pytest.mark.parametrize(
    ("elements", "end"),
    [
        (b"\x1f\x43\xb6\x75\xff\xa3\x82ab\xa3\x82ab", None),  # a cluster of unknown size, and two blocks of two bytes
        (b"\x1f\x43\xb6\x75\xff\xa3\x82ab\xa3\x82a", 13),
        (b"\x1f\x43\xb6\x75\x86ab", 11),  # one of known size: six bytes
        (b"\x1f\x43\xb6\x75\xff\0\0\0", None),  # what is no element
    ],
)
def test_a_segment_of_unknown_size_ends_with_its_last_element(tmp_path, elements, end):
    start = 4 + 1 + 4 + 1
    (tmp_path / "a").write_bytes(containers.EBML + b"\x80" + containers.SEGMENT + b"\xff" + elements)
    assert containers.extent(tmp_path / "a") == Extent(start, None if end is None else start + end)


def pages(*flags):
    return b"".join(b"OggS\0" + bytes([flag]) + bytes(20) + b"\1\4data" for flag in flags)


@pytest.mark.parametrize(
    ("flags", "begins"),
    [
        ([2, 0, 4], [0]),
        ([2, 0, 4, 2, 0, 4], [0, 3]),
        ([2, 2, 0, 0, 4, 4], [0]),  # two streams side by side, such as sound and picture
        ([2, 0, 2, 4], [0, 2]),  # the first is cut
        ([], []),
    ],
)
def test_the_links_of_a_chained_ogg_file(flags, begins):
    size, content = 32, pages(*flags)
    expected = [size * place for place in begins]
    assert containers.ogg_links(content) == list(zip(expected, [*expected[1:], len(content)], strict=False))


def test_the_links_of_joined_flac_files(tmp_path):
    soundfile.write(tmp_path / "a", TONE, 16000, format="FLAC")
    whole = (tmp_path / "a").read_bytes()
    size = len(whole)
    assert containers.flac_links(whole) == [(0, size)]
    assert containers.flac_links(whole + b"fLaC, a word" + whole) == [(0, size + 12), (size + 12, 2 * size + 12)]


def info(tag, *fields):
    return b"\xff\xf3\x48\x00" + bytes(9) + tag + b"".join(fields)


@pytest.mark.parametrize(
    ("content", "frames"),
    [
        (info(b"Info", struct.pack(">II", 1, 58)), 58),
        (info(b"Xing", struct.pack(">II", 0xF, 7)), 7),
        (info(b"Xing", struct.pack(">II", 2, 7)), None),  # bytes alone are stated
        (info(b"VBRI", bytes(10), struct.pack(">I", 9)), 9),
        (info(b"none"), None),
        (b"ID3\4\0\0" + bytes([0, 0, 1, 2]) + bytes(130) + info(b"Info", struct.pack(">II", 1, 58)), 58),  # 128 + 2
        (2 * (b"ID3\4\0\0\0\0\2\x2c" + bytes(300)) + info(b"Info", struct.pack(">II", 1, 58)), 58),
        (b"", None),
    ],
)
def test_how_many_frames_an_mp3_says_it_has(tmp_path, content, frames):
    (tmp_path / "a").write_bytes(content)
    assert containers.mpeg_frames(tmp_path / "a") == frames


@pytest.mark.parametrize(
    ("frame", "number"),
    [
        (b"\xff\xf8\xc5\x08\x07", (7, False)),
        (b"\xff\xf9\xc5\x08\xc4\x80", (256, True)),  # 110 00100 10 000000
        (b"\xff\xf8\xc5\x08\xe2\x82\xac", (0x20AC, False)),  # as UTF-8 codes the Euro sign
        (b"\xff\xf8\xc5\x08\xfe\x80\x80\x80\x80\x80\x81", (1, False)),  # the longest, of 36 bits
        (b"\xff\xfb\xc5\x08\x07", None),
        (b"\xff", None),
    ],
)
def test_the_number_of_a_flac_frame(frame, number):
    assert containers.flac_number(frame) == number


@pytest.mark.parametrize(
    ("duration", "preroll", "flags", "seconds"),
    [(51_000_000, 3100, 2, 2), (51_000_000, 3100, 3, None), (0, 0, 2, None)],
)
def test_how_long_a_wma_says_it_plays(duration, preroll, flags, seconds):
    # size, file's name, size, date, number of packets; then the durations of playing and sending
    fields = struct.pack("<Q16sQQQQQQI", 104, b"", 0, 0, 0, duration, duration, preroll, flags)
    assert containers.asf_seconds(b"before" + containers.ASF_PROPERTIES + fields) == seconds
    assert containers.asf_seconds(containers.ASF_PROPERTIES + fields[:-1]) is None


def test_an_au_of_size_0_with_something_behind_was_never_finished(tmp_path):
    header = b".snd" + struct.pack(">IIIII", 24, 0, 3, 16000, 1)
    for audio, end in ((b"\1\2", None), (b"", 24)):
        (tmp_path / "a").write_bytes(header + audio)
        assert containers.extent(tmp_path / "a") == Extent(24, end)
