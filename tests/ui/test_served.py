"""What the server answers programs, and what it refuses."""

import json
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of the libraries below, when they are imported
    from gradio_client import Client
    from gradio_client.exceptions import AppError

PASSWORDS = Path("/etc/passwd")
FILE = {"path": str(PASSWORDS), "meta": {"_type": "gradio.FileData"}}
LUNCH = "Anita Anand and Dominic LeBlanc take part in the working lunch."
CONVERSATIONS = 25


def test_a_program_asks_and_gets_a_cited_answer(running: Any) -> None:
    answer = _client(running).predict("Who takes part in the working lunch?", api_name="/ask")
    quotes = {cited["quote"]: cited["title"] for cited in answer["citations"]}
    assert (answer["status"], quotes[LUNCH]) == ("answered", "The lunch")


def test_a_program_is_told_in_words_what_is_wrong(running: Any) -> None:
    with pytest.raises(AppError, match="the question is empty; type what you want to know"):
        _client(running).predict(" ", api_name="/ask")


@pytest.mark.parametrize("given", [{}, {"history": None}, {"where": {}}], ids=str)
def test_a_program_may_leave_out_what_it_does_not_use(running: Any, given: dict[str, Any]) -> None:
    url = f"{running.url}/gradio_api/call/v2/ask"
    begun = httpx.post(url, json={"question": LUNCH, **given}, timeout=60).raise_for_status()
    text = httpx.get(f"{url}/{begun.json()['event_id']}", timeout=60).text
    assert "event: complete" in text
    assert json.loads(text.rpartition("data: ")[2])[0]["question"] == LUNCH


def test_a_program_can_not_pass_the_queue_or_ask_too_long_a_question(running: Any) -> None:
    url = f"{running.url}/gradio_api"
    for form in ("run", "api"):
        reply = httpx.post(f"{url}/{form}/ask", json={"data": [LUNCH, None, None]}, timeout=60)
        assert (reply.status_code, "answer" in reply.text) == (404, False)
    for form, body in (("call", {"data": ["x" * 1001]}), ("call/v2", {"question": "x" * 1001})):
        reply = httpx.post(f"{url}/{form}/ask", json=body)
        assert (reply.status_code, "1000 characters" in reply.json()["error"]) == (400, True)


def test_a_program_asks_some_documents_only(running: Any) -> None:
    where = {"documents": ["trade.txt"]}
    question = "Who takes part in the working lunch?"
    answer = _client(running).predict(question, where=where, api_name="/ask")
    assert {hit["document_id"] for hit in answer["hits"]} == {
        each["document_id"]
        for each in _client(running).predict(where, api_name="/documents")["documents"]
    }


def test_a_program_learns_which_documents_there_are(running: Any) -> None:
    listed = _client(running).predict(api_name="/documents")
    (lunch,) = [each for each in listed["documents"] if each["uri"] == "lunch.md"]
    assert lunch["title"] == "The lunch"
    assert (lunch["published"], lunch["kind"], lunch["language"]) == ("2025-09-18", "note", "en")
    assert listed["generation"] == httpx.get(f"{running.url}/health").json()["generation"]
    where = {"kinds": ["note"], "from": "2025-09-18", "to": "2025-09-18"}
    some = _client(running).predict(where, api_name="/documents")
    assert some == {"generation": listed["generation"], "documents": [lunch], "refused": []}


def test_a_filter_that_is_not_understood_lets_nothing_pass(running: Any) -> None:
    for where in ({"kind": "note"}, {"kinds": "note"}, {"from": "soon"}):
        for name in ("/ask", "/documents"):
            given = {"question": "Who?"} if name == "/ask" else {}
            with pytest.raises(AppError, match="filter"):
                _client(running).predict(**given, where=where, api_name=name)


def test_other_sites_are_refused(running: Any) -> None:
    origin = {"Origin": "http://evil.example"}
    assert httpx.get(f"{running.url}/config", headers=origin).status_code == 403
    for path in ("gradio_api/queue/join", "desk/file?name=a.txt"):
        response = httpx.post(f"{running.url}/{path}", headers=origin, json={"data": []})
        assert response.status_code == 403


