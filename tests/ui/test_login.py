"""Who is let in, asked through the same middleware that stands before the window."""

import ipaddress
import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

import httpx
import pytest

from rag.access import OPERATOR, rules_of
from rag.accounts import Accounts
from rag.errors import SettingsError
from rag.settings import Settings
from ui import guard, login
from ui.limits import Limited, Limits
from ui.login import AccountDoor, Door, Everybody, Login, ProxyDoor, Visitor

URL = "http://127.0.0.1:7860"
PASSWORD = "correct horse battery"  # noqa: S105  # of nobody
PROXY = (ipaddress.ip_network("10.0.0.0/30"),)
HTML = {"accept": "text/html"}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def accounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Accounts:
    monkeypatch.setattr("rag.accounts.COST", 2**4)  # what a hash costs is not told here
    made = Accounts(tmp_path / "accounts.json")
    made.put("ana", PASSWORD, ["press"])
    made.put("bob", PASSWORD, [])
    return made


@pytest.fixture
def door(accounts: Accounts, clock: Clock) -> AccountDoor:
    return AccountDoor(accounts, 3600, clock=clock, slow_seconds=0)


async def window(scope: guard.Message, receive: guard.Receive, send: guard.Send) -> None:
    """Answer with who is known to have sent what, in place of the window."""
    who: Visitor | None = scope.get(login.VISITOR)
    message = await receive()
    told = {
        "user": who.user if who else None,
        "groups": sorted(who.clearance.groups) if who else None,
        "body": message.get("body", b"").decode(),
    }
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": json.dumps(told).encode()})


def client(
    door: Door,
    *,
    url: str = URL,
    address: str = "127.0.0.1",
    proxies: tuple[guard.Network, ...] = (),
    limits: Limits | None = None,
    inside: guard.Application | None = None,
) -> httpx.AsyncClient:
    inside = inside or Login(Limited(window, limits or Limits()), door)
    app = guard.Guard(inside, (*guard.LOOPBACK, "desk.example"), proxies)
    transport = httpx.ASGITransport(app=app, client=(address, 5000))
    return httpx.AsyncClient(transport=transport, base_url=url)


async def entered(door: Door, name: str = "ana", **more: object) -> httpx.AsyncClient:
    opened = client(door, **more)  # type: ignore[arg-type]  # as named there
    reply = await opened.post("/login", data={"username": name, "password": PASSWORD})
    assert (reply.status_code, reply.json()) == (200, {"user": name})
    return opened


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/config"),
        ("GET", "/gradio_api/info"),
        ("GET", "/gradio_api/queue/data?session_hash=x"),
        ("POST", "/gradio_api/queue/join"),
        ("POST", "/gradio_api/call/ask"),
        ("GET", "/gradio_api/file=/etc/passwd"),
        ("POST", "/desk/file?name=a.txt"),
        ("GET", "/assets/index.js"),
        ("GET", "/login/"),
        ("GET", "//health"),
        ("GET", "/health/x"),
    ],
)
async def test_nothing_is_served_to_who_is_not_logged_in(
    door: AccountDoor, method: str, path: str
) -> None:
    reply = await client(door).request(method, path)
    assert (reply.status_code, reply.json()) == (401, {"error": "log in first, at /login"})


async def test_the_page_leads_to_where_one_logs_in(door: AccountDoor) -> None:
    opened = client(door)
    there = await opened.get("/", headers=HTML)
    assert (there.status_code, there.headers["location"]) == (303, "login")
    again = await opened.get("/", headers={**HTML, "sec-fetch-site": "cross-site"})
    assert "http-equiv" in again.text
    page = await opened.get("/login", headers={**HTML, "accept-language": "fr-CA"})
    assert '<html lang="fr">' in page.text
    assert "Mot de passe" in page.text
    assert "form-action 'self'" in page.headers["content-security-policy"]


