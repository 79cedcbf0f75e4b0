import os
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

import app
from ui import guard

pytestmark = pytest.mark.usefixtures("logs_as_before")

ROOT = Path(__file__).parents[1]
HEAPS = """
import ctypes, threading, app
c = ctypes.CDLL(None)
out = ctypes.c_void_p.in_dll(c, "stdout")
all_there = threading.Barrier(20)
def take():
    all_there.wait()
    c.malloc(5000)
    all_there.wait()
app.main(["--index", "nowhere"])
c.malloc_info(0, out)
threads = [threading.Thread(target=take) for _ in range(20)]
for each in threads: each.start()
for each in threads: each.join()
c.malloc_info(0, out)
c.fflush(out)
"""
FREED = """
import ctypes, os, time, app
c = ctypes.CDLL(None)
c.malloc.restype = ctypes.c_void_p
def megabytes():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1_000_000
app.TRIM_SECONDS = 0.1
app.main(["--index", "nowhere"])
before = megabytes()
taken = [ctypes.c_void_p(c.malloc(5000)) for _ in range(20_000)]
for each in taken: c.memset(each, 1, 5000)
print(megabytes() - before)
for each in taken[:-1]: c.free(each)  # the last one keeps the end of the heap
until = time.monotonic() + 20
while megabytes() - before > 30 and time.monotonic() < until: time.sleep(0.1)
print(megabytes() - before)
"""


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        pytest.param(["--host", "192.0.2.1"], 2, "nobody has to log in; run python -m", id="login"),
        pytest.param(["--port", "0"], 2, "VISIT_DESK_PORT=0", id="bad-setting"),
        pytest.param(["--index", "nowhere"], 3, "there is no index in 'nowhere'", id="no-index"),
    ],
)
def test_a_wrong_start_ends_with_one_sentence(
    capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, message: str
) -> None:
    assert app.main(arguments) == code
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


def made_key(folder: Path, name: str) -> tuple[str, str, str]:
    """Return files of a certificate of a test's own, of its key, and of the same key encrypted."""
    key, named = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    day = datetime(2026, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder(named, named, key.public_key(), 1, day, day + timedelta(days=9999))
        .sign(key, hashes.SHA256())
        .public_bytes(Encoding.PEM)
    )
    files = [folder / f"{name}.{each}" for each in ("pem", "key", "locked")]
    words = NoEncryption(), BestAvailableEncryption(b"open sesame")
    keys = [key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, each) for each in words]
    for file, data in zip(files, (certificate, *keys), strict=True):
        file.write_bytes(data)
    return str(files[0]), str(files[1]), str(files[2])


def test_files_for_tls_that_do_not_fit_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key, locked = made_key(tmp_path, "one")
    _, other, _ = made_key(tmp_path, "two")
    for wrong in (other, locked, certificate, __file__):
        monkeypatch.setenv("VISIT_DESK_TLS_CERTIFICATE", certificate)
        monkeypatch.setenv("VISIT_DESK_TLS_KEY", wrong)
        assert app.main(["--index", "nowhere"]) == 2
        said = capsys.readouterr().err
        assert f"the certificate {certificate!r} and the key {wrong!r} can not be used" in said
    monkeypatch.setenv("VISIT_DESK_TLS_KEY", key)
    assert app.main(["--index", "nowhere"]) == 3  # all is well with these


@pytest.mark.parametrize(
    ("token", "message"),
    [("", "set VISIT_DESK_OPERATOR_TOKEN to what"), ("short", "has 5 characters; take 16 or more")],
)
def test_metrics_that_anybody_could_read_are_not_served(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, token: str, message: str
) -> None:
    for name, value in (("USER_HEADER", "X-User"), ("PROXIES", "127.0.0.1"), ("METRICS", "true")):
        monkeypatch.setenv(f"VISIT_DESK_{name}", value)
    monkeypatch.setenv("VISIT_DESK_OPERATOR_TOKEN", token)
    assert app.main(["--index", "nowhere"]) == 2
    assert message in capsys.readouterr().err
    monkeypatch.setenv("VISIT_DESK_OPERATOR_TOKEN", "a token that is long enough")
    assert app.main(["--index", "nowhere"]) == 3


def test_a_port_in_use_is_said(
    seeds_index: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_PROXY", "no_proxy", *guard.ENVIRONMENT):
        monkeypatch.setenv(name, "")  # so that they are put back afterwards
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert app.main(["--index", str(seeds_index), "--port", str(port)]) == 2
    assert f"the port {port} of '127.0.0.1' can not be opened" in capsys.readouterr().err


def run(code: str, folder: Path) -> str:
    return subprocess.run(  # noqa: S603  # this very interpreter
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


@pytest.mark.skipif(sys.platform != "linux", reason="heaps of threads are glibc's")
def test_threads_make_no_heaps_of_their_own(tmp_path: Path) -> None:
    before, after = (each.count("<heap ") for each in run(HEAPS, tmp_path).split("</malloc>")[:2])
    assert after == max(before, app.ARENAS)


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc has to be asked")
def test_what_is_free_amid_a_heap_is_given_back(tmp_path: Path) -> None:
    taken, left = map(int, run(FREED, tmp_path).split())
    assert taken > 90
    assert left <= 30
