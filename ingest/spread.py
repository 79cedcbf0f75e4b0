"""How passages are embedded by many processes, on this machine or on others, with Dask.

Dask's parts trust whoever reaches them with their lives: they send each other code. Processes that
are started here speak TLS with keys that are made for this run; a scheduler of others' is to be
kept so by those who run it.
"""

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from rag.errors import ModelError, SettingsError
from rag.models import Encoder, load_encoder
from rag.settings import Settings
from rag.store import Embedding
from rag.types import Passage

if TYPE_CHECKING:
    from distributed import Client, Future

PORTION = 64  # passages that a worker embeds at once; enough of like length to fill batches
LOOK_SECONDS = 5  # between two looks whether there are workers at all
PATIENCE_SECONDS = 60  # without any worker, after which an ingest gives up
NEEDED = "pip install 'visit-desk[scale]'"


@dataclass(frozen=True, slots=True)
class Model:
    """What a worker needs to know to embed as this process does."""

    embedding_model: str
    query_prompt: str
    document_prompt: str
    fast_ingest: bool
    fingerprint: str
    folder: str

    @classmethod
    def of(cls, settings: Settings, fingerprint: str, folder: Path | None) -> "Model":
        """Return the model of the settings; `folder` is one that all workers have, if any."""
        return cls(
            settings.embedding_model, settings.query_prompt, settings.document_prompt,
            settings.fast_ingest, fingerprint, str(folder.absolute()) if folder else "",
        )  # fmt: skip


class Spread:
    """Embeds passages in the processes of a Dask cluster; what one does not finish another does.

    Attributes:
        processes: the workers there were in the beginning.
    """

    def __init__(self, client: "Client", model: Model) -> None:
        self.processes = max(1, len(client.nthreads()))
        self._client = client
        self._model = model

    def encode_passages(self, passages: Sequence[Passage]) -> list[Embedding]:
        """Return the embedding of each passage.

        Raises:
            ModelError: the workers are gone, or have another model.
        """
        order = sorted(range(len(passages)), key=lambda i: len(passages[i].text))
        portions = [order[i : i + PORTION] for i in range(0, len(order), PORTION)]
        found: dict[int, Embedding] = {}
        given = [[passages[i] for i in portion] for portion in portions]
        for portion, embeddings in zip(portions, self._embedded(given), strict=True):
            found.update(zip(portion, embeddings, strict=True))
        return [found[i] for i in range(len(passages))]

    def _embedded(self, portions: Sequence[list[Passage]]) -> list[list[Embedding]]:
        from distributed import CancelledError, KilledWorker

        try:
            futures = self._client.map(embed, portions, model=self._model, pure=False)
            self._wait(futures)
            embedded: list[list[Embedding]] = self._client.gather(futures)
        except (OSError, CancelledError, KilledWorker) as error:
            raise ModelError(
                f"the workers that embed have failed: {error}; look at their logs and run again"
            ) from error
        return embedded

    def _wait(self, futures: Sequence["Future"]) -> None:
        """Wait until all is done, but not for ever without workers.

        Raises:
            ModelError: there are none.
        """
        from distributed import wait

        seen = time.monotonic()
        while True:
            with contextlib.suppress(TimeoutError):
                wait(futures, timeout=LOOK_SECONDS)
                return
            if self._client.nthreads():
                seen = time.monotonic()
            elif time.monotonic() - seen > PATIENCE_SECONDS:
                raise ModelError(
                    f"there has been no worker for {PATIENCE_SECONDS} s that embeds; start some "
                    "with dask worker, or run without them"
                )


def embed(passages: list[Passage], *, model: Model) -> list[Embedding]:
    """Embed passages in a worker, which loads the model once.

    Raises:
        ModelError: the worker has another model.
    """
    return _encoder(model).encode_passages(passages)


@cache
def _encoder(model: Model) -> Encoder:
    settings = Settings.read(
        embedding_model=model.embedding_model,
        query_prompt=model.query_prompt,
        document_prompt=model.document_prompt,
        fast_ingest=model.fast_ingest,
    )
    folder = Path(model.folder) if model.folder else None
    encoder = load_encoder(settings, cache=folder)
    if encoder.fingerprint != model.fingerprint:
        raise ModelError(
            f"a worker has the model {encoder.fingerprint!r}, not {model.fingerprint!r}; install "
            "the same model and version on every machine"
        )
    return encoder


@contextlib.contextmanager
def spread(settings: Settings, encoder: Encoder, workers: int) -> Iterator[Encoder | Spread]:
    """Give what embeds: workers of the scheduler that the settings name, so many here, or nobody.

    Raises:
        SettingsError: both are named, what they need is not installed, or nobody answers.
    """
    if not (workers or settings.scheduler):
        yield encoder
        return
    if workers and settings.scheduler:
        raise SettingsError(
            f"--workers {workers} starts workers here and VISIT_DESK_SCHEDULER="
            f"{settings.scheduler!r} names others; leave one out"
        )
    with contextlib.ExitStack() as opened:
        if workers:
            client, folder = _started(opened, workers), settings.index / "model"
        else:
            client, folder = _joined(opened, settings.scheduler), None
        yield Spread(client, Model.of(settings, encoder.fingerprint, folder))


def _started(opened: contextlib.ExitStack, workers: int) -> "Client":
    """Start workers on this machine that take orders from this process alone."""
    try:
        from distributed import Client, LocalCluster
        from distributed.security import Security

        security = Security.temporary()
    except ImportError as error:
        raise SettingsError(f"--workers {workers} needs {error.name}; run {NEEDED}") from error
    cluster = LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        memory_limit=0,
        host="127.0.0.1",
        protocol="tls",
        security=security,
        dashboard_address=None,
    )
    return opened.enter_context(Client(opened.enter_context(cluster)))


def _joined(opened: contextlib.ExitStack, address: str) -> "Client":
    """Return a client of a scheduler that others run."""
    try:
        from distributed import Client
    except ImportError as error:
        raise SettingsError(
            f"VISIT_DESK_SCHEDULER={address!r} needs {error.name}; run {NEEDED}"
        ) from error
    try:
        return opened.enter_context(Client(address, timeout=LOOK_SECONDS))
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"no Dask scheduler answers at VISIT_DESK_SCHEDULER={address!r}: {error}; start it "
            "with dask scheduler or correct the address"
        ) from error