async def test_one_who_logs_in_is_known_until_the_session_is_over(
    door: AccountDoor, clock: Clock
) -> None:
    opened = await entered(door)
    assert (await opened.get("/config")).json()["user"] == "ana"
    clock.now = 3599
    assert (await opened.get("/config")).status_code == 200
    clock.now = 3600
    assert (await opened.get("/config")).status_code == 401


async def test_the_cookie_is_for_this_site_and_the_server_alone(door: AccountDoor) -> None:
    plain = await client(door).post("/login", data={"username": "ana", "password": PASSWORD})
    secure = await client(door, url="https://127.0.0.1").post(
        "/login", data={"username": "ana", "password": PASSWORD}, headers=HTML
    )
    cookie = plain.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Max-Age=3600" in cookie
    assert "Secure" not in cookie
    assert secure.status_code == 303
    assert secure.headers["set-cookie"].startswith("__Host-visit-desk=")
    assert "Secure" in secure.headers["set-cookie"]


async def test_who_logs_out_is_out_even_with_the_cookie(door: AccountDoor) -> None:
    opened = await entered(door)
    token = opened.cookies["visit-desk"]
    bearer = {"authorization": f"Bearer {token}"}
    assert (await client(door).get("/config", headers=bearer)).json()["user"] == "ana"
    assert (await opened.get("/logout")).status_code == 405
    assert (await opened.post("/logout")).status_code == 303
    assert (await client(door).get("/config", headers=bearer)).status_code == 401


async def test_accounts_count_as_they_are_now(door: AccountDoor, accounts: Accounts) -> None:
    opened = await entered(door)
    assert (await opened.get("/config")).json()["groups"] == ["press"]
    _, bob = await entered(door, "bob"), await entered(door, "bob")
    accounts.put("bob", PASSWORD + "2", [])
    assert (await bob.get("/config")).status_code == 401
    accounts.remove("ana")
    assert (await opened.get("/config")).status_code == 401
    accounts.file.chmod(0o644)
    assert (await (await _stale(door)).get("/config")).status_code == 503


async def _stale(door: AccountDoor) -> httpx.AsyncClient:
    """Return a browser whose session is looked up in a file that nobody trusts any more."""
    opened = client(door)
    account = replace(door.accounts._accounts["bob"])
    opened.cookies["visit-desk"] = door.begin(account, "127.0.0.1")
    return opened


async def test_tries_are_few(door: AccountDoor, clock: Clock) -> None:
    opened = client(door)

    async def tried(name: str, password: str) -> httpx.Response:
        return await opened.post("/login", data={"username": name, "password": password})

    codes = [(await tried("ana", "wrong")).status_code for _ in range(login.TRIES)]
    assert set(codes) == {401}
    late = await tried("ANA", PASSWORD)
    assert (late.status_code, late.headers["retry-after"]) == (429, "960")
    assert (await tried("bob", PASSWORD)).status_code == 200
    clock.now = login.TRIES_SECONDS
    assert (await tried("ana", PASSWORD)).status_code == 200
    many = [(await tried(f"u{n}", "wrong")).status_code for n in range(60)]
    assert many.count(401) < 60 == len(many)
    assert many[-1] == 429


async def test_a_name_gets_no_more_tries_by_being_typed_in_another_way(door: AccountDoor) -> None:
    opened = client(door)
    spellings = ("ana", "ANA", "ana ", " ana", "\uff41\uff4e\uff41", "ana\u3000")
    codes = [
        (await opened.post("/login", data={"username": name, "password": "wrong"})).status_code
        for name in (spellings * 2)[: login.TRIES + 1]
    ]
    assert codes == [401] * login.TRIES + [429]


@pytest.mark.parametrize("body", ["a=1&" * 11, "&".join(f"{n}=x" for n in range(12))])
async def test_a_form_of_too_many_fields_is_refused(door: AccountDoor, body: str) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    reply = await client(door).post("/login", content=body + "username=ana", headers=headers)
    assert (reply.status_code, "as a form" in reply.json()["error"]) == (400, True)


