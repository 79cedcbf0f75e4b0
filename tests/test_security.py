"""What the code may not do, found by reading it, and what it does not do, found by watching it."""

import ast
import io
import json
import os
import pickle
import re
import runpy
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from packaging.version import Version

from tests.conftest import CANARY, Run, watched, watching
from tests.ingest.builders import book, odf_content

ROOT = Path(__file__).parents[1]
OWN = [
    ROOT / "app.py",
    *(file for name in ("evals", "ingest", "rag", "ui") for file in (ROOT / name).rglob("*.py")),
]
UNPICKLING = {"pickle", "cPickle", "_pickle", "marshal", "shelve", "joblib", "dill", "cloudpickle"}
RUNNING = {"eval", "exec", "compile", "__import__"}
SHELLS = {"os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"}
LOADS = {
    "torch.load": "torch.load",
    "gr.load": "gr.load",
    "pandas.read_pickle": "pickle",
    "tempfile.mktemp": "mktemp",
}
SAFE_YAML = {"SafeLoader", "CSafeLoader", "BaseLoader", "CBaseLoader"}
# A keyword that opens what is closed, and the one value that it may have.
KEYWORDS = {
    "trust_remote_code": False,
    "shell": False,
    "allow_pickle": False,
    "resolve_entities": False,
    "load_dtd": False,
    "huge_tree": False,
    "no_network": True,
    "verify": True,
    "weights_only": True,
}


def dotted(node: ast.expr) -> str:
    """Return `a.b.c` for such an expression, with ? for what has no name."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


def of_import(node: ast.AST) -> Iterator[str]:
    names: list[str] = []
    if isinstance(node, ast.Import):
        names = [each.name for each in node.names]
    elif isinstance(node, ast.ImportFrom):
        names = [f"{node.module}.{each.name}" for each in node.names]
    for name in names:
        if name.split(".")[0] in UNPICKLING:
            yield "pickle"
        if re.match(r"langchain(_core|_classic)?\.load\b|.*\bload_prompt", name):
            yield "langchain load"
        if name == "os.system":
            yield "shell"


def of_call(node: ast.Call) -> Iterator[str]:
    name = dotted(node.func)
    last = name.rpartition(".")[2]
    if name in RUNNING or name.startswith("builtins."):
        yield "eval"
    if name in SHELLS or name.startswith(("os.spawn", "os.exec")):
        yield "shell"
    yield from (what for load, what in LOADS.items() if name == load)
    if last in ("unsafe_load", "full_load", "unsafe_load_all", "full_load_all"):
        yield "yaml"
    if name in ("yaml.load", "yaml.load_all"):
        loader = next((each.value for each in node.keywords if each.arg == "Loader"), None)
        if loader is None or dotted(loader).rpartition(".")[2] not in SAFE_YAML:
            yield "yaml"
    if last == "recv" and not node.args:  # of a multiprocessing connection: it unpickles
        yield "pickle"
    yield from of_keywords({each.arg: each.value for each in node.keywords})


def of_keywords(given: Mapping[str | None, ast.expr] | Mapping[str, ast.expr]) -> Iterator[str]:
    for name, value in given.items():
        said = value.value if isinstance(value, ast.Constant) else "?"
        if name in KEYWORDS and said is not KEYWORDS[name]:
            yield name


def parsed(source: str) -> ast.Module:
    """Parse once more if another thread parses meanwhile, which Python 3.11 may take for an error.

    See https://github.com/python/cpython/issues/106905.
    """
    try:
        return ast.parse(source)
    except SystemError:
        return ast.parse(source)


def findings(source: str) -> set[str]:
    """Return what a source does that no source here may do."""
    found: set[str] = set()
    for node in ast.walk(parsed(source)):
        found.update(of_import(node))
        if isinstance(node, ast.Call):
            found.update(of_call(node))
        if isinstance(node, ast.Dict):  # it may be handed on as keywords
            pairs = zip(node.keys, node.values, strict=True)
            named = {str(k.value): value for k, value in pairs if isinstance(k, ast.Constant)}
            found.update(of_keywords(named))
    return found


def test_no_source_unpickles_evaluates_or_trusts_what_others_wrote() -> None:
    assert len(OWN) > 80
    found = {str(file): findings(file.read_text(encoding="utf-8")) for file in OWN}
    assert {file: each for file, each in found.items() if each} == {}


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("import pickle", "pickle"),
        ("from marshal import loads", "pickle"),
        ("import a, shelve", "pickle"),
        ("import joblib.externals", "pickle"),
        ("connection.recv()", "pickle"),
        ("import pandas\npandas.read_pickle(path)", "pickle"),
        ("np.load(path, allow_pickle=True)", "allow_pickle"),
        ("eval(text)", "eval"),
        ("if x:\n    def f():\n        exec(text)", "eval"),
        ("compile(text, '', 'exec')", "eval"),
        ("__import__(name)", "eval"),
        ("yaml.load(text)", "yaml"),
        ("yaml.load(text, Loader=yaml.Loader)", "yaml"),
        ("yaml.load_all(text, Loader=UnsafeLoader)", "yaml"),
        ("yaml.full_load(text)", "yaml"),
        ("subprocess.run(command, shell=True)", "shell"),
        ("subprocess.run(command, shell=wanted)", "shell"),
        ("os.system(command)", "shell"),
        ("from os import system", "shell"),
        ("from langchain_core.load import loads", "langchain load"),
        ("from langchain_core import load", "langchain load"),
        ("from langchain_core.prompts import load_prompt", "langchain load"),
        ("torch.load(path)", "torch.load"),
        ("SentenceTransformer(name, trust_remote_code=True)", "trust_remote_code"),
        ("SentenceTransformer(name, **{'trust_remote_code': wanted})", "trust_remote_code"),
        ("etree.XMLParser(resolve_entities=True)", "resolve_entities"),
        ("etree.XMLParser(no_network=False)", "no_network"),
        ("etree.XMLParser(huge_tree=True)", "huge_tree"),
        ("etree.XMLParser(load_dtd=True)", "load_dtd"),
        ("httpx.get(url, verify=False)", "verify"),
        ("gr.load('someone/space')", "gr.load"),
        ("tempfile.mktemp()", "mktemp"),
    ],
)
def test_the_scan_finds_each(source: str, what: str) -> None:
    assert findings(source) == {what}


@pytest.mark.parametrize(
    "source",
    [
        "import json\njson.loads(text)",
        "yaml.safe_load(text)",
        "yaml.load(text, Loader=yaml.BaseLoader)",
        "re.compile(text)",
        "model.eval()",
        "Model().eval()",
        "subprocess.run(command, shell=False)",
        "socket.recv(4096)",
        "etree.XMLParser(resolve_entities=False, no_network=True)",
        "SentenceTransformer(name, trust_remote_code=False)",
    ],
)
def test_the_scan_passes_what_is_safe(source: str) -> None:
    assert findings(source) == set()


# What is watched while programs run: see tests/watch.
SECRET = "the vault opens at 7f3a9c"  # noqa: S105  # of a file that must not be read
LANTERN = f"The lantern of the {CANARY} is green."
Hear = tuple[str, list[str]]


class Bomb:
    """Leaves a file where it is unpickled."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str, ...]]:
        return os.system, (f"touch {CANARY}",)


