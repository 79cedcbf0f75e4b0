"""Whether what an answer shows is in its evidence, character for character."""

from rag.errors import IndexDamagedError
from rag.types import Citation, Document


def check(citation: Citation, document: Document | None) -> Citation:
    """Return the citation if its quote is exactly the document's text at its span.

    Raises:
        IndexDamagedError: it is not, so the index contradicts itself and nothing of it is shown.
    """
    found = citation.span.of(document.text) if document is not None else None
    if found != citation.quote or not citation.quote:
        raise IndexDamagedError(
            f"the quote {citation.quote!r} is not at {citation.span.start}:{citation.span.end} of "
            f"{citation.uri!r}; run python -m ingest --check"
        )
    return citation