async def test_what_is_typed_is_never_markup(door: AccountDoor) -> None:
    name = "<img src=x onerror=alert(1)>"
    reply = await client(door).post(
        "/login", data={"username": name, "password": name}, headers=HTML
    )
    assert (reply.status_code, "<img" in reply.text) == (401, False)
    assert 'role="alert"' in reply.text


async def test_an_account_has_so_many_sessions_and_no_more(
    door: AccountDoor, accounts: Accounts
) -> None:
    account = accounts.get("ana")
    assert account
    first = door.begin(account, "127.0.0.1")
    for _ in range(login.MOST_OF_ONE):
        door.begin(account, "127.0.0.1")
    assert len(door._sessions) == login.MOST_OF_ONE
    assert login._digest(first) not in door._sessions


async def test_a_whole_office_logs_in_from_one_address(door: AccountDoor) -> None:
    for _ in range(login.FROM_ONE_ADDRESS * login.TRIES + 1):
        await entered(door)


async def test_a_tab_is_its_users(door: AccountDoor) -> None:
    inside = Login(window, door)
    ana, bob = await entered(door, inside=inside), await entered(door, "bob", inside=inside)
    mine = {"session_hash": "tab1", "data": ["é"]}
    sent = await ana.post("/gradio_api/queue/join", json=mine)
    assert json.loads(sent.json()["body"]) == mine
    assert (await ana.get("/gradio_api/queue/data?session_hash=tab1")).status_code == 200
    for method, path, body in (
        ("GET", "/gradio_api/queue/data?session_hash=tab1", None),
        ("GET", "/gradio_api/heartbeat/tab1", None),
        ("POST", "/gradio_api/queue/join", mine),
        ("POST", "/gradio_api/cancel?session_hash=other", mine),
    ):
        assert (await bob.request(method, path, json=body)).status_code == 403
    assert (await bob.get("/gradio_api/queue/data?session_hash=tab2")).status_code == 200


@pytest.mark.parametrize(
    ("address", "headers", "expected"),
    [
        pytest.param("10.0.0.1", [("x-user", "Ana")], ("Ana", []), id="named"),
        pytest.param(
            "10.0.0.1",
            [("x-user", "Zoé"), ("x-groups", "Press, ministers")],
            ("Zoé", ["ministers", "press"]),
            id="groups",
        ),
        pytest.param("10.0.0.9", [("x-user", "Ana")], None, id="another-address"),
        pytest.param("127.0.0.1", [("x-user", "Ana")], None, id="this-machine"),
        pytest.param(
            "10.0.0.9", [("x-user", "Ana"), ("x-forwarded-for", "10.0.0.1")], None, id="forged"
        ),
        pytest.param("10.0.0.1", [], None, id="nobody"),
        pytest.param("10.0.0.1", [("x-user", " ")], None, id="blank"),
        pytest.param("10.0.0.1", [("x-user", "Ana"), ("x-user", "Bob")], None, id="two"),
        pytest.param("10.0.0.1", [("x-user", "a" * 201)], None, id="long"),
    ],
)
async def test_a_proxy_names_the_user_and_nobody_else_does(
    address: str, headers: list[tuple[str, str]], expected: tuple[str, list[str]] | None
) -> None:
    opened = client(ProxyDoor(PROXY, "X-User", "X-Groups"), address=address, proxies=PROXY)
    reply = await opened.get("/config", headers=[(k, v.encode()) for k, v in headers])
    if expected is None:
        assert reply.status_code == 401
    else:
        assert (reply.json()["user"], reply.json()["groups"]) == expected