@pytest.mark.parametrize(
    ("code", "event"),
    [
        ("import socket; s = socket.socket(); s.connect_ex(('127.0.0.1', 9))", "socket.connect"),
        ("import socket; socket.getaddrinfo('127.0.0.1', 9)", "socket.getaddrinfo"),
        ("import pickle; pickle.loads(b'cos\\ngetcwd\\n.')", "pickle.find_class"),
        (f"eval('\"{CANARY}\"')", "compile"),
        (f"exec(compile('{CANARY} = 1', 'x', 'exec'))", "exec"),
        ("import os; os.system('true')", "os.system"),
        ("import subprocess; subprocess.run(['true'])", "subprocess.Popen"),
    ],
)
def test_the_watch_notices(tmp_path: Path, code: str, event: str) -> None:
    variables = {**os.environ, **watching(tmp_path)}
    subprocess.run([sys.executable, "-c", code], env=variables, check=True)  # noqa: S603  # the table's
    assert event in [name for _, name, _ in watched(tmp_path)]


def hostile(folder: Path, url: str, secret: Path) -> None:
    """Write files that try to run code, to read another file and to reach a server."""
    entity = f'<!DOCTYPE x [<!ENTITY x SYSTEM "{secret.as_uri()}"><!ENTITY y SYSTEM "{url}/dtd">]>'
    files: dict[str, str | bytes] = {
        "lantern.txt": LANTERN,
        "pickle.txt": pickle.dumps(Bomb()),
        "pickle.json": pickle.dumps(Bomb(), protocol=0),
        "yaml.md": f"---\ntitle: !!python/object/apply:os.system ['touch {CANARY}']\n---\n\nText.",
        "page.html": f"<html><base href={url}/><link rel=stylesheet href=style.css><body><p>A page"
        f" about ferries. <img src={url}/image><iframe src={url}/frame></iframe>"
        f"<script>/* {CANARY} */ import os</script><object data={url}/object></object></body>",
        "formula.csv": f'name,value\nferry,"=WEBSERVICE(""{url}/csv"")"\n',
        "book.epub": book(one_xhtml=f"{entity}<html><body><p>A &x; book &y;.</p></body></html>"),
        "open.odt": packed({
            "mimetype": "application/vnd.oasis.opendocument.text",
            "content.xml": entity + odf_content("<text:p>An open &x;&y; text.</text:p>"),
        }),
        "letter.docx": packed({
            **parts("word/document.xml", "wordprocessingml.document", f"{url}/template"),
            "word/document.xml": f'<?xml version="1.0"?>{entity}<w:document xmlns:w="http://schemas'
            '.openxmlformats.org/wordprocessingml/2006/main"><w:body><w:p><w:r><w:t>A letter &x;'
            "&y;.</w:t></w:r></w:p></w:body></w:document>",
        }),
        "mail.eml": f"Subject: A mail\nMIME-Version: 1.0\nContent-Type: multipart/mixed; "
        f"boundary=b\n\n--b\nContent-Type: message/external-body; access-type=URL; URL=\"{url}/eml"
        f'\"\n\nContent-Type: text/plain\n\n--b\nContent-Type: text/html\n\n<p>A mail about <img '
        f"src={url}/mail>ships.</p>\n--b--\n",
        "field.rtf": r"{\rtf1{\field{\*\fldinst INCLUDETEXT " + f'"{secret}"' + r"}}{\*\template "
        + url + r"/rtf}A rich text.}",
        "action.pdf": pdf(f"/OpenAction <</S /URI /URI ({url}/pdf)>> /AA <</O <</S /JavaScript /JS "
                          f"(app.launchURL\\('{url}/js'\\))>> >>"),
        "paths.zip": packed({f"../{CANARY}": "x", f"/dev/{CANARY}": "x", "inside.txt": "A file."}),
    }  # fmt: skip
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())


