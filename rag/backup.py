"""An index as one file: how it is saved while it is in use, and brought back whole or not at all.

The file is a tar archive of the generation that answers and of what lies beside it: the pointer,
the records, and files of operators such as accounts. Its last member lists all others with their
digests, so that one that was cut off or altered is never taken for whole.
"""

import contextlib
import hashlib
import json
import os
import re
import shutil
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO

from rag import store
from rag.audit import Audit, audit, mend
from rag.errors import (
    IndexDamagedError,
    IndexMismatchError,
    IndexWriteError,
    SettingsError,
)
from rag.index import Index, Summary

LIST = "backup.json"  # the last member
FORM = 1  # of that list
PASSING = re.compile(r"CURRENT|CURRENT\.new|writer\.pid|lock|.*\.lock|.*\.new")  # of a process
NAME = re.compile(
    r"CURRENT|records/[^/]+|generations/[^/]+(/[^/]+)+|[^/]+"  # a file that an index may have
)


@dataclass(frozen=True, slots=True)
class Saved:
    """What went into a backup."""

    generation: str
    files: int
    bytes: int


def save(index: Path, file: Path) -> Saved:
    """Write a backup; questions and an ingest may go on meanwhile.

    Raises:
        SettingsError: the file is there already, or would lie in the index.
        IndexMissingError, IndexDamagedError: as `store.current`.
        IndexWriteError: the file can not be written.
    """
    if file.exists():
        raise SettingsError(f"there is a file {str(file)!r} already; name another for the backup")
    if file.resolve().is_relative_to(index.resolve()):
        raise SettingsError(f"the backup {str(file)!r} would lie in the index; put it elsewhere")
    try:
        with store.held(index) as generation, _written(file) as tar:
            digests = dict[str, str]()
            for name, path in _files(index, generation).items():
                with contextlib.suppress(FileNotFoundError):  # of a process that took it away
                    digests[name] = _add(tar, path, name)
            digests["CURRENT"] = _put(tar, "CURRENT", generation.name.encode())
            listed = {"form": FORM, "schema": store.SCHEMA, "sha256": digests}
            _put(tar, LIST, json.dumps(listed).encode())
    except (OSError, tarfile.TarError) as error:
        raise IndexWriteError(
            f"the backup {str(file)!r} can not be written: {error}; make room or give permission"
        ) from error
    return Saved(generation.name, len(digests), file.stat().st_size)


def restore(file: Path, directory: Path, fingerprint: str) -> Summary:
    """Bring back what a backup holds as a new directory, checked against its documents.

    The directory is there when all is well and not at all otherwise.

    Raises:
        SettingsError: the directory holds something, or there is no such backup.
        IndexDamagedError: the backup is cut off, altered, or no backup.
        IndexMismatchError: it was made with another model or by another version.
        IndexWriteError: the directory can not be written.
    """
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise SettingsError(
            f"there is something in {str(directory)!r} already; name a folder that is not there"
        )
    try:
        directory.absolute().parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(
            tempfile.mkdtemp(prefix=f"{directory.name}.restoring-", dir=directory.absolute().parent)
        )
    except OSError as error:
        raise _not_written(directory, error) from error
    try:
        _extract(file, unfinished)
        held = _checked(file, unfinished, fingerprint)
        unfinished.rename(directory)
    except OSError as error:
        raise _not_written(directory, error) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return held


def _not_written(directory: Path, error: OSError) -> IndexWriteError:
    return IndexWriteError(
        f"the index {str(directory)!r} can not be written: {error}; make room or give permission"
    )


def _files(index: Path, generation: Path) -> dict[str, Path]:
    """Return what is saved, by its name in the archive."""
    own = [each for each in index.iterdir() if not PASSING.fullmatch(each.name)]
    kept = [each for each in (index / "records").glob("*") if not PASSING.fullmatch(each.name)]
    found = [*own, *kept, *generation.rglob("*")]
    return {
        each.relative_to(index).as_posix(): each
        for each in sorted(found)
        if each.is_file() and not each.is_symlink()
    }


