"""Who is let in: with an account of a file, through a trusted proxy, or anybody on this machine."""

import asyncio
import hashlib
import ipaddress
import json
import logging
import secrets
import threading
import time
import unicodedata
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from html import escape
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from rag.access import OPERATOR, Clearance, group_names
from rag.accounts import Account, Accounts, plain_name
from rag.errors import SettingsError
from rag.settings import Settings
from ui.guard import (
    LOGIN,
    LOGOUT,
    Application,
    Message,
    Network,
    Receive,
    Send,
    peer,
    within,
)
from ui.rate import Clock, Rate
from ui.words import LANGUAGES, say

VISITOR = "visit_desk.visitor"  # of a request's scope
# What anybody may ask for: probes, metrics if they are switched on, and Gradio of its own server.
OPEN = frozenset({"/health", "/metrics", "/gradio_api/startup-events"})
COOKIE = "visit-desk"
MOST_SESSIONS = 10_000
MOST_OF_ONE = 20  # sessions of one account; the oldest ends
TRIES, TRIES_SECONDS = 10, 900  # of one account, and five times as many in vain from one address
FROM_ONE_ADDRESS = 5
SLOW_SECONDS = 1.0  # that a wrong password waits
LONGEST_NAME = 200  # characters that a proxy may give, and that are looked at of one typed
MOST_TABS = 50_000

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who sits before the window.

    Attributes:
        user: the name that was logged in with, empty where nobody has to.
        session: of Gradio, one a tab.
        leaves: there is a way to log out.
    """

    clearance: Clearance
    user: str = ""
    session: str = ""
    leaves: bool = False

    @property
    def key(self) -> str:
        """Return what tells the visitor's tab from those of all others."""
        return json.dumps([self.user, self.session])


async def _user(request: Request) -> Response:
    """Return whose conversations the browser is to show."""
    visitor: Visitor = request.scope[VISITOR]
    return JSONResponse({"user": visitor.user})


ROUTE = Route("/desk/user", _user)


def visitor_of(request: Any) -> Visitor:
    """Return who sent a request, as Gradio hands it to what handles an event."""
    known: Visitor = request.request.scope[VISITOR]
    return replace(known, session=str(request.session_hash or ""))


class Door(Protocol):
    """A way to tell who sends a request."""

    def visitor(self, scope: Message) -> Visitor | None:
        """Return who it is, None when nobody is known."""


@dataclass(frozen=True, slots=True)
class Everybody:
    """No login: who reaches this machine's own address is its operator."""

    def visitor(self, _: Message) -> Visitor | None:
        """Return the operator."""
        return Visitor(OPERATOR)


@dataclass(frozen=True, slots=True)
class ProxyDoor:
    """A proxy that has logged its users in names them in a header."""

    proxies: tuple[Network, ...]
    user_header: str
    groups_header: str
    zone: tzinfo = UTC

    def visitor(self, scope: Message) -> Visitor | None:
        """Return whom the proxy names; a header from anybody else, or two of them, name nobody."""
        if not _is_from(scope, self.proxies):
            return None
        headers = Headers(scope=scope)
        named = [_decoded(each) for each in headers.getlist(self.user_header)]
        if len(named) != 1 or not named[0] or len(named[0]) > LONGEST_NAME:
            return None
        groups = headers.getlist(self.groups_header) if self.groups_header else []
        return Visitor(_clearance(group_names(_decoded(",".join(groups))), self.zone), named[0])


@dataclass(slots=True)
class _Open:
    """A session of somebody who logged in."""

    account: Account
    until: float


