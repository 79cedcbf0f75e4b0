"""What the tests of several readers do to files."""

import io
import zipfile
from collections.abc import Callable, Mapping
from random import Random

import pytest

from ingest.reading import Reading

Blocks = Callable[[Reading], list[tuple[str, str]]]
Zip = Callable[[Mapping[str, bytes]], bytes]
Spoil = Callable[[bytes, Random], bytes]


@pytest.fixture(scope="session")
def blocks() -> Blocks:
    """Return a function that gives the kind and the text of each block."""

    def pairs(reading: Reading) -> list[tuple[str, str]]:
        return [(block.kind, block.span.of(reading.text)) for block in reading.blocks]

    return pairs


@pytest.fixture(scope="session")
def zipped() -> Zip:
    """Return a function that packs files."""

    def pack(files: Mapping[str, bytes]) -> bytes:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return stream.getvalue()

    return pack


@pytest.fixture(scope="session")
def spoil(zipped: Zip) -> Spoil:
    """Return a function that damages bytes, or else one of the files that are packed in them."""

    def damage(data: bytes, random: Random) -> bytes:
        if data.startswith(b"PK") and random.random() < 0.8:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                files = {name: archive.read(name) for name in archive.namelist()}
            name = random.choice(sorted(files))
            return zipped(files | {name: damage(files[name], random)})
        for _ in range(random.randint(1, 4)):
            at = random.randrange(len(data) + 1)
            kind = random.choice(["flip", "cut", "insert", "repeat"])
            piece = data[at : at + random.randint(1, 40)] if kind == "repeat" else b""
            new = piece * 2 or bytes(random.randrange(256) for _ in range(random.randint(1, 8)))
            gone = {"flip": len(new), "cut": random.randint(1, 80)}.get(kind, 0)
            data = data[:at] + (b"" if kind == "cut" else new) + data[at + gone :]
        return data

    return damage
