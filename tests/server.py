"""A Chroma server of a test's own, that can be killed and started again."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

STARTING_SECONDS = 60


class ChromaServer:
    """`chroma run` on this machine, with its data in a directory."""

    def __init__(self, directory: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = [str(Path(sys.executable).parent / "chroma"), "run", "--host", "127.0.0.1"]
        command += ["--port", str(self.port), "--path", str(self._directory)]
        self._process = subprocess.Popen(  # noqa: S603  # a program that is installed with Chroma
            command,
            cwd=self._directory.parent,
            env={**os.environ, "OTEL_SDK_DISABLED": "true"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        given_up = time.monotonic() + STARTING_SECONDS
        while not self._answers():
            assert self._process.poll() is None
            assert time.monotonic() < given_up
            time.sleep(0.05)

    def kill(self) -> None:
        """Stop it as a loss of power would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def forget(self) -> None:
        """Lose all data, while it is not running."""
        shutil.rmtree(self._directory)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/api/v2/heartbeat", timeout=5) as answer:  # noqa: S310  # ours
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False
