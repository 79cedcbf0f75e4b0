"""The report as one page that needs nothing else: every text of a document or a model escaped."""

from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path
from typing import Any

from evals.cases import Case, Gold, one_line
from evals.checks import Prediction, cites
from evals.gates import Gate
from evals.report import (
    MEANING,
    NOT_MEASURED,
    PASS,
    VERDICTS,
    Report,
    facts,
    prediction_of,
)
from evals.score import Result, ranking

HERE = Path(__file__).parent
TILES = {
    "passed": "every check holds",
    "gold_cited": "right passage cited",
    "false_refusal": "refused, though told",
    "false_answer": "answered, though not told",
    "nDCG@10": "ranking (nDCG@10)",
    "citation_recall": "sentences supported",
}
LOWER_IS_BETTER = ("false_answer", "false_refusal", "unwarned", "partial")
WIDTH, ROW, LABEL, VALUE = 640, 26, 150, 160  # of a chart, in pixels
EXCERPT = 220  # characters of a hit that are shown
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def page(report: Report) -> str:
    """Return the whole page."""
    title = f"Regression set: {VERDICTS[report.exit_code]}"
    style, script = ((HERE / f"page.{kind}").read_text(encoding="utf-8") for kind in ("css", "js"))
    parts = (
        _head(report, title),
        _tiles(report),
        _section("Requirements that are not met", _gates(report.failing)),
        _section("By class", _chart(report.summary["classes"], report)),
        _section("By language", _languages(report)),
        _section("All figures", _figures(report.summary["figures"])),
        _section("Against the baseline", _changes(report)),
        _section("Cases that fail", _failed(report)),
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(parts)
        + f"\n</main>\n<script>\n{script}</script>\n</body>\n</html>\n"
    )


def _head(report: Report, title: str) -> str:
    look = {PASS: "pass", NOT_MEASURED: "unmeasured"}.get(report.exit_code, "fail")
    lines = "".join(f"<li>{escape(each)}</li>" for each in facts(report))
    return (
        f'<div class="card verdict {look}"><h1>{escape(title)}</h1>'
        f'<ul class="facts">{lines}</ul></div>'
    )


def _tiles(report: Report) -> str:
    figures = report.summary["figures"]
    shown = "".join(
        f'<div class="tile"><small>{escape(TILES[name])}</small>'
        f"<b>{_percent(figures[name]['value'])}</b>"
        f"<small>{_interval(figures[name])} · n={figures[name]['n']}</small></div>"
        for name in TILES
        if name in figures
    )
    return f'<div class="tiles">{shown}</div>'


def _section(title: str, body: str) -> str:
    return f'<section>\n<h2>{escape(title)}</h2>\n<div class="card">{body}</div>\n</section>'


def _gates(gates: Iterable[Gate]) -> str:
    rows = "".join(
        f'<li><span class="chip {gate.outcome}">{escape(gate.where)}</span> '
        f"{escape(gate.sentence())}"
        f" <small>({escape(MEANING.get(gate.figure, gate.figure))})</small></li>"
        for gate in gates
    )
    return f'<ul class="facts">{rows}</ul>' if rows else "<p>None.</p>"


def _chart(classes: Mapping[str, Any], report: Report) -> str:
    """Return a bar a class with its interval, red where a requirement is not met."""
    fell = {gate.where for gate in report.failing}
    note = (
        '<p class="soft">Share of cases in which every check holds; the pale band is the 95 % '
        "interval (Wilson). Small classes have wide bands: read them as a hint.</p>"
    )
    return note + _bars({k: each["passed"] for k, each in classes.items()}, fell)


