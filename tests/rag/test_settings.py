from pathlib import Path

import pytest

from rag.errors import SettingsError
from rag.settings import PREFIX, Settings


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(PREFIX + name.upper(), raising=False)


def test_reads_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISIT_DESK_TOP_K", "3")
    assert Settings.read().top_k == 3


def test_reads_a_file_beside_the_program(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("VISIT_DESK_PORT=9000\nSOMETHING_ELSE=1\n")
    assert Settings.read().port == 9000


def test_what_is_given_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISIT_DESK_INDEX", "one")
    assert Settings.read(index=Path("two"), port=None).index == Path("two")


def test_an_index_that_is_given_is_not_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISIT_DESK_CHROMA_URL", "http://127.0.0.1:8000")
    assert Settings.read().chroma_url == "http://127.0.0.1:8000"
    assert Settings.read(index=Path("own")).chroma_url == ""
    assert Settings.read().alone(Path("own")).chroma_url == ""


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISIT_DESK_TOP_K", "")
    assert Settings.read().top_k == Settings.model_fields["top_k"].default


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TOP_K", "0"),
        ("TOP_K", "51"),
        ("TOP_K", "many"),
        ("PORT", "0"),
        ("PORT", "65536"),
        ("RECORDS", "perhaps"),
    ],
)
def test_a_value_out_of_bounds_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"VISIT_DESK_{name}", value)
    with pytest.raises(SettingsError, match=f"VISIT_DESK_{name}='{value}'"):
        Settings.read()


def test_every_setting_is_described() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_a_settings_file_that_is_no_text_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_bytes("VISIT_DESK_INDEX=é".encode("latin-1"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match=r"'\.env' can not be read: .*; write it as UTF-8"):
        Settings.read()
