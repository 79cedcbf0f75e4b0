"""A run's results -> the verdict and the files that people and build machines read."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from evals import gates as gating
from evals.checks import Prediction
from evals.gates import Gate
from evals.metrics import Difference
from evals.run import Run
from evals.score import (
    Result,
    difference_as_json,
    latency,
    results,
    summary,
    write_results,
)

NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
PASS, BELOW, BAD_USAGE, NOT_MEASURED = 0, 1, 2, 3
VERDICTS = {PASS: "pass", BELOW: "below a threshold", NOT_MEASURED: "could not be measured"}
MEANING = {
    "passed": "cases in which every check holds",
    "status": "answered what the documents answer, refused what they do not",
    "gold_cited": "a passage that answers is cited, for every part of the question",
    "gold_first": "the first passage that is cited answers",
    "must_contain": "the answer has the words it needs",
    "must_not_contain": "the answer has none of the words that are wrong",
    "citations_support": "every sentence is supported by its citations",
    "quotes_exact": "every quote is the document's text, character for character",
    "numbers_exact": "every number, with its unit, is in what is cited for it",
    "dates_exact": "citations and as-of line carry the dates of the documents",
    "language": "the desk speaks the language of the question",
    "false_answer": "answered though the documents do not say",
    "unwarned": "the same without the warning that it may be no answer",
    "false_refusal": "refused though the documents do say",
    "partial": "answered in part or with that warning, though the documents do say",
    "citation_recall": "sentences that their citations support (ALCE)",
    "citation_precision": "citations that a sentence needs (ALCE)",
    "R@5": "documents with a gold passage of which one is among the first 5 hits",
    "R@10": "the same among the first 10",
    "MRR": "1 / rank of the first hit with a gold passage",
    "nDCG@10": "how near the top the gold passages are",
    "success@1": "the first hit holds a gold passage",
    "success@5": "one of the first 5 hits does",
    "parity_gap": "best against worst language on the questions that all languages ask",
    "p95": "milliseconds within which 95 % of the answers came",
}


@dataclass(frozen=True, slots=True)
class Report:
    """All that is known of a run.

    Attributes:
        summary: as in summary.json; two runs of the same product agree on it to the letter.
        speed: latency, which they do not.
        change: against the baseline, None without one.
        judged: what a judging model said, or why none was asked.
    """

    run: Run
    results: tuple[Result, ...]
    summary: Mapping[str, Any]
    gates: tuple[Gate, ...]
    speed: Mapping[str, Any]
    speed_gates: tuple[Gate, ...]
    change: Difference | None
    fixed: tuple[str, ...]
    broke: tuple[str, ...]
    judged: Mapping[str, Any]

    @property
    def failing(self) -> list[Gate]:
        """Return the requirements that are not met."""
        return [each for each in (*self.gates, *self.speed_gates) if each.outcome == "fail"]

    @property
    def unmeasured(self) -> list[Gate]:
        """Return the requirements that could not be measured."""
        return [each for each in (*self.gates, *self.speed_gates) if each.outcome == "unmeasured"]

    @property
    def exit_code(self) -> int:
        """Return 1 when a requirement fails, 3 when something was not measured, else 0."""
        if self.failing:
            return BELOW
        nothing = not any(gate.outcome == "pass" for gate in self.gates)
        return NOT_MEASURED if self.summary["unmeasured"] or nothing else PASS


def report(run: Run, thresholds: Mapping[str, Any], baseline: Mapping[str, Any]) -> Report:
    """Return the report of a run, scored from what its folder holds."""
    found = results(run)
    figures = summary(found, run)
    measured = gating.gates(figures, thresholds, baseline)
    change = gating.against_baseline(
        figures["passed"], baseline, {case.id: case for case in run.cases}
    )
    before = baseline.get("passed", {})
    now = figures["passed"]
    speed = latency(run)
    limits = thresholds.get("latency_ms", {})
    judged = run.folder / "judged.json"
    return Report(
        run=run,
        results=found,
        summary={
            **figures,
            "gates": [gate.as_json() for gate in measured],
            "against_baseline": difference_as_json(change) if change else None,
        },
        gates=tuple(measured),
        speed=speed,
        speed_gates=tuple(
            gating.bound("latency", name, rule, limit, speed.get(name))
            for name, bounds in limits.items()
            for rule, limit in bounds.items()
        ),
        change=change,
        fixed=tuple(name for name in now if now[name] and before.get(name) is False),
        broke=tuple(name for name in now if not now[name] and before.get(name)),
        judged=gating.read_json(judged) or {"skipped": "no model was asked to judge"},
    )


def write(found: Report) -> None:
    """Write results.jsonl, summary.json, latency.json, report.md, junit.xml and report.html."""
    from evals.page import page  # which needs what is defined here

    folder = found.run.folder
    write_results(found.results, found.run)
    _write_json(folder / "summary.json", found.summary)
    _write_json(
        folder / "latency.json",
        {"latency_ms": found.speed, "gates": [gate.as_json() for gate in found.speed_gates]},
    )
    (folder / "report.md").write_text(markdown(found), encoding="utf-8")
    (folder / "report.html").write_text(page(found), encoding="utf-8")
    ET.ElementTree(junit(found)).write(folder / "junit.xml", encoding="utf-8", xml_declaration=True)


def markdown(found: Report) -> str:
    """Return the report as Markdown: verdict, figures, classes, failed cases."""
    code, figures = found.exit_code, found.summary
    lines = [f"# Regression set: {VERDICTS[code]}", ""]
    lines += [f"- {line}" for line in facts(found)]
    lines += ["", "## Requirements that are not met", ""]
    lines += [f"- {gate.sentence()}" for gate in found.failing] or ["None."]
    lines += [
        "",
        "## Figures",
        "",
        "| what | n | value | 95 % interval |",
        "| --- | --- | --- | --- |",
    ]
    lines += [_row(name, each) for name, each in figures["figures"].items()]
    lines += [
        "",
        "## By class",
        "",
        "| class | n | passed | 95 % interval |",
        "| --- | --- | --- | --- |",
    ]
    lines += [_row(kind, each["passed"]) for kind, each in figures["classes"].items()]
    lines += ["", "## Failed cases", ""]
    for each in found.results:
        if not each.passed:
            why = each.error or ", ".join(each.failing)
            lines.append(f"- `{each.case.id}` {_inert(each.case.question)}: {_inert(why)}")
    return "\n".join(lines) + "\n"


def facts(found: Report) -> list[str]:
    """Return what a reader should know before any figure, one sentence each."""
    figures, about = found.summary, found.run.about
    least = figures["detectable"]["cases_one_way"]
    total = max(1, figures["measured"])
    lines = [
        f"{figures['measured']} of {figures['cases']} cases were measured, "
        f"{len(figures['failed'])} of them fail",
        f"commit {about.get('commit') or 'unknown'}, cases {figures['cases_checksum']}, "
        f"documents {about.get('documents_checksum', 'unknown')}",
        f"the smallest change that can be told from chance is {least} cases that all change the "
        f"same way ({100 * least / total:.1f} % of the set); with a tenth of the cases changing "
        f"either way it is {100 * figures['detectable']['change']:.1f} %",
        against(found),
    ]
    if figures["unmeasured"]:
        lines.append(f"{len(figures['unmeasured'])} cases could not be measured and count nowhere")
    if found.unmeasured:
        names = sorted({f"{gate.figure} ({gate.reason})" for gate in found.unmeasured})
        lines.append(f"{len(found.unmeasured)} requirements are unmeasured: {', '.join(names)}")
    if found.speed:
        shown = ", ".join(f"{name} {found.speed[name]:.0f}" for name in ("p50", "p95", "p99"))
        lines.append(f"milliseconds an answer took: {shown}")
    if figures["sentences"]:
        shown = ", ".join(f"{k} {100 * v['share']:.1f} %" for k, v in figures["sentences"].items())
        lines.append(f"sentences of the language model: {shown}")
    if figures.get("faults"):
        shown = ", ".join(f"{name} {count}" for name, count in figures["faults"].items())
        lines.append(f"answers that the language model did not finish: {shown}")
    if found.speed.get("model"):
        shown = ", ".join(f"{k} {v}" for k, v in found.speed["model"].items())
        lines.append(f"the language model took for an answer, on average: {shown}")
    return [*lines, judged_line(found.judged)]


def against(found: Report) -> str:
    """Return in words how the run differs from the baseline."""
    if found.change is None:
        return "there is no baseline to compare with"
    shown = difference_line(found.change)
    return f"against the baseline {len(found.fixed)} fixed, {len(found.broke)} broke: {shown}"


def difference_line(found: Difference) -> str:
    """Return a difference of what passes in words, chance included."""
    low, high = (100 * each for each in found.interval)
    text = f"{100 * found.value:+.1f} points ({low:+.1f} to {high:+.1f}, n={found.n}"
    text += f", McNemar p={found.p:.3f})" if found.p is not None else ")"
    return text if found.is_distinguishable else f"{text}, not distinguishable from chance"


def judged_line(judged: Mapping[str, Any]) -> str:
    """Return what the judging model said, or why there is none."""
    if "skipped" in judged:
        return f"judged lane skipped: {judged['skipped']}"
    return (
        f"judged by {judged['model']}, {judged['repeats']} times each, as advice only: "
        f"{100 * judged['helpful']['value']:.1f} % helpful, agreement with the checks "
        f"{100 * judged['agreement']:.1f} % (kappa {judged['kappa']:.2f}), "
        f"{judged['unstable']} of {judged['n']} cases judged both ways"
    )


def junit(found: Report) -> ET.Element:
    """Return the requirements and the cases as a JUnit tree; the library escapes what they say."""
    root = ET.Element("testsuites", name="regression set")
    suite = ET.SubElement(root, "testsuite", name="requirements")
    for gate in (*found.gates, *found.speed_gates):
        test = ET.SubElement(
            suite,
            "testcase",
            classname=f"requirements.{gate.where}",
            name=f"{gate.figure} {gate.rule}",
        )
        if gate.outcome != "pass":
            kind = "failure" if gate.outcome == "fail" else "skipped"
            ET.SubElement(test, kind, message=xml_text(gate.sentence()))
    _count(suite)
    suite = ET.SubElement(root, "testsuite", name="cases")
    for each in found.results:
        test = ET.SubElement(
            suite, "testcase", classname=f"cases.{each.case.kind}", name=each.case.id
        )
        if each.error:
            ET.SubElement(test, "error", message=xml_text(each.error))
        elif not each.passed:
            made = found.run.predictions[each.case.id]
            failure = ET.SubElement(test, "failure", message=xml_text(", ".join(each.failing)))
            failure.text = xml_text(f"{each.case.question}\n{made['text']}")
    _count(suite)
    return root


def xml_text(text: str) -> str:
    r"""Return the text without the characters that XML can not hold.

    >>> xml_text("a\x00b\ud800c")
    'abc'
    """
    return NOT_XML.sub("", text)


def prediction_of(found: Report, result: Result) -> Prediction:
    """Return the answer that a result judges; an empty one when there is none."""
    return found.run.predictions.get(result.case.id, {})


def _count(suite: ET.Element) -> None:
    suite.set("tests", str(len(suite)))
    for kind in ("failure", "error", "skipped"):
        name = {"failure": "failures", "error": "errors"}.get(kind, kind)
        suite.set(name, str(len(suite.findall(f"testcase/{kind}"))))


def _row(name: str, figure: Mapping[str, Any]) -> str:
    low, high = figure["interval"]
    return f"| {name} | {figure['n']} | {figure['value']:.3f} | {low:.3f} to {high:.3f} |"


def _inert(text: str) -> str:
    """Return a text on one line in which Markdown finds nothing to do."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]()<>#|!&~" else c for c in " ".join(text.split()))


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
