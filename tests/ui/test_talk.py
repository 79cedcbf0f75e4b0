from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from rag.errors import (
    IndexDamagedError,
    IndexMismatchError,
    IndexMissingError,
    IndexServerError,
    ModelError,
    RagError,
)
from rag.pipeline import Pipeline, Question
from rag.types import EVERYWHERE, Answer, Citation, Filter, Hit, Span, Turn
from ui.talk import (
    _TRYING,
    MOST_AT_ONCE,
    Asked,
    Exchange,
    FromFile,
    View,
    converse,
    follow_ups,
    stopped,
)
from ui.words import LANGUAGES, say

CITED = Citation(1, "0123456789abcdef", "T", "u", None, None, Span(0, 2), "It")


def exchange(status: str = "answered", **given: object) -> Exchange:
    return Exchange(Answer("1", "When?", "When?", "en", status, **given))


class Script:
    """Streams the answers it was given, then raises."""

    def __init__(self, *exchanges: Exchange, error: RagError | None = None) -> None:
        self.asked: list[Question] = []
        self._answers: Sequence[Answer] = [each.answer for each in exchanges]
        self._error = error

    def stream(self, question: Question) -> Iterator[Answer]:
        self.asked.append(question)
        yield from self._answers
        if self._error:
            raise self._error


def test_an_answer_grows_in_its_place_and_its_source_opens_at_the_end() -> None:
    searching, final = exchange("searching"), exchange(citations=(CITED,))
    before = (exchange("refused"),)
    views = list(converse(Script(searching, final), Asked("When?"), before))
    assert views == [
        View((*before, searching), busy=True, draft=""),
        View((*before, final), opens=final.answer),
    ]


def test_a_refusal_opens_no_source() -> None:
    (last,) = converse(Script(exchange("refused", citations=(CITED,))), Asked("When?"), ())
    assert last.opens is None


def test_the_pipeline_is_told_the_turns_before_and_which_documents_are_asked() -> None:
    script, where = Script(), Filter(kinds=frozenset(["note"]))
    list(converse(script, Asked("And then?", where), (exchange(text="Today. [1]"),)))
    assert script.asked == [Question("And then?", (Turn("When?", "Today. [1]"),), where=where)]


def test_the_readers_file_is_asked_after_the_dossier_and_not_recorded() -> None:
    asked: list[Question] = []

    def own(question: Question) -> FromFile:
        asked.append(question)
        return FromFile("mine.txt")

    views = list(converse(Script(exchange()), Asked("When?", EVERYWHERE, "", own), ()))
    assert [each.session[-1].own for each in views] == [None, FromFile("mine.txt")]
    assert [each.recorded for each in asked] == [False]


def test_what_was_retrieved_is_not_kept_in_the_session(pipeline: Pipeline) -> None:
    *_, last = converse(pipeline, Asked("Who is Carney?"), ())
    hits: tuple[Hit, ...] = last.session[-1].answer.hits
    assert hits == ()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("kind", "key"),
    [
        pytest.param(IndexMissingError, "dossier_missing", id="missing"),
        pytest.param(IndexMismatchError, "dossier_unusable", id="mismatch"),
        pytest.param(IndexDamagedError, "dossier_unusable", id="damaged"),
        pytest.param(IndexServerError, "dossier_away", id="server"),
        pytest.param(ModelError, "trouble", id="other"),
    ],
)
def test_an_error_leaves_the_question_in_the_box_and_is_told_in_the_readers_words(
    kind: type[RagError], key: str, language: str
) -> None:
    script = Script(exchange("searching"), error=kind("'/srv/index' is none; run python -m x"))
    *_, last = converse(script, Asked("When?", language=language), ())
    assert last == View((), draft="When?", notice=say(language, key))


def test_a_question_that_is_empty_or_too_long_is_said_to_be(pipeline: Pipeline) -> None:
    (last,) = converse(pipeline, Asked("  ", language="fr"), ())
    assert last.notice == say("fr", "empty")
    (last,) = converse(pipeline, Asked("x" * 1001, language="es"), ())
    assert last.notice == say("es", "too_long", n=1000)


def test_what_an_error_says_in_full_is_logged(
    pipeline: Pipeline, caplog: pytest.LogCaptureFixture
) -> None:
    @contextmanager
    def reading() -> Iterator[None]:
        raise IndexDamagedError("'/srv/index' is damaged; run python -m ingest")
        yield

    broken: Any = Pipeline(SimpleNamespace(reading=reading), pipeline._encoder)
    *_, last = converse(broken, Asked("When?"), ())
    assert "ingest" not in last.notice
    (logged,) = [each for each in caplog.records if each.message == "question failed"]
    assert "run python -m ingest" in str(logged.__dict__["facts"])


@pytest.mark.parametrize(
    ("session", "expected"),
    [
        pytest.param((), View(()), id="nothing-asked"),
        pytest.param((exchange(),), View((exchange(),)), id="done-already"),
        pytest.param(
            (exchange(), exchange("searching")),
            View((exchange(),), draft="When?", notice=say("fr", "stopped")),
            id="searching",
        ),
    ],
)
def test_a_stopped_question_is_back_in_the_box(
    session: tuple[Exchange, ...], expected: View
) -> None:
    assert stopped(session, "fr") == expected


def test_only_questions_that_the_documents_answer_are_proposed(pipeline: Pipeline) -> None:
    *_, last = converse(pipeline, Asked("What did the leaders say about the summit?"), ())
    proposed = follow_ups(pipeline, last.session, Asked(""))
    assert 0 < len(proposed) <= 3
    cited = {each.quote for each in last.session[-1].answer.citations}
    for question in proposed:
        answer = pipeline.invoke(Question(question, recorded=False))
        assert answer.status == "answered"
        assert {each.quote for each in answer.citations} - cited


def test_nothing_is_proposed_after_a_refusal(pipeline: Pipeline) -> None:
    assert follow_ups(pipeline, (exchange("refused", citations=(CITED,)),), Asked("")) == ()


def test_questions_that_are_asked_go_before_those_that_are_proposed(pipeline: Pipeline) -> None:
    """While proposals are tried for as many as may be at once, there are none for others."""
    *_, last = converse(pipeline, Asked("What did the leaders say about the summit?"), ())
    for _ in range(MOST_AT_ONCE):
        assert _TRYING.acquire(blocking=False)
    try:
        assert follow_ups(pipeline, last.session, Asked("")) == ()
    finally:
        _TRYING.release(MOST_AT_ONCE)
    assert follow_ups(pipeline, last.session, Asked(""))
