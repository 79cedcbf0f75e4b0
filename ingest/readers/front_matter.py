"""The block of metadata that a text or Markdown file may begin with."""

import re

import yaml

from ingest.reading import Found, iso_date

FENCED = re.compile(r"\A---[ \t]*\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
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


def front_matter(text: str) -> tuple[dict[str, Found], int]:
    """Return the metadata and where the text proper begins, 0 if there is no front matter."""
    fenced = FENCED.match(text)
    entries = _entries(fenced[1]) if fenced else {}
    if not fenced or not entries:
        return {}, 0
    metadata = {}
    for key, value in entries.items():
        name = FIELDS.get(key)
        words = iso_date(value) if name == "published" else " ".join(value.split())
        if name and words and name not in metadata:
            metadata[name] = Found(words, "front matter")
    return metadata, fenced.end()


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
