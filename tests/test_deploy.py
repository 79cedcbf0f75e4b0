"""What runs it as a service or in a container, as far as it can be tested without either."""

import json
import os
import re
import shlex
import shutil
import ssl
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from rag.settings import PREFIX, Settings

ROOT = Path(__file__).parents[1]
UNIT = (ROOT / "deploy" / "visit-desk.service").read_text(encoding="utf-8")
CONTAINER = (ROOT / "deploy" / "Containerfile").read_text(encoding="utf-8")
PLACE = "/opt/visit-desk"
EXPOSURE = 20  # tenths; systemd calls all below 2.0 well protected
# What runs where nothing but one folder can be written and no network can be reached.
CONFINED = """
import json, os, subprocess, sys, urllib.request
from pathlib import Path

os.environ["VISIT_DESK_PORT"] = "7861"

root, probe = sys.argv[1:]
for place in (root, "/etc", "/usr", "/var"):
    try:
        (Path(place) / "written").touch()
    except OSError:
        continue
    sys.exit(f"{place} could be written")
process = subprocess.Popen([sys.executable, f"{root}/app.py"], stdout=subprocess.PIPE, text=True)
assert process.stdout.readline().startswith("Visit Desk is at http://127.0.0.1:7861")
subprocess.run([sys.executable, f"{root}/{probe}"], check=True, stdout=subprocess.DEVNULL)
url = "http://127.0.0.1:7861/gradio_api/call"
body = json.dumps({"question": "Who is Rachel Bendayan?"}).encode()
request = urllib.request.Request(f"{url}/v2/ask", body, {"Content-Type": "application/json"})
event = json.load(urllib.request.urlopen(request))["event_id"]
reply = urllib.request.urlopen(f"{url}/ask/{event}").read().decode()
process.terminate()
assert process.wait(30) == 0
print(json.dumps({"answer": json.loads(reply.rpartition("data: ")[2])[0], "id": os.getuid()}))
"""


def needed(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"there is no program {program}")
    return found


