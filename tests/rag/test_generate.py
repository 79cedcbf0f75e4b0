"""Answers that a language model writes: the wire is real, the words are scripted."""

import itertools
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rag.__main__ import main
from rag.chat_models import ChatModel
from rag.errors import SettingsError
from rag.generate import Author, is_same_question, pack
from rag.index import Index
from rag.models import Encoder
from rag.pipeline import NO_MODEL, Pipeline, Question, open_pipeline
from rag.records import as_json
from rag.settings import Settings
from rag.types import Answer, Chunk, Source, Span, Statement, Turn
from rag.verify import Verifier
from tests.model_server import ModelServer, Reply, Request, says, serving

TRADE = "Ottawa puts two-way merchandise trade with Mexico at nearly $56 billion in 2024."
INVESTMENT = "Ottawa puts direct investment in Mexico at $46.4 billion."
ASKED = Question("How much was two-way trade worth in 2024?", recorded=False)
IN_FRENCH = Question("Combien vaut le commerce bilatéral en 2024 ?", recorded=False)
IN_SPANISH = Question("¿Cuánto vale el comercio bilateral en 2024?", recorded=False)
UNKNOWN = Question("How many moons does Saturn have?", recorded=False)
IN_CHINESE = "两国的贸易额在二零二四年达到了五百六十亿美元。"
PATIENT, HASTY = 30.0, 1.0  # seconds
MODEL = {"openai": "openai:scripted", "ollama": "ollama:scripted"}


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with serving() as started:
        yield started


