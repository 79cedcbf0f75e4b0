"""ZIP archives: what is inside, unpacked within limits, for archives can be made to burst."""

import lzma
import struct
import zipfile
import zlib
from io import BytesIO

from ingest.readers.names import SLASH, distinct, is_readme
from ingest.reading import Member, Reading

MAX_ENTRIES = 2000
MAX_LISTED = 50_000  # folders and hidden files too; it takes a minute to list a million
MAX_UNPACKED_BYTES = 500_000_000
MAX_RATIO = 200
FREE_BYTES = 10_000_000  # an entry of that size may unpack at any ratio
NAMED_IN_A_WARNING = 10
# All that zipfile is known to raise on files that break its rules, or ask for gigabytes at once.
BROKEN = (zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, lzma.LZMAError, EOFError, OSError,
          LookupError, ValueError, RuntimeError, NotImplementedError, OverflowError,
          struct.error, MemoryError)  # fmt: skip
ADDED = {"thumbs.db", "desktop.ini"}
DIRECTORY_MARK = b"PK\x01\x02"
ENCRYPTED, UTF_8 = 0x1, 0x800


class Archive:
    """An archive that is open, and how much may still be unpacked from it."""

    def __init__(self, data: bytes) -> None:
        """Open the archive.

        Raises:
            ValueError: it is damaged or holds too many files.
        """
        listed = data.count(DIRECTORY_MARK)
        if listed > MAX_LISTED:
            raise ValueError(f"it lists {listed} files, where {MAX_LISTED} are allowed")
        try:
            self._zip = zipfile.ZipFile(BytesIO(data))
        except BROKEN as error:
            raise ValueError("it is damaged or is not a ZIP archive") from error
        self._left = MAX_UNPACKED_BYTES

    def entries(self) -> list[zipfile.ZipInfo]:
        """Return the entries that are files."""
        return [entry for entry in self._zip.infolist() if entry.filename and not entry.is_dir()]

    def unpack(self, entry: zipfile.ZipInfo) -> bytes:
        """Return the bytes of an entry, however large it says it is.

        Raises:
            ValueError: it is damaged or too large; its reason says which.
        """
        allowed = min(self._left, max(FREE_BYTES, MAX_RATIO * entry.compress_size))
        try:
            with self._zip.open(entry) as file:
                data = file.read(allowed + 1)
        except BROKEN as error:
            raise ValueError("damaged") from error
        self._left -= min(len(data), self._left)
        if len(data) > allowed:
            raise ValueError("too large when unpacked")
        return data


def read(data: bytes) -> Reading:
    """Read the files of an archive as members; it has no text of its own."""
    archive = Archive(data)
    entries = [entry for entry in archive.entries() if _is_wanted(entry_name(entry))]
    if len(entries) > MAX_ENTRIES:
        raise ValueError(f"it holds {len(entries)} files, where {MAX_ENTRIES} are allowed")
    members: list[Member] = []
    left_out: dict[str, list[str]] = {}
    for entry in entries:
        name = entry_name(entry)
        if entry.flag_bits & ENCRYPTED:
            left_out.setdefault("encrypted", []).append(name)
            continue
        try:
            members.append(Member(name, archive.unpack(entry)))
        except ValueError as error:
            left_out.setdefault(str(error), []).append(name)
    return Reading(
        "",
        (),
        members=distinct(members),
        warnings=tuple(_warning(reason, names) for reason, names in left_out.items()),
    )


def entry_name(entry: zipfile.ZipInfo) -> str:
    """Return the name of an entry; most programs write UTF-8 and few of them say so."""
    if entry.flag_bits & UTF_8:
        return entry.filename
    try:
        return entry.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return entry.filename


def _is_wanted(name: str) -> bool:
    """Tell whether a person put the file there: programs add hidden ones and some others."""
    *folders, last = SLASH.split(name)
    hidden = any(part.startswith(".") and part.strip(".") for part in (*folders, last))
    added = last.startswith("~$") or last.lower() in ADDED or "__MACOSX" in folders
    return bool(last) and not hidden and not added and not is_readme(last)


def _warning(reason: str, names: list[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:NAMED_IN_A_WARNING])
    more = f" and {len(names) - NAMED_IN_A_WARNING} more" if len(names) > NAMED_IN_A_WARNING else ""
    return f"{reason}, so left out: {shown}{more}"
