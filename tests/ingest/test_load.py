import io
import os
import re
import zipfile
from datetime import date
from pathlib import Path

import docx
import pytest

from ingest import load as loading
from ingest.load import Limits, Loaded, find, language_code
from rag.types import Block, Document, Span
from tests.ingest.builders import PDF

ENGLISH = "The prime minister met the president on Monday and they talked about trade.\n"
FRENCH = "Le premier ministre a rencontré la présidente lundi et ils ont parlé de commerce.\n"


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(path: Path, *, root: Path, limits: Limits | None = None) -> Loaded:
    uri = path.relative_to(root).as_posix()
    return loading.load(path, root=root, uri=uri, limits=limits or Limits())


def load(path: Path, *, root: Path) -> Document:
    loaded = read(path, root=root)
    assert loaded.refusals == ()
    (document,) = loaded.documents
    return document


def refusal(path: Path, *, root: Path, limits: Limits | None = None) -> str:
    loaded = read(path, root=root, limits=limits)
    assert loaded.documents == ()
    ((uri, reason),) = loaded.refusals
    assert uri == path.relative_to(root).as_posix()
    return reason


def docx_bytes() -> bytes:
    stream = io.BytesIO()
    document = docx.Document()
    document.add_paragraph(ENGLISH)
    document.save(stream)
    return stream.getvalue()


def zip_bytes(**files: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def test_a_bare_text_is_described_by_its_name_and_its_words(tmp_path: Path) -> None:
    path = write(tmp_path / "day 1" / "2026-03-12_joint-statement.txt", FRENCH)
    assert load(path, root=tmp_path) == Document(
        title="Joint statement",
        uri="day 1/2026-03-12_joint-statement.txt",
        text=FRENCH,
        blocks=(Block(Span(0, len(FRENCH) - 1)),),
        language="fr",
        kind="document",
        published=date(2026, 3, 12),
        origins=(
            ("title", "file name"),
            ("published", "file name"),
            ("language", "detected"),
            ("kind", "default"),
        ),
    )


def test_what_a_file_says_of_itself_comes_first(tmp_path: Path) -> None:
    source = f"---\ntitle: Readout\ndate: 2026-03-13\nlang: en-CA\nkind: readout\n---\n{FRENCH}"
    document = load(write(tmp_path / "2026-03-12.md", source), root=tmp_path)
    assert (document.title, document.published) == ("Readout", date(2026, 3, 13))
    assert (document.language, document.kind) == ("en", "readout")
    assert document.origins == tuple(
        (name, "front matter") for name in ("title", "published", "language", "kind")
    )


@pytest.mark.parametrize(
    ("name", "published"),
    [
        pytest.param("20260312 readout.txt", date(2026, 3, 12), id="compact"),
        pytest.param("readout_2026-03-12.txt", date(2026, 3, 12), id="last"),
        pytest.param("2026-13-12.txt", None, id="no-such-month"),
        pytest.param("1202603129.txt", None, id="part-of-a-number"),
        pytest.param("readout.txt", None, id="none"),
    ],
)
def test_a_date_in_the_name_is_the_date_of_a_file_without_one(
    tmp_path: Path, name: str, published: date | None
) -> None:
    assert load(write(tmp_path / name, ENGLISH), root=tmp_path).published == published


@pytest.mark.parametrize(
    ("name", "title"),
    [
        pytest.param("joint_statement-final.txt", "Joint statement final", id="words"),
        pytest.param("2026-03-12.txt", "2026-03-12", id="nothing-but-a-date"),
    ],
)
def test_a_file_name_is_made_a_title(tmp_path: Path, name: str, title: str) -> None:
    assert load(write(tmp_path / name, ENGLISH), root=tmp_path).title == title


@pytest.mark.parametrize(
    ("value", "code"),
    [
        pytest.param("fr_CA", "fr", id="tag"),
        pytest.param("FRA", "fr", id="three-letters"),
        pytest.param("Spanish", "es", id="name"),
        pytest.param("xx", None, id="unknown"),
        pytest.param("haw", None, id="no-two-letter-code"),
        pytest.param("", None, id="empty"),
    ],
)
def test_a_language_is_named_by_its_two_letters(value: str, code: str | None) -> None:
    assert language_code(value) == code


def test_a_language_that_does_not_exist_is_detected(tmp_path: Path) -> None:
    path = write(tmp_path / "a.md", f"---\nlang: klingon-ish\n---\n{FRENCH}")
    document = load(path, root=tmp_path)
    assert document.language == "fr"
    assert ("language", "detected") in document.origins


@pytest.mark.parametrize("suffix", [".txt", ".TEXT", ".md", ".markdown", ".html", ".htm", ".docx"])
def test_every_type_is_read(tmp_path: Path, suffix: str) -> None:
    content = docx_bytes() if suffix == ".docx" else ENGLISH
    document = load(write(tmp_path / f"a{suffix}", content), root=tmp_path)
    assert document.text.strip() == ENGLISH.strip()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("a.txt", PDF, id="pdf-as-text"),
        pytest.param("a.pdf", b"They met.", id="text-as-pdf"),
        pytest.param("a.docx", b"<html><body><p>They met.</p></body></html>", id="html-as-docx"),
        pytest.param("notes", b"They met.", id="no-suffix"),
    ],
)
def test_a_wrong_name_is_no_reason_to_refuse(tmp_path: Path, name: str, content: bytes) -> None:
    assert load(write(tmp_path / name, content), root=tmp_path).text.strip() == "They met."


