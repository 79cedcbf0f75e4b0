"""What the server refuses and what it does not do: requests of other sites, files, telemetry."""

import ipaddress
import os
from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute

LOOPBACK = ("127.0.0.1", "localhost")  # Gradio can not be given ::1
WILDCARDS = ("0.0.0.0", "::")  # noqa: S104  # what they listen on is to be told, not used
MAX_BODY_BYTES = 1_000_000
LOGIN, LOGOUT = "/login", "/logout"
FILE_PATH = "/desk/file"  # where a reader's own file is sent; Gradio's own uploads stay closed
MAX_FILE_BYTES = 20_000_000
MOST_SESSIONS = 1000  # whose conversations are kept in memory, each of some 0.4 MB
# Of Gradio's own: the first takes files, the second writes a conversation on this machine's disk.
CLOSED = ("/upload", "/deep_link")

ENVIRONMENT = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    # Of its own monitoring page, which is closed; else it would sum them up after each event.
    "GRADIO_ANALYTICS_MAX_EVENTS": "100",
    "GRADIO_ANALYTICS_CACHE_FREQUENCY": "1000000000",
    "GRADIO_ALLOWED_PATHS": "",  # launch(allowed_paths=[]) would still read it
    "GRADIO_SHARE": "False",
    "FORWARDED_ALLOW_IPS": "",  # who sends a request is for the guard to tell, not for uvicorn
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

FORWARDED = b"x-forwarded-"  # what a proxy says of a request begins so
# Of the page to log in at: its style and its form, which without a referrer has no origin either.
_OF_LOGIN = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
}
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]


def quiet() -> None:
    """Switch off, for this process, what Gradio would send, share or serve unasked."""
    os.environ.update(ENVIRONMENT)
    for name in ("NO_PROXY", "no_proxy"):  # Gradio calls its own server when it starts
        os.environ[name] = ",".join(filter(None, [os.environ.get(name), *LOOPBACK]))


@dataclass(frozen=True, slots=True)
class Address:
    """Where the window is served.

    Attributes:
        names: by which it is reached besides, such as that of a proxy before it.
        proxies: whose word is taken for how a request came.
        file_bytes: that a reader's own file may have.
        certificate, key: files for TLS, None for none.
    """

    host: str
    port: int
    names: tuple[str, ...] = ()
    proxies: tuple[Network, ...] = ()
    file_bytes: int = MAX_FILE_BYTES
    certificate: str | None = None
    key: str | None = None


def launch_arguments(
    at: Address, routes: Sequence[BaseRoute] = (), inside: Sequence[Middleware] = ()
) -> dict[str, Any]:
    """Return the arguments of `Blocks.launch` that close what this window does not need.

    `routes` are answered before those of Gradio; `inside` are asked after the guard.
    """
    hosts = (*LOOPBACK, at.host, *at.names)
    guard = Middleware(Guard, hosts=hosts, proxies=at.proxies, file_bytes=at.file_bytes)
    return {
        "server_name": at.host,
        "server_port": at.port,
        "ssl_certfile": at.certificate,
        "ssl_keyfile": at.key,
        "ssl_verify": False,  # when Gradio calls its own server, by an address of no certificate
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
        "state_session_capacity": MOST_SESSIONS,
        "app_kwargs": {
            "docs_url": None,
            "redoc_url": None,
            "routes": list(routes),
            "middleware": [guard, *inside],
        },
    }


class Guard:
    """ASGI middleware: answers only its own hosts and pages, and adds the safe headers.

    A page of another site that names this server by a host of its own (DNS rebinding) is told 400,
    one that sends requests here from the user's browser 403.
    """

    def __init__(
        self,
        app: Application,
        hosts: tuple[str, ...],
        proxies: tuple[Network, ...] = (),
        file_bytes: int = MAX_FILE_BYTES,
    ) -> None:
        self._file_bytes = file_bytes
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)
        self._proxies = proxies

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":  # nothing here talks over one
            await send({"type": "websocket.close", "code": 1008})
        else:
            self._believe(scope)
            refusal = self._refusal(scope)
            await (refusal or self._app)(scope, receive, _with_headers(send, scope["path"]))

    def _believe(self, scope: Message) -> None:
        """Take a trusted proxy's word for how a request came, and nobody else's."""
        if within((scope.get("client") or [""])[0], self._proxies):
            if Headers(scope=scope).get("x-forwarded-proto") == "https":
                scope["scheme"] = "https"
        else:
            kept = [each for each in scope["headers"] if not each[0].startswith(FORWARDED)]
            scope["headers"] = kept

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
        most = self._file_bytes if scope["path"] == FILE_PATH else MAX_BODY_BYTES
        if not _small(headers, most):
            return PlainTextResponse("the request is too large", 413)
        return None


def within(address: str, networks: Iterable[Network]) -> bool:
    """Tell whether an address is of one of the networks.

    >>> within("::ffff:10.0.0.7", [ipaddress.ip_network("10.0.0.0/24")])
    True
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None) or found
    return any(mapped in each for each in networks)


def peer(scope: Message, proxies: Iterable[Network]) -> str:
    """Return the address that a request comes from, that before a trusted proxy if there is one."""
    address = str((scope.get("client") or [""])[0])
    said = Headers(scope=scope).get("x-forwarded-for", "")
    return said.rpartition(",")[2].strip() or address if within(address, proxies) else address


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


def _with_headers(send: Send, path: str) -> Send:
    said = {**_HEADERS, **_OF_LOGIN} if path == LOGIN else _HEADERS

    async def with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in said.items():
                headers[name] = value
        await send(message)

    return with_headers
