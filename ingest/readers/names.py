"""Names for the files inside a file: each leads nowhere, and no two are the same."""

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from ingest.reading import Member, clean

SLASH = re.compile(r"[/\\]")
DRIVE = re.compile(r"\A[A-Za-z]:")
LONGEST_NAME = 200  # characters; with a folder before it, a name of a file may be 255 bytes long


def harmless(name: str) -> str:
    r"""Return a name below its container, whatever it tried to be.

    >>> harmless("day 1/readout.pdf"), harmless("C:\\..\\..\\etc\\passwd"), harmless("/..")
    ('day 1/readout.pdf', 'etc/passwd', 'unnamed')
    """
    words = (" ".join(clean(word).split()) for word in SLASH.split(DRIVE.sub("", name)))
    return "/".join(_cut(word) for word in words if word.strip(".")) or "unnamed"


def _cut(word: str) -> str:
    suffix = PurePosixPath(word).suffix[-20:]
    return word if len(word) <= LONGEST_NAME else word[: LONGEST_NAME - len(suffix)] + suffix


def distinct(members: Iterable[Member]) -> tuple[Member, ...]:
    """Return the members with harmless names; a name that comes again gets a number."""
    taken: dict[str, int] = {}
    named: list[Member] = []
    for member in members:
        name = harmless(member.name)
        count = taken[name] = taken.get(name, 0) + 1
        while count > 1 and (numbered := _numbered(name, count)) in taken:
            count += 1
        if count > 1:
            taken[name] = count
            name = numbered
            taken[name] = 1
        named.append(Member(name, member.data))
    return tuple(named)


def _numbered(name: str, number: int) -> str:
    path = PurePosixPath(name)
    return path.with_name(f"{path.stem} ({number}){path.suffix}").as_posix()
