from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace

import gradio as gr
import pytest

from rag.errors import IndexMissingError, RagError
from rag.pipeline import Pipeline, Question
from rag.types import Answer, Citation, Hit, Span, Turn
from ui.api import answer_as_json
from ui.chat import STOPPED, View, build, converse, describe, stopped

CITED = Citation(1, "0123456789abcdef", "T", "u", None, None, Span(0, 2), "It")


def answer(status: str = "answered", **given: object) -> Answer:
    return Answer("1", "When?", "When?", "en", status, **given)


class Script:
    """Streams the answers it was given, then raises."""

    def __init__(self, answers: Sequence[Answer], error: RagError | None = None) -> None:
        self.asked: list[Question] = []
        self._answers = answers
        self._error = error

    def stream(self, question: Question) -> Iterator[Answer]:
        self.asked.append(question)
        yield from self._answers
        if self._error:
            raise self._error


def test_an_answer_grows_in_its_place_and_its_source_opens_at_the_end() -> None:
    searching, final = answer("searching"), answer(citations=(CITED,))
    views = list(converse(Script([searching, final]), "When?", (answer("refused"),)))
    assert views == [
        View((answer("refused"), searching), busy=True, draft=""),
        View((answer("refused"), final), opens="#source:0123456789abcdef:0-2"),
    ]


def test_a_refusal_opens_no_source() -> None:
    (last,) = converse(Script([answer("refused", citations=(CITED,))]), "When?", ())
    assert last.opens == ""


def test_the_turns_before_are_told_to_the_pipeline() -> None:
    script = Script([])
    list(converse(script, "And then?", (answer(text="Today. [1]"),)))
    assert script.asked == [Question("And then?", (Turn("When?", "Today. [1]"),))]


def test_what_was_retrieved_is_not_kept_in_the_session(pipeline: Pipeline) -> None:
    *_, last = converse(pipeline, "Who is Carney?", ())
    hits: tuple[Hit, ...] = last.session[-1].hits
    assert hits == ()


def test_an_error_leaves_the_question_in_the_box() -> None:
    script = Script([answer("searching")], IndexMissingError("no index; run it"))
    *_, last = converse(script, "When?", ())
    assert last == View((), draft="When?", notice="no index; run it")


def test_an_empty_question_is_said_to_be_empty(pipeline: Pipeline) -> None:
    (last,) = converse(pipeline, "  ", ())
    assert last.notice.startswith("the question is empty")


@pytest.mark.parametrize(
    ("session", "expected"),
    [
        pytest.param((), View(()), id="nothing-asked"),
        pytest.param((answer(),), View((answer(),)), id="done-already"),
        pytest.param(
            (answer(), answer("searching")),
            View((answer(),), draft="When?", notice=STOPPED),
            id="searching",
        ),
    ],
)
def test_a_stopped_question_is_back_in_the_box(session: tuple[Answer, ...], expected: View) -> None:
    assert stopped(session) == expected


def test_the_status_line_counts_the_documents(pipeline: Pipeline) -> None:
    assert describe(pipeline.index).startswith("<p>14 documents&#44; dated September 18")


def test_the_status_line_says_when_there_is_no_index() -> None:
    @contextmanager
    def reading() -> Iterator[None]:
        raise IndexMissingError("no index")
        yield

    assert "No index&#46;" in describe(SimpleNamespace(reading=reading))


def test_only_ask_is_a_public_endpoint(pipeline: Pipeline) -> None:
    handlers = build(pipeline).config["dependencies"]
    public = [each["api_name"] for each in handlers if each["api_visibility"] != "private"]
    assert public == ["ask"]


def test_no_handler_takes_a_chatbot_or_a_file(pipeline: Pipeline) -> None:
    config = build(pipeline).config
    types = {each["id"]: each["type"] for each in config["components"]}
    taken = {types[each] for handler in config["dependencies"] for each in handler["inputs"]}
    assert taken == {"textbox", "state", "api"}


def test_formulas_are_not_drawn(pipeline: Pipeline) -> None:
    (chatbot,) = [c for c in build(pipeline).config["components"] if c["type"] == "chatbot"]
    assert chatbot["props"]["latex_delimiters"] == []


def test_a_program_gets_the_answer_of_the_records(pipeline: Pipeline) -> None:
    history = [{"question": "Which ministers went to Mexico in August?"}]
    given = answer_as_json(pipeline, "And who else?", history)
    assert given["status"] == "answered"
    assert given["searched_for"] != given["question"]


@pytest.mark.parametrize(
    ("question", "history", "message"),
    [
        pytest.param("", None, "the question is empty", id="empty"),
        pytest.param("x" * 1001, None, "1,001 characters", id="long"),
        pytest.param(None, None, "must be a text", id="no-text"),
        pytest.param("x", "y", "must be a list", id="no-list"),
        pytest.param("x", [{"answer": "y"}], "must be a list", id="no-question"),
        pytest.param("x", [{"question": "x" * 1001}], "too long", id="long-history"),
    ],
)
def test_a_program_is_told_what_is_wrong(
    pipeline: Pipeline, question: object, history: object, message: str
) -> None:
    with pytest.raises(gr.Error, match=message):
        answer_as_json(pipeline, question, history)
