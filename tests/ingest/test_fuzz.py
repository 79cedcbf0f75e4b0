"""Damaged files of every type: each is read or refused, whatever was done to it."""

import io
import json
import os
import resource
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path
from random import Random

import docx
import pptx
import pytest
import xlsxwriter
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE

from ingest.chunk import cut
from ingest.kinds import READERS
from ingest.load import Limits, Loaded, load
from ingest.reading import clean
from tests.ingest.builders import (
    PDF,
    TRADE,
    attachment,
    book,
    message,
    odf_content,
    ole_bytes,
    xls,
    xlsb,
)

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "300"))
SEED = int(os.environ.get("FUZZ_SEED", "7"))
LONGEST = 10  # seconds of computing for one file, which a busy machine does not change
FEW = 20  # of these types a file starts a process to be read, and takes as long as a hundred others
SLOW_TYPES = {".xls", ".xlsb"}
LIMITS = Limits(characters=5_000_000)
WORDS = "Nadia Okafor steers the harbour ferry. It sails at dawn, and costs 12 crowns."


def zipped(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return stream.getvalue()


def docx_bytes() -> bytes:
    stream = io.BytesIO()
    document = docx.Document()
    document.add_heading("Ferries", 1)
    document.add_paragraph(WORDS)
    document.add_paragraph("tickets", style="List Bullet")
    table = document.add_table(2, 2)
    for cell, text in zip(table._cells, ("Year", "Trade", "2019", "45"), strict=True):
        cell.text = text
    document.save(stream)
    return stream.getvalue()


def pptx_bytes() -> bytes:
    stream = io.BytesIO()
    presentation = pptx.Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[1])
    slide.shapes.title.text, slide.placeholders[1].text = "Ferries", WORDS
    table = slide.shapes.add_table(2, 2, 0, 0, 9**7, 9**7).table
    table.cell(0, 0).text, table.cell(1, 1).text = "Year", "45"
    chart = CategoryChartData()
    chart.categories = ["2019", "2020"]
    chart.add_series("Trade", (45.4, 50))
    slide.shapes.add_chart(XL_CHART_TYPE.PIE, 0, 0, 9**7, 9**7, chart)
    slide.notes_slide.notes_text_frame.text = WORDS
    presentation.save(stream)
    return stream.getvalue()


def xlsx_bytes() -> bytes:
    stream = io.BytesIO()
    with xlsxwriter.Workbook(stream, {"in_memory": True}) as workbook:
        sheet = workbook.add_worksheet("Trade")
        for row in (["Year", "Trade"], [2019, 45.4], [2020, "=A2+1"]):
            sheet.write_row(sheet.dim_rowmax + 1 if sheet.dim_rowmax else 0, 0, row)
        sheet.write_comment("A1", WORDS)
    return stream.getvalue()


def odf_bytes(kind: str, body: str) -> bytes:
    mimetype = f"application/vnd.oasis.opendocument.{kind}".encode()
    return zipped({"mimetype": mimetype, "content.xml": odf_content(body, kind=kind).encode()})


def eml_bytes() -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"] = "Zoé Bee <zoe@example.org>", "bob@example.org"
    mail["Subject"], mail["Date"] = "Réunion", "Thu, 12 Mar 2026 09:30:00 +0000"
    mail["Message-ID"] = "<1@example.org>"
    mail.set_content(WORDS)
    mail.add_alternative(f"<p>{WORDS}</p><ul><li>one</ul>", subtype="html")
    mail.add_attachment("Year,Trade\n2019,45\n", subtype="csv", filename="trade.csv")
    return mail.as_bytes()


