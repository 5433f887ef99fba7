"""Time and memory to read the protocols of a corpus of the size of ASVspoof 5, track 1, made up line by line.

Usage:  python -m benchmarks.asvspoof5_size [--recordings]
Writes: a temporary folder: 1,004,081 lines in the published form; with --recordings an empty file for each
Prints: seconds of writing, of reading (protocols, search for the recordings, report), and the peak of memory
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from voxdag.corpora.readers import asvspoof5

SPEAKERS = {"train": 400, "dev": 785, "eval": 737}
FIRST_ATTACK = {"train": 1, "dev": 9, "eval": 17}  # of eight, eight and sixteen


def lines(split: str) -> Iterator[str]:
    """Lines of a split, bona fide and spoofed, with codecs in eval."""
    letter, number = split[0].upper(), 0
    for label, count in asvspoof5.OFFICIAL_TRIALS[split].items():
        for _ in range(count):
            attacks = 16 if split == "eval" else 8
            attack = f"A{FIRST_ATTACK[split] + number % attacks:02d}" if label == "spoof" else "bonafide"
            codec = f"C{number % 11 + 1:02d} {number % 5 + 1}" if split == "eval" and number % 2 else "- -"
            speaker = f"{letter}_{number % SPEAKERS[split]:04d}"
            yield f"{speaker} {letter}_{number:010d} {'FM'[number % 2]} {codec} - - {attack} {label} -"
            number += 1


def main() -> None:
    """Write, read, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recordings", action="store_true", help="an empty file for each utterance")
    with_files = parser.parse_args().recordings
    with tempfile.TemporaryDirectory() as folder:
        start, base = time.perf_counter(), Path(folder) / "corpus"
        base.mkdir()
        for split, name in asvspoof5.PROTOCOLS.items():
            listed = list(lines(split))
            (base / name).write_text("".join(f"{line}\n" for line in listed))
            if with_files:
                (base / asvspoof5.AUDIO[split]).mkdir()
                for line in listed:
                    (base / asvspoof5.AUDIO[split] / f"{line.split()[1]}.flac").touch()
            del listed
        print(f"written in {time.perf_counter() - start:.1f} s")
        start = time.perf_counter()
        corpus = asvspoof5.read(Path(folder), asvspoof5.Options("corpus", official=True, allow_departures=False))
        seconds = time.perf_counter() - start
    found = int(corpus.trials["bytes"].notna().sum())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # from KiB
    print(f"{len(corpus.trials)} trials, {found} recordings found: read in {seconds:.1f} s; peak {peak:.2f} GiB")


if __name__ == "__main__":
    main()
