"""Protocols and ASV scores in the layout of ASVspoof 2019 LA, without audio."""

import numpy as np

from voxdag.corpora.readers import asvspoof2019_la

ATTACKS = ("A07", "A08")


def write(base):
    """Of each split 20 bona fide and 40 spoofed trials, <split>_00 to <split>_59; gives the folder."""
    rng = np.random.default_rng(0)
    for split, name in asvspoof2019_la.PROTOCOLS.items():
        rows = [f"S{n % 3} {split}_{n:02d} - - bonafide" for n in range(20)]
        rows += [f"S{n % 3} {split}_{n:02d} - {ATTACKS[n % 2]} spoof" for n in range(20, 60)]
        (base / name).parent.mkdir(parents=True, exist_ok=True)
        (base / name).write_text("\n".join(rows) + "\n")
    for name in asvspoof2019_la.ASV_SCORES.values():
        rows = [f"bonafide target {value:.3f}" for value in rng.normal(4, 1, 30)]
        rows += [f"bonafide nontarget {value:.3f}" for value in rng.normal(0, 1, 50)]
        rows += [f"{ATTACKS[n % 2]} spoof {value:.3f}" for n, value in enumerate(rng.normal(3, 1, 60))]
        (base / name).parent.mkdir(parents=True, exist_ok=True)
        (base / name).write_text("\n".join(rows) + "\n")
    return base
