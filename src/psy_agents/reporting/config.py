"""Parameters of the report and of the evidence page."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from psy_agents.corpus.agreement import Agreement
from psy_agents.files.schema import Schema, Seed


class ReportConfig(Schema):
    """``parameters_report.yml``."""

    corpus: str = Field("", description="Name of the corpus, in the title of the report.")
    environment: str = Field("", description="Kedro environment, below the title of the report.")
    resamples: int = Field(1000, ge=100, description="Resamples of the bootstrap, for intervals.")
    permutations: int = Field(10_000, ge=100, description="Permutations of the paired tests of agents with each other and with baselines.")
    seed: Seed = Field(0, description="Seed of the bootstrap and of the permutations.")


class EvidencePageConfig(Schema):
    """``parameters_evidence_page.yml``."""

    corpus: str = Field("", description="Name of the corpus, in the title of the page.")
    reveal_text: bool = Field(False, description="Show the text of posts. Such a page is saved in a folder that git ignores.")
    max_posts: int = Field(1000, ge=1, description="Number of posts on the page, the first in the order.")
    order: Literal["mistakes", "id"] = Field(
        "mistakes", description="mistakes: most missed and wrong first; id: by the hashed id, a random order."
    )
    agreement: Agreement | None = Field(None, description="Data agreement of the corpus, if it has one.")
