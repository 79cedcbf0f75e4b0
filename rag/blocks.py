"""A generation's database as blocks in a Chroma server, each there once and named by its hash.

Generations that start from each other differ in few blocks, so that little is sent. The hashes are
blocks themselves, and theirs again, up to a root that names the whole.
"""

import base64
import hashlib
import os
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from chromadb.api.models.Collection import Collection

from rag.errors import IndexDamagedError
from rag.server import GoneError, Server, portions

BLOCK_BYTES = 65_536
AT_ONCE = 100  # blocks of one request
DIGEST_BYTES = 32


@dataclass(frozen=True, slots=True)
class Tree:
    """The hashes of a file's blocks in their order, and what lies above them.

    Attributes:
        above: the blocks that hold hashes, by their own.
        levels: how many times hashes are of hashes.
    """

    root: str
    levels: int
    leaves: tuple[str, ...]
    above: dict[str, bytes]

    @classmethod
    def of(cls, path: Path) -> "Tree":
        """Return the tree of a file."""
        leaves = hashes = tuple(_name(block) for block in _read(path))
        above: dict[str, bytes] = {}
        levels = 0
        while len(hashes) > 1 or not levels:
            level = {_name(each): each for each in _joined(hashes)}
            above |= level
            hashes = tuple(_name(each) for each in _joined(hashes))
            levels += 1
        return cls(hashes[0], levels, leaves, above)

    def every(self) -> dict[str, None]:
        """Return the hash of every block, each once."""
        return dict.fromkeys([*self.leaves, *self.above])


class Blocks:
    """The blocks of all generations in one collection of a server."""

    def __init__(self, server: Server, name: str) -> None:
        self._server = server
        self._name = name

    def upload(self, path: Path) -> Tree:
        """Write the blocks of a file that are not there yet."""
        blocks = self._server.made(self._name, "l2")
        tree = Tree.of(path)
        new = tree.every().keys() - self._server.has(blocks, tree.every())
        self._put(blocks, ((each, tree.above[each]) for each in new & tree.above.keys()))
        new -= tree.above.keys()
        pairs = zip(tree.leaves, _read(path), strict=True)
        self._put(blocks, ((name, block) for name, block in pairs if name in new))
        return tree

    def _put(self, blocks: Collection, content: Iterable[tuple[str, bytes]]) -> None:
        waiting: dict[str, bytes] = {}
        for name, block in content:
            waiting[name] = block
            if len(waiting) >= AT_ONCE:
                self._write(blocks, waiting)
                waiting = {}
        if waiting:
            self._write(blocks, waiting)

    def _write(self, blocks: Collection, content: dict[str, bytes]) -> None:
        """Write blocks as metadata, which Chroma does not index word by word as it would a text."""
        rows = [_as_row(each, self._server.characters) for each in content.values()]
        ids, nowhere = list(content), [[0.0]] * len(content)
        self._server.persist(lambda _: blocks.upsert(ids, embeddings=nowhere, metadatas=rows))  # type: ignore[arg-type]  # lists are invariant

    def lacking(self, tree: Tree) -> int:
        """Return how many blocks of a tree are not there."""
        try:
            there = self._server.has(self._server.collection(self._name), tree.every())
        except GoneError:
            there = set()
        return len(tree.every()) - len(there)

    def keep(self, wanted: Iterable[str]) -> None:
        """Delete every block but some."""
        try:
            blocks = self._server.collection(self._name)
        except GoneError:
            return
        self._server.delete(blocks, set(self._server.ids(blocks)).difference(wanted))

    def download(self, root: str, levels: int, target: Path, like: Path | None) -> None:
        """Write the file that a root names; what a file that is here has too is copied from it.

        Raises:
            IndexDamagedError: blocks are missing or are others.
        """
        try:
            blocks = self._server.collection(self._name)
            hashes = [root]
            for _ in range(levels):
                content = self._fetched(blocks, hashes)
                digests = b"".join(content[each] for each in hashes)
                hashes = [each.hex() for each in _pieces(digests, DIGEST_BYTES)]
            self._assemble(blocks, hashes, target, like)
        except (GoneError, LookupError, ValueError, zlib.error) as error:
            raise IndexDamagedError(
                f"the server {self._server.url!r} has lost a part of the index: {error}; run "
                "python -m ingest --check where there is a copy of it, or else "
                "python -m ingest PATH --rebuild"
            ) from error

    def _assemble(
        self, blocks: Collection, hashes: Sequence[str], target: Path, like: Path | None
    ) -> None:
        own: dict[str, int] = {}
        with target.open("wb") as file, (like or Path(os.devnull)).open("rb") as old:
            for number, block in enumerate(_read(like) if like else ()):
                own.setdefault(_name(block), number * BLOCK_BYTES)
            for some in portions(hashes, AT_ONCE):
                content = self._fetched(blocks, [each for each in some if each not in own])
                for each in some:
                    if each in own:
                        old.seek(own[each])
                    file.write(old.read(BLOCK_BYTES) if each in own else content[each])
            file.flush()
            os.fsync(file.fileno())

    def _fetched(self, blocks: Collection, hashes: Iterable[str]) -> dict[str, bytes]:
        """Return the content of blocks, each checked against its name.

        Raises:
            LookupError, ValueError, zlib.error: one is missing or is another.
        """
        found: dict[str, bytes] = {}
        wanted = dict.fromkeys(hashes)
        for some in portions(wanted, AT_ONCE):
            got = self._server.ask(lambda _, ids=some: blocks.get(ids, include=["metadatas"]))  # type: ignore[misc]  # mypy does not infer lambdas with defaults
            for each, row in zip(got["ids"], got["metadatas"] or [], strict=True):
                found[each] = _of_row(row)
                if _name(found[each]) != each:
                    raise ValueError(f"the block {each!r} is another")
        if missing := len(wanted) - len(found):
            raise LookupError(f"{missing} of {len(wanted)} blocks are missing")
        return found


def _name(block: bytes) -> str:
    return hashlib.sha256(block).hexdigest()


def _read(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            yield block


def _joined(hashes: Sequence[str]) -> list[bytes]:
    """Return hashes as the blocks that hold them."""
    return list(_pieces(b"".join(map(bytes.fromhex, hashes)), BLOCK_BYTES))


def _pieces(content: bytes, size: int) -> Iterator[bytes]:
    return (content[start : start + size] for start in range(0, len(content), size))


def _as_row(block: bytes, most: int) -> dict[str, str]:
    text = base64.b64encode(zlib.compress(block, 1)).decode("ascii")
    return {f"{at:08}": text[at : at + most] for at in range(0, len(text), most)}


def _of_row(row: object) -> bytes:
    if not isinstance(row, dict):
        raise ValueError("a block is empty")  # noqa: TRY004  # it is what the server holds
    text = "".join(str(row[key]) for key in sorted(row))
    return zlib.decompressobj().decompress(base64.b64decode(text), BLOCK_BYTES)
