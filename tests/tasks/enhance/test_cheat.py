"""A processor that raises PESQ and ruins speech is found out by judges that it was not made for."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from benchmarks import pesq_cheat
from voxdag.scoring import judges
from voxdag.scoring.pairs import Pair

GOLDEN = Path(__file__).parents[2] / "golden/enhancement"
CASES = json.loads((GOLDEN / "expected.json").read_text())


@pytest.fixture(scope="module")
def table():
    """Of a real recording, repeated to 2.3 s, which fill one window of DNSMOS; by the judges that are always there."""
    files = [GOLDEN / CASES["vbd_p232_170_noisy"][kind] for kind in ("clean", "enhanced")]
    waves = [np.tile(soundfile.read(file, dtype="int16")[0], 2)[:36_800] for file in files]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judges, "absent", lambda: tuple(judges.OPTIONAL))
        return pesq_cheat.table([Pair("p232_170", *waves)], jobs=1)


def test_the_cheat_raises_pesq(table):
    assert table.loc["cheat", "pesq"] > table.loc["noisy", "pesq"] + 0.02


def test_the_judges_rank_it_last(table):
    assert table["rank"].idxmax() == "cheat" and table["rank"].is_unique
    assert (table.loc["cheat", ["dnsmos_ovrl", "dnsmos_sig"]] < table.loc["noisy", ["dnsmos_ovrl", "dnsmos_sig"]]).all()


def test_an_honest_denoiser_raises_both(table):
    for metric in ("pesq", "dnsmos_ovrl", "si_sdr", "estoi"):
        assert table.loc["spectral gate", metric] > table.loc["noisy", metric]
