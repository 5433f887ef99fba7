from dataclasses import replace
from pathlib import Path

import pytest

from tests.corpora.readers import making
from voxdag.core import code
from voxdag.corpora.corpus import reader
from voxdag.corpora.readers import simulated_la as la
from voxdag.corpora.readers.simulated_la import Options, Split

TINY = Options(
    train=Split(speakers=2, bonafide=4, spoof=6),
    dev=Split(speakers=2, bonafide=4, spoof=6),
    eval=Split(speakers=2, bonafide=4, spoof=13),
    seconds=(1.0, 1.4),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return making.made(tmp_path_factory, la.provide, TINY)


def test_it_is_read_by_name_like_a_published_corpus(folder):
    module = reader("simulated_la")
    made = module.read(folder, TINY)
    assert made.report["trials"]["eval"] == {"bonafide": 4} | {f"A{k:02d}": 1 for k in range(7, 20)}
    assert made.report["trials"]["dev"] == {"bonafide": 4} | {f"A{k:02d}": 1 for k in range(1, 7)}
    assert made.report["absent"]["count"] == made.report["extra"]["count"] == 0
    assert made.report["speakers"] == {"train": 2, "dev": 2, "eval": 2}
    assert made.report["shared_speakers"] == {}
    assert made.trials["path"].str.match(r"simulated_la/[0-9a-f]{12}/LA/ASVspoof2019_LA_(train|dev|eval)/flac/").all()


def test_a_second_call_makes_nothing(folder, monkeypatch):
    monkeypatch.setattr(la, "write", lambda *args, **kwargs: pytest.fail("made again"))
    la.provide(folder, TINY)
    with pytest.raises(pytest.fail.Exception, match="made again"):
        la.provide(folder, replace(TINY, seed=2))


def test_a_failed_run_leaves_no_half_corpus(tmp_path, monkeypatch):
    def failing(target: Path, *args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(la, "write", failing)
    with pytest.raises(KeyboardInterrupt):
        la.provide(tmp_path, TINY)
    [made] = (tmp_path / "simulated_la").iterdir()
    assert [path.name for path in made.iterdir()] == [".LA.lock"]


def test_the_fingerprint_covers_options_seed_and_code_but_not_the_root(tmp_path, monkeypatch):
    module = la.__name__
    assert code.fingerprint([1], module) == code.fingerprint([1], module)
    assert code.fingerprint([1], module) != code.fingerprint([2], module)
    monkeypatch.setattr(la, "_make", lambda *args, **settings: None)
    roots = {la._made(tmp_path, replace(TINY, root=root)).name for root in ("a", "b")}
    assert len(roots) == 1
    assert la._made(tmp_path, replace(TINY, seconds=(1.0, 1.5))).name not in roots
    assert la._made(tmp_path, replace(TINY, seed=2)).name not in roots


def test_the_sources_hold_what_the_sound_depends_on():
    made_by = {f"simulation/{name}" for name in ("equalise", "asv", "speech", "attacks/__init__")}
    assert {"corpora/la_layout", *made_by} <= making.sources(la)
    assert "corpora/readers/ravdess" not in making.sources(la)
