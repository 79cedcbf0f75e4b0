"""The programs that measure the window under load measure it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def measured(tmp_path: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Run `python -m ... --out FILE` and return its exit code and what it wrote."""
    out = tmp_path / "out.json"
    command = [sys.executable, "-m", *arguments, "--out", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603  # our own
    assert out.exists(), done.stderr
    found = json.loads(out.read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return done.returncode, found


def test_load_counts_answers_and_failures(running: Any, tmp_path: Path) -> None:
    code, report = measured(
        tmp_path, "evals.load", running.url, "--users", "2", "--pause", "1", "--seconds", "4"
    )
    (level,) = report["levels"]
    assert (code, level["errors"], level["users"]) == (0, {}, 2)
    for what in ("first text", "whole answer", "what may be asked next", "health"):
        waited = level["waited"][what]
        assert waited["count"] > 0
        assert waited["failed"] == 0
        assert 0 < waited["p50"] <= waited["p95"] <= waited["p99"]


def test_a_soak_samples_the_process(running: Any, tmp_path: Path) -> None:
    _, report = measured(
        tmp_path, "evals.soak", running.url, str(running.process.pid),
        "--minutes", "0.1", "--every", "1", "--users", "2", "--pause", "0.5",
    )  # fmt: skip
    assert report["answers"] > 0
    assert report["errors"] == {}
    assert len(report["samples"]) >= 5
    assert report["trends"]["memory MB"]["median"] > 100
    assert report["trends"]["threads"]["median"] > 1