def packed(files: Mapping[str, str]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as package:
        for name, data in files.items():
            package.writestr(name, data)
    return stream.getvalue()


def parts(main: str, kind: str, template: str) -> dict[str, str]:
    """Return the parts of an Office file beside its main one, with a template elsewhere."""
    types = "http://schemas.openxmlformats.org/package/2006/content-types"
    links = "http://schemas.openxmlformats.org/package/2006/relationships"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    media = f"application/vnd.openxmlformats-officedocument.{kind}.main+xml"
    folder, _, name = main.rpartition("/")
    return {
        "[Content_Types].xml": f'<Types xmlns="{types}"><Default Extension="rels" ContentType='
        '"application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/{main}" ContentType="{media}"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{links}"><Relationship Id="r1" Type="{office}'
        f'/officeDocument" Target="{main}"/></Relationships>',
        f"{folder}/_rels/{name}.rels": f'<Relationships xmlns="{links}"><Relationship Id="r2" '
        f'Type="{office}/attachedTemplate" Target="{template}" TargetMode="External"/>'
        f'<Relationship Id="r3" Type="{office}/image" Target="{template}" TargetMode="External"/>'
        "</Relationships>",
    }


def pdf(catalog: str) -> bytes:
    """Return a page of text whose catalog holds something more."""
    text = "BT /F1 12 Tf 72 700 Td (A page about bridges and rivers.) Tj ET"
    objects = [
        f"<</Type /Catalog /Pages 2 0 R {catalog}>>",
        "<</Type /Pages /Kids [3 0 R] /Count 1>>",
        "<</Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R "
        "/Resources <</Font <</F1 5 0 R>> >> >>",
        f"<</Length {len(text)}>>\nstream\n{text}\nendstream",
        "<</Type /Font /Subtype /Type1 /BaseFont /Helvetica>>",
    ]
    body = "".join(f"{n} 0 obj\n{each}\nendobj\n" for n, each in enumerate(objects, 1))
    return f"%PDF-1.7\n{body}trailer\n<</Root 1 0 R /Size 6>>\n%%EOF\n".encode()


def test_hostile_files_run_nothing_read_nothing_else_and_reach_nobody(
    run: Run, own_index: Path, tmp_path: Path, endpoint: Hear
) -> None:
    url, heard = endpoint
    secret = tmp_path / "secret.txt"
    secret.write_text(SECRET, encoding="utf-8")
    hostile(tmp_path / "documents", url, secret)
    done = run(
        "ingest", tmp_path / "documents", "--index", own_index, "--json", **watching(tmp_path)
    )
    report = json.loads(done.stdout)
    assert report["added"] == 9, report  # they were read, not passed over
    asked = run(
        "rag", "ask", f"What colour is the lantern of the {CANARY}?", "--index", own_index,
        "--json", **watching(tmp_path),
    )  # fmt: skip
    assert LANTERN in asked.stdout
    events = watched(tmp_path)
    assert len({pid for pid, event, _ in events if event == "started"}) >= 3  # a reader's too
    assert [each for each in events if each[1].startswith("socket.")] == []
    assert [each for each in events if each[1] in ("compile", "exec", "os.system", "os.exec")] == []
    started = {what[0] for _, event, what in events if event == "subprocess.Popen"}
    assert started <= {sys.executable}
    unpickled = {what for _, event, what in events if event == "pickle.find_class"}
    assert {each for each in unpickled if "site-packages" not in each[-1]} == set()
    assert heard == []
    left = [file for file in tmp_path.rglob("*") if file.name == CANARY]
    assert left == []
    kept = [file for file in own_index.rglob("*") if file.is_file()]
    assert [file for file in kept if SECRET.encode() in file.read_bytes()] == []


KEYS = {
    "OPENAI_API_KEY": "sk-canary-0001-openai",
    "ANTHROPIC_API_KEY": "sk-canary-0002-anthropic",
    "LANGSMITH_API_KEY": "ls-canary-0003-langsmith",
    "HF_TOKEN": "hf_canary0004hub",
    "AWS_SECRET_ACCESS_KEY": "canary-0005-cloud",
}
ASKED = "What does the zebrafish ambassador say?"


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("rag", "ask", ASKED), id="refused"),
        pytest.param(("rag", "ask", ASKED * 40), id="too-long"),
        pytest.param(("rag", "ask", ASKED, "--index", "elsewhere"), id="no-index"),
        pytest.param(("rag", "ask", ASKED, "--history", "elsewhere.json"), id="no-history"),
        pytest.param(("ingest", "elsewhere"), id="no-folder"),
    ],
)
def test_keys_and_questions_stay_where_they_belong(
    run: Run, own_index: Path, arguments: tuple[str, ...]
) -> None:
    given = () if "--index" in arguments else ("--index", own_index)
    done = run(*arguments, *given, **KEYS, VISIT_DESK_LOG_LEVEL="debug")
    files = {file: file.read_bytes() for file in own_index.rglob("*") if file.is_file()}
    for key in KEYS.values():
        assert key not in done.stdout + done.stderr
        assert [file for file, data in files.items() if key.encode() in data] == []
    holding = [file.name for file, data in files.items() if b"zebrafish" in data]
    assert holding == (["answers.jsonl"] if done.returncode == 0 else [])
    if done.returncode == 0:
        assert "zebrafish" not in done.stderr