def checked(*command: str) -> str:
    """Return what a command says, which must end well."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)  # noqa: S603  # our own
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


def test_the_unit_is_one_that_systemd_takes_and_calls_well_protected(tmp_path: Path) -> None:
    analyze = needed("systemd-analyze")
    unit = tmp_path / "visit-desk.service"
    here = UNIT.replace(f"{PLACE}/.venv/bin/python", sys.executable).replace(PLACE, str(ROOT))
    unit.write_text(here, encoding="utf-8")
    assert checked(analyze, "verify", str(unit)) == ""
    checked(analyze, "security", "--offline=true", f"--threshold={EXPOSURE}", str(unit))


def test_both_start_what_there_is_with_settings_that_there_are() -> None:
    for text in (UNIT, CONTAINER):
        named = set(re.findall(rf"\b{PREFIX}(\w+)=", text))
        assert "INDEX" in named
        assert named <= {name.upper() for name in Settings.model_fields}
        for path in re.findall(rf"{PLACE}/([\w/-]+\.\w+)", text):
            assert (ROOT / path).is_file()


def test_the_container_has_a_user_a_volume_and_all_that_is_copied() -> None:
    instructions = CONTAINER.replace("\\\n", " ").splitlines()
    assert "USER 10001" in instructions
    assert "VOLUME /data" in instructions
    ignored = (ROOT / "deploy" / "Containerfile.dockerignore").read_text(encoding="utf-8")
    copied = [line.split()[1:-1] for line in instructions if re.match("COPY (?!--)", line)]
    for name in {name for names in copied for name in names}:
        assert (ROOT / name).exists()
        assert f"!{name}\n" in ignored


@pytest.mark.parametrize(
    ("host", "listens", "tls"),
    [
        pytest.param("127.0.0.1", "127.0.0.1", False, id="loopback"),
        pytest.param("0.0.0.0", "127.0.0.1", False, id="wildcard"),  # noqa: S104  # a setting
        pytest.param("localhost", "localhost", True, id="tls"),
    ],
)
def test_health_is_asked_where_the_settings_say(
    tmp_path: Path, host: str, listens: str, tls: bool
) -> None:
    """A server of the standard library stands in for the chat, on a port that is free."""

    class Reply(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            codes.append(int(self.path == "/health") and replies.pop())
            self.send_response(codes[-1])
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    codes: list[int] = []
    replies = [503, 200]
    with HTTPServer((listens, 0), Reply) as server:
        given = {"HOST": host, "PORT": str(server.server_port)}
        if tls:
            key, certificate = (tmp_path / name for name in ("key.pem", "certificate.pem"))
            made = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=desk.example.org"
            written = ("-keyout", str(key), "-out", str(certificate))
            checked(needed("openssl"), *made.split(), *written)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            server.socket = context.wrap_socket(server.socket, server_side=True)
            given |= {"TLS_CERTIFICATE": str(certificate), "TLS_KEY": str(key)}
        threading.Thread(target=server.serve_forever, daemon=True).start()
        environment = {**os.environ, **{PREFIX + name: value for name, value in given.items()}}
        command = [sys.executable, str(ROOT / "deploy" / "health.py")]
        ended = [
            subprocess.run(command, env=environment, capture_output=True, check=False).returncode  # noqa: S603  # our own
            for _ in range(2)
        ]
        server.shutdown()
    assert (codes, ended) == ([200, 503], [0, 1])


def test_the_unit_says_that_readers_of_other_machines_have_to_be_named() -> None:
    guide = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    assert "IPAddressDeny=any\n" in UNIT
    for text in (UNIT, guide):
        assert re.search("readers.*IPAddressAllow|IPAddressAllow.*readers", text, re.DOTALL)


def test_it_starts_and_answers_where_it_may_write_one_folder_and_reach_no_network(
    tmp_path: Path, own_index: Path, model_cache: Path
) -> None:
    """With the container's own variables and probe, confined by bubblewrap in its place."""
    sandbox = needed("bwrap")
    trial = [sandbox, "--unshare-all", "--ro-bind", "/", "/", "true"]
    if subprocess.run(trial, capture_output=True, check=False).returncode:  # noqa: S603  # as above
        pytest.skip("bwrap may not make namespaces here")
    data = tmp_path / "data"
    data.mkdir()
    own_index.rename(data / "index")
    (data / "index" / "model").unlink()
    shutil.copytree(model_cache, data / "index" / "model")
    probe = json.loads(re.findall(r"^HEALTHCHECK .*? CMD (\[.+\])$", CONTAINER, re.MULTILINE)[0])
    (variables,) = re.findall(r"^ENV (HOME=(?:.|\n)+?)(?<!\\)\n", CONTAINER, re.MULTILINE)
    given = dict(each.split("=", 1) for each in shlex.split(variables.replace("\\\n", " ")))
    prefix = Path(sys.prefix).resolve()  # it may be a link to what the sandbox has not
    places = [str(prefix), sys.base_prefix, str(ROOT)]
    bound = [word for place in places for word in ("--ro-bind", place, place)]
    command = [
        sandbox, "--unshare-all", "--die-with-parent", "--uid", "10001", "--gid", "10001",
        "--cap-drop", "ALL", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev",
        "--tmpfs", "/tmp", *bound, "--bind", str(data), "/mnt", "--chdir", "/mnt",  # noqa: S108  # its own
        "--clearenv", "--setenv", "PATH", "/usr/bin:/bin",
    ]  # fmt: skip
    for name, value in given.items():
        command += ["--setenv", name, value.replace("/data", "/mnt")]
    script = probe[1].removeprefix(f"{PLACE}/")
    said = checked(*command, str(prefix / "bin" / "python"), "-c", CONFINED, str(ROOT), script)
    found = json.loads(said)
    assert (found["answer"]["status"], found["id"]) == ("answered", 10001)
    record = (data / "index" / "records" / "answers.jsonl").read_text(encoding="utf-8")
    assert json.loads(record.splitlines()[-1])["id"] == found["answer"]["id"]
