"""A server on this machine that speaks as OpenAI's or Ollama's does, and says what a test wants."""

import json
import re
import select
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

JSON = {"Content-Type": "application/json"}
TICK_SECONDS = 0.02


@dataclass(frozen=True)
class Reply:
    """What the server answers to one request.

    Attributes:
        pieces: of the text, which may go on without end.
        status: of HTTP; from 400 on, `body` is sent instead of pieces.
        silence, pause: seconds before the first byte and between the pieces.
        ending: "stop" and "length" as a model says it; "" ends without a word; "reset" in the
            middle of the line.
        raw: bytes that are sent in place of pieces.
    """

    pieces: Iterable[str] = ()
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: str = '{"error": {"message": "scripted, key sk-secret", "type": "scripted"}}'
    silence: float = 0.0
    pause: float = 0.0
    ending: str = "stop"
    raw: bytes | None = None


def says(text: str, **more: Any) -> Reply:
    """Return a reply that comes a few letters at a time."""
    return Reply(re.findall(r"(?s).{1,7}", text), **more)


@dataclass(frozen=True)
class Request:
    """What the server was asked: the words of the system and of the user, and all there was."""

    system: str
    user: str
    sent: dict[str, Any]
    headers: dict[str, str]

    @property
    def repairs(self) -> bool:
        """Tell whether a sentence is to be corrected."""
        return "\nSentence: " in self.user

    @property
    def rewrites(self) -> bool:
        """Tell whether a question is to be made to stand alone."""
        return "\nLast question: " in self.user

    def number(self, words: str) -> int:
        """Return the number of the evidence that has some words."""
        pieces = re.split(r"^\[(\d+)\] ", self.user, flags=re.MULTILINE)
        numbered = zip(pieces[1::2], pieces[2::2], strict=True)
        return next(int(number) for number, text in numbered if words in text)


Script = Callable[[Request], Reply]


class ModelServer:
    """Answers as its script says and keeps what it was asked."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.gone = threading.Event()  # somebody hung up before the end
        self.closing = threading.Event()
        self.script: Script = lambda _: Reply()
        server = self
        handler = type("Own", (_Handler,), {"model": server})
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(TICK_SECONDS,))
        self._thread.start()

    @property
    def address(self) -> str:
        """Return where it listens."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def base_url(self, provider: str) -> str:
        """Return what a provider's client is told."""
        return self.address + ("/v1" if provider == "openai" else "")

    def follow(self, script: Script | Reply) -> None:
        """Forget what was, and answer as a script says from now on."""
        self.requests.clear()
        self.gone.clear()
        self.script = script if callable(script) else lambda _: script

    def close(self) -> None:
        """Stop, and let nobody wait."""
        self.closing.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


@contextmanager
def serving() -> Iterator[ModelServer]:
    """Give a server that is there until the block ends."""
    server = ModelServer()
    try:
        yield server
    finally:
        server.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    model: ModelServer

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        words = {each["role"]: each["content"] for each in sent["messages"]}
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(words["system"], words["user"], sent, headers)
        self.model.requests.append(request)
        self.close_connection = True
        reply = self.model.script(request)
        try:
            self._wait(reply.silence)
            self._send(reply)
        except OSError:
            self.model.gone.set()

    def _send(self, reply: Reply) -> None:
        body = reply.body.encode() if reply.status >= 400 else reply.raw
        self.send_response(reply.status)
        self.send_header("Connection", "close")
        for name, value in {**JSON, **reply.headers}.items():
            self.send_header(name, value)
        if body is not None:
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            return
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in reply.pieces:
            self._line(self._piece(piece))
            self._wait(reply.pause)
        if reply.ending == "reset":
            self.wfile.write(b"FFF\r\ndata: {")  # a part of what was announced
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        for line in self._last(reply.ending) if reply.ending else ():
            self._line(line)
        self.wfile.write(b"0\r\n\r\n")

    def _line(self, line: bytes) -> None:
        self.wfile.write(f"{len(line):X}\r\n".encode() + line + b"\r\n")
        self.wfile.flush()

    def _wait(self, seconds: float) -> None:
        """Wait, unless the other side hangs up or the server closes."""
        for _ in range(round(seconds / TICK_SECONDS)):
            if self.model.closing.is_set() or self._is_gone():
                raise ConnectionAbortedError
            self.model.closing.wait(TICK_SECONDS)

    def _is_gone(self) -> bool:
        waiting = select.poll()  # select() takes no file number above 1,023
        waiting.register(self.connection, select.POLLIN)
        return bool(waiting.poll(0)) and not self.connection.recv(1, socket.MSG_PEEK)

    def _piece(self, text: str) -> bytes:
        if self.path == "/api/chat":
            return _ollama({"role": "assistant", "content": text}, done=False)
        return _openai([{"index": 0, "delta": {"role": "assistant", "content": text}}])

    def _last(self, ending: str) -> list[bytes]:
        if self.path == "/api/chat":
            counts = {"prompt_eval_count": 100, "eval_count": 20}
            none = {"role": "assistant", "content": ""}
            return [_ollama(none, done=True, done_reason=ending, **counts)]
        counts = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
        return [
            _openai([{"index": 0, "delta": {}, "finish_reason": ending}]),
            _openai([], usage=counts),
            b"data: [DONE]\n\n",
        ]


def _openai(choices: list[dict[str, Any]], **more: Any) -> bytes:
    told = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return f"data: {json.dumps({**told, 'choices': choices, **more})}\n\n".encode()


def _ollama(message: dict[str, Any], **more: Any) -> bytes:
    told = {"model": "m", "created_at": "2025-09-18T00:00:00Z", "message": message}
    return (json.dumps({**told, **more}) + "\n").encode()


def quoting(request: Request) -> Reply:
    """Return the first sentence of the first evidence, after a while and piece by piece."""
    evidence = re.split(r"^\[\d+\] ", request.user, flags=re.MULTILINE)[1]
    text = evidence.strip().splitlines()[-1]
    sentence = re.split(r"(?<=[.!?])\s", text)[0].rstrip(".!?")
    return says(f"{sentence} [1].", silence=0.3, pause=TICK_SECONDS)


if __name__ == "__main__":
    with serving() as model:
        model.follow(quoting)
        print(model.base_url("openai"), flush=True)  # noqa: T201
        model.closing.wait()
