"""What a report is computed with."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class ReportConfig(BaseModel):
    """``parameters_report.yml``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    resamples: int = Field(1000, ge=100, description="Of the bootstrap by post.")
    permutations: int = Field(10_000, ge=100, description="Of the paired tests between agents.")
    seed: int = Field(0, ge=0, description="Of both.")
