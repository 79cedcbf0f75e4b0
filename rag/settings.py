"""Everything an operator can change, read from the environment once, at the start."""

import os
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from rag.errors import SettingsError

PREFIX = "VISIT_DESK_"
EMBEDDED_MODEL = "all-MiniLM-L6-v2"


class Settings(BaseSettings):
    """What an operator can change; each field is read from `VISIT_DESK_` + its name."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", extra="ignore", frozen=True, env_ignore_empty=True
    )

    index: Path = Field(Path("index"), description="directory of the index")
    chroma_url: str = Field(
        "", description="Chroma server that machines share the index in, like http://host:8000"
    )
    chroma_tenant: str = Field(
        "default_tenant", min_length=1, description="tenant of the Chroma server"
    )
    chroma_database: str = Field(
        "default_database", min_length=1, description="database of the Chroma server"
    )
    chroma_key: SecretStr = Field(
        SecretStr(""), description="key that the Chroma server asks for, such as Chroma Cloud's"
    )
    host: str = Field("127.0.0.1", description="address the chat listens on")
    port: int = Field(7860, ge=1, le=65535, description="port the chat listens on")
    names: str = Field("", description="names that browsers reach the chat by, with commas between")
    accounts: str = Field(
        "", description="file of those who may log in, written by python -m rag users"
    )
    session_hours: float = Field(
        12, gt=0, le=720, description="hours after which a user logs in again"
    )
    proxies: str = Field(
        "", description="addresses of proxies whose word is taken, with commas between"
    )
    user_header: str = Field("", description="header in which such a proxy names the user")
    groups_header: str = Field("", description="header in which it names the user's groups")
    tls_certificate: str = Field("", description="file of the certificate for TLS")
    tls_key: str = Field("", description="file of its key")
    time_zone: str = Field("UTC", description="time zone in which the day of an embargo begins")
    max_question: int = Field(
        1_000, ge=10, le=10_000, description="characters that a question may have"
    )
    questions_per_minute: int = Field(
        20, ge=1, le=10_000, description="questions that one user may ask in a minute"
    )
    pending_questions: int = Field(
        3, ge=1, le=100, description="questions of one user that are answered at once"
    )
    requests_per_minute: int = Field(
        600, ge=10, le=100_000, description="requests that one user may send in a minute"
    )
    max_upload_mb: int = Field(
        20, ge=1, le=1_000, description="size of a file that a reader brings, in MB"
    )
    answers_at_once: int = Field(
        16, ge=1, le=100, description="answers that are made at once, and calls of a model"
    )
    max_queue: int = Field(64, ge=1, le=10_000, description="requests that may wait for their turn")
    embedding_model: str = Field(
        EMBEDDED_MODEL,
        min_length=1,
        description="sentence-transformers model: the packaged one, a folder, or a hub name",
    )
    query_prompt: str = Field("", description="put before a question when it is embedded")
    document_prompt: str = Field("", description="put before a text when it is embedded")
    fast_ingest: bool = Field(
        True, description="embed large ingests in bfloat16 where the processor has it"
    )
    scheduler: str = Field(
        "", description="Dask scheduler whose workers embed, like tls://host:8786"
    )
    top_k: int = Field(8, ge=1, le=50, description="chunks that an answer is made from")
    max_file_mb: int = Field(50, ge=1, le=10_000, description="size of a file that is read, in MB")
    max_characters: int = Field(
        20_000_000, ge=1_000, description="characters that one file may bring"
    )
    max_pages: int = Field(5_000, ge=1, description="pages that one document may have")
    max_members: int = Field(20_000, ge=1, description="files that one file may contain")
    max_depth: int = Field(5, ge=0, le=50, description="archives within archives that are unpacked")
    read_seconds: float = Field(60, gt=0, description="seconds that reading one file may take")
    read_memory_mb: int = Field(
        2_000, ge=500, description="memory that reading one file may take, in MB"
    )
    default_label: str = Field(
        "public",
        min_length=1,
        description="who may read documents of which nothing says so: public, internal, or "
        "embargo until a date",
    )
    chat_model: str = Field(
        "",
        pattern=r"^$|^[a-z][a-z0-9_]*:\S+$",
        description="LangChain chat model that writes the answers, as provider:model; "
        "empty to quote sentences",
    )
    chat_base_url: str = Field(
        "",
        pattern=r"^$|^https?://\S+$",
        description="where the chat model is served, if not where its provider serves it",
    )
    chat_seconds: float = Field(
        60, ge=1, le=3600, description="seconds that a written answer may take in all"
    )
    chat_retries: int = Field(
        2, ge=0, le=10, description="times that a failed call of the chat model is repeated"
    )
    chat_max_tokens: int = Field(
        1_000, ge=50, le=100_000, description="tokens that the chat model may write for an answer"
    )
    chat_context_tokens: int = Field(
        4_000, ge=500, le=1_000_000, description="tokens of documents that the chat model is given"
    )
    entailment_model: str = Field(
        "", description="CrossEncoder that tells whether the documents entail a written sentence"
    )
    judge_model: str = Field(
        "", description="LangChain chat model that judges answers in the evals, as advice"
    )
    tracing: bool = Field(
        False, description="let LangSmith's own variables send questions and answers to it"
    )
    records: bool = Field(True, description="append each answer to <index>/records/answers.jsonl")
    records_days: int = Field(
        90, ge=0, description="days after which a record is removed; 0 keeps all"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="the least that the chat logs: debug, info, warning or error"
    )
    log_format: Literal["text", "json"] = Field(
        "text", description="form of the log lines: text or json"
    )
    log_questions: bool = Field(False, description="let questions into log lines and spans")
    metrics: bool = Field(False, description="serve metrics for Prometheus at /metrics")
    operator_token: SecretStr = Field(
        SecretStr(""), description="token that opens all of /health and /metrics where users log in"
    )
    spans: bool = Field(False, description="send OpenTelemetry spans where its own variables say")

    @classmethod
    def read(cls, **given: object) -> "Settings":
        """Return the settings of the environment, overridden by what is given and not None.

        An index that is given is this machine's alone. Every program begins with this, so it also
        keeps LangChain from tracing unasked.

        Raises:
            SettingsError: a value is out of its bounds or of the wrong type.
        """
        if given.get("index") is not None:  # one of its own, whatever the others share
            given = {"chroma_url": "", **given}
        try:
            settings = cls(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]  # pydantic checks the types
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(
                f"the settings in '.env' can not be read: {error}; write it as UTF-8 text"
            ) from error
        except ValidationError as error:
            problems = "; ".join(
                f"{PREFIX}{str(e['loc'][0]).upper()}={e['input']!r}: {e['msg'].lower()}"
                for e in error.errors()
            )
            raise SettingsError(f"settings can not be used: {problems}; correct them") from error
        if not settings.tracing:
            _keep_from_tracing()
        return settings

    def alone(self, index: Path) -> "Settings":
        """Return these settings for another index, which is this machine's alone."""
        return self.model_copy(update={"index": index, "chroma_url": ""})


def _keep_from_tracing() -> None:
    """Keep this process from sending its runs to LangSmith, whatever its variables say."""
    os.environ["LANGSMITH_TRACING_V2"] = "false"  # the first of them that LangSmith looks at