@pytest.fixture(params=["openai", "ollama"])
def provider(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def verifier(encoder: Encoder) -> Verifier:
    return Verifier(encoder)


@pytest.fixture
def desk(
    server: ModelServer,
    index: Index,
    encoder: Encoder,
    verifier: Verifier,
    monkeypatch: pytest.MonkeyPatch,
) -> Any:
    """Return a function that returns a pipeline whose model is the scripted one."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    def build(provider: str = "openai", seconds: float = PATIENT, **more: Any) -> Pipeline:
        model = ChatModel(
            MODEL[provider],
            base_url=server.base_url(provider),
            seconds=seconds,
            **{"retries": 0, **more},
        )
        return Pipeline(index, encoder, author=Author(model, verifier))

    return build


def cited(request: Request, text: str = TRADE) -> str:
    """Return a sentence of the evidence as a model is to write it."""
    return f"{text.rstrip('.')} [{request.number(text)}]."


def tells_trade(request: Request) -> Reply:
    return says(cited(request))


def essence(answer: Answer) -> dict[str, Any]:
    """Return what of an answer a reader gets, without what differs from one asking to the next."""
    left_out = {"id", "timings_ms", "fault", "notice", "usage", "dropped"}
    found = as_json(answer)
    return {name: found[name] for name in found.keys() - left_out}


def test_a_verified_sentence_is_shown_with_the_passage_that_proves_it(
    desk: Any, server: ModelServer, provider: str
) -> None:
    server.follow(tells_trade)
    answer = desk(provider).invoke(ASKED)
    assert (answer.status, answer.mode, answer.model) == ("answered", "generative", MODEL[provider])
    assert answer.statements == (Statement(TRADE, (1,), "verified"),)
    assert answer.text == f"{TRADE} [1]"
    assert [each.quote for each in answer.citations] == [TRADE]
    assert (answer.fault, answer.notice, answer.dropped) == ("", "", 0)
    assert answer.as_of.startswith("As of September 18, 2025: from 1 document")


def test_tokens_and_seconds_are_counted(desk: Any, server: ModelServer, provider: str) -> None:
    server.follow(tells_trade)
    usage = desk(provider).invoke(ASKED).usage
    assert (usage.calls, usage.input_tokens, usage.output_tokens) == (1, 100, 20)
    assert 0 < usage.first_sentence <= usage.seconds


def test_the_model_is_asked_without_chance_and_within_limits(
    desk: Any, server: ModelServer, provider: str
) -> None:
    server.follow(tells_trade)
    desk(provider, max_tokens=77, context_tokens=500).invoke(ASKED)
    sent = server.requests[0].sent
    options = sent.get("options", sent)
    assert options["temperature"] == 0
    assert 77 in (options.get("num_predict"), options.get("max_completion_tokens"))


def test_a_sentence_is_shown_before_the_next_is_written(desk: Any, server: ModelServer) -> None:
    """The second sentence is sent once the first was shown: neither waits for the other's end."""
    waiting = itertools.repeat(" ")

    def script(request: Request) -> Reply:
        second = f" {cited(request, INVESTMENT)}"
        hold = itertools.takewhile(lambda _: not shown, waiting)
        return Reply(itertools.chain([cited(request)], hold, [second]), pause=0.02)

    shown = False
    server.follow(script)
    for answer in desk().stream(ASKED):
        if answer.statements and not shown:
            assert (answer.status, answer.text) == ("searching", f"{TRADE} [1]")
            shown = True
    assert [each.text for each in answer.statements] == [TRADE, INVESTMENT]


def test_a_sentence_without_proof_is_corrected_by_the_model(
    desk: Any, server: ModelServer, provider: str
) -> None:
    wrong = TRADE.replace("56", "65")
    server.follow(lambda r: says(cited(r) if r.repairs else cited(r).replace("56", "65")))
    answer = desk(provider).invoke(ASKED)
    assert answer.statements == (Statement(TRADE, (1,), "repaired"),)
    assert f"Sentence: {wrong}" in server.requests[1].user
    assert "What is wrong: " in server.requests[1].user


def test_one_that_can_not_be_corrected_is_quoted_instead(desk: Any, server: ModelServer) -> None:
    def script(request: Request) -> Reply:
        if request.repairs:
            return says("MISSING")
        return says(f"{cited(request, INVESTMENT)} {cited(request).replace('56', '65')}")

    server.follow(script)
    answer = desk().invoke(ASKED)
    assert answer.statements == (
        Statement(INVESTMENT, (1,), "verified"),
        Statement(TRADE, (2,), "replaced"),
    )
    assert "65" not in answer.text


def test_what_nothing_proves_is_dropped_and_counted(desk: Any, server: ModelServer) -> None:
    def script(request: Request) -> Reply:
        if request.repairs:
            return says("The moon is made of cheese [1].")
        return says(f"{cited(request)} The moon is made of cheese [1]. So is the sun.")

    server.follow(script)
    answer = desk().invoke(ASKED)
    assert [each.text for each in answer.statements] == [TRADE]
    assert (answer.status, answer.dropped) == ("answered", 2)


def test_where_nothing_is_proved_sentences_are_quoted(
    desk: Any, server: ModelServer, pipeline: Pipeline
) -> None:
    server.follow(says("The moon is made of cheese [1]."))
    answer = desk().invoke(ASKED)
    assert (answer.fault, answer.dropped) == ("unverified", 1)
    assert essence(answer) == essence(pipeline.invoke(ASKED))


def test_a_missing_marker_is_found(desk: Any, server: ModelServer) -> None:
    server.follow(says(TRADE))
    answer = desk().invoke(ASKED)
    assert answer.statements == (Statement(TRADE, (1,), "repaired"),)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "silence", ["MISSING", "MISSING.", "The documents do not say.", "<think>Hm. No.</think>MISSING"]
)
def test_a_model_that_finds_no_answer_refuses_as_without_one(
    desk: Any, server: ModelServer, silence: str
) -> None:
    server.follow(says(silence))
    answer = desk().invoke(ASKED)
    assert (answer.status, answer.mode, answer.fault) == ("refused", "generative", "")
    assert answer.text.startswith("The documents do not say. Searched 14 documents")
    assert len(answer.citations) == 1


def test_a_part_that_is_missing_is_said(desk: Any, server: ModelServer) -> None:
    server.follow(lambda r: says(f"{cited(r)}\nMISSING"))
    answer = desk().invoke(ASKED)
    assert (answer.status, answer.text) == ("partial", f"{TRADE} [1]")
    assert answer.notice == "The passages that were found do not answer a part of the question."


def test_what_the_documents_do_not_hold_is_refused_without_asking(
    desk: Any, server: ModelServer
) -> None:
    server.follow(says("Saturn has 146 moons [1]."))
    answer = desk().invoke(UNKNOWN)
    assert (answer.status, answer.fault, server.requests) == ("refused", "", [])


