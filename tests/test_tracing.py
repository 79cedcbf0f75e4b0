"""What LangChain would tell LangSmith stays on the machine unless a setting asks for it."""

from pathlib import Path

import pytest
from langsmith.utils import get_env_var, tracing_is_enabled

from rag.settings import Settings
from tests.conftest import Run

SHELL = {"LANGSMITH_TRACING": "true", "LANGCHAIN_TRACING_V2": "true", "LANGSMITH_API_KEY": "none"}


def test_nothing_is_traced(run: Run, own_index: Path, endpoint: tuple[str, list[str]]) -> None:
    url, heard = endpoint
    done = run(
        "rag", "ask", "When does the visit begin?", "--index", own_index,
        **SHELL, LANGSMITH_ENDPOINT=url,
    )  # fmt: skip
    assert done.returncode == 0
    assert heard == []


@pytest.mark.parametrize("asked", [False, True])
def test_a_setting_alone_lets_langsmith_trace(
    monkeypatch: pytest.MonkeyPatch, *, asked: bool
) -> None:
    """LangSmith sends in the background, so that a short process may end before it has."""
    monkeypatch.delenv("LANGSMITH_TRACING_V2", raising=False)
    for name, value in SHELL.items():
        monkeypatch.setenv(name, value)
    get_env_var.cache_clear()
    Settings.read(tracing=asked)
    assert tracing_is_enabled() == asked
    get_env_var.cache_clear()
