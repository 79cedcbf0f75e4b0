import socket
from pathlib import Path

import pytest

import app
from ui import guard

pytestmark = pytest.mark.usefixtures("logs_as_before")


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
