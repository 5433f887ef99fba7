"""Serve a web page of this machine on which recordings are scored or enhanced by trained systems, or by other weights.

Usage:  voxdag serve                                            all trained systems of params.yaml
        voxdag serve --system aasist --system tier1             some of them
        voxdag serve --weights best_eer.safetensors             our own weights, anywhere: no params.yaml
        voxdag serve --weights AASIST.pth --preset aasist_official_la2019     those of others
        voxdag serve --behind https://example.org/voxdag        behind a proxy of your own (docs/HOWTO.md)
        python -m voxdag.serve ...                              the same in a checkout
Needs:  the package gradio (`make serve`)
Reads:  what voxdag.predict reads of a system; the files that are uploaded, which are deleted when they are scored
Prints: the address. It is of this machine alone (127.0.0.1) unless --host is given.
Writes: a folder for uploads among the system's temporary files, which goes with the page

What the page says of a file is what `voxdag.predict` says of it, to the last digit. Nothing is sent anywhere: fonts and
scripts come from the package, and browsers are told to ask no other address.
"""

from __future__ import annotations

import argparse
import importlib.util
import logging
import signal
from collections.abc import Sequence
from pathlib import Path

from voxdag.core import command, params
from voxdag.core.errors import Refused
from voxdag.serving import server
from voxdag.serving.answers import Desk
from voxdag.serving.limits import Limits
from voxdag.serving.offered import Named, offered
from voxdag.serving.server import Address
from voxdag.serving.uploads import Uploads
from voxdag.tasks.predictor import Asked

log = logging.getLogger(__name__)

HOST, PORT = "127.0.0.1", 7860
SHARE = (
    "--share is not offered: it would send recordings through a server of others; docs/HOWTO.md says how to show the "
    "page to others behind a proxy of your own"
)
ASKED = ("threshold", "prior", "decisions")


def named(arguments: argparse.Namespace) -> Named:
    """What the command line says of systems. Raises Refused for what decides for one system where several are shown."""
    given = [name for name in ASKED if getattr(arguments, name) is not None]
    if given and arguments.weights is None and len(arguments.system) != 1:
        raise Refused(f"--{given[0]} is of one system: name it with --system, or weights with --weights")
    asked = Asked(arguments.threshold, arguments.prior, arguments.decisions, arguments.preset)
    weights, preset, config = arguments.weights, arguments.preset, arguments.config
    return Named(tuple(arguments.system), weights, preset, config, arguments.device, asked)


def run(arguments: argparse.Namespace) -> None:
    """Serve what the command line names. Raises Refused as `server.bound`, `offered` and the opening of weights do."""
    if arguments.share:
        raise Refused(SHARE)
    if importlib.util.find_spec("gradio") is None:
        raise Refused(f"the page needs the package gradio, which is not installed: {server.INSTALL}")
    limits = Limits(arguments.megabytes, arguments.seconds, arguments.files)
    address = Address(arguments.host, arguments.port, arguments.behind)
    listed = offered(named(arguments))
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: the folder of uploads goes with the page
    with server.bound(address) as listening, Uploads() as uploads:
        desk = Desk(listed, uploads.folder)
        noise = uploads.place("noise.wav")
        desk.warm(noise)
        uploads.discard([noise])
        host, port = listening.getsockname()[:2]
        log.info("%s at http://%s:%d/ (Ctrl-C ends it)", ", ".join(one.name for one in desk.offered), host, port)
        try:
            server.serve(desk, uploads, limits, address, listening)
        except KeyboardInterrupt:
            log.info("ended")
        finally:
            desk.close()


def parse(line: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--system", action="append", default=[], help="a system of params.yaml; may be given again")
    parser.add_argument("--weights", type=Path, help="safetensors or torch state dict, in place of trained systems")
    parser.add_argument("--preset", help="what says how weights of others score: a file of presets/, without .yaml")
    parser.add_argument("--config", help="the size of the network that --weights holds, where nothing else says it")
    parser.add_argument("--threshold", type=float, help="accept scores above it; default: what dev chose")
    parser.add_argument("--prior", type=float, help="share of bona fide recordings; default: 0.95")
    parser.add_argument("--decisions", type=Path, metavar="FILE.csv", help="what dev fitted; default: evaluate's")
    parser.add_argument("--device", choices=params.DEVICES, help="default: as params.yaml says, or auto")
    parser.add_argument("--host", default=HOST, help=f"whom to serve; default: {HOST}, this machine alone")
    parser.add_argument("--port", type=int, default=PORT, help=f"default: {PORT}; 0: any that is free")
    parser.add_argument("--behind", metavar="ADDRESS", help="the address at which a proxy of your own shows the page")
    parser.add_argument("--megabytes", type=int, default=Limits.megabytes, help="of the files scored at once")
    parser.add_argument("--seconds", type=int, default=Limits.seconds, help="of audio scored at once")
    parser.add_argument("--files", type=int, default=Limits.files, help="scored at once")
    parser.add_argument("--share", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args(line)


def main() -> None:
    """Read the command line and serve."""
    run(parse())


if __name__ == "__main__":
    command.guarded(main)
