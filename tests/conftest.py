"""What holds for all tests."""

import signal

import voxdag  # noqa: F401  before torch: it says how threads wait


def pytest_configure() -> None:
    """Ctrl-C is heard, as in a terminal: a shell has what it starts in the background, and all below, ignore it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
