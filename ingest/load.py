"""Which file becomes which document: its reader, its limits, and what it says of itself."""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from functools import cache
from pathlib import Path

import py3langid
from babel import Locale
from babel.core import get_global

from ingest.readers import docx, html, markdown, pdf, text
from ingest.reading import Found, Reading
from rag.errors import LoadError
from rag.types import Document

MAX_BYTES = 50_000_000
LANGUAGE_SAMPLE = 20_000  # characters are plenty to tell a language by
READERS: Mapping[str, Callable[[bytes], Reading]] = {
    ".txt": text.read,
    ".text": text.read,
    ".md": markdown.read,
    ".markdown": markdown.read,
    ".html": html.read,
    ".htm": html.read,
    ".pdf": pdf.read,
    ".docx": docx.read,
}
READMES = {"readme", "readme.md", "readme.txt"}
OLE_MARK = b"\xd0\xcf\x11\xe0"  # Word before 2007, and any Word file with a password
FILE_DATE = re.compile(r"(?<!\d)((?:19|20)\d\d)([-_.]?)(\d\d)\2(\d\d)(?!\d)")


def find(paths: Iterable[Path]) -> Iterator[tuple[Path, Path]]:
    """Yield each file to load with its root: the folder it was found in, or its own for a file.

    Hidden files and folders, folders behind symbolic links and READMEs are passed over.
    """
    for path in paths:
        if not path.is_dir():
            yield path, path.parent
            continue
        files: list[Path] = []
        for folder, folders, names in os.walk(path):
            folders[:] = [name for name in folders if not name.startswith(".")]
            files += [Path(folder, name) for name in names if _is_wanted(name)]
        yield from ((file, path) for file in sorted(files))


def _is_wanted(name: str) -> bool:
    return not name.startswith(".") and name.lower() not in READMES


def load(path: Path, *, root: Path) -> Document:
    """Read one file as a document.

    Raises:
        LoadError: the file can not be read as a document; its reason says why.
    """
    try:
        reader = _reader(path)
        data = _bytes(path, root)
        _check_content(path, data)
        reading = reader(data)
    except (ValueError, OSError) as error:
        raise LoadError(path, _reason(error)) from error
    except RecursionError as error:
        raise LoadError(path, "it is nested too deeply") from error
    if not reading.blocks:
        raise LoadError(path, "it holds no text")
    return _document(reading, path, root)


def _reader(path: Path) -> Callable[[bytes], Reading]:
    suffix = path.suffix.lower()
    if suffix not in READERS:
        raise ValueError(f"unsupported type {suffix!r}; supported are {' '.join(sorted(READERS))}")
    return READERS[suffix]


def _bytes(path: Path, root: Path) -> bytes:
    if not path.resolve().is_relative_to(root.resolve()):
        raise ValueError(f"it is a link that leaves {str(root)!r}")
    if path.exists() and not path.is_file():
        raise ValueError("it is not a regular file")
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise ValueError(f"it is too large: {size} bytes, where {MAX_BYTES} are allowed")
    if not size:
        raise ValueError("it is empty")
    return path.read_bytes()


def _check_content(path: Path, data: bytes) -> None:
    """Refuse a file whose content is not what its name says."""
    suffix = path.suffix.lower()
    if suffix == ".pdf" and b"%PDF-" not in data[:1024]:
        raise ValueError("it is not a PDF, in spite of its name")
    if suffix == ".docx" and data.startswith(OLE_MARK):
        raise ValueError("it is encrypted or in the format of Word before 2007")
    if suffix == ".docx" and not data.startswith(b"PK"):
        raise ValueError("it is not a DOCX, in spite of its name")
    if suffix not in (".pdf", ".docx") and data.startswith((b"%PDF-", b"PK\x03\x04", OLE_MARK)):
        raise ValueError(f"it is not text, in spite of its name {path.name!r}")


def _reason(error: ValueError | OSError) -> str:
    if isinstance(error, PermissionError):
        return "permission denied; check who may read it"
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _document(reading: Reading, path: Path, root: Path) -> Document:
    found = {
        "title": _title(reading, path),
        "published": _published(reading, path),
        "language": _language(reading),
        "kind": reading.metadata.get("kind") or Found("document", "default"),
    }
    known = {name: value for name, value in found.items() if value}
    published = known.get("published")
    return Document(
        title=known["title"].value,
        uri=(path.parent.resolve() / path.name).relative_to(root.resolve()).as_posix(),
        text=reading.text,
        blocks=reading.blocks,
        language=known["language"].value,
        kind=known["kind"].value,
        published=date.fromisoformat(published.value) if published else None,
        pages=reading.pages,
        origins=tuple((name, value.origin) for name, value in known.items()),
    )


def _title(reading: Reading, path: Path) -> Found:
    stem = os.fsencode(path.stem).decode("utf-8", "replace")  # a name may be any bytes
    words = re.sub(r"[-_\s]+", " ", FILE_DATE.sub(" ", stem)).strip() or stem
    return reading.metadata.get("title") or Found(words[:1].upper() + words[1:], "file name")


def _published(reading: Reading, path: Path) -> Found | None:
    named = FILE_DATE.search(path.stem)
    if "published" in reading.metadata or not named:
        return reading.metadata.get("published")
    try:
        return Found(date(int(named[1]), int(named[3]), int(named[4])).isoformat(), "file name")
    except ValueError:
        return None


def _language(reading: Reading) -> Found:
    said = reading.metadata.get("language")
    code = language_code(said.value) if said else None
    if said and code:
        return Found(code, said.origin)
    ranked = (code for code, _ in py3langid.rank(reading.text[:LANGUAGE_SAMPLE]))
    return Found(next(filter(language_code, ranked), "en"), "detected")


def language_code(value: str) -> str | None:
    """Return the ISO 639-1 code of a language given by a tag or by its English name.

    >>> language_code("fr-CA"), language_code("eng"), language_code("Spanish"), language_code("?")
    ('fr', 'en', 'es', None)
    """
    tag = re.split(r"[-_]", value.strip().lower(), maxsplit=1)[0]
    code = _codes().get(tag) or get_global("language_aliases").get(tag, tag)
    return code if len(code) == 2 and code in Locale("en").languages else None


@cache
def _codes() -> dict[str, str]:
    """Return the code of each language by its English name."""
    return {name.lower(): code for code, name in Locale("en").languages.items()}
