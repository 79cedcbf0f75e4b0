"""What the mails of every program have in common, and how they are put into words."""

from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime

from ingest.readers.html import whole_page
from ingest.readers.names import distinct
from ingest.reading import Found, Member, Part, Reading, compose, iso_date

ROWS = ("From", "To", "Cc", "Date", "Start", "End", "Where", "Subject")
MAX_MEMBERS = 1000
LONGEST_ROW = 2000  # characters
LONGEST_DATE = 100
STUB = 10  # a plain text that many times shorter than its HTML only says that there is HTML

Content = Part | Member | str  # of a mail: words of its body, an attachment, a warning


def compose_letter(rows: Mapping[str, str], contents: Sequence[Content]) -> Reading:
    """Return what a mail says of itself, a row each, and what it contains."""
    headers = [Part(f"{name}: {_short(rows[name])}", "row") for name in ROWS if rows.get(name)]
    members = [content for content in contents if isinstance(content, Member)]
    warnings = [content for content in contents if isinstance(content, str)]
    if len(members) > MAX_MEMBERS:
        warnings.append(f"of {len(members)} attachments the first {MAX_MEMBERS} are read")
    found = {
        "title": rows.get("Subject"),
        "published": local_date(rows.get("Date", "")),
        "kind": "appointment" if rows.get("Start") else "e-mail",
    }
    reading = compose(
        [*headers, *(content for content in contents if isinstance(content, Part))],
        {name: Found(value, "e-mail header") for name, value in found.items() if value},
    )
    return Reading(
        reading.text,
        reading.blocks,
        metadata=reading.metadata,
        members=distinct(members[:MAX_MEMBERS]),
        warnings=tuple(dict.fromkeys(warnings)),
    )


def _short(value: str) -> str:
    return value if len(value) <= LONGEST_ROW else f"{value[:LONGEST_ROW].rsplit(' ', 1)[0]} …"


def local_date(value: str) -> str | None:
    """Return the day on the sender's calendar.

    >>> local_date("Thu, 12 Mar 2026 23:30:00 -0500")
    '2026-03-12'
    """
    try:
        return parsedate_to_datetime(value[:LONGEST_DATE]).date().isoformat()
    except (ValueError, TypeError, OverflowError, IndexError):
        return iso_date(value) if any(map(str.isdigit, value)) else None


def html_parts(text: str) -> list[Part]:
    """Return all that a body in HTML shows, which may be nothing."""
    try:
        return whole_page(text.encode())
    except ValueError:
        return []


def best_version(versions: Sequence[Sequence[Part]]) -> Sequence[Part]:
    """Return the first of the same words in several forms, but not a mere stub of another."""
    lengths = [sum(len(part.text) for part in version) for version in versions]
    whole = (
        version
        for version, length in zip(versions, lengths, strict=True)
        if length * STUB > max(lengths)
    )
    return next(whole, [])
