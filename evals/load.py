"""What many readers at once mean for the chat: Locust users who do over HTTP what the page does.

Run it as `python -m evals.load URL`: Locust changes the sockets of the process that imports it.
"""

import argparse
import contextlib
import itertools
import json
import sys
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import gevent
from locust import HttpUser, constant_pacing, task
from locust.env import Environment
from locust.stats import StatsEntry

QUESTIONS = (
    "Who takes part in the working lunch?",
    "How much was two-way trade worth in 2024?",
    "Which ministers went to Mexico in August?",
    "Quel est le rôle de Sheinbaum ?",
    "¿Qué acuerdo se espera firmar durante la visita?",
    "Did anyone say fisheries would be discussed?",
    "What will the agreement cover?",
    "When is the meeting of the two leaders?",
)
FIRST, WHOLE, AFTER, HEALTH = "first text", "whole answer", "what may be asked next", "health"
SEARCHING = 'class=\\"searching\\"'  # in the JSON of an answer that has no text yet
PROBE_SECONDS = 1.0
TIMEOUT_SECONDS = 60.0
RECOVERED = 2.0  # times as long as a lone reader waited before the load
FAILED = 1


@dataclass(frozen=True, slots=True)
class Waited:
    """How long what was asked for took, in milliseconds, and how often it failed."""

    count: int
    failed: int
    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True)
class Level:
    """What so many readers met with.

    Attributes:
        pause: seconds from one question of a reader to the next, 0 for no pause at all.
        waited: by what was waited for.
        errors: each kind with how often it came.
    """

    users: int
    pause: float
    seconds: float
    waited: Mapping[str, Waited]
    errors: Mapping[str, int]


class Reader(HttpUser):
    """Someone who opens the page and asks one question after the other in one conversation."""

    abstract = True
    logins: Iterator[str] = itertools.repeat("")  # the cookies that readers come with, if any

    def on_start(self) -> None:
        """Open the page, and the connection by which the server knows that it is open."""
        if cookie := next(self.logins):
            self.client.headers["Cookie"] = cookie
        self.session = uuid.uuid4().hex
        self.questions = itertools.cycle(_turned(QUESTIONS, hash(self.session)))
        self.client.get("/", name="page")
        handlers = self.client.get("/config", name="page").json()["dependencies"]
        self.numbers = {each["api_name"]: number for number, each in enumerate(handlers)}
        beat = f"/gradio_api/heartbeat/{self.session}"
        self.beat = gevent.spawn(lambda: list(self.client.get(beat, stream=True, name="beat")))
        with contextlib.suppress(NotAnsweredError):  # a busy page is filled later
            list(self.events("begin", [None], {"language": "en"}))

    def on_stop(self) -> None:
        """Close the page."""
        self.beat.kill(block=False)

    @task
    def ask(self) -> None:
        """Ask a question, and let the page propose what could be asked next."""
        started = time.perf_counter()
        first = True
        try:
            for line in self.events("typed", [next(self.questions), None, None]):
                if first and SEARCHING not in line:
                    self.note(FIRST, started)
                    first = False
            self.note(WHOLE, started)
            started = time.perf_counter()
            list(self.events("propose", [None, None, None]))
            self.note(AFTER, started)
        except (NotAnsweredError, OSError) as error:
            self.note(WHOLE, started, error)

    def events(self, handler: str, data: Sequence[object], event: object = None) -> Iterator[str]:
        """Yield what a handler of the page sends, as JSON, until it is done."""
        body = {"data": data, "event_data": event, "fn_index": self.numbers[handler]}
        joined = self.client.post(
            "/gradio_api/queue/join",
            json={**body, "session_hash": self.session},
            name="join",
            timeout=TIMEOUT_SECONDS,
        )
        if joined.status_code != HTTPStatus.OK:
            raise NotAnsweredError(f"{joined.status_code} {joined.text[:100]}")
        query = {"session_hash": self.session}
        where = "/gradio_api/queue/data"
        stream = self.client.get(
            where, params=query, stream=True, name="data", timeout=TIMEOUT_SECONDS
        )
        with contextlib.closing(stream):
            yield from _until_done(stream)

    def note(self, name: str, started: float, error: Exception | None = None) -> None:
        """Tell Locust how long something took."""
        self.environment.events.request.fire(
            request_type="reader",
            name=name,
            response_time=1000 * (time.perf_counter() - started),
            response_length=0,
            exception=error,
            context={},
        )


class Probe(HttpUser):
    """The one who watches over the service."""

    fixed_count = 1
    wait_time = constant_pacing(PROBE_SECONDS)

    @task
    def look(self) -> None:
        """Ask whether it is well."""
        self.client.get("/health", name=HEALTH, timeout=TIMEOUT_SECONDS)


class NotAnsweredError(Exception):
    """Say how a question failed."""


def _until_done(stream: Any) -> Iterator[str]:
    for line in stream.iter_lines(decode_unicode=True):
        if '"msg":"process_generating"' in line:
            yield line
        elif '"msg":"process_completed"' in line:
            if '"success":true' not in line:
                raise NotAnsweredError(json.loads(line[5:])["output"].get("error") or "no reason")
            yield line
            return
    raise NotAnsweredError("the stream ended before the answer")


