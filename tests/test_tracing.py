"""What LangChain would tell LangSmith stays on the machine unless a setting asks for it."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from langsmith.utils import get_env_var, tracing_is_enabled

from rag.settings import Settings
from tests.conftest import Run

SHELL = {"LANGSMITH_TRACING": "true", "LANGCHAIN_TRACING_V2": "true", "LANGSMITH_API_KEY": "none"}


class Listener(BaseHTTPRequestHandler):
    heard: list[str]

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        self.heard.append(self.path)
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_GET = do_POST  # noqa: N815  # the name that http.server looks for


@pytest.fixture
def endpoint() -> Iterator[tuple[str, list[str]]]:
    """Return the address of a server in LangSmith's place, and what it was asked."""
    heard: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Own", (Listener,), {"heard": heard}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", heard
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_nothing_is_traced(run: Run, own_index: Path, endpoint: tuple[str, list[str]]) -> None:
    url, heard = endpoint
    done = run(
        "rag", "ask", "When does the visit begin?", "--index", own_index,
        **SHELL, LANGSMITH_ENDPOINT=url,
    )  # fmt: skip
    assert done.returncode == 0
    assert heard == []


@pytest.mark.parametrize("asked", [False, True])
def test_a_setting_alone_lets_langsmith_trace(
    monkeypatch: pytest.MonkeyPatch, *, asked: bool
) -> None:
    """LangSmith sends in the background, so that a short process may end before it has."""
    monkeypatch.delenv("LANGSMITH_TRACING_V2", raising=False)
    for name, value in SHELL.items():
        monkeypatch.setenv(name, value)
    get_env_var.cache_clear()
    Settings.read(tracing=asked)
    assert tracing_is_enabled() == asked
    get_env_var.cache_clear()
