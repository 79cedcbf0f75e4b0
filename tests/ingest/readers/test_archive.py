import io
import zipfile
from contextlib import suppress
from pathlib import PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.readers import archive
from ingest.readers.names import distinct, harmless
from ingest.reading import Member


def zip_bytes(*files: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as packed:
        for name, data in files:
            packed.writestr(zipfile.ZipInfo(name), data, compress_type=method)
    return stream.getvalue()


def with_flags(archive_bytes: bytes, flags: int) -> bytes:
    """Return the archive with other flags for its first file: 1 is encrypted, 0x800 is UTF-8."""
    data = bytearray(archive_bytes)
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = data.index(mark) + offset
        data[start : start + 2] = flags.to_bytes(2, "little")
    return bytes(data)


def test_an_archive_is_its_files_and_no_text() -> None:
    inner = zip_bytes(("b.txt", b"They left."))
    reading = archive.read(
        zip_bytes(("day 1/", b""), ("day 1/a.txt", b"They met."), ("b.zip", inner))
    )
    assert (reading.text, reading.blocks, reading.warnings) == ("", (), ())
    assert reading.members == (Member("day 1/a.txt", b"They met."), Member("b.zip", inner))


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_every_method_of_packing_is_unpacked(method: int) -> None:
    data = zip_bytes(("a.txt", b"They met." * 100), method=method)
    assert archive.read(data).members == (Member("a.txt", b"They met." * 100),)


@pytest.mark.parametrize(
    "name",
    [
        "__MACOSX/._a.txt", ".DS_Store", "day/.git/config", "Thumbs.db", "day/~$readout.docx",
        "desktop.ini", "folder\\",
    ],
)  # fmt: skip
def test_what_no_person_put_there_is_left_out(name: str) -> None:
    reading = archive.read(zip_bytes((name, b"x"), ("a.txt", b"They met.")))
    assert [member.name for member in reading.members] == ["a.txt"]
    assert reading.warnings == ()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("../../etc/passwd", "etc/passwd", id="upwards"),
        pytest.param("/etc/passwd", "etc/passwd", id="absolute"),
        pytest.param("..\\..\\windows\\a.txt", "windows/a.txt", id="backslashes"),
        pytest.param("C:\\a.txt", "a.txt", id="drive"),
        pytest.param("a/./b/../c.txt", "a/b/c.txt", id="dots-inside"),
        pytest.param("a\u202etxt.exe\x07\n.txt", "atxt.exe .txt", id="invisible"),
        pytest.param("x" * 300 + ".txt", "x" * 196 + ".txt", id="long"),
        pytest.param("../..", "unnamed", id="nothing-left"),
    ],
)
def test_a_name_is_never_a_path_out_of_the_archive(name: str, expected: str) -> None:
    assert [member.name for member in archive.read(zip_bytes((name, b"x"))).members] == [expected]


def test_a_name_that_comes_twice_gets_a_number() -> None:
    names = ("a.txt", "../a.txt", "a (2).txt", "/a.txt", "b/a.txt")
    reading = archive.read(zip_bytes(*((name, b"x") for name in names)))
    assert [member.name for member in reading.members] == [
        "a.txt",
        "a (2).txt",
        "a (2) (2).txt",
        "a (3).txt",
        "b/a.txt",
    ]


@given(st.lists(st.text("aA1(). /\\:\n\u202eé", max_size=12), max_size=12))
def test_names_are_harmless_and_distinct_whatever_they_were(names: list[str]) -> None:
    made = [member.name for member in distinct(Member(name, b"") for name in names)]
    assert len(set(made)) == len(names)
    for name in made:
        assert harmless(name) == name
        assert not PurePosixPath(name).is_absolute()
        assert ".." not in PurePosixPath(name).parts


@pytest.mark.parametrize("name", ["été.txt", "Réunion à Québec.txt", "会談.txt"])
def test_names_in_utf_8_are_read_even_if_nothing_says_that_they_are(name: str) -> None:
    unmarked = with_flags(zip_bytes((name, b"x")), 0)
    assert [member.name for member in archive.read(unmarked).members] == [name]