async def test_behind_a_proxy_only_the_proxy_is_let_in_and_believed(
    accounts: Accounts, clock: Clock
) -> None:
    door = AccountDoor(accounts, 3600, PROXY, clock=clock, slow_seconds=0)
    form = {"username": "ana", "password": PASSWORD}
    there = {"host": "desk.example", "origin": "https://desk.example", "x-forwarded-proto": "https"}
    through = client(door, address="10.0.0.1", proxies=PROXY)
    reply = await through.post("/login", data=form, headers=there)
    assert (reply.status_code, "Secure" in reply.headers["set-cookie"]) == (200, True)
    token = reply.headers["set-cookie"].partition("=")[2].partition(";")[0]
    bearer = {"authorization": f"Bearer {token}"}
    assert (await through.get("/config", headers=bearer)).status_code == 200
    around = client(door, address="10.0.0.9", proxies=PROXY)
    assert (await around.get("/config", headers=bearer)).status_code == 401
    assert (await around.post("/login", data=form, headers=there)).status_code == 403
    told = []
    for password in (PASSWORD, "wrong", *["wrong"] * login.TRIES):
        reply = await around.post("/login", data={**form, "password": password})
        told.append((reply.status_code, "set-cookie" in reply.headers, reply.text))
    assert set(told) == {(403, False, '{"error":"log in through the proxy before this server"}')}
    assert (await around.get("/login", headers=HTML)).status_code == 403
    assert (
        await through.post("/login", data=form, headers=there)
    ).status_code == 200  # no try lost


async def test_on_this_machine_alone_everybody_is_the_operator() -> None:
    assert Everybody().visitor({}) == Visitor(OPERATOR)
    assert (await client(Everybody()).get("/config")).json()["user"] == ""


async def test_requests_of_one_user_are_so_many_a_minute(door: AccountDoor, clock: Clock) -> None:
    limits = Limits(requests=3, clock=clock)
    opened = await entered(door, limits=limits)
    codes = [(await opened.post("/gradio_api/queue/join", json={})).status_code for _ in range(4)]
    assert codes == [200, 200, 200, 429]
    clock.now = 60
    assert (await opened.post("/gradio_api/queue/join", json={})).status_code == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        pytest.param("ask", lambda question: {"data": [question, None]}, id="list"),
        pytest.param("v2/ask", lambda question: {"question": question}, id="names"),
        pytest.param("v2/ask/", lambda question: {"question": question}, id="slash"),
    ],
)
async def test_programs_are_told_by_status_and_in_json(
    door: AccountDoor, clock: Clock, path: str, body: Callable[[object], object]
) -> None:
    limits = Limits(question=10, questions=1, pending=1, clock=clock)
    opened = await entered(door, limits=limits)

    async def ask(question: object) -> tuple[int, dict[str, str]]:
        reply = await opened.post(f"/gradio_api/call/{path}", json=body(question))
        return reply.status_code, reply.json()

    code, said = await ask("x" * 11)
    assert (code, "shorten it to 10 characters" in said["error"]) == (400, True)
    assert (await ask("x" * 10))[0] == 200
    with limits.asking("ana"):
        code, said = await ask("x")
        assert (code, "being answered already" in said["error"]) == (429, True)
    code, said = await ask("x")
    assert (code, "go on in 60 s" in said["error"]) == (429, True)
    clock.now = 60
    assert (await ask("x"))[0] == 200
    assert (await ask(None))[0] == 200


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"user_header": "X-User"}, "is believed of nobody yet; set VISIT_DESK_PROXIES"),
        ({"user_header": "X-User", "accounts": "a"}, "two ways to log in; set one"),
        ({"proxies": "10.0.0.5, proxy.example"}, "VISIT_DESK_PROXIES='10.0.0.5, proxy.example'"),
        ({"accounts": "nowhere.json"}, "there is no file of accounts 'nowhere.json'"),
        ({"time_zone": "Mars/Olympus"}, "the time zone 'Mars/Olympus' is not known"),
    ],
)
def test_settings_that_let_nobody_in_are_refused(given: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=message.replace(".", r"\.")):
        login.door(Settings(**given))  # type: ignore[arg-type]  # texts are what they take


