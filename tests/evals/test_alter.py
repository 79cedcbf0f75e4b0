import random
from pathlib import Path

import pytest

from evals.alter import FACTS, HARD, MOST_REJECTED, MOST_SHOWN, judge_all, written
from evals.cases import read_documents
from rag.models import Encoder
from rag.verify import Verifier

WRITTEN = Path(__file__).parents[2] / "evals" / "written" / "seeds.jsonl"
REPLIES = WRITTEN.with_name("replies.jsonl")
MOST_REPLIES_REJECTED = 0.06


@pytest.fixture(scope="module")
def judged(seeds: Path, encoder: Encoder, tmp_path_factory: pytest.TempPathFactory):
    """Return the verdicts on two documents, of one language each, and what is written of them."""
    folder = tmp_path_factory.mktemp("documents")
    names = ("01-overview.md", "13-resume.fr.md")
    for name in names:
        (folder / name).write_bytes((seeds / name).read_bytes())
    lines = WRITTEN.read_text(encoding="utf-8").splitlines()
    of_these = [line for line in lines if line.count('"uri"') == sum(map(line.count, names))]
    file = folder.parent / "written.jsonl"
    file.write_text("\n".join(of_these) + "\n", encoding="utf-8")
    return judge_all(Verifier(encoder), read_documents(folder), file)


def test_no_altered_fact_is_shown(judged) -> None:
    _, altered = judged
    facts = [each for each in altered if each.kind in FACTS and not each.of.held]
    shown = [each.written for each in facts if each.is_wrong]
    assert len([each for each in altered if each.kind in HARD]) > 200
    assert not shown


@pytest.mark.parametrize("kind", ["quote wording", "wrong marker", "marker out of range"])
def test_no_altered_quote_or_marker_is_shown(judged, kind: str) -> None:
    of_kind = [each for each in judged[1] if each.kind == kind]
    assert of_kind
    assert not [each.written for each in of_kind if each.is_wrong]


@pytest.mark.parametrize("kind", ["negation", "speaker", "dropped hedge"])
def test_hardly_a_turned_sentence_is_shown(judged, kind: str) -> None:
    of_kind = [each for each in judged[1] if each.kind == kind and not each.of.held]
    assert sum(each.is_wrong for each in of_kind) <= max(1, MOST_SHOWN * len(of_kind))


def test_hardly_a_true_sentence_is_rejected(judged) -> None:
    true, _ = judged
    rejected = [each.written for each in true if each.is_wrong]
    assert len(rejected) <= MOST_REJECTED * len(true), rejected
    assert not [
        each for each in rejected if each in {j.written for j in true if j.kind != "paraphrase"}
    ]


def test_of_replies_to_the_prompt_few_sentences_are_rejected(
    seeds: Path, encoder: Encoder, tmp_path: Path
) -> None:
    lines = REPLIES.read_text(encoding="utf-8").splitlines()
    file = tmp_path / "close.jsonl"
    file.write_text("\n".join(line for line in lines if '"close-' in line), encoding="utf-8")
    documents, draw = read_documents(seeds), random.Random(1)  # noqa: S311  # the same each time
    true = [each for each in written(documents, file, draw) if each.origin == "paraphrase"]
    verifier = Verifier(encoder)
    judged = [verifier.judge(each.marked(each.text), each.sources) for each in true]
    rejected = [each.text for each in judged if not each.supported]
    assert len(judged) > 200
    assert len(rejected) <= MOST_REPLIES_REJECTED * len(judged), rejected
