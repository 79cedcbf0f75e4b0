"""What the running window gives away to whoever asks it for files, addresses or handlers."""

import http.client
import json
import re
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import watched

SECRET = "the number of the vault is 4471-9"  # noqa: S105  # of a file that must not be given
PASSWORDS = "/etc/passwd"
NEVER = re.compile(rf"root:|{SECRET}|SQLite format|VISIT_WATCH|import gradio", re.IGNORECASE)
INSIDE = ("127.0.0.1", "localhost", "::1", "0.0.0.0")  # noqa: S104  # what is looked up, not bound
Hear = tuple[str, list[str]]

# {file} is a file that the process may read and the window must not give; {url} an inner server.
PATHS = [
    "/gradio_api/file={file}",
    "/gradio_api/file/{file}",
    "/file={file}",
    "/file/{file}",
    "/gradio_api/file=/{file}",
    "/gradio_api/file=//{file}",
    "/gradio_api/file=.{file}",
    "/gradio_api/file=../../../../../../../..{file}",
    "/gradio_api/file=..%2f..%2f..%2f..%2f..%2f..%2f..{file}",
    "/gradio_api/file=%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e{file}",
    "/gradio_api/file=%252e%252e%252f%252e%252e%252f%252e%252e{file}",
    "/gradio_api/file=..%5c..%5c..%5c..%5c{file}",
    "/gradio_api/file=....//....//....//....//....//{file}",
    "/gradio_api/file=..;/..;/..;/..;{file}",
    "/gradio_api/file=%2e%2e%c0%af%2e%2e%c0%af{file}",
    "/gradio_api/file=%EF%BC%8E%EF%BC%8E/%EF%BC%8E%EF%BC%8E{file}",
    "/gradio_api/file={quoted}",
    "/gradio_api/file={file}%00.png",
    "/gradio_api/file={file}%23.css",
    "/gradio_api/file=file://{file}",
    "/gradio_api/file=file%3A%2F%2F{file}",
    "/gradio_api/file=%5c%5clocalhost%5cc$%5c{file}",
    "/gradio_api/file=//localhost/share{file}",
    "/gradio_api/file=C:{file}",
    "/gradio_api/file=~root/.bashrc",
    "/gradio_api/file=/proc/self/environ",
    "/gradio_api/file=/proc/self/cmdline",
    "/gradio_api/file=/proc/self/root{file}",
    "/gradio_api/file=/proc/self/cwd/../{name}",
    "/gradio_api/file=/dev/fd/3",
    "/gradio_api/file=app.py",
    "/gradio_api/file=.env",
    "/gradio_api/file=index/CURRENT",
    "/gradio_api/file={index}/records/answers.jsonl",
    "/gradio_api/file={index}/CURRENT",
    "/gradio_api/file={url}/leak",
    "/gradio_api/file={quoted_url}",
    "/gradio_api/file=http:/{url}/leak",
    "/gradio_api/file=data:text/html,<script>alert(1)</script>",
    "/gradio_api/stream/x/{file}/x/playlist.m3u8",
    "/gradio_api/stream/../../../..{file}/1/2/playlist.m3u8",
    "/gradio_api/static/../../../../../../..{file}",
    "/static/../../../../../../../..{file}",
    "/static/%2e%2e/%2e%2e/%2e%2e/%2e%2e{file}",
    "/static//{file}",
    "/assets/../../../../../../../..{file}",
    "/assets/..%2f..%2f..%2f..%2f..%2f{file}",
    "/svelte/../../../../../../..{file}",
    "/svelte/%2e%2e%2f%2e%2e%2f%2e%2e{file}",
    "/theme.css?v=../../..{file}",
    "/theme.css/../../../../..{file}",
    "/favicon.ico/../../../..{file}",
    "/custom_component/x/component/../../../../..{file}",
    "/gradio_api/custom_component/x/client/component/..%2f..%2f..{file}",
    "/gradio_api/custom_component/1/server/component/{file}",
    "/gradio_api/proxy={url}/leak",
    "/proxy={url}/leak",
    "/gradio_api/proxy={quoted_url}",
    "/gradio_api/proxy=http://169.254.169.254/latest/meta-data/",
    "/gradio_api/proxy=https://huggingface.co@{host}/leak",
    "/gradio_api/deep_link?session_hash={file}",
    "/?deep_link=../../../..{file}",
    "/gradio_api/app_id/../../..{file}",
    "/gradio_api/monitoring/../..{file}",
    "/gradio_api/monitoring",
    "/gradio_api/runs",
    "/gradio_api/vibe-code/",
    "/gradio_api/mcp/",
    "/gradio_api/reload",
    "/gradio_api/upload_progress?upload_id={file}",
    "/desk/file?name={file}",
    "/desk/file/../../..{file}",
    "/docs",
    "/redoc",
    "/manifest.json/../../..{file}",
    "/robots.txt/../../../..{file}",
    "/..{file}",
    "/%2e%2e/%2e%2e/%2e%2e{file}",
    "/{file}",
    "//{file}",
    "{url}/leak",
]
# What stands where a handler expects a value: a file on the server, or one to be fetched.
FILES: list[Any] = [
    {"path": "{file}"},
    {"path": "{file}", "url": "{url}/leak", "meta": {"_type": "gradio.FileData"}},
    {"path": "{url}/leak", "meta": {"_type": "gradio.FileData"}},
    {"path": "file://{file}", "meta": {"_type": "gradio.FileData"}},
    {"path": "../../../../../..{file}", "meta": {"_type": "gradio.FileData"}},
    {"path": "\\\\localhost\\c$\\{file}", "meta": {"_type": "gradio.FileData"}},
    {"path": "data:text/plain;base64,eA==", "meta": {"_type": "gradio.FileData"}},
    {"url": "{url}/leak", "path": "", "orig_name": "{file}", "meta": {"_type": "gradio.FileData"}},
    {"path": "{file}", "is_stream": True, "meta": {"_type": "gradio.FileData"}},
    [{"path": "{file}", "meta": {"_type": "gradio.FileData"}}],
    {"a": [{"b": {"path": "{file}", "meta": {"_type": "gradio.FileData"}}}]},
    {"files": [{"path": "{file}", "meta": {"_type": "gradio.FileData"}}], "text": "What?"},
    {"__type__": "update", "value": {"path": "{file}"}},
    {"type": "component", "component": "file", "value": "{file}", "props": {}},
    "{file}",
    "{url}/leak",
]
POSTS: list[tuple[str, Any]] = [
    ("/gradio_api/upload", {"files": "{file}"}),
    ("/upload", {"files": "{file}"}),
    ("/gradio_api/upload?upload_id=../../x", {}),
    ("/gradio_api/component_server", {"component_id": 1, "fn_name": "ls", "data": "{file}"}),
    ("/gradio_api/component_server", {"component_id": 10, "fn_name": "__init__", "data": ["x"]}),
    (
        "/gradio_api/component_server/",
        {"component_id": "{file}", "fn_name": "x", "session_hash": "x"},
    ),
    ("/gradio_api/process_recording", {"path": "{file}"}),
    ("/gradio_api/process_recording", {"video": "{url}/leak"}),
    ("/gradio_api/vibe-edit/", {"prompt": "print(open('{file}').read())"}),
    ("/gradio_api/vibe-code/", {"code": "raise SystemExit"}),
    ("/gradio_api/stream/x", {"data": "{file}"}),
    ("/gradio_api/reset", {"event_id": "{file}"}),
    ("/gradio_api/cancel", {"session_hash": "x", "fn_index": 0, "event_id": "{file}"}),
    ("/gradio_api/queue/join", {"fn_index": -1, "data": ["{file}"], "session_hash": "x"}),
    ("/gradio_api/queue/join", {"fn_index": 10**6, "data": ["{file}"], "session_hash": "x"}),
    ("/gradio_api/queue/join", {"fn_index": "0", "data": "{file}", "session_hash": ["x"]}),
    ("/gradio_api/run/ask", {"data": [{"path": "{file}"}, None]}),
    ("/gradio_api/api/ask", {"data": [{"path": "{url}/leak"}, None]}),
    ("/gradio_api/call/leave", {"data": ["{file}"]}),
    ("/gradio_api/call/typed", {"data": ["{file}", None, None]}),
    ("/gradio_api/dev/reload", {"path": "{file}"}),
    ("/login", {"username": "{file}", "password": "x"}),
    ("/gradio_api/launch", {"share": True}),
    ("/config", {"root": "{url}"}),
]