@dataclass(slots=True)
class AccountDoor:
    """Users log in with a name and a password, and stay so for some hours.

    The sessions are in this process alone: after a restart everybody logs in again. What is kept
    is a hash of what the browser has, so that nobody can log in with what is read here.
    """

    accounts: Accounts
    seconds: float
    proxies: tuple[Network, ...] = ()
    zone: tzinfo = UTC
    clock: Clock = time.monotonic
    slow_seconds: float = SLOW_SECONDS
    _sessions: OrderedDict[str, _Open] = field(default_factory=OrderedDict)
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _tries: Rate = field(init=False)
    _from: Rate = field(init=False)

    def __post_init__(self) -> None:
        self._tries = Rate(TRIES, TRIES_SECONDS, clock=self.clock)
        self._from = Rate(FROM_ONE_ADDRESS * TRIES, TRIES_SECONDS, clock=self.clock)

    def is_reached_by(self, scope: Message) -> bool:
        """Tell whether a request came through a proxy, where there are proxies."""
        return not self.proxies or _is_from(scope, self.proxies)

    def visitor(self, scope: Message) -> Visitor | None:
        """Return whose session a request is of, as the account is now."""
        if not self.is_reached_by(scope):
            return None
        key = _digest(_token(scope))
        with self._guard:
            session = self._sessions.get(key)
            if session is None or session.until <= self.clock():
                self._sessions.pop(key, None)
                return None
        account = self.accounts.get(session.account.name)
        if account is None or account.hash != session.account.hash:  # gone, or another password
            self.end(scope)
            return None
        return Visitor(_clearance(account.groups, self.zone), account.name, leaves=True)

    def wait(self, name: str, address: str) -> float:
        """Count a try to log in, and return how many seconds it comes too early."""
        known_as = plain_name(name[:LONGEST_NAME])  # as the account is found, however it is typed
        return max(self._tries.wait(known_as), self._from.wait(address))

    def begin(self, account: Account, address: str) -> str:
        """Begin a session and return what the browser is to send with each request.

        The try does not count for the address it came from, which may be that of a whole office.
        """
        token, now = secrets.token_urlsafe(32), self.clock()
        self._tries.forget(account.name)
        self._from.give_back(address)
        with self._guard:
            over = [key for key, each in self._sessions.items() if each.until <= now]
            own = [k for k, each in self._sessions.items() if each.account.name == account.name]
            for key in (*over, *own[: max(0, len(own) + 1 - MOST_OF_ONE)]):
                self._sessions.pop(key, None)
            while len(self._sessions) >= MOST_SESSIONS:
                self._sessions.popitem(last=False)
            self._sessions[_digest(token)] = _Open(account, now + self.seconds)
        return token

    def end(self, scope: Message) -> None:
        """End the session that a request is of."""
        with self._guard:
            self._sessions.pop(_digest(_token(scope)), None)


def door(settings: Settings) -> Door:
    """Return the way in that the settings say.

    Raises:
        SettingsError: they contradict each other, or there is no account.
    """
    zone, proxies = _zone(settings.time_zone), networks(settings.proxies)
    if settings.user_header and settings.accounts:
        raise SettingsError(
            "VISIT_DESK_ACCOUNTS and VISIT_DESK_USER_HEADER are two ways to log in; set one"
        )
    if settings.user_header:
        if not proxies:
            raise SettingsError(
                f"the header {settings.user_header!r} is believed of nobody yet; "
                "set VISIT_DESK_PROXIES to the addresses of the proxies that send it"
            )
        return ProxyDoor(proxies, settings.user_header, settings.groups_header, zone)
    if settings.accounts:
        accounts = Accounts(Path(settings.accounts))
        if not accounts.listed():
            raise SettingsError(
                f"the accounts {settings.accounts!r} are none; run python -m rag users add NAME"
            )
        return AccountDoor(accounts, 3600 * settings.session_hours, proxies, zone)
    return Everybody()


def networks(listed: str) -> tuple[Network, ...]:
    """Return the addresses and networks of a list with commas between them.

    Raises:
        SettingsError: one is none.
    """
    try:
        return tuple(
            ipaddress.ip_network(each.strip(), strict=False)
            for each in listed.split(",")
            if each.strip()
        )
    except ValueError as error:
        raise SettingsError(
            f"the setting VISIT_DESK_PROXIES={listed!r} can not be used: {error}; "
            "name addresses such as 10.0.0.5 or 10.0.0.0/24"
        ) from error


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise SettingsError(
            f"the time zone {name!r} is not known; name one such as America/Mexico_City"
        ) from error


