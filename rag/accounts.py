"""The accounts that may log in: a file with a salted hash of each password, and groups."""

import base64
import contextlib
import hashlib
import hmac
import json
import os
import re
import secrets
import threading
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from rag.access import group_names
from rag.errors import SettingsError

# Of what OWASP's Password Storage Cheat Sheet asks for the variant that takes 32 MB.
COST, BLOCK, TIMES = 2**15, 8, 3
MOST_MEMORY = 2 * 128 * COST * BLOCK
AT_ONCE = threading.BoundedSemaphore(2)  # passwords that are checked, which bounds their memory
SHORTEST, LONGEST = 12, 200  # characters of a password
NAME = re.compile(r"[\w.@+-]{1,64}")
HASH = "scrypt$COST$BLOCK$TIMES$SALT$KEY"
OTHERS = 0o077  # permission bits of those who do not own a file


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may log in; `hash` is that of the password with what it was made with."""

    name: str
    groups: frozenset[str]
    hash: str


class Accounts:
    """The accounts of a file, read again whenever it was changed."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._read_at: tuple[int, ...] = ()
        self._accounts: Mapping[str, Account] = {}
        self._nobody = _hashed(secrets.token_hex(), secrets.token_bytes(16))

    def listed(self) -> tuple[Account, ...]:
        """Return all accounts by name.

        Raises:
            SettingsError: the file is not there, not this user's alone, or not one of accounts.
        """
        try:
            with self.file.open(encoding="utf-8") as opened:
                state = os.fstat(opened.fileno())
                changed = (state.st_mtime_ns, state.st_size, state.st_ino, state.st_mode)
                if changed != self._read_at:
                    self._check_mode(state.st_mode)
                    self._accounts = {each["name"]: _account(each) for each in json.load(opened)}
                    self._read_at = changed
        except FileNotFoundError:
            raise SettingsError(
                f"there is no file of accounts {str(self.file)!r}; "
                f"run python -m rag users add NAME --accounts {self.file}"
            ) from None
        except (OSError, ValueError, TypeError, LookupError) as error:
            raise SettingsError(
                f"the accounts {str(self.file)!r} can not be read: {error!r}; "
                "restore the file, or take it away and run python -m rag users add NAME"
            ) from error
        return tuple(self._accounts[name] for name in sorted(self._accounts))

    def get(self, name: str) -> Account | None:
        """Return an account as it is now, None when there is none of that name.

        Raises:
            SettingsError: as `listed`.
        """
        self.listed()
        return self._accounts.get(plain_name(name))

    def check(self, name: str, password: str) -> Account | None:
        """Return the account that a name and a password open; it takes as long when none does.

        Raises:
            SettingsError: as `listed`.
        """
        account = self.get(name)
        wanted = account.hash if account else self._nobody
        *_, salt, _ = wanted.split("$")
        with AT_ONCE:
            given = _hashed(password[: LONGEST + 1], base64.b64decode(salt), wanted)
        return account if hmac.compare_digest(given, wanted) and account else None

    def put(self, name: str, password: str, groups: Iterable[str]) -> bool:
        """Add an account, or change its password and groups; tell whether it is new.

        Raises:
            SettingsError: as `listed`, or the name or the password can not be used.
        """
        name = plain_name(name)
        if not NAME.fullmatch(name):
            raise SettingsError(
                f"the name {name!r} can not be used; take up to 64 letters, digits and . _ @ + -"
            )
        if not SHORTEST <= len(password) <= LONGEST:
            raise SettingsError(
                f"the password has {len(password)} characters; take {SHORTEST} to {LONGEST}"
            )
        named = frozenset(each for listed in groups for each in group_names(listed))
        with self._changing() as accounts:
            new = name not in accounts
            hashed = _hashed(password, secrets.token_bytes(16))
            accounts[name] = Account(name, named, hashed)
        return new

    def remove(self, name: str) -> bool:
        """Take an account away, which ends its sessions; tell whether there was one.

        Raises:
            SettingsError: as `listed`.
        """
        with self._changing() as accounts:
            return accounts.pop(plain_name(name), None) is not None

    @contextlib.contextmanager
    def _changing(self) -> Iterator[dict[str, Account]]:
        """Give the accounts to be changed, and write them in one step."""
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self.file.with_name(f"{self.file.name}.lock"), mode=0o600):
                accounts = {each.name: each for each in self.listed()} if self.file.exists() else {}
                yield accounts
                self._write(accounts.values())
        except OSError as error:
            raise SettingsError(
                f"the accounts {str(self.file)!r} can not be written: {error.strerror}; "
                "name another file with --accounts, or give permission"
            ) from error

    def _write(self, accounts: Iterable[Account]) -> None:
        rows = [
            {"name": each.name, "groups": sorted(each.groups), "hash": each.hash}
            for each in sorted(accounts, key=lambda each: each.name)
        ]
        unfinished = self.file.with_name(f"{self.file.name}.new")
        unfinished.unlink(missing_ok=True)
        handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as opened:
            json.dump(rows, opened, indent=1, ensure_ascii=False)
            opened.flush()
            os.fsync(opened.fileno())
        unfinished.replace(self.file)

    def _check_mode(self, mode: int) -> None:
        if mode & OTHERS:
            raise SettingsError(
                f"others may read or write the accounts {str(self.file)!r}; "
                f"run chmod 600 {self.file}"
            )


def plain_name(name: str) -> str:
    """Return a name as it is kept, however it is typed.

    >>> plain_name(" Ana.López@Example.org")
    'ana.lópez@example.org'
    """
    return unicodedata.normalize("NFKC", name).strip().casefold()


def _account(stored: Mapping[str, object]) -> Account:
    groups = stored["groups"]
    if not isinstance(groups, list):
        raise TypeError(groups)
    hashed = str(stored["hash"])
    if hashed.count("$") != HASH.count("$"):
        raise ValueError(hashed[:10])
    return Account(str(stored["name"]), frozenset(map(str, groups)), hashed)


def _hashed(password: str, salt: bytes, like: str = "") -> str:
    """Return the hash of a password, made as another was or as is right today."""
    made_with = like.split("$")[1:4] if like else (COST, BLOCK, TIMES)
    cost, block, times = map(int, made_with)
    words = unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
    key = hashlib.scrypt(words, salt=salt, n=cost, r=block, p=times, maxmem=MOST_MEMORY, dklen=32)
    ends = (base64.b64encode(each).decode() for each in (salt, key))
    return "$".join(["scrypt", str(cost), str(block), str(times), *ends])
