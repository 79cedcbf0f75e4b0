"""Whether the chat gathers memory, files or threads while readers come, ask and leave for long.

Run it as `python -m evals.soak URL PID`, where PID is the process of the chat.
"""

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import gevent
import psutil
from locust import constant_pacing, task
from locust.env import Environment

from evals.growth import HOURS, Trend, trend
from evals.load import NotAnsweredError, Reader, lone

QUESTIONS_A_VISIT = 6
FLAT, GROWS = 0, 1

Sample = Mapping[str, float]


class Visitor(Reader):
    """Someone who asks a few questions, reads a source, leaves, and comes again as another."""

    abstract = True
    asked = 0

    @task
    def visit(self) -> None:
        """Ask a question; at the end of a visit close the page and open it anew."""
        self.ask()
        self.asked += 1
        if self.asked % QUESTIONS_A_VISIT:
            return
        try:
            list(self.events("open", [None], {"address": "#dossier"}))
            self.on_stop()
            self.on_start()
        except (NotAnsweredError, OSError) as error:
            self.note("another visit", time.perf_counter(), error)


def sample(process: psutil.Process, queue: int, records: Path | None) -> Sample:
    """Return what the process holds now."""
    with process.oneshot():
        return {
            "memory MB": process.memory_info().rss / 1e6,
            "files": process.num_fds(),
            "threads": process.num_threads(),
            "processes": len(process.children(recursive=True)),
            "queue": queue,
            "records MB": records.stat().st_size / 1e6 if records and records.exists() else 0,
        }


def main(arguments: Sequence[str] | None = None) -> int:
    """Let readers ask for so many minutes, and return 0 when nothing gathered and none failed."""
    given = _parser().parse_args(arguments)
    url = given.url.rstrip("/")
    process = psutil.Process(given.pid)
    visitor = type("Paced", (Visitor,), {"wait_time": constant_pacing(given.pause)})
    environment = Environment(user_classes=[visitor], host=url)
    runner = environment.create_local_runner()
    runner.start(given.users, spawn_rate=max(0.1, given.users / given.pause))
    watch = lone(url).client
    started, seconds, samples = time.monotonic(), [], list[Sample]()
    while time.monotonic() - started < 60 * given.minutes:
        gevent.sleep(given.every)
        queue = watch.get("/gradio_api/queue/status").json()["queue_size"]
        seconds.append(time.monotonic() - started)
        samples.append(sample(process, queue, given.records))
    answers = environment.stats.get("whole answer", "reader")
    errors = {f"{e.name}: {e.error}": e.occurrences for e in environment.stats.errors.values()}
    runner.quit()
    trends = {name: trend(seconds, [each[name] for each in samples]) for name in samples[0]}
    _show(trends, answers.num_requests, errors)
    if given.out:
        report = {
            "answers": answers.num_requests,
            "errors": errors,
            "trends": {name: {**asdict(each), "flat": each.flat} for name, each in trends.items()},
            "samples": [{"seconds": at, **each} for at, each in zip(seconds, samples, strict=True)],
        }
        given.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    held = (each.flat for name, each in trends.items() if name != "records MB")
    return FLAT if all(held) and not errors else GROWS


def _show(trends: Mapping[str, Trend], answers: int, errors: Mapping[str, int]) -> None:
    print(f"{answers} answers, {sum(errors.values())} failed")
    print(f"what            first  median    last   in {HOURS} hours (95 %)")
    for name, each in trends.items():
        spread = f"{each.growth:+.1%} ({each.low:+.1%} to {each.high:+.1%})"
        verdict = "flat" if each.flat else "grows"
        numbers = f"{each.first:>7.1f} {each.median:>7.1f} {each.last:>7.1f}"
        print(f"{name:<12} {numbers}   {spread:<32} {verdict}")
    for text, count in errors.items():
        print(f"  {count} x {text}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m evals.soak", description=__doc__)
    parser.add_argument("url", help="where the chat runs, such as http://127.0.0.1:7860")
    parser.add_argument("pid", type=int, help="number of the process of the chat")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--users", type=int, default=10)
    parser.add_argument("--pause", type=float, default=10, help="seconds between questions")
    parser.add_argument("--every", type=float, default=10, help="seconds between samples")
    parser.add_argument("--records", type=Path, help="file whose growth is told too")
    parser.add_argument("--out", type=Path, help="file for the figures, as JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main())
