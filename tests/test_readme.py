"""What the README and its neighbours say is so."""

import importlib
import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from pydantic.fields import FieldInfo

from rag.records import as_json
from rag.settings import PREFIX, Settings
from rag.types import Answer, Chunk, Citation, Hit, Span

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CODE = re.compile(r"```.*?```|`[^`]+`", re.DOTALL)
COMMAND = re.compile(r"python (-m \w+|app\.py)([^\n#`]*)")
ON_BUILD_MACHINES = (b"../" + b"shared", b"/wor" + b"k/")
SETTINGS = [pytest.param(name, field, id=name) for name, field in Settings.model_fields.items()]


def shown(field: FieldInfo) -> str:
    return str(field.default).lower() if isinstance(field.default, bool) else str(field.default)


def pieces(text: str) -> Iterator[str]:
    """Yield the code of a Markdown text: blocks as they are, code in a sentence on one line."""
    for match in CODE.finditer(text):
        yield match[0] if match[0].startswith("```") else match[0].replace("\n", " ")


def commands() -> list[str]:
    found = (match for piece in pieces(README) for match in COMMAND.finditer(piece))
    return sorted({match[0].strip() for match in found})


@pytest.mark.parametrize(("name", "field"), SETTINGS)
def test_the_readme_gives_each_setting_with_its_default(name: str, field: FieldInfo) -> None:
    default = f"`{shown(field)}`" if shown(field) else "empty"
    assert f"| `{PREFIX}{name.upper()}` | {default} |" in README


@pytest.mark.parametrize(("name", "field"), SETTINGS)
def test_the_example_env_gives_each_setting_with_its_default(name: str, field: FieldInfo) -> None:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    assert f"#{PREFIX}{name.upper()}={shown(field)}" in lines


def test_no_other_settings_are_documented() -> None:
    text = README + (ROOT / ".env.example").read_text(encoding="utf-8")
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    assert set(re.findall(rf"\b{PREFIX}\w+", text)) == known


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_every_make_target_that_is_named_exists(name: str) -> None:
    text = "\n".join(pieces((ROOT / name).read_text(encoding="utf-8")))
    named = {each for match in re.findall(r"make((?: [a-z]+\b)+)", text) for each in match.split()}
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert {"run", "test", "check", "evals"} <= named
    assert named <= set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))


def test_the_readme_names_the_commands_that_scripts_rely_on() -> None:
    named = {command.split()[2] for command in commands() if " -m " in command}
    assert {"ingest", "rag"} <= named


@pytest.mark.parametrize("command", commands())
def test_every_command_in_the_readme_is_understood(command: str) -> None:
    _, *words = shlex.split(command.replace("[", "").replace("]", ""))
    module, arguments = (words[1], words[2:]) if words[0] == "-m" else ("app", words[1:])
    name = module if module == "app" else f"{module}.__main__"
    importlib.import_module(name)._parser().parse_args(arguments)


def test_the_readme_names_every_key_of_an_answer_in_json() -> None:
    chunk = Chunk("d", Span(0, 1), "x", title="", heading="", language="en")
    citation = Citation(1, "d", "", "", published=None, page=None, span=Span(0, 1), quote="x")
    answer = Answer(
        "", "", "", "en", "answered", citations=(citation,), hits=(Hit(chunk, score=1.0),)
    )
    printed = as_json(answer)
    keys = {*printed, *printed["citations"][0], *printed["hits"][0]}
    assert {key for key in keys if f"`{key}`" not in README} == set()


def test_the_answer_in_the_readme_is_a_quotation() -> None:
    quotes = re.findall(r"^(\S.+?) \[1\]$", README, re.MULTILINE)
    uris = re.findall(r"^\[1\] .+ \((.+)\)$", README, re.MULTILINE)
    assert len(quotes) == len(uris) == 1
    assert quotes[0] in (ROOT / "seeds" / uris[0]).read_text(encoding="utf-8")


def test_every_dependency_is_pinned_to_a_version_that_is_allowed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").split()
    pins = {canonicalize_name(line.split("==")[0]): line.split("==")[1] for line in lines}
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    for each in map(Requirement, wanted):
        assert canonicalize_name(each.name) in pins
        assert each.specifier.contains(pins[canonicalize_name(each.name)])


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="only git knows what is in the project")
def test_no_file_names_a_place_on_the_machine_it_was_written_on() -> None:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)  # noqa: S603  # a constant
    files = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    found = [
        str(file)
        for file in files
        if file.is_file() and any(word in file.read_bytes() for word in ON_BUILD_MACHINES)
    ]
    assert found == []
