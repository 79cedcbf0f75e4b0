"""How a Chroma server is reached, what it takes at once, and what is said when it is gone."""

import contextlib
import itertools
import threading
import urllib.parse
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Literal, TypeVar, cast

import chromadb
import httpx
import tenacity
from chromadb.api.client import Client
from chromadb.api.models.Collection import Collection
from chromadb.config import DEFAULT_DATABASE, DEFAULT_TENANT, Settings
from chromadb.errors import ChromaError, InternalError, NotFoundError, RateLimitError

from rag.errors import IndexServerError, SettingsError
from rag.store import BATCH_SIZE, GRAPH, Vector, cosines

MOST = 20_000  # neighbours of one answer
LISTED = 50_000  # ids of one answer
CLOUD = "trychroma.com"
CLOUD_ROWS, CLOUD_CHARACTERS = 300, 4096  # of one request, of one value of metadata
TIMEOUT = httpx.Timeout(60.0, connect=5.0)  # seconds; Chroma's own client would wait for ever
RETRY_SECONDS = 90.0  # that a writer waits for a server that is gone
Result = TypeVar("Result")


class GoneError(IndexServerError):
    """Say that a collection is not in the server."""


class AwayError(IndexServerError):
    """Say that the server does not answer, or not now."""


class Server:
    """A Chroma server, connected when it is first asked; for any number of threads.

    Attributes:
        url: its address, which is all that is ever shown of how it is reached.
        rows: the most that it takes or gives at once.
        characters: the most that a value of metadata may have.
    """

    def __init__(
        self,
        url: str,
        *,
        tenant: str = DEFAULT_TENANT,
        database: str = DEFAULT_DATABASE,
        key: str = "",
    ) -> None:
        self._address = _address(url)
        self.url = url
        cloud = f".{self._address.hostname}".endswith(f".{CLOUD}")
        self.rows = CLOUD_ROWS if cloud else BATCH_SIZE
        self.characters = CLOUD_CHARACTERS if cloud else 1_000_000
        self._most = CLOUD_ROWS if cloud else MOST
        self._listed = CLOUD_ROWS if cloud else LISTED
        self._names = {"tenant": tenant, "database": database}
        self._key = key
        self._connecting = threading.Lock()
        self._client: Client | None = None

    def close(self) -> None:
        """Let go of the connections; they are made again when they are needed."""
        with self._connecting:
            if self._client is not None:
                self._client.close()
                self._client = None

    def ask(self, action: Callable[[Client], Result]) -> Result:
        """Do something with the client.

        Raises:
            GoneError: what it is about is not there.
            AwayError: the server does not answer.
            IndexServerError: it refuses, or is no Chroma server.
        """
        try:
            return action(self._connected())
        except NotFoundError as error:
            raise GoneError(f"the Chroma server at {self.url!r} says: {error}") from error
        except Exception as error:  # besides its own Chroma raises bare ones
            if _is_away(error):
                raise AwayError(
                    f"the Chroma server at {self.url!r} does not answer: {_said(error)}; start it "
                    "or correct VISIT_DESK_CHROMA_URL; it is asked again at the next question"
                ) from error
            raise IndexServerError(
                f"what answers at {self.url!r} is no Chroma server that can be used here: "
                f"{_said(error)}; correct VISIT_DESK_CHROMA_URL, its tenant, database or key"
            ) from error

    def persist(self, action: Callable[[Client], Result]) -> Result:
        """Do what may be done twice, again and again until the server answers or is given up."""
        again = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(AwayError),
            stop=tenacity.stop_after_delay(RETRY_SECONDS),
            wait=tenacity.wait_exponential(multiplier=0.2, max=5),
            reraise=True,
        )
        return cast(Result, again(self.ask, action))

    def _connected(self) -> Client:
        with self._connecting:
            if self._client is None:
                self._client = self._connect()
            return self._client

    def _connect(self) -> Client:
        # Chroma's own first requests would wait for ever.
        httpx.get(f"{self.url.rstrip('/')}/api/v2/heartbeat", timeout=TIMEOUT).raise_for_status()
        secure = self._address.scheme == "https"
        client = chromadb.HttpClient(
            host=cast(str, self._address.hostname),
            port=self._address.port or (443 if secure else 80),
            ssl=secure,
            headers={"X-Chroma-Token": self._key} if self._key else None,
            settings=Settings(anonymized_telemetry=False),
            **self._names,
        )
        client._server._session.timeout = TIMEOUT  # type: ignore[attr-defined]  # no other way
        return cast(Client, client)  # the declared type lacks close()

    def collection(self, name: str) -> Collection:
        """Return a collection."""
        return self.ask(lambda client: client.get_collection(name, embedding_function=None))

    def made(self, name: str, space: Literal["cosine", "l2"]) -> Collection:
        """Return a collection, made with that distance where it is not there."""
        return self.persist(
            lambda client: client.get_or_create_collection(
                name,
                embedding_function=None,
                configuration={"hnsw": {**GRAPH, "space": space}},
            )
        )

    def remove(self, name: str) -> None:
        """Remove a collection if it is there."""
        with contextlib.suppress(GoneError):
            self.persist(lambda client: client.delete_collection(name))

    def count(self, collection: Collection) -> int:
        """Return how many rows a collection has."""
        return self.ask(lambda _: collection.count())

    def nearest(self, collection: Collection, vector: Vector, count: int) -> dict[str, float]:
        """Return the ids of the nearest vectors with their cosines, best first."""
        result = self.ask(
            lambda _: collection.query(
                query_embeddings=[cast(Sequence[float], vector)],
                n_results=min(count, self._most),
                include=["distances"],
            )
        )
        return cosines(result)

    def put(self, collection: Collection, vectors: Mapping[str, Vector]) -> None:
        """Write vectors."""
        for ids in portions(vectors, self.rows):
            rows = [cast(Sequence[float], vectors[each]) for each in ids]
            self.persist(lambda _, ids=ids, rows=rows: collection.upsert(ids, embeddings=rows))  # type: ignore[misc]  # mypy does not infer lambdas with defaults

    def delete(self, collection: Collection, ids: Iterable[str]) -> None:
        """Delete rows."""
        for some in portions(ids, self.rows):
            self.persist(lambda _, ids=some: collection.delete(ids=ids))  # type: ignore[misc]  # as above

    def has(self, collection: Collection, ids: Iterable[str]) -> set[str]:
        """Return which of some ids are there."""
        found: set[str] = set()
        for some in portions(ids, self.rows):
            got = self.persist(lambda _, ids=some: collection.get(ids=ids, include=[]))  # type: ignore[misc]  # as above
            found.update(got["ids"])
        return found

    def ids(self, collection: Collection) -> Iterator[str]:
        """Yield the ids of all rows."""
        for start in itertools.count(0, self._listed):
            found = self.persist(
                lambda _, start=start: collection.get(  # type: ignore[misc]  # as above
                    include=[], limit=self._listed, offset=start
                )["ids"]
            )
            yield from found
            if len(found) < self._listed:
                return