@pytest.fixture
def told(dossier: Path, tmp_path: Path, endpoint: Hear) -> dict[str, str]:
    """Return what takes the places in the tables."""
    url, _ = endpoint
    file = tmp_path / "secret.txt"
    file.write_text(SECRET, encoding="utf-8")
    return {
        "file": str(file),
        "name": f"{tmp_path.name}/secret.txt",
        "quoted": urllib.parse.quote(str(file), safe=""),
        "index": str(dossier),
        "url": url,
        "host": url.removeprefix("http://"),
        "quoted_url": urllib.parse.quote(f"{url}/leak", safe=""),
    }


@pytest.fixture(autouse=True)
def nothing_fetched(endpoint: Hear) -> Iterator[None]:
    yield
    assert endpoint[1] == []


def send(running: Any, method: str, target: str, body: str = "") -> tuple[int, str]:
    """Send a request whose target no library has tidied up."""
    address = urllib.parse.urlsplit(running.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=20)
    headers = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    connection.request(method, target, body.encode(), headers if method == "POST" else {})
    response = connection.getresponse()
    said = response.status, response.read1().decode("utf-8", "replace")  # some never end
    connection.close()
    return said


def filled(value: Any, told: dict[str, str]) -> Any:
    text = json.dumps(value)
    for name, put in told.items():
        text = text.replace("{" + name + "}", put)
    return json.loads(text)