def _bars(figures: Mapping[str, Any], fell: Iterable[str] = ()) -> str:
    height, span, fell = ROW * len(figures) + 22, WIDTH - LABEL - VALUE, set(fell)
    lines = [
        f'<line x1="{LABEL + span * q / 4:.0f}" y1="0" x2="{LABEL + span * q / 4:.0f}" '
        f'y2="{height - 20}" stroke="var(--line)"/>'
        f'<text x="{LABEL + span * q / 4:.0f}" y="{height - 5}" text-anchor="middle">'
        f"{25 * q}%</text>"
        for q in range(5)
    ]
    for number, (name, figure) in enumerate(figures.items()):
        low, high = figure["interval"]
        top, end = ROW * number + 4, LABEL + span * figure["value"]
        colour = "var(--bad)" if name in fell else "var(--bar)"
        lines.append(
            f"<g><title>{escape(name)}: {_percent(figure['value'])} ({_interval(figure)})</title>"
            f'<text x="{LABEL - 8}" y="{top + 13}" text-anchor="end">{escape(name)}</text>'
            f'<rect x="{LABEL + span * low:.1f}" y="{top}" width="{span * (high - low):.1f}" '
            f'height="18" rx="4" fill="var(--band)"/>'
            f'<rect x="{LABEL}" y="{top + 6}" width="{end - LABEL:.1f}" height="6" rx="3" '
            f'fill="{colour}"/><circle cx="{end:.1f}" cy="{top + 9}" r="5" fill="{colour}"/>'
            f'<text x="{WIDTH - VALUE + 12}" y="{top + 13}">{_percent(figure["value"])} · '
            f"{figure['count']} of {figure['n']}</text></g>"
        )
    return (
        f'<div class="scroll"><svg viewBox="0 0 {WIDTH} {height}" '
        f'role="img" aria-label="shares with intervals">{"".join(lines)}'
        "</svg></div>"
    )


def _languages(report: Report) -> str:
    bars = _bars({k: each["passed"] for k, each in report.summary["languages"].items()})
    parity = report.summary["parity"]
    if not parity:
        return bars + "<p>Parity is unmeasured: no question is asked in every language.</p>"
    told = (
        f"{lang} against English {100 * each['change']:+.1f} points"
        + ("" if each["distinguishable"] else " (not distinguishable from chance)")
        for lang, each in parity["against_english"].items()
    )
    return (
        f"{bars}<h3>The same {parity['questions']} questions in each language</h3>"
        f"{_bars(parity['languages'])}<p>Gap between best and worst: "
        f"{100 * parity['gap']:.1f} points; {escape('; '.join(told))}.</p>"
    )


def _figures(figures: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(name)}</code></td>"
        f'<td class="n" data-key="{each["value"]:.6f}">{each["value"]:.3f}</td>'
        f'<td class="n">{each["interval"][0]:.3f} to {each["interval"][1]:.3f}</td>'
        f'<td class="n">{each["n"]}</td>'
        f'<td class="soft">{escape(MEANING.get(name, ""))}'
        f"{'; lower is better' if name in LOWER_IS_BETTER else ''}</td></tr>"
        for name, each in figures.items()
    )
    return _table(("figure", "value", "95 % interval", "n", "meaning"), rows)