def test_a_question_can_ask_for_quotes(desk: Any, server: ModelServer, pipeline: Pipeline) -> None:
    server.follow(tells_trade)
    answer = desk().invoke(replace(ASKED, written=False))
    assert (essence(answer), answer.notice) == (essence(pipeline.invoke(ASKED)), "")
    assert server.requests == []


FAULTS = [
    pytest.param(Reply(status=401), "unauthorized", id="401"),
    pytest.param(Reply(status=403), "unauthorized", id="403"),
    pytest.param(Reply(status=404), "unknown_model", id="404"),
    pytest.param(Reply(status=429), "rate_limited", id="429"),
    pytest.param(Reply(status=400), "rejected", id="400"),
    pytest.param(Reply(status=500), "server_error", id="500"),
    pytest.param(Reply(status=503, body="<html>busy</html>"), "server_error", id="503"),
    pytest.param(says("Ottawa puts", ending=""), "cut_off", id="ends-without-a-word"),
    pytest.param(says("Ottawa puts", ending="reset"), "cut_off", id="cut-in-a-line"),
    pytest.param(says(""), "empty", id="empty"),
    pytest.param(says(" \n "), "unverified", id="blank"),
    pytest.param(says("..."), "unverified", id="signs-alone"),
    pytest.param(Reply(raw=b"data: {nonsense\n\n"), "malformed", id="malformed-line"),
    pytest.param(Reply(raw=b"<html>Sign in</html>"), "malformed", id="not-the-protocol"),
    pytest.param(says("Ottawa puts", ending="length"), "too_long", id="too-long"),
    pytest.param(Reply(itertools.repeat("a" * 500)), "endless", id="endless-word"),
    pytest.param(Reply(itertools.repeat("It is so [1]. " * 50)), "endless", id="endless-sentence"),
    pytest.param(says(f"{IN_CHINESE}[1]"), "wrong_language", id="chinese"),
    pytest.param(says("Les deux pays ont fait du commerce [1]."), "wrong_language", id="french"),
    pytest.param(
        says("Der Handel zwischen den beiden Ländern war im Jahr 2024 sehr viel wert [1]."),
        "wrong_language",
        id="german",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("reply", "fault"), FAULTS)
def test_a_fault_leaves_the_answer_without_a_model(
    desk: Any, server: ModelServer, pipeline: Pipeline, provider: str, reply: Reply, fault: str
) -> None:
    server.follow(reply)
    answer = desk(provider).invoke(ASKED)
    assert answer.fault == fault
    assert essence(answer) == essence(pipeline.invoke(ASKED))
    assert answer.notice.startswith(f"The language model {MODEL[provider]} did not answer: ")


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(Reply(silence=60), id="silent"),
        pytest.param(Reply(itertools.repeat("a "), pause=0.3), id="trickle"),
    ],
)
def test_a_slow_model_is_left_at_the_limit(
    desk: Any, server: ModelServer, pipeline: Pipeline, provider: str, reply: Reply
) -> None:
    server.follow(reply)
    started = time.monotonic()
    answer = desk(provider, HASTY).invoke(ASKED)
    assert time.monotonic() - started < 10 * HASTY
    assert answer.fault == "timed_out"
    assert essence(answer) == essence(pipeline.invoke(ASKED))
    assert server.gone.wait(10)


def test_a_server_that_is_not_there_is_named(
    index: Index, encoder: Encoder, verifier: Verifier, pipeline: Pipeline, provider: str
) -> None:
    model = ChatModel(MODEL[provider], base_url="http://127.0.0.1:9/v1", retries=1)
    answer = Pipeline(index, encoder, author=Author(model, verifier)).invoke(ASKED)
    assert (answer.fault, answer.usage.calls) == ("unreachable", 2)  # type: ignore[union-attr]
    assert essence(answer) == essence(pipeline.invoke(ASKED))


@pytest.mark.parametrize(
    ("question", "notice"),
    [
        (IN_FRENCH, "Le modèle de langue openai:scripted n’a pas répondu : sa clé n’a pas été "
                    "acceptée. Cette réponse est faite sans lui."),
        (IN_SPANISH, "El modelo de lenguaje openai:scripted no respondió: su clave no fue "
                     "aceptada. Esta respuesta se hizo sin él."),
    ],
)  # fmt: skip
def test_a_fault_is_told_in_the_language_of_the_question(
    desk: Any, server: ModelServer, question: Question, notice: str
) -> None:
    server.follow(Reply(status=401))
    assert desk().invoke(question).notice == notice