def portions(ids: Iterable[str], size: int) -> Iterator[list[str]]:
    """Yield ids in portions of a size.

    >>> list(portions("abc", 2))
    [['a', 'b'], ['c']]
    """
    left = iter(ids)
    while some := list(itertools.islice(left, size)):
        yield some


def _address(url: str) -> urllib.parse.SplitResult:
    """Return the parts of an address.

    Raises:
        SettingsError: it is none that can be used.
    """
    with contextlib.suppress(ValueError):
        parts = urllib.parse.urlsplit(url)
        plain = not (parts.username or parts.password or parts.query or parts.path.strip("/"))
        if parts.scheme in ("http", "https") and parts.hostname and plain and parts.port != 0:
            return parts
    shown = "..." if "@" in url else url
    raise SettingsError(
        f"VISIT_DESK_CHROMA_URL={shown!r} is no address of a server; write it like "
        "http://127.0.0.1:8000, without name or path; a key goes into VISIT_DESK_CHROMA_KEY"
    )


def _is_away(error: BaseException) -> bool:
    """Tell whether the same request may succeed later."""
    cause = error.__context__  # Chroma hides what it was
    for each in (error, cause):
        if isinstance(each, httpx.HTTPStatusError) and not isinstance(error, ChromaError):
            return each.response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR
    away = (httpx.TransportError, InternalError, RateLimitError)
    return isinstance(error, away) or isinstance(cause, httpx.TransportError)


def _said(error: Exception) -> str:
    """Return what an error says, in one line that is not long."""
    return " ".join(str(error).split())[:200] or type(error).__name__
