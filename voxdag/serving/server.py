"""The server of the page: a socket of this machine, the page behind its guard, and a folder that goes with it."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from voxdag.core.errors import Refused
from voxdag.serving import report
from voxdag.serving.answers import Desk, Upload
from voxdag.serving.limits import Limits, budget
from voxdag.serving.uploads import KEPT, Uploads

log = logging.getLogger(__name__)

WILD = ("", "0.0.0.0", "::")
SWEPT = 60  # seconds between two looks for uploads that waited too long
CLOSING = 2  # seconds that open connections have at the end
QUIET = {  # what the framework would tell its makers, or keep, were it not told otherwise; read when it is imported
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_RUN_HISTORY": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
    "DO_NOT_TRACK": "1",
}
INSTALL = "`make serve` installs it (in a checkout), or `pip install 'voxdag[serve]'`"


@dataclass(frozen=True)
class Address:
    """Where the page is served.

    behind  the address, with its path, at which a proxy shows the page; None: there is none
    """

    host: str
    port: int
    behind: str | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise Refused(f"--port is {self.port}, expected 1 to 65535, or 0 for any that is free")
        if self.behind is not None and not (_is_web(self.behind) and urlsplit(self.behind).hostname):
            raise Refused(f"--behind is {self.behind!r}, expected an address such as https://example.org/voxdag")

    @property
    def names(self) -> frozenset[str]:
        """By which browsers call it."""
        own = {self.host, socket.gethostname()} - set(WILD)
        proxy = urlsplit(self.behind).hostname if self.behind else None
        return frozenset(name.lower() for name in (own if proxy is None else own | {proxy}))


def _is_web(address: str) -> bool:
    return address.startswith(("http://", "https://"))


def bound(address: Address) -> socket.socket:
    """A socket that listens there. Raises Refused for a port that is taken, or a host that is not this machine."""
    try:
        kind = socket.getaddrinfo(address.host or None, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        return socket.create_server(kind[0][4][:2], family=kind[0][0])
    except OSError as reason:
        if reason.errno == errno.EADDRINUSE:
            raise Refused(
                f"port {address.port} of {address.host} is taken by another program; --port {address.port + 1} takes "
                "the next, --port 0 any that is free"
            ) from None
        raise Refused(f"--host {address.host} --port {address.port}: {reason.strerror or reason}") from None


def scoring(desk: Desk, uploads: Uploads, limits: Limits):
    """What the button does: systems, paths -> HTML. The files are deleted, whatever becomes of them."""

    def scores(systems: Sequence[str], paths: Sequence[Path]) -> str:
        try:
            return _scored(desk, limits, systems, [Upload(path, path.name) for path in paths])
        except Refused as reason:
            return report.refused(f"{reason}.")
        except Exception:
            log.exception("a request failed")
            return report.refused("The server failed on this request; its log says how.")
        finally:
            uploads.discard(paths)

    return scores


def _scored(desk: Desk, limits: Limits, systems: Sequence[str], files: Sequence[Upload]) -> str:
    if not systems:
        raise Refused("No system is chosen: choose one or more on the left")
    if not files:
        raise Refused("There is no file: add one or more, or record")
    if len(files) > limits.files:
        raise Refused(f"{len(files)} files at once, expected {limits.files} at most")
    gone = [file.name for file in files if not file.path.is_file()]
    if gone:
        raise Refused(f"{gone[0]} is no longer here: files wait {KEPT // 60} minutes at most; add it again")
    return report.of_answers([desk.answer(name, files, budget(limits)) for name in dict.fromkeys(systems)])


def serve(desk: Desk, uploads: Uploads, limits: Limits, address: Address, listening: socket.socket) -> None:
    """Serve the page until it is interrupted."""
    import uvicorn

    app = application(desk, uploads, limits, address)
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, timeout_graceful_shutdown=CLOSING, server_header=False, ws="none"
    )
    uvicorn.Server(config).run(sockets=[listening])


def application(desk: Desk, uploads: Uploads, limits: Limits, address: Address):
    """The page behind its guard: an ASGI application."""
    framework = quiet_framework(uploads)
    import fastapi

    from voxdag.serving import layout, look
    from voxdag.serving.guard import PROGRESS, UPLOAD, Guard

    names = [(one.label, one.name) for one in desk.offered]
    page = layout.page(names, limits.in_words(), scoring(desk, uploads, limits), limits.waiting)
    app = fastapi.FastAPI(lifespan=_sweeping(uploads), docs_url=None, redoc_url=None, openapi_url=None)
    app.post(UPLOAD)(receiver(uploads, limits))
    app.get(PROGRESS)(_progress)
    framework.mount_gradio_app(
        app, page, path="/", theme=layout.theme(), css=look.CSS, footer_links=[], run_history=False, show_error=False,
        ssr_mode=False, enable_monitoring=False, pwa=False, mcp_server=False, max_file_size=limits.bytes,
        root_path=address.behind,
    )  # fmt: skip
    return Guard(app, uploads, limits.bytes, limits.files, address.names)


def quiet_framework(uploads: Uploads):
    """The package gradio, told to keep to this machine and to this folder. Raises Refused where it is not installed."""
    os.environ.update(QUIET | {"GRADIO_TEMP_DIR": str(uploads.folder)})
    try:
        import gradio
    except ImportError:
        raise Refused(f"the page needs the package gradio, which is not installed: {INSTALL}") from None
    return gradio


def receiver(uploads: Uploads, limits: Limits):
    """What takes an upload: the paths of its files, each in a folder of its own."""
    from fastapi import Request
    from fastapi.responses import JSONResponse
    from starlette.concurrency import run_in_threadpool

    async def receive(request: Request) -> JSONResponse:
        async with request.form(max_files=limits.files, max_fields=4) as form:
            files = [file for file in form.getlist("files") if hasattr(file, "filename")]
            paths = [await run_in_threadpool(_keep, uploads, file) for file in files]
        return JSONResponse([str(path) for path in paths])

    receive.__annotations__["request"] = Request
    return receive


async def _progress():
    """Answers who asks how far an upload is, which this machine knows no sooner than it is there."""
    from fastapi.responses import PlainTextResponse

    return PlainTextResponse('data: {"msg": "done"}\n\n', media_type="text/event-stream")


def _keep(uploads: Uploads, upload) -> Path:
    import shutil

    path = uploads.place(upload.filename or "")
    with path.open("wb") as file:
        shutil.copyfileobj(upload.file, file)
    return path


def _sweeping(uploads: Uploads):
    """While the application runs, uploads that nobody scores are deleted."""

    async def sweep() -> None:
        while True:
            await asyncio.sleep(SWEPT)
            uploads.sweep(KEPT)

    @asynccontextmanager
    async def lifespan(app: object) -> AsyncIterator[None]:
        task = asyncio.create_task(sweep())
        try:
            yield
        finally:
            task.cancel()

    return lifespan
