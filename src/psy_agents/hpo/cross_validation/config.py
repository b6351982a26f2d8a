"""The section ``cross_validation``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from psy_agents.files.schema import Schema

STAGES = {"staged": ("stage0", "stage1", "stage2"), "maximal": ("maximal",), "none": ()}
"""The stages that each kind of search runs in a fold."""


class CrossValidationConfig(Schema):
    """Trains and tests an agent on every fold of the corpus, whatever its splits are."""

    folds: int = Field(5, ge=3, description="Number of parts; each is the test posts once, and the next one is validation.")
    seed: int = Field(0, ge=0, description="Another seed gives other folds.")
    search: Literal["staged", "maximal", "none"] = Field(
        "staged",
        description="What runs in each fold before its refit: stages 0 to 2, the stage maximal, or no search. Then the hyper-parameters "
        "are those of training.fixed, with the epochs of stage 2.",
    )

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages of a fold's search: keys below ``hpo``."""
        return STAGES[self.search]
