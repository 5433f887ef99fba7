"""The toy pipeline, before and after its first run."""

import pytest

from tests.side_by_side import toy


@pytest.fixture(scope="session", autouse=True)
def _no_state_of_others(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path_factory.mktemp("dvc")))
        patch.setenv("SHELL", "/bin/sh")
        yield


@pytest.fixture(scope="session")
def fresh(tmp_path_factory):
    """The toy pipeline, never run."""
    folder = tmp_path_factory.mktemp("toy") / "fresh"
    toy.make(folder)
    return folder


@pytest.fixture(scope="session")
def done(fresh):
    """The toy pipeline after a serial run."""
    folder = toy.copy(fresh, fresh.with_name("done"))
    assert toy.serially(folder, all_pipelines=True)
    assert set(toy.journal(folder)) == toy.STAGES
    return folder
