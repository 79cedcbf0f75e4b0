import json
from pathlib import Path

import numpy as np
import pytest

from evals.cases import CaseError
from evals.wice import Scored, summary, wice
from rag.models import Encoder
from rag.verify import Verifier


def test_a_claim_gets_the_best_score_over_its_chunks(tmp_path: Path, encoder: Encoder) -> None:
    claim = "The ferry sailed from Oban in May 2021."
    rows = [
        {"query_id": "1", "claim": claim, "label": "supported", "evidence_sentences": sentences}
        for sentences in (["Cows eat grass."], ["A sign.", "In May 2021 the ferry left Oban."])
    ]
    file = tmp_path / "oracle.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    verifier = Verifier(encoder)
    (scored,) = wice(file, verifier)
    assert scored.supported
    assert scored.ours > 0.5


def test_a_perfect_score_has_perfect_measures() -> None:
    scored = [Scored(i % 2 == 0, float(i % 2 == 0), 0.5, i % 2 == 0) for i in range(40)]
    found = {name: figure.value for name, figure in summary(scored)}
    assert found["ours: AUC"] == found["ours: F1"] == found["ours: balanced accuracy"] == 1.0
    assert found["cosine: AUC"] == pytest.approx(0.5)
    assert np.isclose(found["verdict as it is: F1"], 1.0)


def test_another_file_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "other.jsonl"
    file.write_text('{"text": "x"}\n', encoding="utf-8")
    with pytest.raises(CaseError, match=r"other\.jsonl.*oracle_dev\.jsonl"):
        wice(file, None)  # type: ignore[arg-type]  # never gets that far
