"""Tags by hand, before, between and behind frames by hand."""

import pytest

from voxdag.audio.tags import behind_tags, tag_bytes, without_tags

FRAME = b"\xff\xf3\x48\xc0" + b"x" * 140  # MPEG-2, 32 kbit/s, 16 kHz: 144 bytes
INFO = FRAME[:13] + b"Info" + FRAME[17:]
EMPTY = FRAME[:4] + bytes(140)
ID3 = b"ID3\4\0\0\0\0\1\2" + b"y" * 130  # 128 + 2
FOOTED = b"ID3\4\0\x10\0\0\0\4" + b"yyyy" + b"3DI\4\0\x10\0\0\0\4"
ID3V1 = b"TAG" + b"y" * 125
LYRICS = b"LYRICSBEGIN" + b"y" * 9 + b"LYRICSEND"
APE_FOOTER = b"APETAGEX\xd0\7\0\0\x20\0\0\0\1\0\0\0\0\0\0\x80" + bytes(8)
APE = b"APETAGEX\xd0\7\0\0\x24\0\0\0\1\0\0\0\0\0\0\xa0" + bytes(8) + b"yyyy" + APE_FOOTER


@pytest.mark.parametrize("tag", [ID3, FOOTED, ID3V1, b"TAG+" + b"y" * 223, LYRICS, APE, APE_FOOTER])
def test_a_tag_is_as_long_as_it_says(tag):
    assert tag_bytes(b"ab" + tag + b"more", 2) == len(tag)
    assert tag_bytes(tag[:-1], 0) == 0  # a cut tag
    assert behind_tags(tag + bytes(7) + tag + b"\0z", 0) == 2 * len(tag) + 8


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (2 * FRAME, None),  # nothing to leave out
        (ID3 + FRAME, None),
        (FRAME + ID3V1, FRAME),
        (FRAME + bytes(99), FRAME),
        (ID3 + FRAME + ID3 + FRAME + LYRICS + ID3V1, ID3 + 2 * FRAME),
        (FRAME + bytes(9) + ID3 + bytes(9) + FRAME, 2 * FRAME),
        (FRAME + bytes(144) + FRAME, None),  # a frame of zeros
        (FRAME + b"?" + FRAME, None),
        (FRAME + ID3V1 + FRAME[:-1], None),  # cut
        (EMPTY + bytes(99), None),  # perhaps cut: nothing counts the frames
        (INFO + EMPTY + bytes(99), INFO + EMPTY),
        (INFO + ID3 + EMPTY + bytes(99), None),
        (b"no frames", None),
        (b"", None),
    ],
)
def test_what_is_left_of_an_mp3_without_its_tags(content, expected):
    assert without_tags(content) == expected