def test_a_pdf_has_pages(tmp_path: Path) -> None:
    document = load(write(tmp_path / "a.pdf", PDF), root=tmp_path)
    assert (document.text, document.page_of(0)) == ("They met.", 1)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        pytest.param("a.exe", b"MZ\x90\x00\x03", "it is a program; supported are", id="program"),
        pytest.param("a.txt", b"MZ\x90\x00\x03", "it is a program; supp", id="program-as-text"),
        pytest.param("a.xyz", b"x", "it is of the unsupported type '.xyz'; supp", id="suffix"),
        pytest.param("a.py", b"x = 1", "it is a file of program code", id="code"),
        pytest.param("a.txt", b"", "it is empty", id="zero-bytes"),
        pytest.param("a.txt", b" \n\t\n", "it holds no text", id="blanks"),
        pytest.param("a.txt", b"---\ntitle: x\n---\n", "it holds no text", id="front-matter-only"),
        pytest.param("a.txt", bytes(range(1, 256)) * 9, "of no known type", id="all-bytes"),
        pytest.param(
            "a.html",
            b"<script>x()</script>",
            "it holds no text beyond its title, menus",
            id="script-only",
        ),
        pytest.param("a.html", b"<!-- nothing -->", "it holds no text|not HTML", id="comment-only"),
        pytest.param("a.pdf", b"%PDF-1.7\n1 0 obj <<", "damaged", id="truncated-pdf"),
        pytest.param("a.md", b"%PDF-1.7\n1 0 obj <<", "damaged", id="truncated-pdf-as-text"),
        pytest.param("a.docx", docx_bytes()[:3000], "it is damaged", id="truncated-docx"),
        pytest.param("a.docx", zip_bytes(a="x"), "it is damaged", id="some-zip"),
        pytest.param("a.zip", b"PK\x03\x04", "it is damaged", id="truncated-zip"),
        pytest.param("a.zip", zip_bytes(), "it holds no text", id="empty-zip"),
        pytest.param(
            "a.docx", zip_bytes(**{"[Content_Types].xml": "<a"}), "it is damaged", id="broken-xml"
        ),
    ],
)
def test_a_file_that_is_no_document_is_refused_with_its_reason(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    assert re.search(reason, refusal(write(tmp_path / name, content), root=tmp_path))


def outcome(path: Path) -> str:
    """Return why a file is refused, or that it is read; let every other error through."""
    loaded = read(path, root=path.parent)
    return "read" if loaded.documents else loaded.refusals[0][1]


@pytest.mark.parametrize("percent", range(0, 100, 7))
def test_a_docx_damaged_anywhere_is_refused_or_read(tmp_path: Path, percent: int) -> None:
    data = bytearray(docx_bytes())
    at = len(data) * percent // 100
    data[at : at + 40] = b"\xff" * 40
    reason = outcome(write(tmp_path / "a.docx", bytes(data)))
    assert re.search("^read$|damaged|in spite of its name|unpacks to more", reason)


@pytest.mark.parametrize("percent", range(0, 100, 7))
def test_a_pdf_damaged_anywhere_is_refused_or_read(tmp_path: Path, percent: int) -> None:
    data = bytearray(PDF)
    at = len(data) * percent // 100
    data[at : at + 20] = b"\xff" * 20
    reason = outcome(write(tmp_path / "a.pdf", bytes(data)))
    assert re.search(
        "^read$|damaged|in spite of its name|no text layer|no readable|pages of the PDF", reason
    )


def test_a_docx_that_unpacks_without_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.readers.package.MAX_UNPACKED_BYTES", 1000)
    assert "unpacks to more" in refusal(write(tmp_path / "a.docx", docx_bytes()), root=tmp_path)


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        pytest.param(Limits(file_bytes=10), "too large: 76 bytes, where 10 are", id="bytes"),
        pytest.param(Limits(characters=75), "it has 76 characters, where 75 are", id="characters"),
    ],
)
def test_a_file_beyond_a_limit_is_refused(tmp_path: Path, limits: Limits, reason: str) -> None:
    path = write(tmp_path / "a.txt", ENGLISH)
    assert reason in refusal(path, root=tmp_path, limits=limits)


def test_a_document_of_too_many_pages_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.pdf", PDF)
    reason = refusal(path, root=tmp_path, limits=Limits(pages=0))
    assert reason == "it has 1 pages, where 0 are allowed"


