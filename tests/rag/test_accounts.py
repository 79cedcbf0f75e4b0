import io
import json
from pathlib import Path

import pytest

from rag.__main__ import main
from rag.accounts import Accounts
from rag.errors import SettingsError

PASSWORD = "correct horse battery"  # noqa: S105  # of nobody


@pytest.fixture
def accounts(tmp_path: Path) -> Accounts:
    made = Accounts(tmp_path / "desk" / "accounts.json")
    assert made.put("Ana", PASSWORD, ["Press, internal"])
    return made


def test_a_password_opens_its_own_account_alone(accounts: Accounts) -> None:
    accounts.put("bob", PASSWORD + "2", [])
    found = accounts.check(" ANA ", PASSWORD)
    assert found
    assert (found.name, found.groups) == ("ana", frozenset(["press", "internal"]))
    assert accounts.check("bob", PASSWORD) is None
    assert accounts.check("ana", "") is None
    assert accounts.check("nobody", PASSWORD) is None


def test_what_is_kept_is_a_salted_hash_that_others_can_not_read(accounts: Accounts) -> None:
    accounts.put("bob", PASSWORD, [])
    text = accounts.file.read_text()
    assert PASSWORD not in text
    one, other = (row["hash"] for row in json.loads(text))
    assert one.startswith("scrypt$32768$8$3$")
    assert one != other
    assert accounts.file.stat().st_mode & 0o777 == 0o600


def test_another_process_sees_what_changed(accounts: Accounts) -> None:
    reader = Accounts(accounts.file)
    assert reader.get("ana")
    accounts.put("ana", PASSWORD + "2", ["ministers"])
    changed = reader.get("ana")
    assert changed
    assert changed.groups == frozenset(["ministers"])
    assert accounts.remove("Ana")
    assert reader.get("ana") is None
    assert not accounts.remove("ana")


@pytest.mark.parametrize(
    ("name", "password", "message"),
    [
        pytest.param("a b", PASSWORD, "the name 'a b' can not be used", id="blank"),
        pytest.param("", PASSWORD, "the name '' can not be used", id="empty"),
        pytest.param("a" * 65, PASSWORD, "can not be used", id="long"),
        pytest.param("bob", "eleven char", "has 11 characters; take 12 to 200", id="short"),
    ],
)
def test_a_name_or_password_that_can_not_be_used_is_refused(
    accounts: Accounts, name: str, password: str, message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        accounts.put(name, password, [])


@pytest.mark.parametrize(
    ("text", "mode", "message"),
    [
        pytest.param(None, 0o644, "others may read or write .* run chmod 600", id="readable"),
        pytest.param(None, 0o620, "others may read or write .* run chmod 600", id="writable"),
        pytest.param("{", 0o600, "can not be read: .*; restore the file", id="broken"),
        pytest.param('[{"name": "ana"}]', 0o600, "can not be read", id="no-hash"),
    ],
)
def test_a_file_that_can_not_be_trusted_lets_nobody_in(
    accounts: Accounts, text: str | None, mode: int, message: str
) -> None:
    if text is not None:
        accounts.file.write_text(text)
    accounts.file.chmod(mode)
    with pytest.raises(SettingsError, match=message):
        Accounts(accounts.file).check("ana", PASSWORD)


def test_accounts_are_kept_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "accounts.json"

    def users(*words: str, typed: str = "") -> int:
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        return main(["users", *words, "--accounts", str(file)])

    assert users("list") == 2
    assert "run python -m rag users add NAME" in capsys.readouterr().err
    assert users("add", "ana", "--group", "press", typed=f"{PASSWORD}\n") == 0
    assert users("add", "ana", typed=f"{PASSWORD}\n") == 0
    assert users("add", "bob", "--group", "b", "--group", "a", typed=f"{PASSWORD}\n") == 0
    assert users("add", "eve", typed="short\n") == 2
    assert users("list") == 0
    assert users("remove", "bob") == 0
    assert users("remove", "bob") == 2
    printed = capsys.readouterr()
    assert f"added 'ana' in {file}\nchanged 'ana' in {file}\n" in printed.out
    assert "ana: \nbob: a, b\n" in printed.out
    assert "there is no account 'bob'" in printed.err
    assert [each.name for each in Accounts(file).listed()] == ["ana"]


def test_a_command_without_a_file_says_which_setting_names_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VISIT_DESK_ACCOUNTS", raising=False)
    assert main(["users", "list"]) == 2
    assert "set VISIT_DESK_ACCOUNTS or give --accounts FILE" in capsys.readouterr().err
