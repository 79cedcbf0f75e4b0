"""Who may read the files of a folder, as `.labels.yaml` files in it say."""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path

import yaml

from ingest.isolate import Source
from rag import access
from rag.access import Rule, Rules
from rag.errors import LoadError
from rag.store import address

NAME = ".labels.yaml"
LARGEST = 1_000_000  # bytes
EXPECTED = 'write a line for each pattern of files, such as "*.pdf": {label: internal}'
KEYS = {"label", "groups"}


@dataclass(frozen=True, slots=True)
class Entry:
    """What a file of labels says of the files below its folder that a pattern fits."""

    file: Path
    pattern: str
    rules: Rules

    def fits(self, path: Path) -> bool:
        """Tell whether the pattern is that of a file: of its name, or of its place below."""
        below = path.relative_to(self.file.parent).as_posix()
        pattern = _alike(self.pattern)
        return any(fnmatchcase(_alike(each), pattern) for each in (below, path.name))


class Labels:
    """The rules of each file that is ingested, by uri; they can only close, never open."""

    def __init__(self, sources: Mapping[str, Source], default: Rules = ()) -> None:
        self._default = default
        self._entries: dict[Path, tuple[Entry, ...]] = {}
        self._used: set[Entry] = set()
        self._known = sources.keys()
        self._fitting = {
            uri: fitting for uri, each in sources.items() if (fitting := self._fit(each))
        }

    def _fit(self, source: Source) -> tuple[Entry, ...]:
        path, root = source.path.absolute(), source.root.absolute()
        below = path.parent.relative_to(root).parts
        folders = [root.joinpath(*below[:depth]) for depth in range(len(below) + 1)]
        fitting = tuple(
            entry for folder in folders for entry in self._of(folder) if entry.fits(path)
        )
        self._used.update(fitting)
        return fitting

    def _of(self, folder: Path) -> tuple[Entry, ...]:
        if folder not in self._entries:
            file = folder / NAME
            self._entries[folder] = tuple(_read(file)) if file.exists() else ()
        return self._entries[folder]

    def address(self) -> str:
        """Return what changes when the rules of a file do."""
        said = [(uri, access.as_json(_rules(each))) for uri, each in self._fitting.items()]
        return address(repr((access.as_json(self._default), sorted(said))))

    def access(self, uri: str, own: str, before: str) -> str:
        """Return the rules of a document: those of its file and its own, else the default.

        `before` holds for a file in a folder that can not be listed just now.
        """
        if uri not in self._known:
            return before
        entries = self._fitting.get(uri, ())
        return _joined(_rules(entries), own, self._default if not entries else ())

    def unused(self) -> Iterator[tuple[str, str]]:
        """Yield (path, reason) of each pattern that fits nothing: what it meant may lie open."""
        for entries in self._entries.values():
            for each in entries:
                if each not in self._used:
                    yield str(each.file), f"its pattern {each.pattern!r} fits no file; correct it"


def _rules(entries: Iterable[Entry]) -> Rules:
    return tuple(rule for each in entries for rule in each.rules)


@lru_cache(10_000)  # many documents, few rules
def _joined(rules: tuple[Rule, ...], own: str, default: Rules) -> str:
    return access.as_json((*rules, *(access.from_json(own) if own else default)))


def _read(file: Path) -> Iterator[Entry]:
    try:
        if file.stat().st_size > LARGEST:
            raise LoadError(file, f"it is larger than {LARGEST:,} bytes; {EXPECTED}")
        # BaseLoader makes nothing but strings.
        loaded = yaml.load(file.read_text("utf-8"), Loader=yaml.BaseLoader)  # noqa: S506
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise LoadError(file, f"it can not be read: {error}; {EXPECTED}") from error
    if not isinstance(loaded, dict):
        raise LoadError(file, f"it holds no patterns; {EXPECTED}")
    for pattern, said in loaded.items():
        yield Entry(file, str(pattern), _stated(file, pattern, said))


def _stated(file: Path, pattern: object, said: object) -> Rules:
    if not isinstance(said, dict) or not said or not said.keys() <= KEYS:
        raise LoadError(file, f"{said!r} of {pattern!r} is not understood; {EXPECTED}")
    groups, label = said.get("groups", ""), said.get("label", "")
    listed = ",".join(map(str, groups)) if isinstance(groups, list) else str(groups)
    try:
        rules = access.rules_of(str(label), listed)
    except ValueError as error:
        raise LoadError(file, f"of {pattern!r}: {error}") from error
    if rules is None:
        raise LoadError(file, f"{said!r} of {pattern!r} names neither label nor group; {EXPECTED}")
    return rules


def _alike(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
