"""What others would build from the same documents, to stand beside our answers in one run."""

import importlib
import importlib.util
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from langchain_core.embeddings import Embeddings

from ingest.chunk import CHUNK_SIZE
from rag.errors import RagError
from rag.index import Generation
from rag.language import detect, stems, words
from rag.models import Encoder, weights
from rag.settings import Settings
from rag.store import close_chroma, open_chroma
from rag.types import Passage

PACKAGES = ("langchain-chroma", "langchain-huggingface", "langchain-text-splitters")
NAMES = ("dense", "bm25", "langchain")
TOP_K = 4  # what `similarity_search` of a tutorial asks for
AT_ONCE = 2000  # texts; Chroma takes at most 5,461 of them


class NotMeasuredError(RagError):
    """Say what kept something from being measured, and what to do."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """Another way to search the same documents.

    Attributes:
        rank: from a question and a number of passages to scores by the uri of a document.
        search: what it does for one question when it is not measured but used.
    """

    name: str
    rank: Callable[[str, int], Mapping[str, float]]
    search: Callable[[str], object]


def dense(generation: Generation, encoder: Encoder) -> Baseline:
    """Return the search for the passages nearest in meaning, with our own passages and vectors."""

    def nearest(question: str, top_k: int) -> Mapping[str, float]:
        return generation.nearest_chunks(encoder.encode_query(question), top_k)

    return _over_chunks("dense", nearest, generation)


def bm25(generation: Generation) -> Baseline:
    """Return the search for the passages that have the question's words, stemmed."""

    def matching(question: str, top_k: int) -> Mapping[str, float]:
        language = detect(question)
        languages = sorted(generation.languages | {language})
        terms = {term for word in words(question, language) for term in stems(word, languages)}
        return generation.matching_chunks(sorted(terms), top_k)

    return _over_chunks("bm25", matching, generation)


def _over_chunks(
    name: str, find: Callable[[str, int], Mapping[str, float]], generation: Generation
) -> Baseline:
    uris = generation.uris()

    def rank(question: str, top_k: int) -> Mapping[str, float]:
        best: dict[str, float] = {}
        for chunk_id, score in find(question, top_k).items():
            for uri in uris[chunk_id.partition(":")[0]]:
                best.setdefault(uri, score)
        return best

    return Baseline(name, rank, lambda question: generation.chunks([*find(question, TOP_K)]))


def langchain(
    documents: Sequence[tuple[str, str]], directory: Path, settings: Settings, encoder: Encoder
) -> Baseline:
    """Return what a LangChain tutorial builds from (uri, text) of each document.

    Its questions are embedded by `HuggingFaceEmbeddings`, its documents once, into `directory`, by
    our encoder: the model is the same, and it takes a fraction of the time.

    Raises:
        NotMeasuredError: packages that it needs are missing.
    """
    require_packages()
    chroma = importlib.import_module("langchain_chroma").Chroma
    options = {
        "embedding_function": _SameModel(settings, encoder),
        "collection_configuration": {"hnsw": {"space": "cosine"}},
    }
    complete = directory / "chroma" / "complete"
    if not complete.exists():
        client = open_chroma(directory)
        store = chroma(client=client, **options)
        store.reset_collection()
        for texts, uris in _portions(documents):
            store.add_texts(texts, [{"uri": uri} for uri in uris])
        close_chroma(client)  # what was just written is searched forty times slower until then
        complete.touch()
    store = chroma(client=open_chroma(directory), **options)

    def rank(question: str, top_k: int) -> Mapping[str, float]:
        best: dict[str, float] = {}
        for found, distance in store.similarity_search_with_score(question, k=top_k):
            best.setdefault(found.metadata["uri"], 1 - distance)
        return best

    return Baseline("langchain", rank, lambda question: store.similarity_search(question, k=TOP_K))


def require_packages() -> None:
    """Check that what the LangChain baseline needs is installed.

    Raises:
        NotMeasuredError: it is not.
    """
    if not all(importlib.util.find_spec(each.replace("-", "_")) for each in PACKAGES):
        raise NotMeasuredError(
            f"the baseline needs packages that are not installed; run pip install "
            f"{' '.join(PACKAGES)}, best in an environment of its own"
        )


def _portions(documents: Sequence[tuple[str, str]]) -> Iterator[tuple[list[str], list[str]]]:
    """Yield texts as a tutorial splits them, with the uris of their documents."""
    splitters = importlib.import_module("langchain_text_splitters")
    splitter = splitters.RecursiveCharacterTextSplitter(chunk_size=CHUNK_SIZE, chunk_overlap=0)
    pieces = [(text, uri) for uri, whole in documents for text in splitter.split_text(whole)]
    for start in range(0, len(pieces), AT_ONCE):
        portion = pieces[start : start + AT_ONCE]
        yield [text for text, _ in portion], [uri for _, uri in portion]


class _SameModel(Embeddings):
    """Questions by `HuggingFaceEmbeddings`, documents by our encoder."""

    def __init__(self, settings: Settings, encoder: Encoder) -> None:
        huggingface = importlib.import_module("langchain_huggingface").HuggingFaceEmbeddings
        self._questions: Embeddings = huggingface(
            model_name=weights(settings), model_kwargs={"device": "cpu"}
        )
        self._encoder = encoder

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        found = self._encoder.encode_passages([Passage(text) for text in texts])
        return [each.vectors[0].tolist() for each in found]

    def embed_query(self, text: str) -> list[float]:
        return self._questions.embed_query(text)
