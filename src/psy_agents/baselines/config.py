"""Parameters of the baselines."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from psy_agents.files.schema import Schema

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


class BaselinesConfig(Schema):
    """``parameters_baselines.yml``: the baselines and the settings that are tried on validation."""

    tfidf: TfidfConfig = TfidfConfig()
    embedding: EmbeddingConfig = EmbeddingConfig()
    nli: NliConfig = NliConfig()
