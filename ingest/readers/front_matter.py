"""The block of metadata that a text or Markdown file may begin with."""

import re
from collections.abc import Mapping

import yaml

from ingest.reading import Found, iso_date

FENCED = re.compile(
    r"\A\s*---[ \t]*\n(.*?)^[ \t]*(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE
)
# A beginning whose end nobody sees, with the lines after it that could be entries.
UNCLOSED = re.compile(
    r"\A\s*-{3,}[^\n]*\n"
    r"((?:(?:[ \t]*|[ \t]+\S[^\n]*|[\w \"'-]+:[^\n]*|[-#{}\[\]][^\n]*)(?:\n|\Z))*)"
)
LINE = re.compile(r"^([A-Za-z][\w -]*):[ \t]*(.+?)[ \t]*$", re.MULTILINE)
FIELDS = {
    "title": "title",
    "date": "published",
    "published": "published",
    "language": "language",
    "lang": "language",
    "kind": "kind",
    "label": "label",
    "groups": "groups",
}
ACCESS = ("label", "groups")  # never passed over, so that what can not be read can not lie open
MENTION = rf"({'|'.join(ACCESS)})[\"']?[ \t]*:"
OF_LINES = re.compile(rf"^[\"'? \t-]*{MENTION}", re.MULTILINE | re.IGNORECASE)
OF_BRACES = re.compile(rf"\b{MENTION}", re.IGNORECASE)


def front_matter(text: str) -> tuple[dict[str, Found], int]:
    """Return the metadata and where the text proper begins, 0 if there is no front matter.

    Raises:
        ValueError: it says who may read the text, and can not be understood.
    """
    fenced = FENCED.match(text)
    entries = _entries(fenced[1]) if fenced else {}
    _check_access(fenced or UNCLOSED.match(text), entries)
    if not fenced or not entries:
        return {}, 0
    metadata = {}
    for key, value in entries.items():
        name = FIELDS.get(key)
        words = iso_date(value) if name == "published" else " ".join(value.split())
        if name and words and name not in metadata:
            metadata[name] = Found(words, "front matter")
    return metadata, fenced.end()


def _check_access(begun: re.Match[str] | None, entries: Mapping[str, str]) -> None:
    block = begun[1] if begun else ""
    mentions = OF_BRACES if block.lstrip().startswith("{") else OF_LINES
    said = [name.lower() for name in mentions.findall(block)]
    for name in said:
        if name not in entries or said.count(name) > 1:
            raise ValueError(
                f"its front matter has a {name!r} that can not be understood, so nobody knows who "
                f"may read it; write '{name}: …' once, at the left, between two lines of ---"
            )


def _entries(block: str) -> dict[str, str]:
    """Return the plain entries; a block that is not quite YAML is read line by line."""
    try:
        # BaseLoader makes nothing but strings: a date stays as written and `no` stays Norwegian.
        loaded = yaml.load(block, Loader=yaml.BaseLoader)  # noqa: S506
    except (yaml.YAMLError, RecursionError):
        loaded = {key: value.strip("\"'") for key, value in LINE.findall(block)}
    if not isinstance(loaded, dict):
        return {}
    return {
        key.lower(): _words(key.lower(), value)
        for key, value in loaded.items()
        if isinstance(key, str)
    }


def _words(key: str, value: object) -> str:
    """Return a value that is a text; of those who may read, a list and whatever else it is."""
    if key == "groups" and isinstance(value, list):
        value = ", ".join(map(str, value))
    return value if isinstance(value, str) else str(value) if key in ACCESS else ""
