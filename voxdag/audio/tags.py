"""Tags: what players write before and behind the frames of an MP3 file, and behind other audio.

Sources: ID3 tag version 2.4.0, section 3 (and its footer, 3.4); ID3v1; APE tag version 2; Lyrics3 1.00 and 2.00.
"""

from __future__ import annotations

import re

from voxdag.audio.containers import TAG_REACH, Content, is_info_frame, mpeg_frame_bytes

ID3_HEADER, ID3_FOOTER = 10, 0x10  # bytes; the flag of a footer, as long as the header
ID3V1 = {b"TAG+": 227, b"TAG": 128}  # bytes; the first precedes the other
APE_HEADER, APE_IS_HEADER = 32, 0x20  # bytes; the flag (byte 23) of a header: the size counts the footer alone
LYRICS_END = re.compile(rb"LYRICS200|LYRICSEND")
NO_ZERO = re.compile(rb"[^\0]")
FRAME_TAIL = (
    8  # bytes at the end of a frame: where they are zero too, the frame was cut, if its file does not count them
)


def tag_bytes(content: Content, at: int) -> int:
    """How long the tag is that begins at a byte; 0 where none does, or where the file ends in it."""
    size = _stated_bytes(content, at)
    return size if at + size <= len(content) else 0


def behind_tags(content: Content, at: int) -> int:
    """The next byte that belongs to no tag and is not zero; the end where none comes."""
    at = _behind_zeros(content, at)
    while size := tag_bytes(content, at):
        at = _behind_zeros(content, at + size)
    return at


def without_tags(content: bytes) -> bytes | None:
    """An MP3 file without the tags and zeros behind and between its frames, for a decoder that takes them for damage.

    What precedes the first frame stays. None where there is nothing to leave out, and of a file that is cut or holds
    something else between its frames: that is damage. Zeros in place of frames are too.
    """
    first = position = begin = behind_tags(content, 0)
    kept = []
    while position < len(content):
        size = mpeg_frame_bytes(content[position : position + 4])
        if size is not None:
            position += size
            continue
        kept.append((begin, position))
        begin = behind_tags(content, position)
        has_tag = tag_bytes(content, position) or tag_bytes(content, _behind_zeros(content, position))
        is_counted = len(kept) == 1 and is_info_frame(content[first : first + TAG_REACH])
        is_cut = not is_counted and not content[position] and not any(content[position - FRAME_TAIL : position])
        if begin == position or is_cut or (begin < len(content) and not has_tag):
            return None
        position = begin
    if not kept or position > len(content):
        return None
    return content[:first] + b"".join(content[start:stop] for start, stop in [*kept, (begin, position)])


def _behind_zeros(content: Content, at: int) -> int:
    found = NO_ZERO.search(content, at)
    return found.start() if found else len(content)


def _stated_bytes(content: Content, at: int) -> int:
    head = content[at : at + APE_HEADER]
    if head[:3] == b"ID3" and len(head) >= ID3_HEADER:
        size = sum(byte << 7 * (3 - i) for i, byte in enumerate(head[6:10]))  # 4 times 7 bits
        return ID3_HEADER + size + (ID3_HEADER if head[5] & ID3_FOOTER else 0)
    if head[:8] == b"APETAGEX" and len(head) == APE_HEADER:
        is_header = head[23] & APE_IS_HEADER
        return int.from_bytes(head[12:16], "little") + APE_HEADER if is_header else APE_HEADER
    if head[:11] == b"LYRICSBEGIN":
        end = LYRICS_END.search(content, at)
        return end.end() - at if end else 0
    return next((size for name, size in ID3V1.items() if head.startswith(name)), 0)