@contextlib.contextmanager
def _written(path: Path) -> Iterator[tarfile.TarFile]:
    """Open an archive that is there, for its owner alone, once the block has ended well."""
    handle, name = tempfile.mkstemp(prefix=f"{path.name}.unfinished-", dir=path.absolute().parent)
    unfinished = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
                yield tar
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(path)
    finally:
        unfinished.unlink(missing_ok=True)


class _Digested:
    """A file whose digest is made while it is read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        self.digest.update(data)
        return data


def _add(tar: tarfile.TarFile, path: Path, name: str) -> str:
    """Add a file as long as it is now, though it may grow, and return its digest."""
    with path.open("rb") as file:
        state = os.fstat(file.fileno())
        member = tarfile.TarInfo(name)
        member.size, member.mtime, member.mode = state.st_size, state.st_mtime, state.st_mode
        digested = _Digested(file)
        tar.addfile(member, digested)  # type: ignore[arg-type]  # of which only read is used
    return digested.digest.hexdigest()


def _put(tar: tarfile.TarFile, name: str, data: bytes) -> str:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(data), 0o600
    tar.addfile(member, BytesIO(data))
    return hashlib.sha256(data).hexdigest()


def _extract(file: Path, directory: Path) -> None:
    """Unpack regular files with names of an index, and nothing else."""
    try:
        with tarfile.open(file, mode="r:") as tar:
            members = tar.getmembers()
            _check_members(file, members)
            _check_room(members, directory)
            tar.extractall(directory, members, filter="data")
    except FileNotFoundError:
        raise SettingsError(f"there is no backup {str(file)!r}; name one") from None
    except IsADirectoryError:
        raise SettingsError(f"{str(file)!r} is a folder; name the file of a backup") from None
    except tarfile.TarError as error:
        raise _damaged(file, str(error)) from error


def _check_members(file: Path, members: list[tarfile.TarInfo]) -> None:
    names = [each.name for each in members]
    if not names or names[-1] != LIST:
        raise _damaged(file, "its end is missing")
    if len(set(names)) != len(names):
        raise _damaged(file, "a name comes twice")
    for each in members:
        if not each.isreg() or not NAME.fullmatch(each.name) or ".." in each.name.split("/"):
            raise _damaged(file, f"{each.name!r} is nothing that an index has")


def _check_room(members: list[tarfile.TarInfo], directory: Path) -> None:
    needed, free = sum(each.size for each in members), shutil.disk_usage(directory).free
    if needed > free:
        raise OSError(f"it needs {needed:,} bytes and {free:,} are free")


def _checked(file: Path, directory: Path, fingerprint: str) -> Summary:
    """Return what an unpacked index holds once it is as its list and its documents say."""
    _check_digests(file, directory)
    with contextlib.closing(Index(directory, fingerprint)) as index:
        try:
            found = audit(index)
            if found.derived and not found.lost:
                mend(index)  # such as a file of Chroma's that was copied while it was opened
                found = audit(index)
            if found != Audit():
                raise _damaged(file, "; ".join((*found.lost, *found.derived)))
            with index.reading() as generation:
                return generation.summary()
        except IndexMismatchError as error:
            raise IndexMismatchError(
                f"the backup {str(file)!r} can not be used: {error}"
            ) from error


def _check_digests(file: Path, directory: Path) -> None:
    listed = directory / LIST
    try:
        digests: Mapping[str, str] = json.loads(listed.read_bytes())["sha256"]
        listed.unlink()
        found = {
            each.relative_to(directory).as_posix(): _digest(each)
            for each in directory.rglob("*")
            if each.is_file()
        }
    except (ValueError, LookupError, TypeError) as error:
        raise _damaged(file, f"its list can not be read: {error!r}") from error
    for name in sorted(digests.keys() | found.keys()):
        if digests.get(name) != found.get(name):
            raise _damaged(file, f"{name!r} is missing or is not what was saved")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _damaged(file: Path, why: str) -> IndexDamagedError:
    return IndexDamagedError(f"the backup {str(file)!r} is damaged: {why}; take another")