@pytest.mark.parametrize(
    ("reply", "fault"),
    [
        pytest.param({"ending": ""}, "cut_off", id="ends-without-a-word"),
        pytest.param({"ending": "reset"}, "cut_off", id="cut-in-a-line"),
        pytest.param({"ending": "length"}, "too_long", id="too-long"),
    ],
)
def test_what_was_verified_before_a_fault_stays_and_quotes_are_added(
    desk: Any, server: ModelServer, provider: str, reply: dict[str, str], fault: str
) -> None:
    server.follow(lambda r: says(f"{cited(r, INVESTMENT)} Ottawa has also", **reply))
    answer = desk(provider).invoke(ASKED)
    assert (answer.status, answer.mode, answer.fault) == ("partial", "generative", fault)
    first, *others = answer.statements
    assert (first.text, first.check) == (INVESTMENT, "verified")
    assert TRADE in [each.text for each in others]
    assert {each.check for each in others} == {"quoted"}
    assert "Ottawa has also" not in answer.text
    assert answer.notice.startswith(f"The language model {MODEL[provider]} did not finish: ")


@pytest.mark.parametrize(
    ("first", "calls"),
    [
        pytest.param(Reply(status=503), 2, id="503"),
        pytest.param(Reply(status=429, headers={"Retry-After": "0"}), 2, id="429"),
        pytest.param(Reply(status=401), 1, id="401"),
    ],
)
def test_what_may_pass_is_tried_again(
    desk: Any, server: ModelServer, provider: str, first: Reply, calls: int
) -> None:
    replies = iter([first])
    server.follow(lambda r: next(replies, None) or tells_trade(r))
    answer = desk(provider, retries=2).invoke(ASKED)
    assert len(server.requests) == answer.usage.calls == calls
    assert (answer.mode == "generative") == (calls == 2)


def test_a_server_that_says_when_to_come_back_is_not_waited_for_in_vain(
    desk: Any, server: ModelServer
) -> None:
    server.follow(Reply(status=429, headers={"Retry-After": "300"}))
    started = time.monotonic()
    answer = desk(retries=2).invoke(ASKED)
    assert (answer.fault, len(server.requests)) == ("rate_limited", 1)
    assert time.monotonic() - started < PATIENT


def test_to_stop_ends_the_call_on_the_server(desk: Any, server: ModelServer, provider: str) -> None:
    server.follow(lambda r: Reply(itertools.chain([cited(r)], itertools.repeat(" ")), pause=0.1))
    answers = desk(provider).stream(ASKED)
    assert next(each for each in answers if each.statements)
    answers.close()
    assert server.gone.wait(10)


def test_a_follow_up_is_rewritten_by_the_model(
    desk: Any, server: ModelServer, provider: str
) -> None:
    alone = "How much was two-way trade with Mexico worth in 2024?"
    server.follow(lambda r: says(alone) if r.rewrites else tells_trade(r))
    turns = (Turn("What is trade with Mexico?", "Ottawa trades with Mexico [1]."),)
    follow_up = Question("And how much was it worth in 2024?", turns, recorded=False)
    answer = desk(provider).invoke(follow_up)
    assert answer.searched_for == alone
    assert "Earlier question: What is trade with Mexico?" in server.requests[0].user
    assert f"Question: {alone}" in server.requests[1].user


@pytest.mark.parametrize(
    "rewrite",
    [
        "",
        "And how much was it worth in 2024?",
        "What did Donald Trump promise Sheinbaum in 1999?",
        "Combien vaut le commerce bilatéral entre le Canada et le Mexique aujourd’hui ?",
        "What is it worth? " * 40,
        "It was worth $56 billion.",
        "Ignore the question.",
    ],
)
def test_a_rewrite_that_is_another_question_is_not_searched_for(
    desk: Any, server: ModelServer, pipeline: Pipeline, rewrite: str
) -> None:
    server.follow(lambda r: says(rewrite) if r.rewrites else tells_trade(r))
    turns = (Turn("What is trade with Mexico?"),)
    follow_up = Question("And how much was it worth in 2024?", turns, recorded=False)
    assert desk().invoke(follow_up).searched_for == pipeline.invoke(follow_up).searched_for


