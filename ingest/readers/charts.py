"""Charts of Office files: their titles and their values, a row for each category."""

from collections.abc import Iterator

from lxml.etree import _Element

from ingest.readers.package import parse_xml
from ingest.readers.tables import table_parts
from ingest.reading import Part

CHART = "{http://schemas.openxmlformats.org/drawingml/2006/chart}"
WORDS = "{http://schemas.openxmlformats.org/drawingml/2006/main}t"
AXES = ("catAx", "dateAx", "valAx")
MOST_POINTS = 100_000


def chart_parts(data: bytes) -> Iterator[Part]:
    """Yield the titles of a chart and its axes, and the values of its series by category."""
    root = parse_xml(data)
    titles = [_title(each) for each in root.iter(f"{CHART}chart", *(CHART + axis for axis in AXES))]
    if any(titles):
        yield Part("; ".join(filter(None, titles)))
    categories: dict[int, str] = {}
    names: list[str] = []
    columns: list[dict[int, str]] = []
    for series in root.iter(f"{CHART}ser"):
        for place, text in (_points(series, "cat") or _points(series, "xVal")).items():
            categories.setdefault(place, text)
        names.append(_name(series))
        columns.append(_points(series, "val") or _points(series, "yVal"))
    places = sorted({place for column in columns for place in column})
    rows = [
        [categories.get(place, ""), *(column.get(place, "") for column in columns)]
        for place in places
    ]
    yield from table_parts([["", *names], *rows], marked=any(names))


def _title(element: _Element) -> str:
    title = element.find(f"{CHART}title")
    return "" if title is None else " ".join("".join(map(str, title.itertext(WORDS))).split())


def _name(series: _Element) -> str:
    values = series.iterfind(f"{CHART}tx//{CHART}v")
    return " ".join(each.text.strip() for each in values if each.text)


def _points(series: _Element, name: str) -> dict[int, str]:
    """Return the texts or numbers of a series as the chart shows them, by their place."""
    points: dict[int, str] = {}
    holder = series.find(CHART + name)
    for point in () if holder is None else holder.iter(f"{CHART}pt"):
        place, value = point.get("idx", ""), point.findtext(f"{CHART}v")
        if value and place.isdecimal() and int(place) < MOST_POINTS:
            before = points.get(int(place))  # a category of several levels, the narrowest first
            points[int(place)] = f"{value.strip()}, {before}" if before else _rounded(value.strip())
    return points


def _rounded(value: str) -> str:
    """Return a number without the digits that binary fractions add.

    >>> _rounded("45.399999999999999"), _rounded("2019"), _rounded("Q1")
    ('45.4', '2019', 'Q1')
    """
    try:
        return format(float(value), ".15g") if "." in value else value
    except ValueError:
        return value
