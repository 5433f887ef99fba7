"""What readers that make a corpus are tested for alike."""

import shutil

import pytest

from voxdag.core import code


def made(tmp_path_factory, provide, options):
    """The corpora folder with what a reader makes, in this process: starting others takes longer than so little."""
    folder = tmp_path_factory.mktemp("corpora")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VOXDAG_JOBS", "1")
        provide(folder, options)
    return folder


def folders(root):
    return [path for path in root.iterdir() if path.is_dir()]


def kill_while_writing(monkeypatch, reader, root, provide):
    """Kill `provide` where the reader writes its first recording: only what SIGKILL would leave is left below root."""

    def killed(*args: object, **kwargs: object) -> None:
        [unfinished] = root.glob(".*-*")
        shutil.copytree(unfinished, unfinished.with_name(f"{unfinished.name}-left"))
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(reader, "_write", killed)
        provide()
    assert [path.name[-5:] for path in folders(root)] == ["-left"]


def sources(reader):
    """The modules of voxdag, as paths, that the fingerprint of what the reader makes covers."""
    paths = (path.relative_to(code.ROOT).as_posix() for path in code.closure([reader.__name__], {}))
    return {path.removeprefix("voxdag/").removesuffix(".py") for path in paths}
