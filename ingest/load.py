"""Which file becomes which documents: its readers, its limits, and what it says of itself."""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import py3langid
from babel import Locale
from babel.core import get_global

from ingest import lint
from ingest.kinds import READERS, kind_of
from ingest.readers.names import is_readme
from ingest.reading import FROM_NAME, Found, Reading, clean
from rag.access import Rules, rules_of
from rag.types import Document

if TYPE_CHECKING:
    from rag.settings import Settings

LANGUAGE_SAMPLE = 20_000  # characters are plenty to tell a language by
WITHOUT_TEXT = {".html": "it holds no text beyond its title, menus, forms and notices"}
FILE_DATE = re.compile(r"(?<!\d)((?:19|20)\d\d)([-_.]?)(\d\d)\2(\d\d)(?!\d)")
LONGEST_VALUE = 500  # characters of a title

Refusal = tuple[str, str]  # uri, reason


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a file is read before it is refused.

    Attributes:
        seconds, memory_bytes: of the process that reads it.
        characters: of all its documents together.
        members: files inside it, at whatever depth.
        depth: of files inside files.
    """

    file_bytes: int = 50_000_000
    seconds: float = 60
    memory_bytes: int = 2_000_000_000
    characters: int = 20_000_000
    pages: int = 5_000
    members: int = 20_000
    depth: int = 5


def limits_of(settings: "Settings") -> Limits:
    """Return how much of a file the operator lets be read."""
    return Limits(
        file_bytes=settings.max_file_mb * 1_000_000,
        seconds=settings.read_seconds,
        memory_bytes=settings.read_memory_mb * 1_000_000,
        characters=settings.max_characters,
        pages=settings.max_pages,
        members=settings.max_members,
        depth=settings.max_depth,
    )


@dataclass(frozen=True, slots=True)
class Loaded:
    """The documents of a file, and (uri, reason) of what of it could not be read."""

    documents: tuple[Document, ...] = ()
    refusals: tuple[Refusal, ...] = ()


@dataclass(slots=True)
class _Load:
    """What was read of a file so far, and how much more may be."""

    limits: Limits
    documents: list[Document] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    characters: int = 0
    members: int = 0

    def take(self, name: str, uri: str, data: bytes, depth: int = 0) -> None:
        """Read a file and the files inside it; what can not be read does not hurt the rest."""
        try:
            kind = kind_of(name, data)
            reading = _reader(kind)(data)
            self._check(reading, depth)
            access = _access(reading)
        except ValueError as error:
            self.refusals.append((uri, str(error)))
            return
        except RecursionError:
            self.refusals.append((uri, "it is nested too deeply"))
            return
        if reading.blocks:
            self.documents.append(_document(reading, name, uri, access))
        elif not reading.members:
            self.refusals.append((uri, WITHOUT_TEXT.get(kind, "it holds no text")))
        for member in reading.members:
            self.take(member.name, f"{uri}/{_line(member.name)}", member.data, depth + 1)

    def _check(self, reading: Reading, depth: int) -> None:
        self.characters += len(reading.text)
        self.members += len(reading.members)
        for found, allowed, what in (
            (self.characters, self.limits.characters, "characters"),
            (len(reading.pages), self.limits.pages, "pages"),
            (self.members, self.limits.members, "files inside it"),
        ):
            if found > allowed:
                raise ValueError(f"it has {found:,} {what}, where {allowed:,} are allowed")
        if reading.members and depth >= self.limits.depth:
            raise ValueError(f"it lies in {depth} files inside each other; it is not unpacked")


@cache
def _reader(kind: str) -> Callable[[bytes], Reading]:
    module, _, name = READERS[kind].partition(".")
    read: Callable[[bytes], Reading] = getattr(import_module(f"ingest.readers.{module}"), name)
    return read


def find(
    paths: Iterable[Path], refusals: list[Refusal], *, skip: Path | None = None
) -> Iterator[tuple[Path, Path]]:
    """Yield each file to load with its root: the folder it was found in, or its own for a file.

    Hidden files and folders, folders behind symbolic links and READMEs are passed over; a folder
    that can not be listed is refused. The folder `skip`, the index itself, is not looked into.
    """
    skipped = skip.resolve() if skip else None

    def refuse(error: OSError) -> None:
        refusals.append((str(error.filename), f"the folder can not be listed: {error.strerror}"))

    for path in paths:
        if not path.is_dir():
            yield path, path.parent
            continue
        files: list[Path] = []
        for folder, folders, names in os.walk(path, onerror=refuse):
            here = [Path(folder, name) for name in folders if not name.startswith(".")]
            folders[:] = [
                each.name for each in here if skipped is None or each.resolve() != skipped
            ]
            files += [Path(folder, name) for name in names if _is_wanted(name)]
        yield from ((file, path) for file in sorted(files))


def _is_wanted(name: str) -> bool:
    return not name.startswith(".") and not is_readme(name)


def load(path: Path, *, root: Path, uri: str, limits: Limits = Limits()) -> Loaded:  # frozen
    """Read one file, which may hold several documents or none that can be read."""
    loaded = _Load(limits)
    try:
        data = _bytes(path, root, limits)
    except (ValueError, OSError) as error:
        return Loaded(refusals=((uri, _reason(error)),))
    loaded.take(_unicode(path.name), uri, data)
    return Loaded(tuple(loaded.documents), tuple(loaded.refusals))


def _bytes(path: Path, root: Path, limits: Limits) -> bytes:
    if not path.resolve().is_relative_to(root.resolve()):
        raise ValueError(f"it is a link that leaves {str(root)!r}")
    if path.exists() and not path.is_file():
        raise ValueError("it is not a regular file")
    size = path.stat().st_size
    if size > limits.file_bytes:
        raise ValueError(
            f"it is too large: {size:,} bytes, where {limits.file_bytes:,} are allowed"
        )
    return path.read_bytes()


def _reason(error: ValueError | OSError) -> str:
    if isinstance(error, PermissionError):
        return "permission denied; check who may read it"
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _unicode(name: str) -> str:
    return os.fsencode(name).decode("utf-8", "replace")  # a name may be any bytes


def _access(reading: Reading) -> Rules | None:
    label, groups = (reading.metadata.get(each) for each in ("label", "groups"))
    return rules_of(label.value if label else "", groups.value if groups else "")


def _document(reading: Reading, name: str, uri: str, access: Rules | None) -> Document:
    stem = PurePosixPath(name.replace("\\", "/")).stem
    found = {
        "title": _title(reading, stem),
        "published": _published(reading, stem),
        "language": _language(reading),
        "kind": reading.metadata.get("kind") or Found("document", "default"),
    }
    known = {name: value for name, value in found.items() if value}
    published = known.get("published")
    return Document(
        title=_line(known["title"].value),
        uri=uri,
        text=reading.text,
        blocks=reading.blocks,
        language=known["language"].value,
        kind=_line(known["kind"].value),
        published=date.fromisoformat(published.value) if published else None,
        pages=reading.pages,
        origins=tuple((name, value.origin) for name, value in known.items()),
        warnings=tuple(dict.fromkeys((*reading.warnings, *lint.findings(reading.text)))),
        access=access,
    )


def _line(value: str) -> str:
    """Return a value that a file gives on one line, without what nobody sees."""
    return " ".join(clean(value).split())[:LONGEST_VALUE].rstrip()


def _title(reading: Reading, stem: str) -> Found:
    given = reading.metadata.get("title")
    if given and _line(given.value):
        return given
    words = re.sub(r"[-_\s]+", " ", FILE_DATE.sub(" ", stem)).strip() or stem or "Untitled"
    return Found(words[:1].upper() + words[1:], FROM_NAME)


def _published(reading: Reading, stem: str) -> Found | None:
    named = FILE_DATE.search(stem)
    if "published" in reading.metadata or not named:
        return reading.metadata.get("published")
    try:
        return Found(date(int(named[1]), int(named[3]), int(named[4])).isoformat(), FROM_NAME)
    except ValueError:
        return None


def prepare() -> None:
    """Load what tells languages apart, which unpacks itself into a temporary file."""
    py3langid.rank("")


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