@pytest.mark.parametrize("path", PATHS)
def test_no_path_leads_to_a_file_or_an_inner_server(
    running: Any, told: dict[str, str], path: str
) -> None:
    for each in (told, {**told, "file": PASSWORDS, "quoted": "%2Fetc%2Fpasswd"}):
        status, text = send(running, "GET", path.format(**each))
        assert not NEVER.search(text), text[:500]
        assert status in (200, 307, 400, 403, 404, 405, 422, 500)
        if status == 200:  # the page itself, or one of its styles
            assert "file=" not in path
            assert path.startswith(("/theme.css?", "/?", "/gradio_api/app_id"))


@pytest.mark.parametrize(("path", "body"), POSTS)
def test_no_request_makes_the_server_read_or_fetch(
    running: Any, told: dict[str, str], path: str, body: Any
) -> None:
    before = everything(running)
    status, text = send(running, "POST", path, json.dumps(filled(body, told)))
    assert not NEVER.search(text), text[:500]
    assert status < 500 or "Traceback" not in text
    assert everything(running) == before


@pytest.mark.parametrize("value", FILES)
def test_no_handler_reads_or_fetches_what_it_is_pointed_at(
    running: Any, told: dict[str, str], value: Any
) -> None:
    before = everything(running)
    given = filled(value, told)
    handlers = httpx.get(f"{running.url}/config").json()["dependencies"]
    for number, each in enumerate(handlers):
        if each["api_name"] in ("typed", "pressed", "act", "take", "open", "draw", "ask"):
            text = reply(running, number, [given for _ in each["inputs"]], given)
            assert not NEVER.search(text), text[:500]
    assert everything(running) == before


def test_a_conversation_is_not_written_on_the_server(running: Any) -> None:
    before = everything(running)
    handlers = httpx.get(f"{running.url}/config").json()["dependencies"]
    typed = next(n for n, each in enumerate(handlers) if each["api_name"] == "typed")
    assert "process_completed" in reply(running, typed, ["Who lunches?", None, None], None)
    link = f"/gradio_api/deep_link?session_hash=attack{typed}"
    assert send(running, "GET", link) == (403, "this part of the server is closed")
    assert everything(running) == before


def reply(running: Any, number: int, data: list[Any], given: Any) -> str:
    event = {"value": given, "address": given, "do": given, "n": given, "word": given}
    body = {
        "data": data,
        "event_data": event,
        "fn_index": number,
        "session_hash": f"attack{number}",
    }
    joined = httpx.post(f"{running.url}/gradio_api/queue/join", json=body, timeout=60)
    text = joined.text
    if joined.status_code != httpx.codes.OK:
        return text
    query = {"session_hash": f"attack{number}"}
    where = f"{running.url}/gradio_api/queue/data"
    with httpx.stream("GET", where, params=query, timeout=60) as stream:
        for line in stream.iter_lines():
            text += line
            if "process_completed" in line:
                break
    return text


def everything(running: Any) -> set[Path]:
    """Return the files that Gradio keeps."""
    return {each for each in running.files.rglob("*") if each.is_file()}


def test_the_server_never_tried_to_leave_the_machine(running: Any) -> None:
    """Of all that was asked of it in this process of tests."""
    httpx.get(running.url)
    events = [each for each in watched(running.watch) if each[1].startswith("socket.")]
    assert events  # Gradio calls its own server when it starts
    outside = [each for each in events if not any(own in each[2][0] for own in INSIDE)]
    assert outside == []


def test_there_are_many_attacks() -> None:
    assert len(PATHS) + len(POSTS) + len(FILES) >= 120
