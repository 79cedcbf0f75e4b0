"""Embedding in processes of a Dask cluster; each test has two real workers."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ingest.spread import Model, embed, spread
from rag.errors import ModelError, SettingsError
from rag.models import Encoder
from rag.settings import PREFIX, Settings
from rag.types import Passage

ROOT = Path(__file__).parents[2]
COMPARED = """
import json, os, signal, sys, threading, time
from pathlib import Path
import numpy as np
from distributed import Client
from ingest.spread import Model, Spread, spread
from rag.models import load_encoder
from rag.settings import Settings
from rag.types import Passage, Span

def main():
    settings = Settings(index=Path(sys.argv[1]), fast_ingest=False)
    encoder = load_encoder(settings, cache=settings.index / "model")
    texts = [f"Ferry {n} sails at dawn. " * (1 + n % 5) for n in range(150)]
    passages = [Passage(each, (Span(0, 12),)) for each in texts]
    expected = encoder.encode_passages(passages)
    with spread(settings, encoder, 2) as spreading:
        client = spreading._client
        pids = client.run(os.getpid)
        killing = threading.Timer(0.5, os.kill, [next(iter(pids.values())), signal.SIGKILL])
        killing.start()
        found = spreading.encode_passages(passages)
        killing.join()
        again = spreading.encode_passages(passages[:10])
        other = Model.of(settings, "another@1", settings.index / "model")
        try:
            Spread(client, other).encode_passages(passages[:1])
            said = ""
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
        address = client.scheduler.address
        try:
            Client(address, timeout=2).close()
            stranger = "let in"
        except Exception as error:
            stranger = type(error).__name__
    far = max(float(np.abs(a.vectors - b.vectors).max()) for a, b in zip(expected, found))
    codes = sum(a.codes != b.codes for a, b in zip(expected, found))
    print(json.dumps({"pids": len(set(pids.values())), "found": len(found), "far": far,
                      "codes": codes, "again": len(again), "said": said, "address": address,
                      "stranger": stranger}))

if __name__ == "__main__":
    main()
"""


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory, model_cache: Path) -> dict[str, Any]:
    """Return what came of embedding in two workers, of which one was killed meanwhile."""
    folder = tmp_path_factory.mktemp("spread")
    (folder / "index").mkdir()
    (folder / "index" / "model").symlink_to(model_cache)
    (folder / "compared.py").write_text(COMPARED)
    environment = {name: value for name, value in os.environ.items() if PREFIX not in name}
    done = subprocess.run(  # ours
        [sys.executable, "compared.py", "index"], cwd=folder,
        env={**environment, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def test_workers_embed_as_one_process_does_though_one_is_killed(compared: dict[str, Any]) -> None:
    assert (compared["pids"], compared["found"], compared["again"]) == (2, 150, 10)
    assert compared["far"] <= 1e-5
    assert compared["codes"] <= 150 // 20  # a sign may turn where a coordinate is nearly 0


def test_a_worker_with_another_model_is_noticed(compared: dict[str, Any]) -> None:
    assert compared["said"].startswith("ModelError: a worker has the model 'all-MiniLM-L6-v2@")
    assert "not 'another@1'; install the same model" in compared["said"]


def test_workers_take_orders_from_their_own_process_alone(compared: dict[str, Any]) -> None:
    assert compared["address"].startswith("tls://127.0.0.1:")
    assert compared["stranger"] != "let in"


def test_what_a_worker_does_is_what_an_encoder_does(
    encoder: Encoder, model_cache: Path, bag_of_words: Encoder
) -> None:
    settings = Settings(fast_ingest=False)
    passages = [Passage("The ferry sails at dawn.")]
    (found,) = embed(passages, model=Model.of(settings, encoder.fingerprint, model_cache))
    (expected,) = encoder.encode_passages(passages)
    assert found.vectors == pytest.approx(expected.vectors, abs=1e-6)
    with pytest.raises(ModelError, match="not 'bag-of-words@1'"):
        embed(passages, model=Model.of(settings, bag_of_words.fingerprint, model_cache))


def test_without_workers_this_process_embeds(bag_of_words: Encoder) -> None:
    with spread(Settings(scheduler=""), bag_of_words, 0) as embeds:
        assert embeds is bag_of_words


@pytest.mark.parametrize(
    ("scheduler", "workers", "says"),
    [
        ("tcp://127.0.0.1:9", 2, "starts workers here and VISIT_DESK_SCHEDULER='tcp"),
        ("nonsense", 0, "no Dask scheduler answers at VISIT_DESK_SCHEDULER='nonsense'"),
    ],
)
def test_a_scheduler_that_can_not_be_used_is_said(
    bag_of_words: Encoder, scheduler: str, workers: int, says: str
) -> None:
    with (
        pytest.raises(SettingsError, match=says),
        spread(Settings(scheduler=scheduler), bag_of_words, workers),
    ):
        pass


def test_ingest_embeds_in_workers(run: Any, own_index: Path, folder: Path) -> None:
    done = run(
        "ingest", folder, "--index", own_index, "--workers", "2", "--json", timeout=300,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["embedded"] == 3
    assert run("ingest", "--check", "--index", own_index).returncode == 0