def test_names_of_old_programs_are_in_their_code_page() -> None:
    data = with_flags(zip_bytes(("xxx.txt", b"x")).replace(b"xxx", b"\x82t\x82"), 0)
    assert [member.name for member in archive.read(data).members] == ["été.txt"]


def test_encrypted_files_are_a_warning_that_names_them() -> None:
    data = with_flags(zip_bytes(("a.txt", b"They met."), ("b.txt", b"They left.")), 1)
    reading = archive.read(data)
    assert reading.members == (Member("b.txt", b"They left."),)
    assert reading.warnings == ("encrypted, so left out: 'a.txt'",)


def test_a_damaged_file_does_not_hurt_the_others() -> None:
    data = zip_bytes(
        ("a.txt", b"They met."), ("b.txt", b"They left."), method=zipfile.ZIP_STORED
    ).replace(b"met", b"sat")
    reading = archive.read(data)
    assert reading.members == (Member("b.txt", b"They left."),)
    assert reading.warnings == ("damaged, so left out: 'a.txt'",)


def test_a_bomb_is_not_unpacked() -> None:
    data = zip_bytes(("bomb.txt", b"\0" * 30_000_000), ("a.txt", b"They met."))
    reading = archive.read(data)
    assert reading.members == (Member("a.txt", b"They met."),)
    assert reading.warnings == ("too large when unpacked, so left out: 'bomb.txt'",)


def test_a_bomb_that_lies_about_its_size_is_damaged() -> None:
    size = 30_000_000
    data = zip_bytes(("bomb.txt", b"\0" * size)).replace(
        size.to_bytes(4, "little"), (100).to_bytes(4, "little")
    )
    assert archive.read(data).warnings == ("damaged, so left out: 'bomb.txt'",)


def test_all_files_together_unpack_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_UNPACKED_BYTES", 250)
    reading = archive.read(zip_bytes(*((f"{number}.txt", b"x" * 100) for number in range(15))))
    assert [member.name for member in reading.members] == ["0.txt", "1.txt"]
    assert reading.warnings == (
        "too large when unpacked, so left out: '2.txt', '3.txt', '4.txt', '5.txt', '6.txt',"
        " '7.txt', '8.txt', '9.txt', '10.txt', '11.txt' and 3 more",
    )


def test_too_many_files_are_refused() -> None:
    data = zip_bytes(*((f"{number}.txt", b"x") for number in range(2001)))
    with pytest.raises(ValueError, match="holds 2001 files, where 2000 are allowed"):
        archive.read(data)


def test_an_archive_that_lists_files_without_end_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="lists 50001 files, where 50000 are allowed"):
        archive.read(zip_bytes(("a.txt", b"x")) + b"PK\x01\x02" * 50_000)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 nothing", b"They met."])
def test_what_is_no_archive_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="damaged or is not a ZIP archive"):
        archive.read(data)


@settings(max_examples=200, deadline=None)
@given(st.data(), st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA]))
def test_a_damaged_archive_is_read_or_refused(data: st.DataObject, method: int) -> None:
    source = bytearray(zip_bytes(("a.txt", b"They met." * 20), ("b/c.txt", b"x"), method=method))
    for _ in range(data.draw(st.integers(1, 6))):
        start = data.draw(st.integers(0, len(source)))
        end = start + data.draw(st.integers(0, 8))
        source[start:end] = data.draw(st.binary(max_size=8))
    with suppress(ValueError):
        archive.read(bytes(source))


def test_what_is_about_the_other_files_is_passed_over_as_in_a_folder() -> None:
    data = zip_bytes(("README.md", b"x"), ("day 1/Readme.pdf", b"x"), ("day 1/a.txt", b"They met."))
    assert archive.read(data).members == (Member("day 1/a.txt", b"They met."),)
