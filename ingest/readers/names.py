"""Names for the files inside a file: each leads nowhere, and no two are the same."""

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import PurePosixPath

from ingest.reading import Member, clean

SLASH = re.compile(r"[/\\]")
DRIVES = re.compile(r"\A(?:[A-Za-z]:\s*)+")
LONGEST_NAME = 200  # characters; with a folder before it, a name of a file may be 255 bytes long


def harmless(name: str) -> str:
    r"""Return a name below its container, whatever it tried to be.

    >>> harmless("day 1/readout.pdf"), harmless("C:\\..\\..\\etc\\passwd"), harmless("/..")
    ('day 1/readout.pdf', 'etc/passwd', 'unnamed')
    """
    words = (DRIVES.sub("", " ".join(clean(word).split())).strip() for word in SLASH.split(name))
    return "/".join(_cut(word) for word in words if word.strip(".")) or "unnamed"


def is_readme(name: str) -> bool:
    """Tell whether a file is about the files beside it, which makes it no document of the visit.

    >>> is_readme("README.md"), is_readme("Readme.PDF"), is_readme("readme first.txt")
    (True, True, False)
    """
    return PurePosixPath(name).stem.lower() == "readme"


def _cut(word: str) -> str:
    suffix = PurePosixPath(word).suffix[-20:]
    return (
        word if len(word) <= LONGEST_NAME else word[: LONGEST_NAME - len(suffix)].rstrip() + suffix
    )


def distinct(members: Iterable[Member]) -> tuple[Member, ...]:
    """Return the members with harmless names; a name that comes again gets a number."""
    taken: Counter[str] = Counter()
    named: list[Member] = []
    for member in members:
        name = first = harmless(member.name)
        while name in taken:
            taken[first] += 1
            name = _numbered(first, taken[first])
        taken[name] += 1
        named.append(Member(name, member.data))
    return tuple(named)


def _numbered(name: str, number: int) -> str:
    path = PurePosixPath(name)
    return path.with_name(f"{path.stem.rstrip()} ({number}){path.suffix}").as_posix()
