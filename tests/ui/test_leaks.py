"""User by document: a word that only one document has is seen by those who may read it, alone."""

import base64
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from ingest.sync import sync
from rag.access import OPERATOR, Clearance
from rag.index import Index
from rag.models import Encoder
from rag.pipeline import Pipeline
from rag.types import Span
from tests.conftest import ROOT, read_here
from ui import dossier, parts, saved
from ui.api import answer_as_json, documents_as_json
from ui.desk import EXAMPLES, Chosen, Desk, examples, take_away
from ui.limits import Limits
from ui.login import Visitor
from ui.own import OwnFiles
from ui.source import DOSSIER, address
from ui.talk import Asked, follow_ups

DAY = date(2025, 10, 1)
TEXT = "The {canary} delegation arrives by ferry on Monday. The {canary} pier is closed."
FRONT = {  # by the canary of the document, which its name, title, kind and heading have as well
    "aardvark": "",
    "bergamot": "label: internal",
    "cormorant": "groups: press",
    "dulcimer": "label: embargo until 2025-10-01",
    "elderflower": "label: internal\ngroups: [ministers]",
    "fandango": "label: embargo until 2025-10-02\ngroups: press",
    "gossamer": "",  # a copy in two places, of which one is internal
}
MORE = {
    "aardvark": "Ana Silva takes part in the working lunch.",
    "bergamot": "The agreement will cover trade in minerals.",
}
PDF = "huckleberry"  # a file of pages that a .labels.yaml closes
USERS = {
    "guest": Clearance(today=DAY),
    "early": Clearance(today=date(2025, 9, 30)),
    "staff": Clearance(frozenset(["internal"]), DAY),
    "press": Clearance(frozenset(["press"]), DAY),
    "embargoed": Clearance(frozenset(["press", "embargo"]), date(2025, 9, 30)),
    "minister": Clearance(frozenset(["internal", "ministers"]), DAY),
}
READS = {
    "guest": {"aardvark", "dulcimer", "gossamer"},
    "early": {"aardvark", "gossamer"},
    "staff": {"aardvark", "bergamot", "dulcimer", "gossamer", "hidden", PDF},
    "press": {"aardvark", "cormorant", "dulcimer", "gossamer"},
    "embargoed": {"aardvark", "cormorant", "dulcimer", "fandango", "gossamer"},
    "minister": {"aardvark", "bergamot", "dulcimer", "elderflower", "gossamer", "hidden", PDF},
}
CANARIES = [*FRONT, "hidden", PDF]
PASSAGE = "North American"