def test_a_fault_in_the_rewriting_is_not_waited_for_twice(desk: Any, server: ModelServer) -> None:
    server.follow(Reply(status=500))
    answer = desk().invoke(replace(ASKED, history=(Turn("What is trade with Mexico?"),)))
    assert (answer.fault, len(server.requests)) == ("server_error", 1)


def test_a_question_keeps_what_it_names() -> None:
    before = [Turn("Who is Ana Ruiz?", "She is the minister of ports.")]
    asked = "What did she say to Tom Lee in 2024?"
    assert is_same_question("What did Ana Ruiz say to Tom Lee in 2024?", asked, before)
    assert not is_same_question("What did Ana Ruiz say in 2024?", asked, before)
    assert not is_same_question("What did Ana Ruiz say to Tom Lee in 2025?", asked, before)


def test_evidence_is_packed_into_the_tokens_there_are() -> None:
    def source(letters: int) -> Source:
        text = "a" * letters
        return Source(Chunk("d", Span(0, letters), text, title="", heading="", language="en"), None)

    large, small = source(3000), source(30)
    assert pack([small, large, small], 200) == [small, small]
    assert pack([large, small], 200) == [large]


def test_a_file_of_the_index_keeps_the_model_from_writing(
    own_index: Path, encoder: Encoder, verifier: Verifier, server: ModelServer
) -> None:
    server.follow(tells_trade)
    model = ChatModel("ollama:scripted", base_url=server.address)
    index = Index(own_index, encoder.fingerprint)
    switched = Pipeline(index, encoder, author=Author(model, verifier))
    (own_index / NO_MODEL).touch()
    answer = switched.invoke(ASKED)
    assert (answer.mode, answer.fault, server.requests) == ("extractive", "switched_off", [])
    (own_index / NO_MODEL).unlink()
    assert switched.invoke(ASKED).mode == "generative"
    index.close()


@pytest.mark.parametrize(
    ("name", "fault"),
    [("openai:any", "no_key"), ("anthropic:any", "no_key"), ("groq:any", "no_package")],
)
def test_a_model_that_can_not_be_built_or_lacks_a_key_is_named(
    index: Index,
    encoder: Encoder,
    verifier: Verifier,
    pipeline: Pipeline,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    fault: str,
) -> None:
    for variable in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    answer = Pipeline(index, encoder, author=Author(ChatModel(name), verifier)).invoke(ASKED)
    assert answer.fault == fault
    assert essence(answer) == essence(pipeline.invoke(ASKED))


def test_a_client_that_can_not_be_set_up_is_not_said_to_lack_its_key(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-mine")
    assert ChatModel("openai:any", base_url="http://[::1").fault == "misconfigured"
    assert "openai:any can not be set up: InvalidURL" in caplog.text
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-mine")
    model = ChatModel("anthropic:any", max_tokens="many")  # type: ignore[arg-type]  # it is wrong
    assert model.fault == "misconfigured"
    assert "anthropic:any can not be set up: ValidationError" in caplog.text
    assert "sk-mine" not in caplog.text


def test_keys_stand_in_no_log_notice_or_record(
    desk: Any,
    server: ModelServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server.follow(Reply(status=401))
    pipeline = desk()
    monkeypatch.setenv("OPENAI_API_KEY", "sk-mine")
    with_key = desk()
    with caplog.at_level("DEBUG"):
        told = [str(as_json(each.invoke(ASKED))) for each in (pipeline, with_key)]
    assert server.requests[1].headers["authorization"] == "Bearer sk-mine"
    said = [record.getMessage() for record in caplog.records]
    assert not [line for line in (*told, *said) if "sk-" in line]


def test_the_command_line_switches_the_model(
    own_index: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(own_index)
    assert main(["model", "off", "--index", str(own_index)]) == 0
    assert (own_index / NO_MODEL).exists()
    assert main(["model", "on", "--index", str(own_index)]) == 0
    assert not (own_index / NO_MODEL).exists()
    assert main(["model", "off", "--index", str(own_index / "none")]) == 3
    assert "python -m ingest" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["gpt-4o", "nobody:model"])
def test_a_name_that_can_be_no_model_ends_the_start(own_index: Path, name: str) -> None:
    with pytest.raises(SettingsError, match=name):
        open_pipeline(Settings.read(index=own_index, chat_model=name))
