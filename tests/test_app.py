"""The window as it runs: a process of its own, asked by programs and by a browser."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

import app
from ingest.sync import sync
from rag.index import Index
from rag.models import Encoder
from rag.settings import PREFIX
from ui import guard

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of the libraries below, when they are imported
    from gradio_client import Client
    from gradio_client.exceptions import AppError
    from playwright.sync_api import Browser, Page, expect, sync_playwright

ROOT = Path(__file__).parents[1]
PASSWORDS = Path("/etc/passwd")
FILE = {"path": str(PASSWORDS), "meta": {"_type": "gradio.FileData"}}
LUNCH = "Anita Anand and Dominic LeBlanc take part in the working lunch."
ATTACK = (
    "<script>window.hit=1</script><img src=x onerror=window.hit=2>"
    "![](http://evil.example/pixel.png)[press](javascript:window.hit=3)"
    "<a href=javascript:window.hit=4>link</a>${window.hit=5}{{hit}}$$x$$"
    "<style>*{display:none}</style>http://evil.example/auto"
)
HOSTILE = f"The zeppelin password is hidden in {ATTACK} as everybody knows."
CHROMIUM = shutil.which("chromium")
SWITCHES = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class Running(NamedTuple):
    """The window in its process."""

    url: str
    files: Path
    process: subprocess.Popen[str]


@pytest.fixture(scope="module")
def dossier(tmp_path_factory: pytest.TempPathFactory, encoder: Encoder, model_cache: Path) -> Path:
    """Return an index of four documents, two of them hostile."""
    folder = tmp_path_factory.mktemp("documents")
    texts = {
        "lunch.md": f"---\ntitle: The lunch\ndate: 2025-09-18\n---\n\n# Guests\n\n{LUNCH}\n\n"
        + "Nothing else is known of it.\n\n" * 40,
        "hostile.txt": f"Secrets\n\n{HOSTILE}",
        "titled.md": f"---\ntitle: '{ATTACK}'\n---\n\nThis document has a strange title.",
        "trade.txt": "Trade\n\nTwo-way trade came to nearly $56 billion in 2024.",
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    directory = tmp_path_factory.mktemp("app") / "index"
    sync(Index(directory, encoder.fingerprint), encoder, [folder])
    (directory / "model").symlink_to(model_cache)
    return directory


@pytest.fixture(scope="module")
def running(dossier: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Start the window where the environment asks for what must not happen."""
    files = tmp_path_factory.mktemp("gradio")
    environment = {
        **{name: value for name, value in os.environ.items() if PREFIX not in name},
        "GRADIO_TEMP_DIR": str(files),
        "GRADIO_ALLOWED_PATHS": str(PASSWORDS.parent),
        "HTTP_PROXY": "http://127.0.0.1:9",
    }
    process = subprocess.Popen(  # noqa: S603  # our own program
        [sys.executable, str(ROOT / "app.py"), "--index", str(dossier), "--port", _free_port()],
        cwd=files,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    greeting = process.stdout.readline()
    assert greeting.startswith("Visit Desk is at http://127.0.0.1:"), greeting
    yield Running(greeting.split()[4].rstrip("/"), files, process)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 0


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("there is no program chromium")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        yield opened
        opened.close()


@pytest.fixture
def page(running: Running, browser: Browser) -> Iterator[Page]:
    """Open the window and see that it loads nothing from elsewhere and makes no script error."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    opened = context.new_page()
    requests: list[str] = []
    errors: list[str] = []
    opened.on("request", lambda request: requests.append(request.url))
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("dialog", lambda dialog: errors.append(dialog.message))
    opened.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    opened.goto(running.url)
    yield opened
    context.close()
    foreign = [url for url in requests if not url.startswith((running.url, "data:"))]
    assert (foreign, errors) == ([], [])
    assert len(requests) > 5


def test_a_program_asks_and_gets_a_cited_answer(running: Running) -> None:
    answer = _client(running).predict("Who takes part in the working lunch?", api_name="/ask")
    (cited,) = answer["citations"]
    assert (answer["status"], cited["quote"], cited["title"]) == ("answered", LUNCH, "The lunch")


def test_a_program_is_told_in_words_what_is_wrong(running: Running) -> None:
    with pytest.raises(AppError, match="the question is empty; type what you want to know"):
        _client(running).predict(" ", api_name="/ask")


def test_other_sites_are_refused(running: Running) -> None:
    origin = {"Origin": "http://evil.example"}
    assert httpx.get(f"{running.url}/config", headers=origin).status_code == 403
    join = f"{running.url}/gradio_api/queue/join"
    assert httpx.post(join, headers=origin, json={"data": []}).status_code == 403


def test_other_host_names_are_refused(running: Running) -> None:
    response = httpx.get(running.url, headers={"Host": "evil.example"})
    assert (response.status_code, "evil" in response.text) == (400, False)


def test_the_page_carries_the_safe_headers(running: Running) -> None:
    headers = httpx.get(running.url).headers
    assert "connect-src 'self'" in headers["content-security-policy"]
    assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("path", [str(PASSWORDS), "../../../../etc/passwd"])
def test_no_file_of_the_machine_is_served(running: Running, path: str) -> None:
    response = httpx.get(f"{running.url}/gradio_api/file={path}")
    assert response.status_code in (403, 404)
    assert "root:" not in response.text


def test_no_handler_reads_a_file_it_is_pointed_at(running: Running) -> None:
    before = set(running.files.rglob("*"))
    handlers = httpx.get(f"{running.url}/config").json()["dependencies"]
    replies = [_send(running, number, handlers) for number in range(len(handlers))]
    assert len(replies) > 5
    assert not [reply for reply in replies if "root:" in reply or "gradio_api/file=" in reply]
    assert set(running.files.rglob("*")) == before


def test_a_question_is_answered_and_its_source_opens_marked(page: Page) -> None:
    _ask(page, "Who takes part in the working lunch?")
    expect(page.locator("#chat .quote")).to_have_text(f"{LUNCH} [1]")
    expect(page.locator("#source mark")).to_have_text(LUNCH)
    expect(page.locator("#source h2")).to_have_text("The lunch")
    expect(page.locator("#status")).to_contain_text("4 documents")


def test_a_link_opens_its_source_by_mouse_and_by_key(page: Page) -> None:
    _ask(page, "How large is two-way trade?")
    _ask(page, "Who takes part in the working lunch?")
    expect(page.locator("#source h2")).to_have_text("The lunch")
    page.locator("#chat .quote a").first.click()
    expect(page.locator("#source mark")).to_contain_text("$56 billion")
    link = page.locator("#chat .quote a").last
    link.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#source mark")).to_have_text(LUNCH)
    expect(page.locator("#source mark")).to_be_focused()
    expect(page.locator("#source mark")).to_be_in_viewport()
    page.keyboard.press("Escape")
    expect(link).to_be_focused()


def test_a_link_to_what_is_open_already_scrolls_back_to_it(page: Page) -> None:
    _ask(page, "Who takes part in the working lunch?")
    expect(page.locator("#source mark")).to_be_in_viewport()
    page.locator("#evidence").evaluate("column => column.scrollTop = column.scrollHeight")
    expect(page.locator("#source mark")).not_to_be_in_viewport()
    page.locator("#chat .quote a").click()
    expect(page.locator("#source mark")).to_be_in_viewport()


def test_on_a_narrow_screen_a_link_leads_down_to_its_source(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    _ask(page, "Who takes part in the working lunch?")
    expect(page.locator("#source mark")).not_to_be_in_viewport()
    page.locator("#chat .quote a").click()
    expect(page.locator("#source mark")).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    _ask(page, "How large is two-way trade?")
    expect(page.locator("#box textarea")).to_be_in_viewport()


def test_the_dossier_lists_the_documents_and_opens_them(page: Page) -> None:
    expect(page.locator("#source .dossier a")).to_have_count(4)
    page.get_by_role("link", name="The lunch").click()
    expect(page.locator("#source article h3")).to_have_text("Guests")
    page.get_by_role("link", name="All documents").click()
    expect(page.locator("#source .dossier a")).to_have_count(4)


def test_an_example_is_asked_and_a_new_conversation_starts_empty(page: Page) -> None:
    page.locator("#chat .example").first.click()
    expect(page.locator("#source mark")).to_have_text(LUNCH)
    page.get_by_role("button", name="New conversation").click()
    expect(page.locator("#chat .example").first).to_be_visible()
    expect(page.locator("#source .dossier a")).to_have_count(4)


def test_an_empty_question_is_answered_in_a_sentence(page: Page) -> None:
    _ask(page, " ")
    expect(page.locator("#chat .notice")).to_contain_text("The question is empty; type what")


def test_hostile_documents_and_questions_do_nothing(page: Page) -> None:
    _ask(page, f"Where is the zeppelin password hidden? {ATTACK}")
    expect(page.locator("#chat .quote").first).to_contain_text("<style>*{display:none}</style>")
    expect(page.locator("#chat .user p")).to_contain_text("${window.hit=5}{{hit}}$$x$$")
    page.locator("#chat .quote a").first.click()
    expect(page.locator("#source mark")).to_contain_text("<style>*{display:none}</style>")
    expect(page.locator("#source")).to_contain_text("<img src=x onerror=window.hit=2>")
    expect(page.locator("#source")).to_contain_text("<script>window.hit=1</script>")
    page.get_by_role("link", name="All documents").click()
    expect(page.locator("#source .dossier")).to_contain_text("[press](javascript:window.hit=3)")
    page.wait_for_timeout(300)  # for what would load or run late
    assert page.evaluate("window.hit") is None
    made = "#chat .prose :is(img, script, style, .katex), #source :is(img, script, style)"
    assert page.locator(made).count() == 0
    links = page.locator("#chat .prose a, #source a").evaluate_all("all => all.map(a => a.hash)")
    assert all(link.startswith(("#source:", "#dossier")) for link in links)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        pytest.param(["--host", "0.0.0.0"], 2, "there is no login yet", id="other-machines"),  # noqa: S104
        pytest.param(["--port", "0"], 2, "VISIT_DESK_PORT=0", id="bad-setting"),
        pytest.param(["--index", "nowhere"], 3, "there is no index in 'nowhere'", id="no-index"),
    ],
)
def test_a_wrong_start_ends_with_one_sentence(
    capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, message: str
) -> None:
    assert app.main(arguments) == code
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


def test_a_port_in_use_is_said(
    running: Running,
    dossier: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("NO_PROXY", "no_proxy", *guard.ENVIRONMENT):
        monkeypatch.setenv(name, "")  # so that they are put back afterwards
    port = running.url.rpartition(":")[2]
    assert app.main(["--index", str(dossier), "--port", port]) == 2
    assert f"the port {port} of '127.0.0.1' can not be opened" in capsys.readouterr().err


def _free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def _client(running: Running) -> Client:
    return Client(running.url, verbose=False, analytics_enabled=False)


def _ask(page: Page, question: str) -> None:
    answers = page.locator("#chat .assistant")
    count = answers.count()
    page.locator("#box textarea").fill(question)
    page.keyboard.press("Enter")
    expect(answers).to_have_count(count + 1)
    expect(page.locator("#chat .searching")).to_have_count(0)


def _send(running: Running, number: int, handlers: list[dict[str, list[int]]]) -> str:
    """Send a handler the file in every input and in its event, and return all that it replies."""
    session = f"session{number}"
    httpx.post(
        f"{running.url}/gradio_api/queue/join",
        json={
            "data": [FILE for _ in handlers[number]["inputs"]],
            "event_data": {"value": {"text": FILE}, "address": FILE},
            "fn_index": number,
            "session_hash": session,
        },
    ).raise_for_status()
    reply = ""
    query = {"session_hash": session}
    with httpx.stream("GET", f"{running.url}/gradio_api/queue/data", params=query) as stream:
        for line in stream.iter_lines():
            reply += line
            if line and json.loads(line.removeprefix("data:"))["msg"] == "process_completed":
                break
    return reply