# What SECURITY.md says is so.
SECURITY = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in SECURITY.splitlines()
    if line.startswith("| ")
]
RISKS = [row for row in ROWS if "`tests/" in row[-1]]
PROBLEMS = [row for row in ROWS if re.search("(CVE|PYSEC|GHSA)-", row[1])]


def test_every_risk_names_a_test_that_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", SECURITY)
    assert len(named) > 40
    missing = [
        (file, name)
        for file, name in named
        if not (ROOT / file).is_file()
        or (name and not re.search(rf"def {name}\(", (ROOT / file).read_text(encoding="utf-8")))
    ]
    assert missing == []


def test_every_risk_of_the_owasp_list_has_a_row() -> None:
    found = {row[0].split()[0] for row in RISKS}
    assert {f"LLM{number:02}" for number in range(1, 11)} <= found


def test_the_lock_holds_no_version_with_a_known_problem() -> None:
    """But those that are said to be open, with what keeps them from being reached."""
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").split()
    pins = {name: Version(version) for name, version in (line.split("==") for line in lines)}
    assert len(PROBLEMS) > 15
    for package, problems, mended, why in PROBLEMS:
        assert why, problems
        assert mended == "open" or pins[package.strip("`")] >= Version(mended), problems


def packages(*problems: str) -> list[dict[str, object]]:
    vulns = [{"id": each, "aliases": ["GHSA-x"], "fix_versions": ["2"]} for each in problems]
    return [{"name": "a", "version": "1", "vulns": vulns}]


@pytest.mark.parametrize(
    ("listed", "code"),
    [
        pytest.param(packages(), 0, id="nothing"),
        pytest.param(packages("CVE-2026-45829"), 0, id="open"),
        pytest.param(packages("PYSEC-2025-193"), 0, id="open-within-a-range"),
        pytest.param(packages("CVE-2026-45829", "CVE-2027-1"), 1, id="new"),
        pytest.param(packages("CVE-2026-28414"), 1, id="mended-elsewhere"),
        pytest.param([*packages(), {"name": "b", "skip_reason": "?"}], 3, id="not-asked"),
        pytest.param([*packages("CVE-2027-1"), {"name": "b", "skip_reason": "?"}], 1, id="both"),
    ],
)
def test_the_audit_ends_as_it_says(listed: list[dict[str, object]], code: int) -> None:
    audit = runpy.run_path(str(ROOT / ".ci" / "audit"))
    _, ended = audit["verdict"](listed, audit["open_problems"](SECURITY))
    assert ended == code
