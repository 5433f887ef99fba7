"""What reaches the page, and what browsers are told."""

import asyncio
import json

import pytest

pytest.importorskip("starlette", reason="the page's packages are not installed (make serve)")

from voxdag.serving.guard import HEADERS, JOIN, PARTS, SMALL, UPLOAD, Guard
from voxdag.serving.uploads import Uploads

MOST = 10 * 2**20


@pytest.fixture
def kept(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with Uploads() as uploads:
        yield uploads


async def behind(scope, receive, send):
    """What the guard stands in front of: says what it was given."""
    body = b""
    while (message := await receive())["type"] == "http.request":
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-a", b"1")]})
    await send({"type": "http.response.body", "body": body})


def ask(kept, method, path, body=b"", names=frozenset(), **headers):
    """(status, body, headers) of an answer; headers of the request: _ for -."""
    own = {"host": "127.0.0.1:7860", "content-length": str(len(body))}
    headers = own | {name.replace("_", "-"): value for name, value in headers.items()}
    listed = [(name.encode(), value.encode()) for name, value in headers.items() if value is not None]
    scope = {"type": "http", "method": method, "path": path, "headers": listed, "query_string": b""}
    sent = []

    parts = [{"type": "http.request", "body": body[:3], "more_body": True}, {"type": "http.request", "body": body[3:]}]
    given = iter(parts)

    async def receive():
        return next(given, {"type": "http.disconnect"})

    async def send(message):
        sent.append(message)

    asyncio.run(Guard(behind, kept, MOST, 2, names)(scope, receive, send))
    start, *rest = sent
    found = {name.decode(): value.decode() for name, value in start["headers"]}
    return start["status"], b"".join(message.get("body", b"") for message in rest), found


@pytest.mark.parametrize(
    "path", ["/", "/config", "/theme.css", "/assets/index.js", "/static/a", "/gradio_api/heartbeat/x"]
)
def test_what_the_page_needs_is_reached_and_browsers_are_told_to_ask_nobody_else(kept, path):
    status, _, headers = ask(kept, "GET", path)
    assert status == 200 and headers["x-a"] == "1"
    assert HEADERS.items() <= headers.items()
    policy = headers["content-security-policy"]
    assert "http" not in policy and "*" not in policy and "connect-src 'self' data: blob:" in policy


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/proxy=https://example.org/",
        "/gradio_api/file=https://example.org/a",
        "/gradio_api/file=/etc/passwd",
        "/gradio_api/stream/x",
        "/gradio_api/process_recording",
        "/gradio_api/vibe-edit/",
        "/gradio_api/run/score",
        "/gradio_api/run-history/connect",
        "/monitoring",
        "/docs",
        "/openapi.json",
    ],
)
def test_what_it_does_not_need_is_not_there(kept, path):
    for method in ("GET", "POST"):
        assert ask(kept, method, path)[0] == 404


def test_an_upload_can_be_heard_by_its_own_name_alone(kept):
    path = kept.place("a.wav")
    assert ask(kept, "GET", f"/gradio_api/file={path}")[0] == 200
    assert ask(kept, "GET", f"/gradio_api/file={path.parent}/../../x")[0] == 404
    assert ask(kept, "GET", f"/gradio_api/file={kept.folder}/.lock")[0] == 404


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:7860", "127.0.0.1", "[::1]:7860", "192.168.1.7:80", "voice.example.org"]
)
def test_the_page_answers_to_its_names(kept, host):
    assert ask(kept, "GET", "/", host=host, names=frozenset({"voice.example.org"}))[0] == 200


@pytest.mark.parametrize("host", ["evil.example.org", "localhost.evil.org", "", "[::1", "127.0.0.1.evil.org"])
def test_a_name_that_leads_here_by_a_strangers_name_server_is_refused(kept, host):
    status, body, _ = ask(kept, "GET", "/", host=host)
    assert status == 421 and b"--behind" in body


def test_another_page_scores_nothing_here(kept):
    strange = {"origin": "https://evil.example.org"}
    assert ask(kept, "POST", JOIN, b"{}", **strange)[0] == 403
    assert ask(kept, "POST", UPLOAD, **strange)[0] == 403
    assert ask(kept, "POST", JOIN, b"{}", origin="null")[0] == 403
    assert ask(kept, "POST", JOIN, b"{}", origin="http://127.0.0.1:7860")[0] == 200
    assert ask(kept, "POST", JOIN, b"{}", origin="http://127.0.0.1:9999")[0] == 403
    own = {"origin": "https://voice.example.org", "names": frozenset({"voice.example.org"})}
    assert ask(kept, "POST", JOIN, b"{}", **own)[0] == 200


def test_what_is_too_large_is_refused_before_it_is_read(kept):
    most = MOST + 2 * PARTS
    assert ask(kept, "POST", UPLOAD, content_length=str(most))[0] == 200
    status, body, _ = ask(kept, "POST", UPLOAD, content_length=str(most + 2**20))
    assert status == 413 and body == b"11.0 MB at once; the page takes 10 MB"
    assert ask(kept, "POST", JOIN, b"{}", content_length=str(SMALL + 1))[0] == 413
    for length in (None, "", "-1", "1e3"):
        assert ask(kept, "POST", UPLOAD, content_length=length)[0] == 411


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
def test_other_methods_are_not_served(kept, method):
    assert ask(kept, method, "/")[0] == 405


def test_a_request_to_score_names_uploads_alone(kept):
    own = str(kept.place("a.wav"))
    body = json.dumps({"data": [["aasist"], [{"path": own, "meta": {"_type": "gradio.FileData"}}], None]}).encode()
    status, passed, _ = ask(kept, "POST", JOIN, body)
    assert status == 200 and passed == body  # what was read is there to be read again
    for strange in ("/etc/passwd", "https://example.org/a.wav", f"{own}/../../x", 7, None, {"path": own}):
        hostile = json.dumps({"data": [[], [{"path": strange}], {"deep": [{"path": own}]}]}).encode()
        assert ask(kept, "POST", JOIN, hostile)[0] == 400


def test_a_body_that_is_no_json_is_refused(kept):
    assert ask(kept, "POST", JOIN, b"{")[0] == 400
    assert ask(kept, "POST", JOIN, b"[" * 100_000)[0] == 400
