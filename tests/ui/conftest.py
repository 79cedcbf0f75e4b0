"""The window as it runs: one process and one browser for all tests of it."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from rag.models import Encoder
from rag.records import _append as append
from rag.records import place
from rag.settings import PREFIX
from tests.conftest import fill, watching

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of the libraries below, when they are imported
    from playwright.sync_api import Browser, Page, expect, sync_playwright

ROOT = Path(__file__).parents[2]
PASSWORDS = Path("/etc/passwd")
LUNCH = "Anita Anand and Dominic LeBlanc take part in the working lunch."
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, PROGRAMS)), None)
SWITCHES = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# What runs when it is taken for markup, script, a template or a formula; {n} tells which it was.
PAYLOADS = (
    "<script>window.hit={n}</script>",
    "<img src=x onerror=window.hit={n}>",
    "<svg onload=window.hit={n}>",
    "<svg><script>window.hit={n}</script></svg>",
    "<body onload=window.hit={n}>",
    "<details open ontoggle=window.hit={n}>",
    "<iframe srcdoc='<script>top.hit={n}</script>'></iframe>",
    "<iframe src=javascript:top.hit={n}></iframe>",
    "<object data=javascript:window.hit={n}></object>",
    "<embed src=javascript:window.hit={n}>",
    "<input autofocus onfocus=window.hit={n}>",
    "<video><source onerror=window.hit={n}></video>",
    "<audio src=x onerror=window.hit={n}>",
    "<marquee onstart=window.hit={n}>x</marquee>",
    "<a href=javascript:window.hit={n}>press</a>",
    "<form action=javascript:window.hit={n}><button>send</button></form>",
    "<math><mtext><img src=x onerror=window.hit={n}></mtext></math>",
    "<style>@import 'http://evil.example/{n}';*{{display:none}}</style>",
    "<link rel=stylesheet href=http://evil.example/{n}.css>",
    "<meta http-equiv=refresh content='0;url=http://evil.example/{n}'>",
    "<base href=http://evil.example/{n}/>",
    "\"><img src=x onerror=window.hit={n}>",
    "' onmouseover='window.hit={n}' x='",
    "</p></div></section><img src=x onerror=window.hit={n}>",
    "</textarea></title></style><img src=x onerror=window.hit={n}>",
    "<!--><img src=x onerror=window.hit={n}>-->",
    "<![CDATA[<img src=x onerror=window.hit={n}>]]>",
    "![pixel](http://evil.example/{n}.png)",
    "[press](javascript:window.hit={n})",
    "${{window.hit={n}}}",
    "`;window.hit={n};`",
    "{{{{window.hit={n}}}}} {{{{#each this}}}}{{{{/each}}}}",
    "$$\\href{{javascript:window.hit={n}}}{{x}}$$",
    "&lt;img src=x onerror=window.hit={n}&gt;",
    "\\u003cimg src=x onerror=window.hit={n}\\u003e",
    "=HYPERLINK(\"http://evil.example/{n}\")",
)  # fmt: skip
COLOURS = [
    "amber",
    "azure",
    "beige",
    "black",
    "blue",
    "bronze",
    "brown",
    "coral",
    "cream",
    "crimson",
    "cyan",
    "denim",
    "ebony",
    "emerald",
    "fuchsia",
    "gold",
    "green",
    "grey",
    "indigo",
    "ivory",
    "jade",
    "khaki",
    "lemon",
    "lilac",
    "lime",
    "magenta",
    "maroon",
    "mauve",
    "mint",
    "navy",
    "ochre",
    "olive",
    "orange",
    "peach",
    "pink",
    "plum",
]

OpenPage = Callable[..., Any]
Once = Callable[[str, Callable[[Path], object]], Path]


class Running(NamedTuple):
    """The window in its process, with what it logs."""

    url: str
    files: Path
    log: Path
    process: subprocess.Popen[str]
    watch: Path  # see `watched`


def payload(number: int) -> str:
    return PAYLOADS[number].format(n=number + 1)


@pytest.fixture(scope="session")
def dossier(once: Once, encoder: Encoder, model_cache: Path) -> Path:
    """Return an index of a few documents and of as many hostile ones as there are payloads."""
    folder = once("documents", _write)
    return once("window", partial(fill, folder, encoder, model_cache))


def _write(folder: Path) -> None:
    texts = {
        "lunch.md": "---\ntitle: The lunch\ndate: 2025-09-18\nkind: note\n---\n\n"
        + f"# Guests\n\n{LUNCH}\n\n"
        + "Nothing else is known of it.\n\n" * 40
        + "# The menu\n\nThe menu of the working lunch is fish with rice.",
        "trade.txt": "Trade\n\nTwo-way trade came to nearly $56 billion in 2024.",
    }
    for number, colour in enumerate(COLOURS):
        attack = payload(number)
        title = f"The {colour} lantern {attack}".replace("'", "''")
        name = f"{number:02} {attack}"[:60].replace("/", "-")
        texts[f"{name}.md"] = (
            f"---\ntitle: '{title}'\n---\n\nThe {colour} lantern holds {attack} as a gift."
        )
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    shutil.copy(ROOT / "seeds" / "05-north-american-pact.pdf", folder / "pact.pdf")


@pytest.fixture(scope="session")
def running(dossier: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Start the window where the environment asks for what must not happen."""
    files, watch = tmp_path_factory.mktemp("gradio"), tmp_path_factory.mktemp("watch")
    environment = {
        **{name: value for name, value in os.environ.items() if PREFIX not in name},
        "GRADIO_TEMP_DIR": str(files),
        "GRADIO_ALLOWED_PATHS": str(PASSWORDS.parent),
        "HTTP_PROXY": "http://127.0.0.1:9",
        f"{PREFIX}METRICS": "true",
        f"{PREFIX}LOG_FORMAT": "json",
        **watching(watch),
    }
    log = tmp_path_factory.mktemp("log") / "log.jsonl"
    append(place(dossier), {"at": "2001-02-03T04:05:06+00:00", "id": str(log)})
    with log.open("w") as errors:
        process = subprocess.Popen(  # noqa: S603  # our own program
            [sys.executable, str(ROOT / "app.py"), "--index", str(dossier), "--port", _free_port()],
            cwd=files,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    assert process.stdout is not None
    greeting = process.stdout.readline()
    assert greeting.startswith("Visit Desk is at http://127.0.0.1:"), greeting
    yield Running(greeting.split()[4].rstrip("/"), files, log, process, watch)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 0


@pytest.fixture(scope="module")  # its event loop must not outlive the module
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("there is no program chromium")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        yield opened
        opened.close()


@pytest.fixture
def window(running: Running, browser: Browser) -> Iterator[OpenPage]:
    """Return a function that opens the window for a new reader.

    At the end it is seen that nothing was loaded from elsewhere, and that no script failed.
    """
    with _watched(running, browser) as opened:
        yield opened


@contextmanager
def _watched(running: Running, browser: Browser) -> Iterator[OpenPage]:
    contexts, requests, errors = [], [], []

    def said(message: Any) -> None:
        if message.type == "error" and "/desk/file" not in message.location["url"]:
            failed(message.text)

    def failed(error: object) -> None:
        if not re.search("AbortError|Connection errored out", str(error)):  # a reload cut it off
            errors.append(str(error))

    def opened(**settings: Any) -> Page:
        shape = {"viewport": {"width": 1280, "height": 800}, "locale": "en-CA", **settings}
        contexts.append(browser.new_context(**shape))
        contexts[-1].grant_permissions(["clipboard-read", "clipboard-write"])
        page = contexts[-1].new_page()
        page.on("request", lambda request: requests.append(request.url))
        page.on("pageerror", failed)
        page.on("dialog", lambda dialog: errors.append(dialog.message))
        page.on("console", said)
        page.goto(running.url)
        expect(page.locator("#chat h2")).to_be_visible(timeout=15_000)
        return page

    yield opened
    for context in contexts:
        context.close()
    foreign = [url for url in requests if not url.startswith((running.url, "data:", "blob:"))]
    assert (foreign, errors) == ([], [])
    assert len(requests) > 5


@pytest.fixture
def page(window: OpenPage) -> Page:
    return window()


@pytest.fixture(scope="session")
def ask() -> Callable[[Page, str], None]:
    """Return a function that asks a question and waits for its answer."""

    def asked(page: Page, question: str) -> None:
        answers = page.locator("#chat .tools")
        count = answers.count()
        page.locator("#box textarea").fill(question)
        page.keyboard.press("Enter")
        expect(answers).to_have_count(count + 1, timeout=10_000)
        expect(page.locator("#chat .searching")).to_have_count(0)

    return asked


@pytest.fixture(scope="session")
def hostile() -> tuple[tuple[str, str], ...]:
    """Return (colour, payload) of each hostile document."""
    return tuple((colour, payload(number)) for number, colour in enumerate(COLOURS))


@pytest.fixture(scope="session")
def axe() -> str:
    """Return the script of axe-core."""
    import axe_playwright_python

    folder = Path(axe_playwright_python.__path__[0])
    return (folder / "axe.min.js").read_text(encoding="utf-8")


def _free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


assert len(PAYLOADS) == len(COLOURS) == len(set(COLOURS)) >= 30
assert all(re.search(r"\{n\}", each) for each in PAYLOADS)
