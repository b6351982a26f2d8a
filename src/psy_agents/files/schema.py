"""The base class of every schema: parameters, JSON files, records."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Schema(BaseModel):
    """A pydantic model whose instances are frozen and that refuses unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")
