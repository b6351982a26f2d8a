"""What a report is computed with, and what the page of evidence shows."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from psy_agents.corpus.agreement import Agreement
from psy_agents.files.schema import Schema


class ReportConfig(Schema):
    """``parameters_report.yml``."""

    resamples: int = Field(1000, ge=100, description="Of the bootstrap by post.")
    permutations: int = Field(10_000, ge=100, description="Of the paired tests between agents.")
    seed: int = Field(0, ge=0, description="Of both.")


class EvidencePageConfig(Schema):
    """``parameters_evidence_page.yml``."""

    reveal_text: bool = Field(False, description="Show the posts' text; such a page goes into a folder that git ignores.")
    max_posts: int = Field(1000, ge=1, description="The first ones in the order.")
    order: Literal["mistakes", "id"] = Field(
        "mistakes", description="Most missed and wrong first, or by the hashed id, which is as good as at random."
    )
    agreement: Agreement | None = Field(None, description="Under which the corpus is, if it is under one.")
