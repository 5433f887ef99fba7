"""A processor that raises PESQ and ruins speech is found out by judges that it was not made for."""

import pytest

from benchmarks import pesq_cheat
from tests import speech
from voxdag.audio.decode import to_int16
from voxdag.scoring import judges
from voxdag.scoring.pairs import Pair


@pytest.fixture(scope="module")
def table():
    """Of 2.3 s, which fill one window of DNSMOS; by the judges that are always there."""
    clean = speech.spoken(2.3, 110)
    noisy = speech.mixed(clean, speech.noise(clean.size, 3, 0.8), 5)
    waves = [to_int16(wave)[0] for wave in (clean, noisy)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judges, "absent", lambda: tuple(judges.OPTIONAL))
        return pesq_cheat.table([Pair("man", *waves)], jobs=1)


def test_the_cheat_raises_pesq(table):
    assert table.loc["cheat", "pesq"] > table.loc["noisy", "pesq"] + 0.02


def test_the_judges_rank_it_last(table):
    assert table["rank"].idxmax() == "cheat" and table["rank"].is_unique
    assert (table.loc["cheat", ["dnsmos_ovrl", "dnsmos_sig"]] < table.loc["noisy", ["dnsmos_ovrl", "dnsmos_sig"]]).all()


def test_an_honest_denoiser_raises_both(table):
    for metric in ("pesq", "dnsmos_ovrl", "si_sdr", "estoi"):
        assert table.loc["spectral gate", metric] > table.loc["noisy", metric]
