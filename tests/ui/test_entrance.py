"""The window where users log in, as it runs: in a browser, for programs, for who is not let in."""

import json
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from rag.accounts import Accounts
from rag.models import Encoder
from rag.settings import PREFIX
from tests.conftest import ROOT, Once, fill
from tests.ui.conftest import _free_port
from tests.ui.test_load import measured

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of the libraries below, when they are imported
    from gradio_client import Client
    from gradio_client.exceptions import AppError, AuthenticationError
    from playwright.sync_api import Browser, Page, expect

PASSWORD = "correct horse battery"  # noqa: S105  # of nobody
TOKEN = "only the operator has it"  # noqa: S105
STAFF = "The zanzibar ledger of the harbour ferry is kept by Tomas Lindqvist."
OPEN = "The harbour ferry is steered by Nadia Okafor."
QUESTION = "Who keeps the zanzibar ledger?"
FILE = {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}
READERS = ("carla", "dora", "emil")  # who measure
Ask = Callable[[Page, str], None]


def write(folder: Path) -> None:
    for name, label, text in (("open", "public", OPEN), ("staff", "internal", STAFF)):
        (folder / f"{name}.md").write_text(f"---\nlabel: {label}\n---\n\n{text}\n")


@pytest.fixture(scope="module")
def entrance(
    once: Once, encoder: Encoder, model_cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Start the window with two accounts and return its address."""
    index = once("entrance", partial(fill, once("labelled", write), encoder, model_cache))
    files = tmp_path_factory.mktemp("entrance")
    accounts = Accounts(files / "accounts.json")
    accounts.put("ana", PASSWORD, ["internal"])
    for name in ("bob", *READERS):
        accounts.put(name, PASSWORD, [])
    environment = {
        **{name: value for name, value in os.environ.items() if PREFIX not in name},
        "GRADIO_TEMP_DIR": str(files),
        f"{PREFIX}ACCOUNTS": str(accounts.file),
        f"{PREFIX}QUESTIONS_PER_MINUTE": "6",
        f"{PREFIX}MAX_UPLOAD_MB": "1",
        f"{PREFIX}METRICS": "true",
        f"{PREFIX}OPERATOR_TOKEN": TOKEN,
    }
    process = subprocess.Popen(  # noqa: S603  # our own program
        [sys.executable, str(ROOT / "app.py"), "--index", str(index), "--port", _free_port()],
        cwd=files,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    greeting = process.stdout.readline()
    assert greeting.startswith("Visit Desk is at http://127.0.0.1:"), greeting
    yield greeting.split()[4].rstrip("/")
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 0


def program(entrance: str, name: str, password: str = PASSWORD) -> Client:
    return Client(entrance, auth=(name, password), verbose=False, analytics_enabled=False)


def test_programs_log_in_and_get_what_their_user_may_see(entrance: str) -> None:
    for name, status in (("ana", "answered"), ("bob", "refused")):
        client = program(entrance, name)
        answer = client.predict(QUESTION, api_name="/ask")
        listed = client.predict(api_name="/documents")
        assert answer["status"] == status
        assert ("Tomas" in json.dumps([answer, listed])) == (name == "ana")
        assert len(listed["documents"]) == (2 if name == "ana" else 1)
    with pytest.raises(AuthenticationError):
        program(entrance, "bob", PASSWORD + "!")


def test_one_question_too_many_is_refused_and_the_others_go_on(entrance: str) -> None:
    client = program(entrance, "bob")
    told = ""
    for _ in range(7):
        try:
            client.predict("Who steers the harbour ferry?", api_name="/ask")
        except AppError as error:
            told = str(error)
            break
    assert "You asked many questions at once; go on in" in told
    assert program(entrance, "ana").predict(QUESTION, api_name="/ask")["status"] == "answered"


def test_what_a_load_means_is_measured_for_readers_who_log_in(
    entrance: str, tmp_path: Path
) -> None:
    listed = tmp_path / "readers.txt"
    listed.write_text("".join(f"{name} {PASSWORD}\n" for name in READERS))
    code, report = measured(
        tmp_path, "evals.load", entrance, "--accounts", str(listed),
        "--users", "2", "--pause", "2", "--seconds", "3",
    )  # fmt: skip
    (level,) = report["levels"]
    assert (code, level["errors"]) == (0, {})
    assert level["waited"]["whole answer"]["count"] > 0


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        pytest.param("GET", "/config", 401, id="config"),
        pytest.param("GET", "/gradio_api/info", 401, id="info"),
        pytest.param("GET", "/gradio_api/file=/etc/passwd", 401, id="file"),
        pytest.param("GET", "/gradio_api/file%3D/etc/passwd", 401, id="encoded"),
        pytest.param("GET", "/static/../../../etc/passwd", 401, id="dots"),
        pytest.param("POST", "/gradio_api/upload", 403, id="upload"),
        pytest.param("POST", "/gradio_api/queue/join", 401, id="event"),
        pytest.param("POST", "/gradio_api/call/ask", 401, id="call"),
        pytest.param("POST", "/gradio_api/run/predict", 401, id="run"),
        pytest.param("GET", "/gradio_api/queue/data?session_hash=a", 401, id="listen"),
        pytest.param("GET", "/gradio_api/heartbeat/a", 401, id="heartbeat"),
        pytest.param("POST", "/desk/file?name=a.txt", 401, id="own-file"),
        pytest.param("GET", "/desk/user", 401, id="user"),
        pytest.param("GET", "/theme.css", 401, id="style"),
        pytest.param("GET", "/manifest.json", 401, id="manifest"),
        pytest.param("GET", "/health", 200, id="health"),
        pytest.param("GET", "/metrics", 401, id="metrics"),
    ],
)
def test_who_is_not_logged_in_gets_nothing(
    entrance: str, method: str, path: str, status: int
) -> None:
    reply = httpx.request(method, f"{entrance}{path}", timeout=20)
    assert reply.status_code == status
    assert not any(word in reply.text for word in ("root:", "Tomas", "Nadia", "zanzibar"))


def test_the_operator_alone_is_told_how_much_there_is(entrance: str) -> None:
    nobody, user, operator = (httpx.Client(base_url=entrance, timeout=20) for _ in range(3))
    user.post("/login", data={"username": "ana", "password": PASSWORD}).raise_for_status()
    operator.headers["authorization"] = f"Bearer {TOKEN}"
    for each in (nobody, user):
        assert each.get("/health").json() == {"status": "ready", "reason": ""}
        assert each.get("/metrics").status_code == 401
    assert operator.get("/health").json()["documents"] == 2
    assert 'kind="documents"} 2.0' in operator.get("/metrics").text
    assert operator.get("/config").status_code == 401  # it opens nothing else


def test_no_event_reads_or_tells_what_its_user_may_not_see(entrance: str) -> None:
    reader = httpx.Client(base_url=entrance, timeout=30)
    reader.post("/login", data={"username": "bob", "password": PASSWORD}).raise_for_status()
    handlers = reader.get("/config").json()["dependencies"]
    names = "text n do where word name reason note wanted conversation language"
    for number in range(len(handlers)):
        event = {"value": {"text": QUESTION}, "address": FILE, **dict.fromkeys(names.split(), FILE)}
        said = _reply(reader, number, [QUESTION for _ in handlers[number]["inputs"]], event)
        assert not any(word in said for word in ("root:", "Tomas", "zanzibar ledger of"))
    large = reader.post("/desk/file", params={"name": "a.txt"}, content=b"x" * 1_000_001)
    assert large.status_code == 413


def _reply(reader: httpx.Client, number: int, data: list[Any], event: dict[str, Any]) -> str:
    sent = {"data": data, "event_data": event, "fn_index": number, "session_hash": f"s{number}"}
    reader.post("/gradio_api/queue/join", json=sent).raise_for_status()
    said = ""
    query = {"session_hash": f"s{number}"}
    with reader.stream("GET", "/gradio_api/queue/data", params=query) as stream:
        for line in stream.iter_lines():
            said += line
            if line and json.loads(line.removeprefix("data:"))["msg"] == "process_completed":
                break
    return said


def test_a_reader_logs_in_asks_and_logs_out(
    entrance: str, browser: Browser, ask: Ask, axe: str
) -> None:
    context = browser.new_context(locale="fr-CA", viewport={"width": 1280, "height": 800})
    page = context.new_page()
    failed: list[str] = []
    page.on("pageerror", lambda error: failed.append(str(error)))

    def log_in(name: str, password: str = PASSWORD) -> None:
        page.get_by_label("Nom").fill(name)
        page.get_by_label("Mot de passe").fill(password)
        page.keyboard.press("Enter")

    page.goto(entrance)
    expect(page).to_have_url(f"{entrance}/login")
    log_in("ana", "something else")
    expect(page.get_by_role("alert")).to_contain_text("incorrect")
    page.evaluate(axe)
    assert page.evaluate("axe.run()")["violations"] == []
    log_in("ana")
    expect(page.locator("#head .who")).to_contain_text("Connecté : ana", timeout=15_000)
    ask(page, QUESTION)
    expect(page.locator("#chat")).to_contain_text("Tomas Lindqvist")
    page.get_by_role("button", name="Se déconnecter").click()
    expect(page.get_by_label("Mot de passe")).to_be_visible()
    log_in("bob")
    expect(page.locator("#head .who")).to_contain_text("bob", timeout=15_000)
    expect(page.locator("#past")).to_contain_text("Aucune pour l’instant")
    expect(page.locator("#chat")).not_to_contain_text("Tomas")
    context.clear_cookies()
    page.get_by_role("button", name="Documents", exact=True).click()
    expect(page.get_by_label("Mot de passe")).to_be_visible()
    assert [each for each in failed if "AbortError" not in each] == []
    context.close()