def test_the_files_of_an_archive_are_documents_of_their_own(tmp_path: Path) -> None:
    path = write(tmp_path / "pack.zip", zip_bytes(**{"a/one.txt": ENGLISH, "two.bin": "\0" * 9}))
    loaded = read(path, root=tmp_path)
    assert [(each.uri, each.title) for each in loaded.documents] == [("pack.zip/a/one.txt", "One")]
    ((uri, reason),) = loaded.refusals
    assert uri == "pack.zip/two.bin"
    assert reason.startswith("it is of no known type; supported are")


def test_archives_in_archives_are_unpacked_to_a_depth(tmp_path: Path) -> None:
    path = tmp_path / "0.zip"
    data = ENGLISH.encode()
    for number in range(4):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr(f"{number}.{'zip' if number else 'txt'}", data)
        data = stream.getvalue()
    write(path, data)
    assert [each.uri for each in read(path, root=tmp_path).documents] == [
        "0.zip/3.zip/2.zip/1.zip/0.txt"
    ]
    loaded = read(path, root=tmp_path, limits=Limits(depth=2))
    assert loaded.refusals == (
        ("0.zip/3.zip/2.zip", "it lies in 2 files inside each other; it is not unpacked"),
    )


def test_an_archive_of_too_many_files_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.zip", zip_bytes(**{f"{n}.txt": ENGLISH for n in range(3)}))
    reason = refusal(path, root=tmp_path, limits=Limits(members=2))
    assert reason == "it has 3 files inside it, where 2 are allowed"


def test_half_a_character_in_a_title_does_not_reach_the_index(tmp_path: Path) -> None:
    source = f'---\ntitle: "Read\\ud800out\\u200b"\n---\n{ENGLISH}'
    assert load(write(tmp_path / "a.md", source), root=tmp_path).title == "Readout"


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert "there is no such file" in refusal(tmp_path / "a.txt", root=tmp_path)


def test_a_file_that_may_not_be_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)  # chmod does not stop the superuser
    assert "permission denied" in refusal(write(tmp_path / "a.txt", ENGLISH), root=tmp_path)


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.txt")
    assert "not a regular file" in refusal(tmp_path / "a.txt", root=tmp_path)


def test_a_link_that_leaves_the_root_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "secret.txt", ENGLISH)
    link = tmp_path / "docs" / "a.txt"
    link.parent.mkdir()
    link.symlink_to("../secret.txt")
    assert "a link that leaves" in refusal(link, root=tmp_path / "docs")


def test_a_link_within_the_root_keeps_its_own_name(tmp_path: Path) -> None:
    write(tmp_path / "b.txt", ENGLISH)
    (tmp_path / "a.txt").symlink_to("b.txt")
    assert load(tmp_path / "a.txt", root=tmp_path).uri == "a.txt"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("a.json", '{"text": "x", "more": ' + "[" * 200_000, id="json"),
        pytest.param("a.rtf", r"{\rtf1 " + "{" * 50_000 + "deep" + "}" * 50_000, id="rtf"),
    ],
)
def test_nesting_without_end_is_refused(tmp_path: Path, name: str, content: str) -> None:
    assert "nested too deeply" in refusal(write(tmp_path / name, content), root=tmp_path)


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(">" * 5000 + " deep", id="quotes"),
        pytest.param("- " * 2000 + "deep", id="items"),
        pytest.param("[" * 5000 + "deep" + "]" * 5000, id="brackets"),
        pytest.param("*" * 5000 + "deep", id="stars"),
    ],
)
def test_nested_markdown_is_read_or_refused(tmp_path: Path, source: str) -> None:
    reason = outcome(write(tmp_path / "a.md", source))
    assert reason in ("read", "it holds no text", "it is nested too deeply")


def test_files_are_found_in_order_without_what_is_hidden(tmp_path: Path) -> None:
    names = ["b.txt", "a/z.md", "a/.hidden.txt", ".git/c.txt", "README.md", "a/readme", "a/x.bin",
             "a/Readme.pdf", "README.rst", "a/readme.html"]  # fmt: skip
    for name in names:
        write(tmp_path / name, ENGLISH)
    (tmp_path / "loop").symlink_to(tmp_path)
    assert list(find([tmp_path], [])) == [
        (tmp_path / name, tmp_path) for name in ("a/x.bin", "a/z.md", "b.txt")
    ]


def test_a_file_given_by_name_is_found_whatever_its_name(tmp_path: Path) -> None:
    path = write(tmp_path / "README.md", ENGLISH)
    assert list(find([path, tmp_path / "missing.txt"], [])) == [
        (path, tmp_path),
        (tmp_path / "missing.txt", tmp_path),
    ]


def test_a_title_that_is_cut_does_not_end_in_a_blank(tmp_path: Path) -> None:
    title = "a" * 499 + " and more"
    document = load(write(tmp_path / "a.md", f"# {title}\n\n{ENGLISH}"), root=tmp_path)
    assert document.title == "a" * 499