class Login:
    """ASGI middleware: lets in whom the door knows, and shows the others the way."""

    def __init__(self, app: Application, door: Door) -> None:
        self._app = app
        self._door = door
        self._tabs = Tabs()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass a request on with who sent it, or answer it."""
        if scope["type"] != "http" or scope["path"] in OPEN:
            await self._app(scope, receive, send)
            return
        answer = await self._answered(scope, receive)
        if answer:
            await answer(scope, receive, send)
        elif scope[VISITOR].user:
            await self._tabs.passing(self._app, scope[VISITOR].user, scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _answered(self, scope: Message, receive: Receive) -> Response | None:
        """Return the answer to who is not let in, None once the request says who sent it."""
        try:
            if isinstance(self._door, AccountDoor) and scope["path"] in (LOGIN, LOGOUT):
                return await self._at_the_door(self._door, Request(scope, receive))
            visitor = self._door.visitor(scope)
        except SettingsError as error:
            log.error("nobody can log in: %s", error)  # noqa: TRY400  # it says all there is
            return JSONResponse({"error": "nobody can log in; tell the operator"}, 503)
        if visitor is None:
            return self._shown_the_way(scope)
        scope[VISITOR] = visitor
        return None

    async def _at_the_door(self, door: AccountDoor, request: Request) -> Response:
        page = "text/html" in request.headers.get("accept", "")
        language = _spoken(request.headers.get("accept-language", ""))
        if not door.is_reached_by(request.scope):
            return JSONResponse({"error": "log in through the proxy before this server"}, 403)
        if request.url.path == LOGOUT:
            if request.method != "POST":
                return JSONResponse({"error": "log out with POST"}, 405)
            door.end(request.scope)
            response: Response = RedirectResponse("login", 303)
            response.delete_cookie(_cookie(request.scope), path="/", **_safe(request.scope))
            return response
        if request.method != "POST":
            return HTMLResponse(form(language))
        try:
            given = parse_qs((await request.body()).decode("utf-8", "replace"), max_num_fields=10)
        except ValueError:
            return JSONResponse({"error": "send username and password alone, as a form"}, 400)
        name, password = (given.get(each, [""])[0] for each in ("username", "password"))
        address = peer(request.scope, door.proxies)
        if wait := door.wait(name, address):
            minutes = int(wait // 60) + 1
            words = say(language, "login_later", n=minutes)
            headers = {"Retry-After": str(60 * minutes)}
            return _refused(words, 429, language, page=page, headers=headers)
        account = await run_in_threadpool(door.accounts.check, name, password)
        if account is None:
            await asyncio.sleep(door.slow_seconds)
            return _refused(say(language, "login_failed"), 401, language, page=page)
        response = RedirectResponse("./", 303) if page else JSONResponse({"user": account.name})
        response.set_cookie(
            _cookie(request.scope), door.begin(account, address),
            max_age=int(door.seconds), path="/", **_safe(request.scope),
        )  # fmt: skip
        return response

    def _shown_the_way(self, scope: Message) -> Response:
        headers = Headers(scope=scope)
        if not isinstance(self._door, AccountDoor):
            return JSONResponse({"error": "the proxy that users log in at names none"}, 401)
        if scope["method"] not in ("GET", "HEAD") or "text/html" not in headers.get("accept", ""):
            return JSONResponse({"error": "log in first, at /login"}, 401)
        if headers.get("sec-fetch-site") == "cross-site":
            # A link from another site comes without the cookie; the same page asks with it.
            return HTMLResponse('<!doctype html><meta http-equiv="refresh" content="0">')
        return RedirectResponse("login", 303)


class Tabs:
    """Whose each tab is: nobody acts or listens in that of another, even who knows its name."""

    def __init__(self) -> None:
        self._owners: OrderedDict[str, str] = OrderedDict()

    async def passing(
        self, app: Application, user: str, scope: Message, receive: Receive, send: Send
    ) -> None:
        """Pass a request on unless it names the tab of another user."""
        body, again = await body_of(scope, receive)
        if all(self._is_of(user, name) for name in _tabs_of(scope, body)):
            await app(scope, again, send)
            return
        refusal = JSONResponse({"error": "this tab is another user's; open the page anew"}, 403)
        await refusal(scope, receive, send)

    def _is_of(self, user: str, name: str) -> bool:
        """Tell whether a tab is a user's, as one is that nobody had before."""
        owner = self._owners.setdefault(name, user)
        self._owners.move_to_end(name)
        if len(self._owners) > MOST_TABS:
            self._owners.popitem(last=False)
        return owner == user


