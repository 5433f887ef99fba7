"""What holds for all tests."""

import signal

import voxdag  # noqa: F401  before torch: it says how threads wait

LONGEST = ("test_end_to_end.py", "test_toys.py", "test_howto.py", "test_readme.py")  # they run whole pipelines


def pytest_collection_modifyitems(items: list) -> None:
    """The longest files first, so that of two processes none has one left when the other has done all."""
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


def pytest_configure() -> None:
    """Ctrl-C is heard, as in a terminal: a shell has what it starts in the background, and all below, ignore it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