def test_settings_name_the_way_in(accounts: Accounts) -> None:
    assert isinstance(login.door(Settings()), Everybody)
    proxied = login.door(Settings(user_header="X-User", proxies="10.0.0.1,::1"))
    assert isinstance(proxied, ProxyDoor)
    assert len(proxied.proxies) == 2
    opened = login.door(Settings(accounts=str(accounts.file), session_hours=2))
    assert isinstance(opened, AccountDoor)
    assert opened.seconds == 7200


def test_the_day_of_an_embargo_is_that_of_the_time_zone() -> None:
    ahead = login.door(Settings(user_header="x", proxies="::1", time_zone="Pacific/Kiritimati"))
    behind = login.door(Settings(user_header="x", proxies="::1", time_zone="Etc/GMT+12"))
    days = []
    for each in (behind, ahead):
        scope = {"client": ("::1", 1), "headers": [(b"x", b"ana")], "type": "http"}
        visitor = each.visitor(scope)
        assert visitor
        days.append(visitor.clearance.today)
    assert (days[1] - days[0]).days in (1, 2)
    assert days[0] <= datetime.now(UTC).date() <= days[1]


@pytest.mark.parametrize(
    ("jump", "open_"),
    [
        pytest.param(timedelta(0), False, id="right"),
        pytest.param(timedelta(hours=1), False, id="an-hour-ahead"),
        pytest.param(timedelta(hours=-1), False, id="an-hour-back"),
        pytest.param(timedelta(days=-1), False, id="a-day-back"),
        pytest.param(timedelta(days=1), True, id="a-day-ahead"),
        pytest.param(timedelta(days=-20_000), False, id="as-if-the-battery-were-empty"),
    ],
)
async def test_a_clock_that_jumps_ends_no_session_early_and_opens_an_embargo_only_while_it_is_wrong(
    door: AccountDoor,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    jump: timedelta,
    open_: bool,
) -> None:
    right = datetime(2025, 9, 30, 12, tzinfo=UTC)
    rules = rules_of("embargo until 2025-10-01", "")

    class Wall(datetime):
        shown = right

        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]  # its own type
            return cls.shown.astimezone(tz)

    monkeypatch.setattr(login, "datetime", Wall)
    opened = await entered(door)
    scope = {"type": "http", "scheme": "http", "headers": [(b"cookie", cookie_of(opened))]}
    told = []
    for Wall.shown in (right, right + jump, right):
        visitor = door.visitor(scope)
        assert visitor
        told.append(visitor.clearance.admits(rules or ()))
    assert told == [False, open_, False]
    Wall.shown = right + jump
    clock.now = 3600  # that one can not be set, and only goes forward
    assert door.visitor(scope) is None


def cookie_of(opened: httpx.AsyncClient) -> bytes:
    return f"visit-desk={opened.cookies['visit-desk']}".encode()


def test_uvicorn_believes_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    from uvicorn.middleware.proxy_headers import _TrustedHosts

    for name in ("NO_PROXY", "no_proxy", *guard.ENVIRONMENT):
        monkeypatch.setenv(name, "*")
    guard.quiet()
    trusted = _TrustedHosts(os.environ["FORWARDED_ALLOW_IPS"])
    assert not any(each in trusted for each in ("127.0.0.1", "::1", "10.0.0.1", ""))


def test_a_rate_forgets_who_was_not_seen_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    from ui.rate import Rate

    monkeypatch.setattr("ui.rate.MOST_COUNTED", 100)
    rate = Rate(1, 60, clock=lambda: 0.0)
    assert [rate.wait(str(number)) for number in range(1000)] == [0.0] * 1000
    assert len(rate._done) == 100
    assert rate.wait("999") == 60
    rate.forget("999")
    assert rate.wait("999") == 0
