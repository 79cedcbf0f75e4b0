import os
from collections.abc import AsyncIterator

import gradio as gr
import httpx
import pytest

from ui import guard

URL = "http://127.0.0.1:7860"


async def hello(scope: guard.Message, _: guard.Receive, send: guard.Send) -> None:
    headers = [(b"content-security-policy", b"default-src *")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": scope["path"].encode()})


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    guarded = guard.Guard(hello, guard.LOOPBACK)
    transport = httpx.ASGITransport(app=guarded)
    async with httpx.AsyncClient(transport=transport, base_url=URL) as opened:
        yield opened


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({}, 200, id="no-origin"),
        pytest.param({"origin": URL}, 200, id="own-page"),
        pytest.param({"host": "LOCALHOST:7860"}, 200, id="localhost"),
        pytest.param({"host": "localhost"}, 200, id="no-port"),
        pytest.param({"host": "evil.example:7860"}, 400, id="rebound-name"),
        pytest.param({"host": "127.0.0.1.evil.example"}, 400, id="longer-name"),
        pytest.param({"host": ""}, 400, id="no-host"),
        pytest.param({"host": "[::1]:7860"}, 400, id="other-address"),
        pytest.param({"origin": "http://evil.example"}, 403, id="other-site"),
        pytest.param({"origin": "http://127.0.0.1:3000"}, 403, id="other-port"),
        pytest.param({"origin": "https://127.0.0.1:7860"}, 403, id="other-scheme"),
        pytest.param({"origin": "null"}, 403, id="sandboxed-page"),
        pytest.param({"sec-fetch-site": "cross-site"}, 403, id="cross-site-post"),
        pytest.param({"content-length": "1000001"}, 413, id="large"),
        pytest.param({"content-length": "-1"}, 413, id="no-length"),
        pytest.param({"transfer-encoding": "chunked"}, 413, id="unknown-length"),
    ],
)
async def test_answers_only_its_own_hosts_and_pages(
    client: httpx.AsyncClient, headers: dict[str, str], status: int
) -> None:
    response = await client.post("/ask", headers=headers)
    assert response.status_code == status
    assert response.headers["x-content-type-options"] == "nosniff"


async def test_a_link_from_another_site_opens_the_page(client: httpx.AsyncClient) -> None:
    response = await client.get("/", headers={"sec-fetch-site": "cross-site"})
    assert response.status_code == 200


async def test_no_file_is_taken(client: httpx.AsyncClient) -> None:
    response = await client.post("/gradio_api/upload", files={"files": b"x"})
    assert response.status_code == 403


async def test_the_policy_replaces_the_one_of_the_application(client: httpx.AsyncClient) -> None:
    policy = (await client.get("/")).headers.get_list("content-security-policy")
    assert len(policy) == 1
    assert "frame-ancestors 'none'" in policy[0]
    assert "http:" not in policy[0]


async def test_a_websocket_is_closed() -> None:
    sent = []

    async def send(message: guard.Message) -> None:
        sent.append(message)

    await guard.Guard(hello, guard.LOOPBACK)({"type": "websocket"}, None, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]


def test_quiet_keeps_the_proxies_of_the_environment_away_from_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("NO_PROXY", "no_proxy", *guard.ENVIRONMENT):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "intra.example")
    monkeypatch.setenv("GRADIO_ALLOWED_PATHS", "/etc")
    guard.quiet()
    assert os.environ["NO_PROXY"] == "intra.example,127.0.0.1,localhost"
    assert os.environ["no_proxy"] == "127.0.0.1,localhost"
    assert os.environ["GRADIO_ALLOWED_PATHS"] == ""


def test_gradio_sums_up_no_events_while_questions_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in guard.ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    guard.quiet()
    queue = gr.Blocks()._queue
    queue.events_recorded += 1
    seen = {"function": "ask", "status": "success", "process_time": 1.0}
    assert queue.compute_analytics_summary([seen]) == {"functions": {}}