TABLE = (
    "<table:table><table:table-row><table:table-cell><text:p>2019</text:p></table:table-cell>"
    "</table:table-row></table:table>"
)
SLIDE = (
    "<draw:page><draw:frame><draw:text-box><text:p>Ferries</text:p></draw:text-box></draw:frame>"
    f"<draw:frame>{TABLE}</draw:frame></draw:page>"
)
RECORDS = [{"title": "Ferries", "text": WORDS, "date": "2026-03-12"}]
PACKED = {"a/ferry.txt": WORDS.encode(), "b.html": b"<p>They met.</p>"}
RTF = (
    r"{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0 Arial;}}{\info{\title Ferries}}\b Ferries\b0\par "
    rf"{WORDS} caf\'e9 \u8364?\par\trowd\pard\intbl Year\cell 2019\cell\row}}"
)
HTML = (
    "<!doctype html><html lang=en><title>Ferries</title><body><article><h1>Ferries</h1>"
    f"<p>{WORDS}</p><ul><li>one<li>two</ul><table><tr><th>Year<th>Trade<tr><td>2019<td>45"
    f"</table><p>{WORDS}</p></article></body></html>"
)
SAMPLES: dict[str, Callable[[], bytes]] = {
    ".csv": lambda: b"Year,Trade,Note\n2019,45,low\n2020,50.1,\"high, he said\"\n",
    ".docx": docx_bytes,
    ".eml": eml_bytes,
    ".epub": book,
    ".html": HTML.encode,
    ".json": json.dumps(RECORDS).encode,
    ".jsonl": lambda: (json.dumps({"id": 1, "text": WORDS}) + "\n").encode() * 3,
    ".md": lambda: f"---\ntitle: Ferries\n---\n# Ferries\n\n{WORDS}\n\n* one\n* two\n\n"
    "| Year | Trade |\n|---|---|\n| 2019 | 45 |\n\n> `quoted` [link](http://x.y)\n".encode(),
    ".msg": lambda: ole_bytes(message(more=attachment(0, **{
        "__substg1.0_37010102": HTML.encode(), "__substg1.0_3707001F": "a.html".encode("utf-16-le"),
    }))),
    ".odp": lambda: odf_bytes("presentation", SLIDE),
    ".ods": lambda: odf_bytes("spreadsheet", TABLE),
    ".odt": lambda: odf_bytes("text", f"<text:h>Ferries</text:h><text:p>{WORDS}</text:p>{TABLE}"),
    ".pdf": lambda: PDF,
    ".pptx": pptx_bytes,
    ".rtf": RTF.encode,
    ".txt": lambda: f"FERRIES\n\n{WORDS}\n\n- one\n- two\n\ncafé €\n".encode(),
    ".xls": lambda: xls(TRADE),
    ".xlsb": lambda: zipped(xlsb(TRADE)),
    ".xlsx": xlsx_bytes,
    ".zip": lambda: zipped({**PACKED, "c.docx": docx_bytes()}),
}  # fmt: skip
MARKS = [b"\0", b"\xff" * 4, b"<", b">", b"&#0;", b"&#x110000;", b'"', b"\\", b"{", b"}" * 3, b"[",
         b"%PDF-1.4", b"PK\3\4", b"\\u-99999999999?", b"=?utf-9?q?=ff?=", b"9" * 400, b"-1",
         b"1e999", b"\r\n\r\n", b"\xef\xbb\xbf", b"charset=utf-7", b"]]>", b"\xed\xa0\x80",
         b"NaN", b"<!DOCTYPE x [<!ENTITY a 'b'>]>", b"\\bin999999 ", b"\xe2\x80\xae"]  # fmt: skip