def _table(heads: Iterable[str], rows: str) -> str:
    style = 'style="all:unset;cursor:pointer"'
    shown = "".join(
        f"<th{'' if head in ('figure', 'meaning') else ' class=n'}>"
        f"<button {style}>{escape(head)}</button></th>"
        for head in heads
    )
    return (
        f'<div class="scroll"><table class="sortable"><thead><tr>{shown}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _changes(report: Report) -> str:
    if report.change is None:
        return "<p>There is no baseline.</p>"

    def chips(names: Iterable[str], look: str) -> str:
        found = "".join(
            f'<a class="chip {look}" href="#case-{escape(name)}">{escape(name)}</a>'
            for name in names
        )
        return found or "none"

    return (
        f"<p><b>Broke:</b> {chips(report.broke, 'fail')}</p>"
        f"<p><b>Fixed:</b> {chips(report.fixed, 'pass')}</p>"
    )


def _failed(report: Report) -> str:
    failed = [each for each in report.results if not each.passed]
    kinds = sorted({each.case.kind for each in failed})
    checks = sorted({name for each in failed for name in each.failing})
    tools = (
        '<div class="tools"><input id="words" type="search" placeholder="words in a case" '
        'aria-label="words in a case">'
        + _select("kind", "every class", kinds)
        + _select("check", "every check", checks)
        + '<span class="soft" id="count" role="status"></span></div>'
    )
    return tools + "\n".join(_case(report, each) for each in failed)


def _select(name: str, every: str, values: Iterable[str]) -> str:
    options = "".join(f"<option>{escape(each)}</option>" for each in values)
    return (
        f'<select id="{name}" aria-label="{name}">'
        f'<option value="">{every}</option>{options}</select>'
    )


def _case(report: Report, result: Result) -> str:
    case = result.case
    chips = "".join(
        f'<span class="chip fail" title="{escape(MEANING[name])}">{escape(name)}</span>'
        for name in result.failing
    )
    if result.error:
        chips = '<span class="chip unmeasured">unmeasured</span>'
    if case.id in report.broke:
        chips += '<span class="chip fail">passed in the baseline</span>'
    body = (
        f"<p>{escape(result.error)}</p>"
        if result.error
        else _told(report, case, prediction_of(report, result))
    )
    return (
        f'<details class="case" id="case-{escape(case.id)}" data-kind="{escape(case.kind)}" '
        f'data-checks="{escape(" ".join(result.failing))}">'
        f'<summary><span class="q">{escape(case.question)}</span>{chips}<br>'
        f"<small>{escape(case.id)} · {escape(case.kind)} · {escape(case.lang)} · "
        f"{escape(case.why)}</small></summary><div>{body}</div></details>"
    )


def _told(report: Report, case: Case, made: Prediction) -> str:
    turns = "".join(f"<li>{escape(turn.question)}</li>" for turn in case.turns)
    before = f"<h3>Asked before</h3><ol>{turns}</ol>" if turns else ""
    wanted = _wanted(case, made)
    return (
        f"{before}<p><b>Searched for:</b> {escape(made['searched_for'])}</p>"
        f"<h3>Answer: {escape(made['status'])}, where {escape(case.expected_status)} is right</h3>"
        f'<div class="answer">{escape(made["text"])}<br>'
        f"<small>{escape(made['as_of'])}</small></div>"
        f'<div class="two"><div><h3>Cited</h3>{_citations(case, made)}</div>'
        f"<div><h3>Gold</h3>{_gold(case, made)}</div></div>{wanted}"
        f"<h3>Hits</h3>{_hits(report, case, made)}"
    )


def _wanted(case: Case, made: Prediction) -> str:
    text = made["text"].casefold()
    wanted = [(word, word.casefold() in text) for word in case.must_contain]
    wanted += [(f"not {word}", word.casefold() not in text) for word in case.must_not_contain]
    chips = [
        f'<span class="chip {"pass" if good else "fail"}">{escape(shown)}</span>'
        for shown, good in wanted
    ]
    return f"<h3>Words</h3>{''.join(chips)}" if chips else ""


def _citations(case: Case, made: Prediction) -> str:
    shown = (
        _quote(
            "right" if any(cites(each, gold) for gold in case.gold) else "wrong",
            f"[{each['marker']}] {each['quote']}",
            f"{each['uri']} {each['start']}–{each['end']}",
        )
        for each in made["citations"]
    )
    return "".join(shown) or "<p>nothing</p>"


def _gold(case: Case, made: Prediction) -> str:
    if not case.gold:
        return "<p>None: the documents do not say.</p>"

    def told(gold: Gold) -> str:
        cited = any(cites(each, gold) for each in made["citations"])
        spans = ", ".join(f"{span.start}–{span.end}" for span in gold.spans)
        part = f"part “{gold.part}” · " if gold.part else ""
        return _quote("right" if cited else "", gold.quote, f"{part}{gold.uri} {spans}")

    return "".join(map(told, case.gold))


def _quote(look: str, text: str, where: str) -> str:
    return (
        f'<blockquote class="{look}">{escape(one_line(text))}<br>'
        f"<small>{escape(where)}</small></blockquote>"
    )


def _hits(report: Report, case: Case, made: Prediction) -> str:
    documents = {each.id: each for each in report.run.documents_of(case).values()}
    ranked = ranking(case, made, report.run.documents_of(case)) if case.gold else []
    rows = []
    for number, hit in enumerate(made["hits"], 1):
        document = documents.get(hit["document_id"])
        text = one_line(document.text[hit["start"] : hit["end"]]) if document else ""
        cut = text if len(text) <= EXCERPT else text[:EXCERPT] + "…"
        is_gold = bool(ranked) and not ranked[number - 1].startswith("hit ")
        rows.append(
            f'<tr{" class=gold" if is_gold else ""}><td class="n">{number}</td>'
            f'<td class="n">{hit["score"]:.3f}</td>'
            f"<td>{escape(document.uri if document else hit['document_id'])}</td>"
            f"<td>{escape(cut)}</td></tr>"
        )
    head = '<tr><th class="n">rank</th><th class="n">score</th><th>document</th><th>text</th></tr>'
    body = "".join(rows)
    return f'<div class="scroll"><table><thead>{head}</thead><tbody>{body}</tbody></table></div>'


def _percent(value: float) -> str:
    return f"{100 * value:.1f}%"


def _interval(figure: Mapping[str, Any]) -> str:
    low, high = figure["interval"]
    return f"{100 * low:.1f} to {100 * high:.1f}"