def test_other_host_names_are_refused(running: Any) -> None:
    response = httpx.get(running.url, headers={"Host": "evil.example"})
    assert (response.status_code, "evil" in response.text) == (400, False)


def test_the_page_carries_the_safe_headers(running: Any) -> None:
    headers = httpx.get(running.url).headers
    assert "connect-src 'self'" in headers["content-security-policy"]
    assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("path", [str(PASSWORDS), "../../../../etc/passwd"])
def test_no_file_of_the_machine_is_served(running: Any, path: str) -> None:
    response = httpx.get(f"{running.url}/gradio_api/file={path}")
    assert response.status_code in (403, 404)
    assert "root:" not in response.text


def test_no_handler_reads_a_file_it_is_pointed_at(running: Any) -> None:
    before = set(running.files.rglob("*"))
    handlers = httpx.get(f"{running.url}/config").json()["dependencies"]
    replies = [_send(running, number, handlers) for number in range(len(handlers))]
    assert len(replies) > 10
    assert not [reply for reply in replies if "root:" in reply or "gradio_api/file=" in reply]
    assert {each for each in set(running.files.rglob("*")) - before if each.is_file()} == set()


def test_a_file_that_is_too_large_is_refused(running: Any) -> None:
    sent = {"params": {"name": "a.txt"}, "content": b"x" * 20_000_001}
    assert httpx.post(f"{running.url}/desk/file", **sent).status_code == 413


def test_many_conversations_at_once_stay_apart(
    running: Any, hostile: tuple[tuple[str, str], ...]
) -> None:
    handlers = httpx.get(f"{running.url}/config").json()["dependencies"]
    typed = next(n for n, each in enumerate(handlers) if len(each["inputs"]) == 3)
    colours = [colour for colour, _ in hostile][:CONVERSATIONS]

    def talk(number: int) -> list[str]:
        mine = f"many{number}-{time.monotonic_ns()}"
        questions = [f"What does the {colours[number - turn]} lantern hold?" for turn in (0, 1)]
        return [_reply(running, typed, mine, [each, None, None]) for each in questions]

    with ThreadPoolExecutor(CONVERSATIONS) as pool:
        replies = list(pool.map(talk, range(CONVERSATIONS)))
    for number, (first, second) in enumerate(replies):
        expected = {colours[number], colours[number - 1]}
        assert _asked(first, colours) == {colours[number]}
        assert _asked(second, colours) == expected
        assert '"success":true' in first
        assert '"success":true' in second


def _asked(reply: str, colours: list[str]) -> set[str]:
    """Return of which lanterns a reply shows a question, each of which its session alone asked."""
    return {each for each in colours if f"What does the {each} lantern hold" in reply}


def _client(running: Any) -> Client:
    return Client(running.url, verbose=False, analytics_enabled=False)


def _send(running: Any, number: int, handlers: list[dict[str, list[int]]]) -> str:
    """Send a handler the file in every input and in its event, and return all that it replies."""
    data = [FILE for _ in handlers[number]["inputs"]]
    names = "text n do where word name reason note wanted conversation language"
    event = {"value": {"text": FILE}, "address": FILE, **dict.fromkeys(names.split(), FILE)}
    return _reply(running, number, f"session{number}", data, event)


def _reply(
    running: Any, number: int, session: str, data: list[Any], event: dict[str, Any] | None = None
) -> str:
    httpx.post(
        f"{running.url}/gradio_api/queue/join",
        json={"data": data, "event_data": event, "fn_index": number, "session_hash": session},
        timeout=60,
    ).raise_for_status()
    reply = ""
    query = {"session_hash": session}
    with httpx.stream(
        "GET", f"{running.url}/gradio_api/queue/data", params=query, timeout=60
    ) as stream:
        for line in stream.iter_lines():
            reply += line
            if line and json.loads(line.removeprefix("data:"))["msg"] == "process_completed":
                break
    return reply