class Fuzz:
    """Makes damaged files out of valid ones, the same for the same seed."""

    def __init__(self, samples: dict[str, bytes], random: Random) -> None:
        self._samples = samples
        self._random = random

    def file(self, suffix: str) -> tuple[str, bytes]:
        """Return the name and the bytes of a damaged file that began as one of a type."""
        data = self._samples[suffix]
        for _ in range(self._random.choice([1, 1, 2, 4])):
            data = self._damaged(data)
        if self._random.random() < 0.1:
            suffix = self._random.choice([*self._samples, "", ".bin", ".TXT"])
        if self._random.random() < 0.1:
            suffix, data = self._nested(f"inside{suffix}", data)
        return f"file{suffix}", data

    def _damaged(self, data: bytes) -> bytes:
        if data.startswith(b"PK") and self._random.random() < 0.7:
            return self._inside(data)
        acts = [self._flip, self._cut, self._insert, self._repeat, self._splice, self._number]
        return self._random.choice(acts)(data)

    def _inside(self, data: bytes) -> bytes:
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                files = {name: archive.read(name) for name in archive.namelist()}
        except (zipfile.BadZipFile, zipfile.zlib.error, EOFError, NotImplementedError, OSError,
                RuntimeError, ValueError):  # fmt: skip
            return self._flip(data)
        if not files:
            return self._flip(data)
        name = self._random.choice(sorted(files))
        if self._random.random() < 0.1:
            return zipped({each: files[each] for each in files if each != name})
        return zipped(files | {name: self._damaged(files[name])})

    def _place(self, data: bytes) -> int:
        return self._random.randrange(len(data) + 1)

    def _flip(self, data: bytes) -> bytes:
        changed = bytearray(data)
        for _ in range(self._random.randint(1, 8)):
            if changed:
                changed[self._random.randrange(len(changed))] ^= 1 << self._random.randrange(8)
        return bytes(changed)

    def _cut(self, data: bytes) -> bytes:
        at = self._place(data)
        gone = self._random.choice([1, 4, 80, len(data)])
        return data[:at] + data[at + gone :]

    def _insert(self, data: bytes) -> bytes:
        at = self._place(data)
        return data[:at] + self._random.choice([*MARKS, self._random.randbytes(8)]) + data[at:]

    def _repeat(self, data: bytes) -> bytes:
        at = self._place(data)
        piece = data[at : at + self._random.choice([2, 20, 200])]
        return data[:at] + piece * self._random.choice([2, 3, 50, 2000]) + data[at:]

    def _splice(self, data: bytes) -> bytes:
        other = self._samples[self._random.choice(sorted(self._samples))]
        return data[: self._place(data)] + other[self._place(other) :]

    def _number(self, data: bytes) -> bytes:
        """Overwrite four bytes with a number that counts and lengths are not expected to be."""
        at = self._place(data)
        number = self._random.choice([0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF])
        return data[:at] + number.to_bytes(4, "little") + data[at + 4 :]

    def _nested(self, name: str, data: bytes) -> tuple[str, bytes]:
        if self._random.random() < 0.5:
            return ".zip", zipped({name: data, "ferry.txt": WORDS.encode()})
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Message-ID"] = "a@b.org", "c@d.org", "<1@b.org>"
        mail.set_content(WORDS)
        mail.add_attachment(data, maintype="application", subtype="x-any", filename=name)
        return ".eml", mail.as_bytes()


def assert_lawful(loaded: Loaded) -> None:
    """Check that there are documents or reasons, and that all that is quoted is what was read."""
    assert loaded.documents or loaded.refusals
    assert all(reason.strip() and uri for uri, reason in loaded.refusals)
    for document in loaded.documents:
        document.text.encode()  # it is stored as UTF-8
        assert document.title == " ".join(clean(document.title).split())
        for chunk in cut(document):
            assert chunk.text == chunk.span.of(document.text)
            assert chunk.text.strip()
            for sentence in chunk.sentences:
                assert sentence.text == sentence.span.of(document.text)


def attempt(folder: Path, suffix: str, number: int, samples: dict[str, bytes]) -> tuple[str, float]:
    """Return what became of one damaged file and the seconds it took; the file stays on failure."""
    name, data = Fuzz(samples, Random(f"{SEED}{suffix}{number}")).file(suffix)  # noqa: S311
    path = folder / f"{number}{name}"
    path.write_bytes(data)
    started = time.process_time()
    try:
        loaded = load(path, root=folder, uri=path.name, limits=LIMITS)
        assert_lawful(loaded)
    except MemoryError:
        return "memory", time.process_time() - started
    seconds = time.process_time() - started
    assert seconds < LONGEST, f"{path} took {seconds:.1f} s"
    path.unlink()
    return ("read" if loaded.documents else "refused"), seconds


@pytest.mark.parametrize("suffix", sorted(READERS))
def test_a_damaged_file_is_read_or_refused(tmp_path: Path, suffix: str) -> None:
    samples = {each: sample() for each, sample in SAMPLES.items()}
    count = max(2, EXAMPLES // len(READERS) // (FEW if suffix in SLOW_TYPES else 1))
    found = [attempt(tmp_path, suffix, number, samples) for number in range(count)]
    seconds = [each for _, each in found]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(suffix, dict(Counter(each for each, _ in found)),  # noqa: T201  # asked for with -s
          f"slowest {max(seconds):.2f} s, memory {memory} MB")  # fmt: skip


@pytest.mark.parametrize("suffix", sorted(READERS))
def test_each_type_is_fuzzed_from_a_file_that_can_be_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"whole{suffix}"
    path.write_bytes(SAMPLES[suffix]())
    loaded = load(path, root=tmp_path, uri=path.name)
    assert_lawful(loaded)
    assert loaded.documents
    assert not loaded.refusals
