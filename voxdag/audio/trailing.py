"""What lies behind the audio that a file's header states: no recording may end before its file does without a word.

A header that was not brought up to date (a recorder that was killed, a size beyond 4 GiB) states less than there is,
and of files that were joined byte by byte the first header knows only the first. What may follow the audio: chunks of
the format, padding, zeros, and tags.
"""

from __future__ import annotations

import mmap
from pathlib import Path

from voxdag.audio import containers
from voxdag.audio.containers import ASF_HEADER, EBML, Chunks, Extent
from voxdag.audio.tags import behind_tags

BEGINNINGS = (
    *(b"RIFF", b"RIFX", b"RF64", b"BW64", b"FORM", b"caff", b"riff", b".snd", b"NIST_1A", b"OggS", b"fLaC"),
    *(b"#!AMR", EBML, ASF_HEADER),
)  # of an audio file
BOX_HEADER = 8  # bytes: size and name of a box of ISO/IEC 14496-12 (MP4, M4A, 3GP, MOV)
BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot")  # that such a file may begin with
ONCE = (b"ftyp", b"moov")  # boxes of which a file has one
CUT_CHUNKS = (b"LIST", b"id3 ", b"ID3 ", b"bext", b"iXML", b"cue ", b"smpl", b"JUNK", b"_PMX", b"info", b"free")
PADDING = 8  # bytes, less than a chunk's header


def trailing(path: Path, found: Extent | None) -> str | None:
    """What is wrong with what follows the audio that a file states, or None.

    found: where that audio is; None of a format that states no such thing. Raises OSError.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if content[4:8] in BOXES:
            return _behind_boxes(content)
        if content[:5] == b"#!AMR":
            again = content.find(b"#!AMR", 1)
            return None if again < 0 else _joined(again)
        if content[:4] == EBML:
            return _behind_elements(content, found)
        if found is None or found.end is None:
            return None
        return _behind_chunks(content, found, containers.chunks_of(content[:12]))


def _behind_chunks(content: mmap.mmap, found: Extent, chunks: Chunks | None) -> str | None:
    """chunks: how the format is written; None of one that has nothing behind its audio (AU, SPHERE)."""
    position, total = found.end, len(content)
    while (position := behind_tags(content, position)) < total:  # type: ignore[arg-type]
        if content[position : position + 16].startswith(BEGINNINGS):
            return _joined(position)
        end = chunks.end_of(content, position, total) if chunks else None
        if end is None and position + PADDING > total:
            return None
        if end is None and chunks and content[position : position + 4] in CUT_CHUNKS:
            return None
        if end is None:
            return (
                f"{total - found.end} bytes follow the {found.end - found.start} bytes of audio that the header "  # type: ignore[operator]
                "states: it was not brought up to date, or is wrong"
            )
        if chunks.is_data(content, position):  # type: ignore[union-attr]
            return f"a second chunk of audio begins at byte {position}"
        position = end
    return None


def _behind_boxes(content: mmap.mmap) -> str | None:
    """Of a file of boxes, each with a size (0: to the end; 1: 64 bits behind the name) and a name."""
    position = 0
    seen: set = set()
    while position + BOX_HEADER <= len(content):
        size, name = int.from_bytes(content[position : position + 4], "big"), content[position + 4 : position + 8]
        if name in ONCE and (name in seen or (name == b"ftyp" and seen & {b"moov", b"mdat"})):
            return _joined(position)
        if size == 1:
            size = int.from_bytes(content[position + 8 : position + 16], "big")
        if size < BOX_HEADER:
            return None
        seen.add(name)
        position += size
    return None


def _behind_elements(content: mmap.mmap, found: Extent | None) -> str | None:
    """Of a segment of Matroska of unknown size, whose length is stated nowhere: all of it must be elements."""
    if found is None or found.end is not None:
        return None
    damaged = containers.no_element(content, found.start)
    return None if damaged is None else f"damaged: the bytes from {damaged} on are no element of WebM"


def _joined(position: int) -> str:
    return f"another recording begins at byte {position}: files were joined to one, of which this format holds one"
