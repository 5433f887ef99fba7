"""What stands in front of the page: which requests reach it, how large they may be, and what browsers are told.

The framework serves more than the page needs: files by their paths, other addresses through a proxy, a monitor. Of all
that only what PAGES and BELOW list is reachable.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from voxdag.serving.uploads import Uploads

API = "/gradio_api"
UPLOAD, JOIN, FILE = f"{API}/upload", f"{API}/queue/join", f"{API}/file="
PROGRESS = f"{API}/upload_progress"
PAGES = frozenset(("/", "/config", "/theme.css", "/manifest.json", "/favicon.ico", f"{API}/theme.css", f"{API}/info"))
PAGES |= {UPLOAD, PROGRESS, JOIN, f"{API}/queue/data", f"{API}/cancel", f"{API}/reset", f"{API}/startup-events"}
BELOW = ("/assets/", "/static/", f"{API}/heartbeat/")
METHODS = ("GET", "HEAD", "POST")
SMALL = 1 << 20  # bytes of a request that uploads nothing
PARTS = 4096  # bytes around each file of an upload
POLICY = (  # of content: the framework makes functions and styles of text, so these are allowed; all else is ours alone
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' data: blob:; "
    "worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "microphone=(self), camera=(), geolocation=()",
}


@dataclass(frozen=True)
class Refusal:
    """An answer to a request that does not reach the page."""

    status: int
    reason: str


class Guard:
    """An ASGI application in front of another.

    uploads  the folder that paths in requests have to be in
    bytes    of an upload
    names    by which the page may be called, beside addresses in numbers and localhost
    """

    def __init__(self, app: ASGIApp, uploads: Uploads, most: int, files: int, names: frozenset[str]):
        self.app, self.uploads = app, uploads
        self.most, self.names = most + files * PARTS, names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        refusal = self.refusal(scope["method"], scope["path"], Headers(scope=scope))
        if refusal is None and scope["path"] == JOIN:
            body = await _body(receive)
            refusal, receive = self.refusal_of_paths(body), _again(body)
        told = _telling(send)
        if refusal is not None:
            await PlainTextResponse(refusal.reason, refusal.status)(scope, receive, told)
            return
        await self.app(scope, receive, told)

    def refusal(self, method: str, path: str, headers: Mapping[str, str]) -> Refusal | None:
        """Why a request is refused by what its head says; None: it is not."""
        if method not in METHODS:
            return Refusal(405, f"{method} is not served")
        host = headers.get("host", "")
        if not self.known(_name(host)):
            return Refusal(421, "this page is not served by that name; --behind says the name that a proxy gives it")
        if not (path in PAGES or path.startswith(BELOW) or self._own(path)):
            return Refusal(404, "there is nothing here")
        if method != "POST":
            return None
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != host and _name(urlsplit(origin).netloc) not in self.names:
            return Refusal(403, "the request comes from another page")
        return self._refusal_of_size(path, headers.get("content-length", ""))

    def _refusal_of_size(self, path: str, length: str) -> Refusal | None:
        most = self.most if path == UPLOAD else SMALL
        if not (length.isascii() and length.isdecimal()):
            return Refusal(411, "the request does not say how long it is")
        if int(length) > most:
            return Refusal(413, f"{int(length) / 2**20:.1f} MB at once; the page takes {most / 2**20:.0f} MB")
        return None

    def known(self, name: str) -> bool:
        """Whether the page may be called so. A name that is a stranger's may lead here by his name server."""
        if name in self.names or name == "localhost":
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    def _own(self, path: str) -> bool:
        """Whether it asks for an upload, by a name that only who uploaded it knows: to listen to a recording."""
        return path.startswith(FILE) and self.uploads.holds(unquote(path.removeprefix(FILE)))

    def refusal_of_paths(self, body: bytes) -> Refusal | None:
        """Why a request to score is refused: it names files that were not uploaded, or addresses."""
        try:
            named = list(_paths(json.loads(body)))
        except (ValueError, RecursionError):
            return Refusal(400, "the request is no JSON")
        if all(isinstance(path, str) and self.uploads.holds(path) for path in named):
            return None
        return Refusal(400, "the request names a file that was not uploaded")


def _name(host: str) -> str:
    """Of an authority, without its port."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _paths(content: Any) -> Iterator[Any]:
    """What stands under `path` in JSON, however deep."""
    if isinstance(content, Mapping):
        for key, value in content.items():
            if key == "path":
                yield value
            yield from _paths(value)
    elif isinstance(content, list):
        for value in content:
            yield from _paths(value)


async def _body(receive: Receive) -> bytes:
    parts, more = [], True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


def _again(body: bytes) -> Receive:
    """What gives a body that has been read once more."""
    messages = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> Message:
        return next(messages, {"type": "http.disconnect"})

    return receive


def _telling(send: Send) -> Send:
    async def told(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
        await send(message)

    return told