def form(language: str, problem: str = "") -> str:
    """Return the page to log in at."""
    said = f'<p role="alert" id="problem">{escape(problem)}</p>' if problem else ""
    told = ' aria-describedby="problem" aria-invalid="true"' if problem else ""
    return f"""<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{say(language, "login")} – Visit Desk</title>
<style>{STYLE}</style>
</head>
<body>
<main>
<h1>Visit Desk</h1>
{said}<form method="post" action="login">
<label for="username">{say(language, "login_name")}</label>
<input id="username" name="username" autocomplete="username" autocapitalize="none"
 spellcheck="false" required autofocus{told}>
<label for="password">{say(language, "login_password")}</label>
<input id="password" name="password" type="password" autocomplete="current-password" required{told}>
<button>{say(language, "login")}</button>
</form>
</main>
</body>
</html>
"""


STYLE = """
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif }
body { margin: 0; min-height: 100vh; display: grid; place-items: center;
  background: Canvas; color: CanvasText }
main { width: min(22rem, 100vw - 2rem) }
form { display: grid; gap: .4rem }
input, button { font: inherit; padding: .6rem; border-radius: 6px; border: 1px solid GrayText;
  box-sizing: border-box; width: 100% }
button { margin-top: .8rem; background: #0f5f5c; color: #fff; border-color: #0f5f5c;
  cursor: pointer }
:focus-visible { outline: 3px solid #1d8f8a; outline-offset: 2px }
[role=alert] { border-left: 4px solid #b3261e; padding: .4rem .8rem; margin: 0 0 1rem }
"""


def _clearance(groups: Iterable[str], zone: tzinfo) -> Clearance:
    return Clearance(frozenset(groups), datetime.now(zone).date())


def _is_from(scope: Message, proxies: Iterable[Network]) -> bool:
    return within(str((scope.get("client") or [""])[0]), proxies)


def _decoded(header: str) -> str:
    """Return a header's value, in which proxies send names as UTF-8."""
    try:
        words = header.encode("latin-1").decode("utf-8")
    except UnicodeError:
        words = header
    return unicodedata.normalize("NFKC", words).strip()


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _token(scope: Message) -> str:
    request = Request(scope)
    kind, _, word = request.headers.get("authorization", "").partition(" ")
    return word if kind.lower() == "bearer" else request.cookies.get(_cookie(scope), "")


def _cookie(scope: Message) -> str:
    """Return the cookie's name; browsers take the longer one from this very host over TLS only."""
    return f"__Host-{COOKIE}" if scope["scheme"] == "https" else COOKIE


def _safe(scope: Message) -> dict[str, Any]:
    return {"httponly": True, "samesite": "strict", "secure": scope["scheme"] == "https"}


def _refused(
    words: str, code: int, language: str, *, page: bool, headers: Mapping[str, str] | None = None
) -> Response:
    if page:
        return HTMLResponse(form(language, words), code, headers)
    return JSONResponse({"error": words}, code, headers)


def _spoken(accepted: str) -> str:
    """Return the first of the window's languages that a browser accepts.

    >>> _spoken("de-CH,de;q=0.9,fr;q=0.8"), _spoken("")
    ('fr', 'en')
    """
    codes = (each.strip()[:2].lower() for each in accepted.split(","))
    return next((code for code in codes if code in LANGUAGES), LANGUAGES[0])


async def body_of(scope: Message, receive: Receive) -> tuple[bytes, Receive]:
    """Return the body of a request to Gradio, and how the application receives it once more."""
    if scope["method"] != "POST" or not scope["path"].startswith("/gradio_api/"):
        return b"", receive
    body = await Request(scope, receive).body()
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return body, again


def _tabs_of(scope: Message, body: bytes) -> set[str]:
    """Return every name of a tab that a request gives."""
    names = Request(scope).query_params.getlist("session_hash")
    before, _, last = scope["path"].rpartition("/")
    if before.endswith("/heartbeat"):
        names.append(last)
    try:
        sent = json.loads(body) if body else {}
    except ValueError:
        sent = {}
    if isinstance(sent, dict) and isinstance(sent.get("session_hash"), str):
        names.append(sent["session_hash"])
    return set(names)
