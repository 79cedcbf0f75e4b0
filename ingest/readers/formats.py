"""How a spreadsheet shows a number: with the decimals, percent sign or unit of its format."""

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

GENERAL = "General"
# The formats that files name by number alone.
BUILT_IN = {
    0: GENERAL, 1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%", 14: "m/d/yy",
    15: "d-mmm-yy", 16: "d-mmm", 17: "mmm-yy", 18: "h:mm AM/PM", 19: "h:mm:ss AM/PM", 20: "h:mm",
    21: "h:mm:ss", 22: "m/d/yy h:mm", 37: "#,##0", 38: "#,##0", 39: "#,##0.00", 40: "#,##0.00",
    45: "mm:ss", 46: "[h]:mm:ss", 47: "mm:ss",
}  # fmt: skip
TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|\[\$(?P<currency>[^\]-]*)[^\]]*\]'
    r"|(?P<elapsed>\[(?:h+|m+|s+)\])|(?P<ignored>\[[^\]]*\]|[_*].|AM/PM|A/P)"
    r"|(?P<digits>[#0?][#0?,]*(?:\.[#0?]*)?,*)|(?P<other>.)",
    re.IGNORECASE | re.DOTALL,
)
DATE_LETTERS = set("dmyhs")
SIGNIFICANT = 10  # digits of a fraction that a cell of usual width has room for
LARGEST_PLAIN = 1e30
LONGEST_CODE = 255  # characters, in Excel
MOST_DIGITS = 14
DAY_SECONDS = 86_400
FULL_MINUTE = re.compile(r"(?<=\d\d:\d\d):00(?!\d)")


@dataclass(frozen=True, slots=True)
class Format:
    """A number format taken apart.

    Attributes:
        letters: those that stand for parts of a date, or that are not understood.
        digits: the placeholders of the digits, such as `#,##0.0`.
        elapsed: it shows a length of time.
    """

    before: str = ""
    digits: str = ""
    after: str = ""
    letters: str = ""
    elapsed: bool = False
    percents: int = 0


def shown(value: float, code: str = GENERAL, *, base: int = 1900) -> str:
    """Return a number as a person sees it on the sheet, but dates as ISO dates.

    The days of a workbook are counted from the beginning of `base`, which is 1900 or 1904.

    >>> shown(46.400000000000006), shown(2019.0), shown(0.125, "0.0%"), shown(1.5, '0.0" bn"')
    ('46.4', '2019', '12.5%', '1.5 bn')
    >>> shown(46093, "d mmm yyyy"), shown(46093, "mmm yyyy"), shown(0.5, "h:mm")
    ('2026-03-12', '2026-03', '12:00')
    """
    if code.lower() in ("general", "@") or not abs(value) < LARGEST_PLAIN:
        return plain(value)
    form = _format(code[:LONGEST_CODE].split(";")[0])
    if form.elapsed:
        return moment(timedelta(seconds=round(value * DAY_SECONDS))) if abs(value) < 1e6 else ""
    if DATE_LETTERS & set(form.letters) and (not form.digits or "s" in form.letters):
        return _day(value, form.letters, base)
    return plain(value) if form.letters else _number(value, form)


def plain(value: float) -> str:
    """Return a number without the digits that binary fractions add to it.

    >>> plain(0.1 + 0.2), plain(1e20), plain(-45.0), plain(1 / 3)
    ('0.3', '100000000000000000000', '-45', '0.3333333333')
    """
    if not abs(value) < LARGEST_PLAIN:
        return ""
    whole = value == int(value)
    number = Decimal(f"{value:.15g}" if whole else f"{value:.{SIGNIFICANT}g}")
    return f"{number.normalize():f}" if number else "0"


def moment(value: date | time | timedelta) -> str:
    """Return a date, an hour or a length of time as ISO has it, but without idle zeros.

    >>> moment(datetime(2026, 3, 12)), moment(datetime(2026, 3, 12, 9, 30)), moment(time(9, 30, 5))
    ('2026-03-12', '2026-03-12 09:30', '09:30:05')
    """
    if isinstance(value, timedelta):
        minutes, seconds = divmod(round(abs(value.total_seconds())), 60)
        text = f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
        return ("-" if value < timedelta() else "") + FULL_MINUTE.sub("", f"0{text}")[1:]
    if isinstance(value, datetime):
        return moment(value.date()) + (f" {moment(value.time())}" if value.time() != time() else "")
    if isinstance(value, time):
        return FULL_MINUTE.sub("", value.isoformat("seconds"))
    return value.isoformat()


def _day(value: float, letters: str, base: int) -> str:
    """Return those parts of a date that the letters of its format show."""
    if base == 1900 and value < 60:
        value += 1  # that calendar has a 29 February 1900
    origin = datetime(1904, 1, 1) if base == 1904 else datetime(1899, 12, 30)
    try:
        found = origin + timedelta(days=int(value), seconds=round(value % 1 * DAY_SECONDS))
    except (OverflowError, ValueError):
        return plain(value)
    if {"h", "s"} & set(letters):
        return moment(found if {"d", "y"} & set(letters) else found.time())
    if "d" in letters:
        return found.date().isoformat()
    return f"{found.year}-{found.month:02}" if "m" in letters else str(found.year)


def _number(value: float, form: Format) -> str:
    whole, _, fraction = form.digits.rstrip(",")[:MOST_DIGITS].partition(".")
    thousands = len(form.digits) - len(form.digits.rstrip(","))
    scale = 2 * min(form.percents, 2) - 3 * min(thousands, 4)
    number = Decimal(f"{abs(value):.15g}").scaleb(scale)
    step = Decimal(1).scaleb(-len(fraction))
    rounded = number.quantize(step, ROUND_HALF_UP) if abs(number) < 10**15 else number
    digits = f"{rounded:f}"
    for placeholder in reversed(fraction):
        if placeholder == "0" or not digits.endswith("0"):
            break
        digits = digits[:-1]
    digits = digits.rstrip(".") if "." in digits else digits
    first, point, rest = digits.partition(".")
    digits = first.zfill(whole.count("0")) + point + rest if form.digits else ""
    sign = "-" if value < 0 and rounded else ""
    return f"{sign}{form.before}{digits}{form.after}".strip()


@lru_cache(maxsize=1000)
def _format(section: str) -> Format:
    before, digits, after, letters = "", "", "", ""
    elapsed, percents = False, 0
    for match in TOKEN.finditer(section):
        kind, text = match.lastgroup, match[match.lastgroup or 0]
        if kind == "digits" and not digits:
            digits = text
        elif kind == "elapsed":
            elapsed = True
        elif kind == "digits" or (kind == "other" and text.isalpha()) or text == "@":
            letters += text.lower()
        elif kind != "ignored":
            percents += kind == "other" and text == "%"
            before, after = (before, after + text) if digits else (before + text, after)
    return Format(before, digits, after, letters, elapsed, percents)
