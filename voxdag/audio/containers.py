"""What the header of an audio file says of its length, so that a cut file is not taken for a shorter recording.

libsndfile shortens what a header states to what is there, without a word. Here the header is read once more: where does
the audio end, in bytes? Formats that are written chunk by chunk (RIFF, RF64, W64, AIFF, CAF) state it in the chunk of
the audio, AU and NIST SPHERE at their start. Recorders that cannot go back (pipes, browsers, killed programs) leave a
placeholder there, and the audio then goes on to the end of the file.
Sources: Multimedia Programming Interface and Data Specifications 1.0 (RIFF); EBU Tech 3306 (RF64); Apple, Audio
Interchange File Format 1.3 and Core Audio Format Specification 1.0; Sony, Wave64; NIST SPHERE 2.6a; RFC 3533 (Ogg);
RFC 8794 and 9559 (Matroska); ISO/IEC 11172-3 and 13818-3 (MPEG audio frames); ATSC A/52 (AC-3); Microsoft, Advanced
Systems Format 1.20 (WMA); EA IFF 85 (8SVX); RFC 9639 (FLAC).
"""

from __future__ import annotations

import io
import mmap
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, NamedTuple

# Sizes that no recorder has written: around 2 GiB (SoX), around 4 GiB (ffmpeg), and of 64 bits (CAF writes -1)
PLACEHOLDERS = (range(0x7FFFF000, 0x80000001), range(0xFFFFF000, 0x100000000))
UNKNOWN_64 = 1 << 62
RIFF_HEADER = 8  # bytes of a chunk's name and size
SPHERE_HEADER = 1024  # bytes, at least
OGG_HEADER = 27  # bytes of a page's header, without the lengths of its segments
OGG_PAGE = re.compile(rb"OggS\0[\0-\7]")  # how a page begins: its name, version and flags
OGG_BEGIN, OGG_END = 2, 4  # flags of a stream's first page, and of its last
FLAC_BEGIN = re.compile(rb"fLaC[\x00\x80]\x00\x00\x22")  # and the header of STREAMINFO, which comes first
EBML, SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"  # how Matroska and WebM begin, and what holds all the rest
CLUSTER = b"\x1f\x43\xb6\x75"  # an element of a segment, which holds the audio of some seconds
ID3_HEADER = 10  # bytes
TAG_REACH = 200  # bytes of an MPEG frame within which an Info frame says that it is one
# Where in an Info frame its flags and the number of frames that follow stand, in bytes behind its name
TAGS: dict[bytes, tuple[int | None, int]] = {b"Xing": (4, 8), b"Info": (4, 8), b"VBRI": (None, 14)}
# kbit/s by the header's bit rate index: Layer III and II of MPEG-1, and both of MPEG-2 and 2.5
KBITS = {
    (True, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (True, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (False, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
AC3_KBITS = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640)
AC3_RATES = (48_000, 44_100, 32_000)  # Hz
AC3_SAMPLES = 1536  # of a frame
EAC3 = 10  # versions of the bit stream beyond this one are Enhanced AC-3


Content = bytes | mmap.mmap  # of a file


class Extent(NamedTuple):
    """Where the audio begins and ends in a file, in bytes; end is None where the size was never written."""

    start: int
    end: int | None


@dataclass(frozen=True)
class Chunks:
    """A format written in chunks: of each a name and a size, `header` bytes in all.

    first     byte of the first chunk
    size      struct format of the size behind the name
    data      the name of the chunk with the audio
    skip      bytes of that chunk before the audio
    inclusive whether a size counts the chunk's header
    align     chunks begin at multiples of this many bytes
    """

    first: int
    header: int
    size: str
    data: bytes
    skip: int = 0
    inclusive: bool = False
    align: int = 2

    def extent(self, file: BinaryIO, total: int) -> Extent | None:
        """Of the audio, or None where no chunk holds it."""
        position, name_bytes = self.first, self.header - struct.calcsize(self.size)
        while position + self.header <= total:
            file.seek(position)
            header = file.read(self.header)
            (size,) = struct.unpack(self.size, header[name_bytes:])
            if self.inclusive:
                size -= self.header
            start = position + self.header
            if header.startswith(self.data):
                return self._audio(file, start, size, total)
            position = self._next(file, start + max(size, 0), total)
        return None

    def end_of(self, content: Content, position: int, total: int) -> int | None:
        """Where the chunk ends that begins at a byte; None where none does, or where it is cut."""
        header = content[position : position + self.header]
        if len(header) < self.header or not (self.inclusive or _is_name(header)):
            return None
        (size,) = struct.unpack(self.size, header[self.header - struct.calcsize(self.size) :])
        end = position + size + (0 if self.inclusive else self.header)
        return end if position + self.header <= end <= total else None

    def is_data(self, content: Content, position: int) -> bool:
        return content[position : position + len(self.data)] == self.data

    def find(self, content: bytes, name: bytes) -> bytes | None:
        """The content of the first chunk of a name; None where there is none."""
        file, total = io.BytesIO(content), len(content)
        found = replace(self, data=name, skip=0).extent(file, total)
        return None if found is None or found.end is None else content[found.start : found.end]

    def _audio(self, file: BinaryIO, start: int, size: int, total: int) -> Extent:
        """Of the chunk of the audio. A size of nothing that something else than a chunk follows was never written."""
        begin, end = start + self.skip, start + size
        if not _is_written(size):
            return Extent(begin, None)
        if size <= self.skip and begin < total:
            file.seek(begin)
            if not _is_chunk(file.read(RIFF_HEADER), total - begin, self.size):
                return Extent(begin, None)
        return Extent(begin, max(begin, end))

    def _next(self, file: BinaryIO, end: int, total: int) -> int:
        """Where the chunk behind one that ends at a byte begins: some writers leave out the padding."""
        aligned = end + -end % self.align
        if aligned != end and self.align == 2 and end + RIFF_HEADER <= total:
            file.seek(end)
            name = file.read(RIFF_HEADER + 1)
            if _is_name(name) and not _is_name(name[1:]):
                return end
        return aligned


RIFF = Chunks(first=12, header=8, size="<I", data=b"data")
AIFF = Chunks(first=12, header=8, size=">I", data=b"SSND", skip=8)
CAF = Chunks(first=8, header=12, size=">q", data=b"data", skip=4, align=1)
W64 = Chunks(first=40, header=24, size="<Q", data=b"data", inclusive=True, align=8)
SVX_FORMS = (b"8SVX", b"16SV")
RIFX = Chunks(first=12, header=8, size=">I", data=b"data")
ASF_DATA = bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c")  # names of objects
ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
SVX = Chunks(first=12, header=8, size=">I", data=b"BODY")
ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
ASF_LIVE = 1  # a flag: the lengths are not known
ASF = Chunks(first=0, header=24, size="<Q", data=ASF_DATA, inclusive=True, align=1)


def extent(path: Path) -> Extent | None:
    """Where the audio of a file begins and ends as its header says; None of a format whose header says no such thing.

    Raises OSError.
    """
    total = path.stat().st_size
    with path.open("rb") as file:
        reader = _EXTENTS.get(file.read(4))
        return reader(file, total) if reader else None


def chunks_of(head: bytes) -> Chunks | None:
    """How a file is written that begins so; None where not in chunks."""
    chunks = {b"RIFF": RIFF, b"RF64": RIFF, b"BW64": RIFF, b"RIFX": RIFX, b"FORM": AIFF, b"caff": CAF, b"riff": W64}
    return chunks.get(head[:4], ASF if head[:4] == ASF_HEADER[:4] else None)


def as_rf64(content: bytes, found: Extent) -> bytes | None:
    """A file of RIFF, RF64 or BW64 with nothing but the format of its audio and the audio, and their sizes right."""
    form = RIFF.find(content, b"fmt ")
    if form is None:
        return None
    audio = content[found.start : found.end]
    head = b"WAVE" + struct.pack("<4sIQQQI", b"ds64", 28, 0, len(audio), 0, 0)
    head += struct.pack("<4sI", b"fmt ", len(form)) + form + b"\0" * (len(form) % 2)
    return b"RF64\xff\xff\xff\xff" + head + b"data\xff\xff\xff\xff" + audio


def ends_as_ogg(content: bytes) -> bool:
    """Whether the bytes of an Ogg file, or of a link of one, end with the last page of a stream, whole."""
    page = content[max(0, content.rfind(b"OggS")) :]
    if len(page) < OGG_HEADER or not page[5] & OGG_END:
        return False
    lengths = page[OGG_HEADER : OGG_HEADER + page[OGG_HEADER - 1]]
    return len(page) >= OGG_HEADER + len(lengths) + sum(lengths)


def ogg_links(content: bytes) -> list[tuple[int, int]]:
    """Where each link of a chained Ogg file begins and ends: a stream begins anew behind pages of another."""
    pages = [(match.start(), match[0][-1] & OGG_BEGIN) for match in OGG_PAGE.finditer(content)]
    before = [0, *(first for _, first in pages)]
    begins = [start for (start, first), previous in zip(pages, before, strict=False) if first and not previous]
    return list(zip(begins, [*begins[1:], len(content)], strict=False))


def flac_links(content: bytes) -> list[tuple[int, int]]:
    """Where each of the FLAC files begins and ends that were joined to one; each states its own length alone."""
    begins = [match.start() for match in FLAC_BEGIN.finditer(content)]
    return list(zip(begins, [*begins[1:], len(content)], strict=False))


def wav_codec(path: Path) -> int | None:
    """The format tag of a WAV; None where it has none. Raises OSError."""
    with path.open("rb") as file:
        found = replace(RIFF, data=b"fmt ").extent(file, path.stat().st_size)
        if found is None:
            return None
        file.seek(found.start)
        return int.from_bytes(file.read(2), "little")


def flac_states_length(head: bytes) -> bool:
    """Whether the first 26 bytes of a FLAC file state its number of samples (36 bits behind the rate); 0 is unknown."""
    return any(head[22:26]) or bool(head[21] & 0x0F) if len(head) >= 26 else True


def flac_md5(head: bytes) -> tuple[bytes, int] | None:
    """The MD5 of a FLAC file's samples, and of how many bits these are, as its first 42 bytes say; None without it."""
    if len(head) < 42 or not any(head[26:42]):
        return None
    return head[26:42], ((head[20] & 1) << 4 | head[21] >> 4) + 1


def flac_number(frame: bytes) -> tuple[int, bool] | None:
    """The number of a frame of FLAC, and whether it is that of its first sample; None of what is no frame.

    The number is coded as UTF-8 codes characters, of up to 36 bits: RFC 9639, section 9.1.5.
    """
    if len(frame) < 5 or frame[0] != 0xFF or frame[1] & 0xFE != 0xF8:
        return None
    first = frame[4]
    ones = 8 - (first ^ 0xFF).bit_length()
    if ones == 0:
        return first, bool(frame[1] & 1)
    value = first & (0x7F >> ones)
    for byte in frame[5 : 4 + ones]:
        value = value << 6 | byte & 0x3F
    return value, bool(frame[1] & 1)


def mpeg_frames(path: Path) -> int | None:
    """How many frames an MP3 file holds, as its first one says (Xing, Info, VBRI); None where it does not.

    Raises OSError.
    """
    with path.open("rb") as file:
        start = 0
        while (head := file.read(ID3_HEADER)).startswith(b"ID3"):
            start += ID3_HEADER + sum(byte << 7 * (3 - i) for i, byte in enumerate(head[6:10]))  # 4 times 7 bits
            file.seek(start)
        file.seek(start)
        frame = file.read(TAG_REACH)
    tag = next((tag for tag in TAGS if tag in frame), None)
    if tag is None:
        return None
    flags, count = (None if place is None else frame.find(tag) + place for place in TAGS[tag])
    if flags is not None and not frame[flags + 3] & 1:
        return None
    return struct.unpack(">I", frame[count : count + 4])[0]  # type: ignore[operator]


def asf_seconds(content: bytes) -> Fraction | None:
    """How long a WMA file plays, as its header says; None where it does not."""
    at = content.find(ASF_PROPERTIES)
    if at < 0 or len(content) < at + 92:
        return None
    duration, _, preroll, flags = struct.unpack("<QQQI", content[at + 64 : at + 92])  # of 100 ns, 100 ns, and ms
    return None if flags & ASF_LIVE or not duration else Fraction(duration, 10_000_000) - Fraction(preroll, 1000)


def is_info_frame(frame: bytes) -> bool:
    """Whether an MPEG frame tells of the others instead of holding audio."""
    return any(tag in frame[:TAG_REACH] for tag in TAGS)


def mpeg_frame_bytes(header: bytes) -> int | None:
    """The length of a frame of Layer II or III, from its first four bytes; None where they do not say."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0 or header[1] & 6 not in (2, 4):
        return None
    layer = 4 - (header[1] >> 1 & 3)
    version, bit_rate, rate, padding = header[1] >> 3 & 3, header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if version == 1 or bit_rate in (0, 15) or rate == 3:
        return None
    first = version == 3  # MPEG-1; 2 is MPEG-2, 0 is MPEG-2.5
    hertz = (44_100, 48_000, 32_000)[rate] // {3: 1, 2: 2, 0: 4}[version]
    return (144 if first or layer == 2 else 72) * 1000 * KBITS[first, layer][bit_rate] // hertz + padding


def ac3_frame_bytes(header: bytes) -> int | None:
    """The length of a frame of AC-3 or E-AC-3, from its first six bytes; None where they do not say."""
    if len(header) < 6 or header[:2] != b"\x0b\x77":
        return None
    if header[5] >> 3 > EAC3:
        return 2 * ((header[2] & 7) << 8 | header[3]) + 2
    rate, size = header[4] >> 6, header[4] & 0x3F
    if rate >= len(AC3_RATES) or size >= 2 * len(AC3_KBITS):
        return None
    words = AC3_KBITS[size // 2] * 1000 * AC3_SAMPLES // AC3_RATES[rate] // 16
    return 2 * (words + (size % 2 if AC3_RATES[rate] == 44_100 else 0))


def _is_written(size: int) -> bool:
    return 0 <= size < UNKNOWN_64 and not any(size in sizes for sizes in PLACEHOLDERS)


def _riff(file: BinaryIO, total: int) -> Extent | None:
    found = RIFF.extent(file, total)
    file.seek(4)
    (riff,) = struct.unpack("<I", file.read(4).ljust(4, b"\0"))
    if found and found.end == found.start < total and riff + 8 <= found.start:
        return Extent(found.start, None)  # sizes as before the recording
    return found


def _is_chunk(header: bytes, left: int, size: str) -> bool:
    """Whether another chunk begins here, in the last `left` bytes of a file; size: struct format, for its order."""
    return _is_name(header) and RIFF_HEADER + struct.unpack(size[0] + "I", header[4:8].ljust(4, b"\0"))[0] <= left


def _is_name(header: bytes) -> bool:
    """Whether a chunk may be called so."""
    return len(header) >= 4 and header[:4].isascii() and header[:4].decode().isprintable()


def _rf64(file: BinaryIO, total: int) -> Extent | None:
    """The size of the audio stands in the chunk ds64, which comes first."""
    found = RIFF.extent(file, total)
    file.seek(12)
    head = file.read(24)
    if found is None or found.end is not None or head[:4] != b"ds64" or len(head) < 24:
        return found
    (size,) = struct.unpack("<Q", head[16:24])
    return Extent(found.start, found.start + size if size and _is_written(size) else None)


def _form(file: BinaryIO, total: int) -> Extent | None:
    file.seek(8)
    return (SVX if file.read(4) in SVX_FORMS else AIFF).extent(file, total)


def _au(file: BinaryIO, total: int) -> Extent:
    file.seek(4)
    start, size = struct.unpack(">II", file.read(8).ljust(8, b"\0"))
    return Extent(start, start + size if _is_written(size) and (size or start >= total) else None)


def _matroska(file: BinaryIO, total: int) -> Extent | None:
    """Of the segment, which holds the audio and all that describes it."""
    header, length = _vint(file)
    file.seek(4 + header + (length or 0))
    if length is None or file.read(4) != SEGMENT:
        return None
    _, size = _vint(file)
    start = file.tell()
    end = _followed(file, start, total) if size is None else start + size
    return Extent(start, end)


def _followed(file: BinaryIO, position: int, total: int) -> int | None:
    """Where the last element ends of a segment of unknown size, as browsers record it; None where that is whole."""
    position, whole = _follow(file, position, total, ())
    return position if whole and position > total else None


def no_element(content: mmap.mmap, start: int) -> int | None:
    """The first byte in a segment of Matroska, and in its clusters, where an element should begin and none does."""
    position, whole = _follow(content, start, len(content), (CLUSTER,))
    return None if whole else position


def _follow(file: BinaryIO | mmap.mmap, position: int, total: int, entered: tuple[bytes, ...]) -> tuple[int, bool]:
    """Where the last element ends, or the first that is none begins; and whether all were elements.

    entered: names of elements whose content is followed too, as is that of one of unknown size
    """
    while position < total:
        file.seek(position)
        name, _ = _vint(file)
        width, size = _vint(file)
        if name > 4 or width > 8:
            return position, False
        file.seek(position)
        position += name + width + (0 if size is None or file.read(name) in entered else size)
    return position, True


def _vint(file: BinaryIO | mmap.mmap) -> tuple[int, int | None]:
    """Bytes and value of the variable-length integer that comes next: RFC 8794, section 4; all ones are unknown."""
    first = file.read(1)
    width = 9 - first[0].bit_length() if first and first[0] else 9
    rest = file.read(width - 1)
    value, bits = int.from_bytes(first + rest, "big"), 7 * width
    if len(rest) < width - 1:  # the file ends in it
        return 9, None
    return width, None if width > 8 or value & (1 << bits) - 1 == (1 << bits) - 1 else value & (1 << bits) - 1


def _sphere(file: BinaryIO, total: int) -> Extent | None:
    """Of uncompressed audio alone."""
    file.seek(0)
    header = file.read(SPHERE_HEADER)
    fields = dict(re.findall(rb"^(\w+) -\w+ (\S+)", header, re.MULTILINE))
    sizes = [fields.get(key, b"") for key in (b"sample_count", b"sample_n_bytes")]
    channels = fields.get(b"channel_count", b"1")
    start = header[8:16].strip()
    if not all(value.isdigit() for value in (*sizes, channels, start)) or b"," in fields.get(b"sample_coding", b""):
        return None
    return Extent(int(start), int(start) + int(sizes[0]) * int(sizes[1]) * int(channels))


_EXTENTS: dict[bytes, Callable[[BinaryIO, int], Extent | None]] = {
    b"RIFF": _riff,
    b"RIFX": RIFX.extent,
    ASF_HEADER[:4]: ASF.extent,
    b"RF64": _rf64,
    b"BW64": _rf64,
    b"FORM": _form,
    b"caff": CAF.extent,
    b"riff": W64.extent,
    b".snd": _au,
    b"NIST": _sphere,
    EBML: _matroska,
}
