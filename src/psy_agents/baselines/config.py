"""Parameters of the baselines."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from psy_agents.files.schema import Schema, UserPath

Strength = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Strengths = Annotated[tuple[Strength, ...], Field(min_length=1)]


class TfidfConfig(Schema):
    """TF-IDF with logistic regression, and the sentence nearest to the criterion by TF-IDF. Validation chooses each setting."""

    c: Strengths = Field((0.1, 1.0, 10.0, 100.0), description="Inverse strengths of regularisation that are tried.")
    ngrams: tuple[Annotated[int, Field(ge=1, le=5)], ...] = Field(
        (1, 2), min_length=1, description="Longest runs of words that are tried; 2: words and pairs of words."
    )


class EmbeddingConfig(Schema):
    """A frozen encoder's sentence embeddings with logistic regression, and the sentence nearest to the criterion."""

    use: bool = Field(True, description="Compute these baselines.")
    encoder: str | None = Field(None, min_length=1, description="Encoder, by hub name or folder; null: that of training.")
    c: Strengths = Field((0.1, 1.0, 10.0, 100.0), description="Inverse strengths of regularisation that are tried.")


class NliConfig(Schema):
    """Zero-shot natural language inference by a local cross-encoder: whether a sentence entails the criterion."""

    model: str | None = Field(None, min_length=1, description="Folder of the model, with a label entailment; null: not computed.")
    hypothesis: str = Field("{criterion}", description="The hypothesis; {criterion} is replaced by the criterion's wording.")

    @field_validator("hypothesis")
    @classmethod
    def _names_the_criterion(cls, value: str) -> str:
        if value.count("{criterion}") != 1 or value.count("{") != 1 or value.count("}") != 1:
            raise ValueError("must hold {criterion} once, and no other brace")
        return value


PROMPT = """\
Criterion: {criterion}

Post:
{post}

Does the post show that its author meets the criterion? Answer with JSON alone:
{"probability": P, "evidence": [S, ...]}
P is a whole number from 0 to 100, the probability that the criterion is met. Each S is a sentence of the post that shows it, copied word
for word; the list is empty if there is none.
"""


class ChatConfig(Schema):
    """Zero-shot by a chat model behind an OpenAI-compatible endpoint, such as Ollama, llama.cpp or vLLM. It is sent the posts."""

    model: str | None = Field(None, min_length=1, description="Name of the model at the server; null: not computed.")
    url: str = Field("http://127.0.0.1:11434/v1", description="Address of the server, without /chat/completions.")
    allow_remote: bool = Field(
        False, description="Also sends posts out of this machine and its private networks. A corpus's agreement may forbid it."
    )
    key_file: UserPath | None = Field(None, description="File whose only line is the server's key; null: none.")
    prompt: str = Field(PROMPT, description="The message; {criterion} and {post} are replaced. Answers must be JSON as the default asks.")
    max_tokens: int = Field(1024, ge=16, description="Longest answer, in tokens, with what a model writes before it answers.")
    requests_at_once: int = Field(4, ge=1, le=256, description="Requests that the server gets at the same time.")
    timeout: float = Field(300.0, gt=0, allow_inf_nan=False, description="Seconds to wait for an answer.")
    answers: UserPath | None = Field(None, description="File of the stored answers, which holds no text; null: each run asks again.")

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("must be an address such as http://127.0.0.1:11434/v1")
        if parts.username is not None:
            raise ValueError("must hold no user and no password, because it is logged: put a key into key_file")
        return value

    @field_validator("prompt")
    @classmethod
    def _shows_both(cls, value: str) -> str:
        if value.count("{criterion}") != 1 or value.count("{post}") != 1:
            raise ValueError("must hold {criterion} once and {post} once")
        return value

    def prompted(self, pairs: Iterable[tuple[str, str]]) -> list[str]:
        """The message of each pair of a post's text and a criterion's wording."""
        parts = re.split(r"(\{criterion\}|\{post\})", self.prompt)
        return ["".join({"{post}": post, "{criterion}": criterion}.get(part, part) for part in parts) for post, criterion in pairs]


class BaselinesConfig(Schema):
    """``parameters_baselines.yml``: the baselines and the settings that are tried on validation."""

    tfidf: TfidfConfig = TfidfConfig()
    embedding: EmbeddingConfig = EmbeddingConfig()
    nli: NliConfig = NliConfig()
    chat: ChatConfig = ChatConfig()
    stored: UserPath | None = Field(
        None,
        description="Folder of the scores on validation, a file a system and what they depend on: the next run reads them; "
        "null: each run computes them.",
    )