def write(folder: Path) -> None:
    folder.mkdir()
    for canary, front in FRONT.items():
        day = f"2025-09-0{len(front) % 9 + 1}"
        head = f"title: The {canary} delegation\nkind: {canary}\ndate: {day}"
        more = MORE.get(canary, "It rains.")
        text = f"# About {canary}\n\n{TEXT.format(canary=canary)}\n\n## More {canary}\n\n{more}"
        (folder / f"{canary}.md").write_text(f"---\n{head}\n{front}\n---\n\n{text}\n")
    copy = (folder / "gossamer.md").read_text().replace("title: The gossamer", "title: The hidden")
    copy = copy.replace("kind: gossamer", "kind: hidden\nlabel: internal")
    (folder / "a-hidden.md").write_text(copy)
    shutil.copy(ROOT / "seeds" / "05-north-american-pact.pdf", folder / f"{PDF}.pdf")
    (folder / ".labels.yaml").write_text("'*.pdf': {label: internal}")
    (folder / "unreadable-bergamot.pdf").write_bytes(b"%PDF-1.7")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, encoder: Encoder) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("leaks")
    write(folder / "in")
    index = Index(folder / "index", encoder.fingerprint)
    files = OwnFiles(lambda: encoder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ingest.isolate.Reader.read", read_here)
        sync(index, encoder, [folder / "in"])
        made = Desk(Pipeline(index, encoder), files, folder / "inbox", Limits(questions=10_000))
        made.memory.note()
        (folder / "in" / "elderflower.md").touch()
        for canary in ("bergamot", "aardvark"):
            changed = folder / "in" / f"{canary}.md"
            changed.write_text(changed.read_text() + f"\nThe {canary} gate opens.\n")
        (folder / "in" / "unreadable-bergamot.pdf").write_bytes(b"%PDF-1.8")
        sync(index, encoder, [folder / "in"])
    yield made
    files.close()
    index.close()


@pytest.fixture(scope="module")
def links(desk: Desk) -> dict[str, str]:
    """Return the link to the middle of each document, which nobody should be able to guess."""
    with desk.pipeline.index.reading() as generation:
        found = {}
        for each in generation.documents():
            start = max(each.text.find(PASSAGE), 0)
            found[each.uri.partition(".")[0]] = address(each.id, Span(start, start + 14))
    return found


def channels(desk: Desk, user: str, links: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Yield all that a user gets to see, by the way it comes."""
    who = Visitor(USERS[user], user, "tab")
    seen, pipeline = desk.seen_by(who), desk.pipeline
    for language in ("en", "fr"):
        chosen = Chosen(language=language)
        yield "examples", repr(examples(pipeline, language, who.clearance))
        yield "status", parts.status(seen, pipeline.writing(), language)
        yield "filters", parts.tools(seen, language)
        yield "sources", desk.open(DOSSIER, chosen, who)
    yield "documents", json.dumps(documents_as_json(desk, who, None))
    yield "some documents", json.dumps(documents_as_json(desk, who, {"languages": ["en"]}))
    for canary in CANARIES:
        wanted = dossier.page(seen, desk.memory, "en", canary)
        yield "dossier", wanted.replace(canary, "") if "0&#32;of" in wanted else wanted
        words = desk.choose({"documents": [f"{canary}.md"]}, chosen, who).words
        yield "chosen", words.replace(f"{canary}.md", "")
        yield from asked(desk, who, f"When does the {canary} delegation arrive?")
        yield from asked(desk, who, f"Is the {canary[:-1]} pier closed?")
    yield "dossier", dossier.page(seen, desk.memory, "en")
    for name, link in links.items():
        for drawn in (False, True):
            yield f"source of {name}", desk.open(link, Chosen(), who, drawn=drawn)


def asked(desk: Desk, who: Visitor, question: str) -> Iterator[tuple[str, str]]:
    """Yield what comes of a question, without the question itself."""
    *_, last = desk.ask(question, (), Chosen(), who)
    (exchange,) = last.session
    answer = replace(exchange.answer, question="", searched_for="")
    session = (replace(exchange, answer=answer),)
    yield "answer", repr(answer)
    yield "kept", saved.pack(session)
    yield "viewer", desk.open(address("0" * 16, Span(0, 0)), Chosen(), who)
    for do in ("markdown", "docx", "copy"):
        command = json.loads(take_away(do, session, "en"))
        yield do, repr(base64.b64decode(command.get("data", ""))) + command.get("text", "")
    proposed = follow_ups(desk.pipeline, last.session, Asked("", clearance=who.clearance))
    yield "follow-ups", repr(proposed)
    given: dict[str, Any] = answer_as_json(desk, who, question)
    yield "program", json.dumps({**given, "question": "", "searched_for": ""})


@pytest.mark.parametrize("user", USERS)
def test_no_user_sees_a_word_of_what_is_not_theirs(
    desk: Desk, links: dict[str, str], user: str
) -> None:
    theirs, seen = READS[user], set()
    for channel, shown in channels(desk, user, links):
        lower = shown.casefold()
        found = {canary for canary in CANARIES if canary in lower}
        found |= {PDF} if "north american" in lower or "<img" in lower else set()
        assert found <= theirs, (channel, found - theirs)
        assert "unreadable" not in lower, channel
        seen |= found
    assert seen == theirs


@pytest.mark.parametrize("user", USERS)
def test_counts_are_of_what_a_user_may_see(desk: Desk, user: str) -> None:
    who = Visitor(USERS[user], user, "tab")
    answer = answer_as_json(desk, who, "Which volcano erupted in Iceland?")
    count = len(READS[user] - {"hidden"})
    assert f"Searched {count} documents" in answer["coverage"]
    assert f"<p>{count} documents" in parts.status(desk.seen_by(who), ("", ""))
    with desk.seen_by(who).reading() as generation:
        assert f"{count} documents" in dossier.page(desk.seen_by(who), desk.memory, "en").replace(
            "&#32;", " "
        )
        days = {each.published for each in generation.documents() if each.published}
        assert generation.whole.last == max(days)


def test_the_operator_sees_all_of_it(desk: Desk) -> None:
    shown = dossier.page(desk.seen_by(Visitor(OPERATOR)), desk.memory, "en").casefold()
    assert [canary for canary in CANARIES if canary not in shown] == []
    assert "unreadable" in shown


def test_what_changed_is_told_to_those_who_may_see_it(desk: Desk) -> None:
    def changed(user: str) -> str:
        shown = dossier.page(desk.seen_by(Visitor(USERS[user])), desk.memory, "en")
        return shown.partition("</details>")[0].partition("<details>")[2]

    assert "aardvark" in changed("guest")
    assert "bergamot" not in changed("guest")
    assert "bergamot" in changed("staff")


def test_questions_to_begin_with_are_those_of_what_may_be_seen(desk: Desk) -> None:
    found = {user: set(examples(desk.pipeline, "en", USERS[user])) for user in USERS}
    lunch, agreement = EXAMPLES["en"][:2]
    assert lunch in found["guest"]
    assert agreement not in found["guest"] | found["press"]
    assert agreement in found["staff"]
