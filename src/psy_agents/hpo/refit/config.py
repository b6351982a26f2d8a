"""Configuration of the refit."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from psy_agents.evaluation.calibration import CalibrationMethod
from psy_agents.hpo.config import RunsTrials, Seed


def _counts(value: Any) -> Any:
    """Numbers joined by hyphens, as the command line gives them, as a list."""
    if not isinstance(value, str):
        return value
    try:
        return [int(number) for number in value.split("-")]
    except ValueError:
        raise ValueError(f"must be numbers joined by hyphens, such as 12-6-3-2, or a list of them, not {value!r}") from None


class RefitConfig(RunsTrials):
    """Confirms the best trials over fixed seeds, trains the winner on train + validation, and tests it once."""

    stage: Literal["stage0", "stage1", "stage2", "maximal"] = Field("stage2", description="Stage whose best trials are confirmed.")
    candidates: int = Field(5, ge=1, description="Number of best trials that are confirmed, each with every seed (halving: null).")
    halving: Annotated[tuple[Annotated[int, Field(ge=1)], ...] | None, Field(min_length=1), BeforeValidator(_counts)] = Field(
        None,
        description="Number of candidates that are trained with the first seed, with the second and so on, such as 12-6-3-2: the best so "
        "far continue, and the last number holds for all further seeds. It replaces candidates; null: all candidates with all seeds.",
    )
    resplit: bool = Field(
        True,
        description="Each seed holds out another part of train + validation, on which the candidates are scored; false: all seeds train on "
        "train and are scored on validation.",
    )
    seeds: tuple[Seed, ...] = Field(
        (11, 23, 47, 83, 131),
        min_length=1,
        description="Seeds of the confirming runs and of the final models. The model of the first seed is handed over.",
    )
    n_seeds: int | None = Field(None, ge=1, description="Number of seeds that are used, from the first; null: all.")
    final_models: int | None = Field(
        None,
        ge=1,
        description="Number of seeds, from the first, with which the winner is trained on train + validation and tested; null: all. "
        "Their spread on test is reported; the model of the first seed is handed over.",
    )
    untuned: bool = Field(
        True,
        description="Also confirms, trains and tests the parameters of the search's first trial like the winner: what the search gained.",
    )
    calibration: CalibrationMethod = Field(
        "platt", description="Calibration of probabilities on held-out answers: temperature divides log odds, platt also shifts them."
    )
    min_support: int | None = Field(
        20, ge=1, description="Positive held-out pairs that a criterion needs for a separate threshold; null: one threshold for all."
    )
    ensemble: Literal["none", "seeds", "top_k"] = Field(
        "none",
        description="Members of the final model: the winner alone, the winner with each seed (resplit: false), or the best candidates.",
    )
    ensemble_size: int | None = Field(None, ge=2, description="seeds, top_k: largest number of members; null: all seeds, all candidates.")
    mlflow_model: bool = Field(True, description="Logs the refitted model in MLflow, which stores a copy.")

    @model_validator(mode="after")
    def _different(self) -> RefitConfig:
        if len(set(self.seeds)) != len(self.seeds):
            raise ValueError("seeds lists a seed twice: its run would count twice")
        if self.n_seeds is not None and self.n_seeds > len(self.seeds):
            raise ValueError(f"n_seeds is {self.n_seeds}, but only {len(self.seeds)} seeds are listed: list more")
        rounds = self.halving or ()
        if len(rounds) > len(self.fixed_seeds):
            raise ValueError(f"halving has {len(rounds)} numbers, but there are {len(self.fixed_seeds)} seeds: give at most one a seed")
        if any(after > before for before, after in zip(rounds, rounds[1:], strict=False)):
            raise ValueError(f"halving is {'-'.join(map(str, rounds))}, but no candidate comes back: no number may exceed the one before")
        if self.ensemble == "seeds" and self.resplit:
            raise ValueError("an ensemble of seeds averages answers to common pairs, which resplits lack: set resplit to false")
        if self.final_models is not None and self.final_models > len(self.fixed_seeds):
            raise ValueError(f"final_models is {self.final_models}, but there are {len(self.fixed_seeds)} seeds: give at most one a seed")
        available = {"none": None, "seeds": len(self.final_seeds), "top_k": self._confirmed_with_all_seeds}[self.ensemble]
        wanted = 2 if self.ensemble_size is None else self.ensemble_size
        if available is not None and available < wanted:
            of_top = "candidates" if self.halving is None else "the last number of halving"
            more = "n_seeds or final_models" if self.ensemble == "seeds" else of_top
            raise ValueError(f"an ensemble of {self.ensemble} with {wanted} members needs more than {available}: raise {more}")
        return self

    def of_fold(self) -> RefitConfig:
        """The refit of one fold of a cross-validation: its members alone are trained for good, since folds show the spread."""
        changes = {"untuned": False} if self.ensemble == "seeds" else {"untuned": False, "final_models": 1}
        return self.model_copy(update=changes)

    @property
    def final_seeds(self) -> tuple[int, ...]:
        """Seeds of the final models; that of the first is handed over."""
        return self.fixed_seeds[: self.final_models]

    @property
    def final_trainings(self) -> int:
        """Number of trainings on train + validation: the winner's with each seed, the untuned agent's, and other members'."""
        others = 0
        if self.ensemble == "top_k":
            others = (self._confirmed_with_all_seeds if self.ensemble_size is None else self.ensemble_size) - 1
        return len(self.final_seeds) + int(self.untuned) + others

    @property
    def untuned_runs(self) -> int:
        """Number of trainings that confirm the untuned agent."""
        return len(self.fixed_seeds) if self.untuned else 0

    @property
    def most_candidates(self) -> int:
        """Number of best trials that the refit takes, where there are as many."""
        return self.candidates if self.halving is None else self.halving[0]

    @property
    def _confirmed_with_all_seeds(self) -> int:
        return self.candidates if self.halving is None else self.halving[-1]

    def candidates_by_seed(self, available: int) -> tuple[int, ...]:
        """Number of candidates that are trained with each of the seeds in turn, where the top-k has ``available`` trials."""
        sizes = (self.candidates,) if self.halving is None else self.halving
        further = len(self.fixed_seeds) - len(sizes)
        return tuple(min(number, available) for number in (*sizes, *[sizes[-1]] * further))

    def confirming_runs(self, available: int) -> int:
        """Number of trainings that confirm the candidates, where the top-k has ``available`` trials."""
        return sum(self.candidates_by_seed(available))

    @property
    def fixed_seeds(self) -> tuple[int, ...]:
        """The first ``n_seeds`` seeds."""
        return self.seeds[: self.n_seeds]
