"""The schemas of ``agent.json`` and ``ensemble.json``: a saved model comes from anybody, so that every value is checked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, FiniteFloat, ValidationError

from psy_agents.agents.config import ModelConfig
from psy_agents.errors import UserError
from psy_agents.files.schema import Schema

LARGEST_JSON = 64 * 2**20
"""Bytes of a description; the wordings of a thousand criteria take less."""
Described = TypeVar("Described", bound=Schema)
Threshold = Annotated[FiniteFloat, Field(ge=0)]
Text = Annotated[str, Field(pattern=r"\S")]


class SavedRule(Schema):
    """A `psy_agents.agents.decoding.DecodingRule`; an infinite threshold lets nothing through."""

    threshold: float
    max_spans: int = Field(ge=1, le=10_000)
    max_span_tokens: int = Field(ge=1, le=10_000)
    unit: Literal["tokens", "sentences"]
    criterion_weight: FiniteFloat


class SavedDecisions(Schema):
    """The entries of both files that `psy_agents.agents.saved.agent.Decisions` reads."""

    temperature: Annotated[FiniteFloat, Field(gt=0)]
    shift: FiniteFloat
    threshold: Threshold
    thresholds: dict[str, Threshold]
    decoding: SavedRule


class SavedReading(Schema):
    """The entries of `psy_agents.agents.saved.agent.InferenceSettings`."""

    unit: Literal["post", "sentence"]
    precision: Literal["float32", "bfloat16"]
    evaluation_tokens: int = Field(ge=1, le=2**24)


class SavedTraining(Schema):
    """Where a saved agent comes from."""

    corpus: str = Field(max_length=1000, description="Its name in globals.yml; empty: not named.")
    posts: int = Field(ge=1, description="On which it was trained.")
    date: str = Field(pattern=r"^\d{4}-\d\d-\d\d$", description="Of saving, in UTC.")


class SavedAgent(SavedDecisions):
    """``agent.json``."""

    format: int
    agent: str
    model: ModelConfig
    reading: SavedReading
    criteria: dict[str, Text] = Field(min_length=1, max_length=10_000)
    hyperparameters: dict[str, Any]
    training: SavedTraining | None = Field(None, description="None of an agent that an earlier version saved.")


class SavedEnsemble(SavedDecisions):
    """``ensemble.json``."""

    format: int
    members: list[Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+$")]] = Field(min_length=1, max_length=1000)


def read_description(file: Path, schema: type[Described], expected: int) -> Described:
    """Read a description.

    Args:
        expected: the format that this version reads.

    Raises:
        UserError: it is of another format, or no value could have been saved so.
    """
    values = read_object(file)
    found = values.get("format")
    if found != expected:
        raise UserError(f"'{file.parent}' was saved in format {str(found)[:20]}, this version reads {expected}.")
    try:
        return schema.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))[:100]
        raise UserError(f"'{file.parent}': {file.name} was changed: {place}: {first['msg']}.") from None


def read_object(file: Path) -> dict[str, Any]:
    """Read a JSON object of a saved model.

    Raises:
        UserError: it is no regular file, too large, or no JSON object.
    """
    if not file.is_file():
        raise UserError(f"'{file.parent}' lacks its file {file.name}.")
    if file.stat().st_size > LARGEST_JSON:
        raise UserError(f"'{file.parent}': {file.name} has more than {LARGEST_JSON // 2**20} MiB, which no saved model has.")
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise UserError(f"'{file.parent}': {file.name} was altered or cut off: it is no JSON object.")
    return values
