"""What follows the audio, in files by hand; whole files of all formats are in test_decode.py."""

import struct

import pytest

from voxdag.audio import containers
from voxdag.audio.trailing import trailing

WAV = b"RIFF\x38\0\0\0WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 16000, 32000, 2, 16) + b"data\x14\0\0\0"
WAV += b"\1\2" * 10
CHUNK = struct.pack("<16sQ", b"data", 28) + b"\1\2\3\4"
W64 = b"riff" + bytes(36) + CHUNK + bytes(4)  # chunks begin at multiples of 8
OBJECT = struct.pack("<16sQ", bytes.fromhex("90080033b1e5cf1189f400a0c90349cb"), 26) + b"ab"  # ASF's index
ASF = containers.ASF_HEADER + struct.pack("<Q", 30) + bytes(6) + containers.ASF_DATA + struct.pack("<Q", 26) + b"ab"
BOX = b"\0\0\0\x0aftypab"
MEDIA = b"\0\0\0\1mdat\0\0\0\0\0\0\0\x12ab" + b"\0\0\0\x0amoovab"  # a size of 64 bits, and one of 32
JOINED = "another recording begins at byte {}: files were joined"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (WAV, None),
        (WAV + b"data\4\0\0\0\1\2\3\4", "a second chunk of audio begins at byte 64"),
        (WAV + b"LIST\4\0\0\0INFO" + WAV, JOINED.format(76)),
        (WAV + b"LIST\4\0\0\0INFO" + b"\1\2\3\4" * 3, "24 bytes follow the 20 bytes of audio"),
        (W64 + struct.pack("<16sQ", b"\xab\xf7", 24), None),  # a marker, whose name is no text
        (W64 + b"\1\2" * 12, "24 bytes|28 bytes"),
        (W64 + W64, JOINED.format(72)),
        (ASF + OBJECT, None),
        (ASF + OBJECT + ASF, JOINED.format(len(ASF) + 26)),
        (b"#!AMR\n" + b"\x04abc", None),
        (b"#!AMR\n" + b"\x04abc" + b"#!AMR\n", JOINED.format(10)),
        (BOX + MEDIA, None),
        (MEDIA + b"\0\0\0\x0afreeab", None),
        (BOX + MEDIA + bytes(20), None),
        (BOX + MEDIA + BOX, JOINED.format(38)),
        (MEDIA + MEDIA, JOINED.format(46)),  # old QuickTime has no box ahead
        (b"other", None),
    ],
)
def test_what_follows_the_audio(tmp_path, content, reason):
    path = tmp_path / "a"
    path.write_bytes(content)
    found = trailing(path, containers.extent(path))
    assert (found is None) == (reason is None)
    assert reason is None or any(part in found for part in reason.split("|"))
