"""Everything that can go wrong for a reason a person can act on.

    RagError
    ├── SettingsError         a setting has a value that can not work
    ├── QuestionError         a question, its history, filter or id can not be used
    ├── DraftsFullError       too many drafts of cases wait to be gone through
    ├── DraftTooLongError     an answer is too long to be kept in a draft of a case
    ├── LoadError             a file that can not be read as a document
    ├── ModelError            the embedding model is missing or is not the one expected
    ├── ChatModelError        a language model gave no usable reply
    ├── IndexMissingError     there is no index where one was expected
    ├── IndexMismatchError    the index was built by another model or another version
    ├── IndexDamagedError     the index contradicts itself
    ├── IndexBusyError        another process is writing the index
    ├── IndexWriteError       the index can not be written, for want of space or permission
    └── IndexServerError      the server that machines share the index in does not serve it

A message says what failed, the offending value, and what to do next.
"""

from pathlib import Path

from rag.types import Fault


class RagError(Exception):
    """Be the root of every error that is worded for the person who sees it."""


class SettingsError(RagError):
    """Say that a setting has a value that can not work."""


class QuestionError(RagError):
    """Say that a question, its history, its filter or the id of its answer can not be used.

    Attributes:
        most: the characters that a question may have, where it has more; else 0.
    """

    def __init__(self, message: str, most: int = 0) -> None:
        super().__init__(message)
        self.most = most


class DraftsFullError(RagError):
    """Say that too many drafts of cases wait to be gone through for another to be kept."""


class DraftTooLongError(RagError):
    """Say that an answer is too long to be kept in a draft of a case."""


class LoadError(RagError):
    """Say that a file can not be read as a document, and why."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class ModelError(RagError):
    """Say that the embedding model is missing or is not the one expected."""


class ChatModelError(RagError):
    """Say that a language model gave no usable reply, and by what name that is known."""

    def __init__(self, model: str, fault: Fault) -> None:
        super().__init__(f"the language model {model!r} gave no usable reply ({fault})")
        self.fault: Fault = fault


class IndexMissingError(RagError):
    """Say that there is no index where one was expected."""


class IndexMismatchError(RagError):
    """Say that the index was built by another model or another version."""


class IndexDamagedError(RagError):
    """Say that the index contradicts itself and has to be built again."""


class IndexBusyError(RagError):
    """Say that another process is writing the index."""


class IndexWriteError(RagError):
    """Say that the index can not be written, for want of space or permission."""


class IndexServerError(RagError):
    """Say that the server that machines share the index in does not serve it."""