def _turned(questions: Sequence[str], by: int) -> Sequence[str]:
    """Return the questions beginning with another one, so that readers do not ask in step."""
    start = by % len(questions)
    return (*questions[start:], *questions[:start])


def measure(url: str, users: int, *, pause: float, seconds: float, health: bool) -> Level:
    """Let so many readers ask for a while, after the time in which they all have arrived."""
    reader = type("Paused", (Reader,), {"wait_time": constant_pacing(pause)})
    environment = Environment(user_classes=[reader, Probe] if health else [reader], host=url)
    runner = environment.create_local_runner()
    arriving = max(pause, users / 20)
    runner.start(users + health, spawn_rate=max(1.0, users / arriving))
    gevent.sleep(arriving + 1)
    environment.stats.reset_all()
    gevent.sleep(seconds)
    stats = environment.stats
    found = {name: _waited(stats.entries.get((name, kind))) for name, kind in _KINDS.items()}
    errors = {
        f"{each.name}: {each.error}"[:200]: each.occurrences for each in stats.errors.values()
    }
    runner.quit()
    return Level(users, pause, seconds, {k: v for k, v in found.items() if v}, errors)


_KINDS = {FIRST: "reader", WHOLE: "reader", AFTER: "reader", HEALTH: "GET"}


def _waited(entry: StatsEntry | None) -> Waited | None:
    if entry is None:
        return None
    shares = (entry.get_response_time_percentile(share) for share in (0.5, 0.95, 0.99))
    return Waited(entry.num_requests, entry.num_failures, *shares)


def alone(url: str) -> float:
    """Return the seconds that one question takes now."""
    reader = lone(url)
    reader.on_start()
    started = time.perf_counter()
    list(reader.events("typed", [QUESTIONS[0], None, None]))
    reader.on_stop()
    return time.perf_counter() - started


def lone(url: str) -> Reader:
    """Return a reader who is in no test of Locust."""
    reader: Reader = type("Lone", (Reader,), {"host": url})(Environment())
    return reader


def recovery(url: str, before: float) -> float:
    """Return the seconds until a lone question takes about as long as before the load."""
    started = time.perf_counter()
    while True:
        try:
            if alone(url) <= RECOVERED * before:
                return time.perf_counter() - started
        except (NotAnsweredError, OSError, ValueError):
            gevent.sleep(0.2)


def show(level: Level) -> str:
    """Return a level as lines of a table."""
    rows = (
        f"{level.users:>5} {level.pause:>5g} {name:<24} {each.count:>6} {each.failed:>6} "
        f"{each.p50:>7.0f} {each.p95:>7.0f} {each.p99:>7.0f}"
        for name, each in level.waited.items()
    )
    return "\n".join([*rows, *(f"      {n} x {text}" for text, n in level.errors.items())])


def log_in(url: str, accounts: Path) -> list[str]:
    """Return the cookie of each account of a file that has a name and a password on each line."""
    cookies = []
    for line in accounts.read_text(encoding="utf-8").splitlines():
        name, _, password = line.partition(" ")
        form = {"username": name, "password": password}
        answer = lone(url).client.post("/login", form, allow_redirects=False)
        if not answer.cookies:
            raise SystemExit(f"{name!r} of {str(accounts)!r} can not log in: {answer.status_code}")
        cookies += [f"{each.name}={each.value}" for each in answer.cookies]
    return cookies


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure each level and the recovery, and return 0 when nothing failed."""
    given = _parser().parse_args(arguments)
    url = given.url.rstrip("/")
    if given.accounts:
        Reader.logins = itertools.cycle(log_in(url, given.accounts))
    health = lone(url).client.get("/health").status_code == HTTPStatus.OK
    before = min(alone(url) for _ in range(5))
    print(f"one question alone: {before:.3f} s; /health is {'' if health else 'not '}there")
    print("users pause what                      count failed     p50     p95     p99  (ms)")
    levels = []
    for users in given.users:
        level = measure(url, users, pause=given.pause, seconds=given.seconds, health=health)
        levels.append(level)
        print(show(level), flush=True)
    recovered = recovery(url, before)
    print(f"after the last level a question took as long as before after {recovered:.1f} s")
    if given.out:
        report = {"alone": before, "recovered": recovered, "levels": list(map(asdict, levels))}
        given.out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return FAILED if any(level.errors for level in levels) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m evals.load", description=__doc__)
    parser.add_argument("url", help="where the chat runs, such as http://127.0.0.1:7860")
    parser.add_argument("--users", type=_numbers, default=[1, 10, 25, 50, 100])
    parser.add_argument("--pause", type=float, default=10, help="seconds between questions")
    parser.add_argument("--seconds", type=float, default=60, help="that each level is measured")
    parser.add_argument(
        "--accounts", type=Path, help="file with a name and a password on each line, to log in as"
    )
    parser.add_argument("--out", type=Path, help="file for the figures, as JSON")
    return parser


def _numbers(text: str) -> list[int]:
    return [int(each) for each in text.split(",")]


if __name__ == "__main__":
    sys.exit(main())
