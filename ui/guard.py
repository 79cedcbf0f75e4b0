"""What the server refuses and what it does not do: requests of other sites, files, telemetry."""

import os
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute

LOOPBACK = ("127.0.0.1", "localhost")  # Gradio can not be given ::1
MAX_BODY_BYTES = 1_000_000
FILE_PATH = "/desk/file"  # where a reader's own file is sent; Gradio's own uploads stay closed
MAX_FILE_BYTES = 20_000_000
# Of Gradio's own: the first takes files, the second writes a conversation on this machine's disk.
CLOSED = ("/upload", "/deep_link")

ENVIRONMENT = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_ALLOWED_PATHS": "",  # launch(allowed_paths=[]) would still read it
    "GRADIO_SHARE": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}
_POLICY = "; ".join(
    [
        "default-src 'self'",
        # Gradio's page has inline scripts, and gr.HTML compiles its template.
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'none'",
        "frame-src 'none'",
        "frame-ancestors 'none'",
    ]
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]


def quiet() -> None:
    """Switch off, for this process, what Gradio would send, share or serve unasked."""
    os.environ.update(ENVIRONMENT)
    for name in ("NO_PROXY", "no_proxy"):  # Gradio calls its own server when it starts
        os.environ[name] = ",".join(filter(None, [os.environ.get(name), *LOOPBACK]))


def launch_arguments(host: str, port: int, routes: Sequence[BaseRoute] = ()) -> dict[str, Any]:
    """Return the arguments of `Blocks.launch` that close what this window does not need.

    `routes` are answered before those of Gradio.
    """
    return {
        "server_name": host,
        "server_port": port,
        "quiet": True,
        "prevent_thread_lock": True,
        "share": False,
        "enable_monitoring": False,
        "run_history": False,
        "footer_links": [],
        "mcp_server": False,
        "ssr_mode": False,
        "pwa": False,
        "show_error": False,
        "max_file_size": MAX_BODY_BYTES,
        "app_kwargs": {
            "docs_url": None,
            "redoc_url": None,
            "routes": list(routes),
            "middleware": [Middleware(Guard, hosts=(*LOOPBACK, host))],
        },
    }


class Guard:
    """ASGI middleware: answers only its own hosts and pages, and adds the safe headers.

    A page of another site that names this server by a host of its own (DNS rebinding) is told 400,
    one that sends requests here from the user's browser 403.
    """

    def __init__(self, app: Application, hosts: tuple[str, ...]) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":  # nothing here talks over one
            await send({"type": "websocket.close", "code": 1008})
        else:
            refusal = self._refusal(scope)
            await (refusal or self._app)(scope, receive, _with_headers(send))

    def _refusal(self, scope: Message) -> PlainTextResponse | None:
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        if _name(host) not in self._hosts:
            return PlainTextResponse("this server does not answer to that host name", 400)
        if origin is not None and origin.lower() != f"{scope['scheme']}://{host}".lower():
            return PlainTextResponse("requests from other sites are refused", 403)
        if headers.get("sec-fetch-site") == "cross-site" and scope["method"] != "GET":
            return PlainTextResponse("requests from other sites are refused", 403)
        if any(each in scope["path"] for each in CLOSED):
            return PlainTextResponse("this part of the server is closed", 403)
        most = MAX_FILE_BYTES if scope["path"] == FILE_PATH else MAX_BODY_BYTES
        if not _small(headers, most):
            return PlainTextResponse("the request is too large", 413)
        return None


def _name(host: str) -> str:
    """Return a Host header without its port and brackets.

    >>> _name("localhost:7860"), _name("[::1]:7860"), _name("EXAMPLE.org")
    ('localhost', '::1', 'example.org')
    """
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


def _small(headers: Headers, most: int) -> bool:
    """Tell whether a request says how long its body is and stays within what it may need."""
    if "transfer-encoding" in headers:
        return False
    length = headers.get("content-length", "0")
    return length.isdigit() and int(length) <= most


def _with_headers(send: Send) -> Send:
    async def with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
        await send(message)

    return with_headers
