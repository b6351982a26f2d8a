"""One stage of the search, typed: how many trials, how long, on what, and what ends a trial early."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from psy_agents.agents.registry import AGENTS
from psy_agents.evaluation.calibration import Calibration
from psy_agents.files.schema import Schema
from psy_agents.hpo.engine.sampler_registry import AnySampler
from psy_agents.hpo.engine.samplers.tpe import Tpe


def _auto_or_count(value: Any) -> Any:
    if value == "auto" or (isinstance(value, int) and not isinstance(value, bool) and value >= 1):
        return value
    raise ValueError(f"must be 'auto' or a whole number of at least 1, not {value!r}")


AutoOrCount = Annotated[int | Literal["auto"], BeforeValidator(_auto_or_count)]


DEFAULT = "default"


def _count_or_counts(value: Any) -> Any:
    if value is None:
        return value
    by_agent = value if isinstance(value, Mapping) else {DEFAULT: value}
    complete = DEFAULT in by_agent or set(by_agent) >= set(AGENTS)
    known = set(by_agent) <= {DEFAULT, *AGENTS}
    if not (complete and known and all(type(count) is int and count >= 1 for count in by_agent.values())):
        raise ValueError(
            f"must be a whole number of at least 1, or one for each of {', '.join(AGENTS)} with {DEFAULT} for those left out, not {value!r}"
        )
    return value


TrialCount = Annotated[int | dict[str, int] | None, BeforeValidator(_count_or_counts)]


def _by_name(value: Any) -> Any:
    """A name alone stands for the section with its defaults."""
    return {"name": value} if isinstance(value, str) else value


class NoPruner(Schema):
    """Every trial trains its epochs."""

    name: Literal["none"] = Field("none", description="No trial is stopped.")


class MedianPruner(Schema):
    """Optuna's `MedianPruner`: stops a trial whose best value so far is below the others' median at this epoch."""

    name: Literal["median"] = Field("median", description="A trial below the median of the others is stopped.")
    n_startup_trials: int = Field(5, ge=0, description="Complete trials before any is stopped.")
    warmup_ratio: float = Field(1 / 3, ge=0, le=1, description="Share of the epochs in which none is stopped.")


Pruner = Annotated[NoPruner | MedianPruner, Field(discriminator="name"), BeforeValidator(_by_name)]


class NoRefinement(Schema):
    """The stage searches its whole space, as if there were no earlier stage."""

    name: Literal["none"] = Field("none", description="The whole space.")


class BoundingBox(Schema):
    """The box that the best trials of the stage before span.

    Perrone et al., "Learning search spaces for Bayesian optimization", NeurIPS 2019, section 4.1, of one earlier study.
    """

    name: Literal["bounding_box"] = Field("bounding_box", description="The box of the best trials.")
    top: int = Field(5, ge=2, description="Best complete trials that span the box.")
    padding: float = Field(0.1, ge=0, le=1, description="Share of a parameter's width added on either side.")
    enqueue: int = Field(3, ge=0, description="Best trials whose parameters go first in the new study.")


Refine = Annotated[NoRefinement | BoundingBox, Field(discriminator="name"), BeforeValidator(_by_name)]


class Timeouts(Schema):
    """Seconds after which a worker counts as hung, and a trial as too long; None is no limit."""

    startup: float = Field(300, gt=0, description="From a worker's start to its objective being built.")
    silence: float | None = Field(3600, gt=0, description="Between two reports: the worker is replaced, the trial retried.")
    total: float | None = Field(None, gt=0, description="For a whole trial: it fails for good.")


class ExecutorConfig(Schema):
    """Where the trials' processes run: on this machine, or on a Dask cluster (docs/cluster.md)."""

    name: Literal["local", "dask"] = Field("local", description="This machine, or a Dask cluster.")
    scheduler: str | None = Field(
        None, pattern=r"^[a-z]+://", description="dask: address such as tcp://host:8786; null: a cluster of this machine's own."
    )
    gpus: float | None = Field(
        None, ge=0, description="dask: of a worker's resource GPU, for each trial; null: 1 where the workers declare it, else 0."
    )

    @model_validator(mode="after")
    def _dask_only(self) -> ExecutorConfig:
        if self.name == "local" and (self.scheduler is not None or self.gpus is not None):
            raise ValueError("scheduler and gpus belong to Dask: add name=dask, or leave them out")
        return self


class WorkersConfig(Schema):
    """The processes that run trials: where, how many, with what, and what happens when one is lost.

    ``hpo.workers`` holds for all stages and the refit; a stage's own ``workers`` holds what differs there.
    """

    executor: Annotated[ExecutorConfig, BeforeValidator(_by_name)] = ExecutorConfig()
    count: AutoOrCount = Field(
        "auto",
        description="Trials at a time; auto: per_gpu for each GPU, else the fastest split of the CPU's cores, timed before the "
        "first trial; dask: as many as fit the cluster.",
    )
    threads: AutoOrCount = Field("auto", description="Threads of a worker; auto: the cores, shared evenly by the workers.")
    per_gpu: int = Field(1, ge=1, description="Trials at a time on one GPU, where count is auto.")
    memory_gib: float = Field(4.0, gt=0, description="Of a worker, on CPU: auto makes no more workers than there is free memory for.")
    timeouts: Timeouts = Timeouts()
    max_retries: int = Field(3, ge=0, description="Times a trial is run again after its worker died or hung.")
    trials_per_worker: int = Field(50, ge=1, description="Trials after which a worker process is replaced.")

    def overridden_by(self, other: WorkersConfig) -> WorkersConfig:
        """These settings with those that ``other`` was given; its executor replaces this one whole."""
        given = {name: getattr(other, name) for name in other.model_fields_set}
        if "timeouts" in given:
            limits = {name: getattr(other.timeouts, name) for name in other.timeouts.model_fields_set}
            given["timeouts"] = self.timeouts.model_copy(update=limits)
        return self.model_copy(update=given)


class _RunsTrials(Schema):
    """A part of the search that has workers."""

    workers: WorkersConfig = Field(WorkersConfig(), description="What differs from hpo.workers here.")

    def with_workers(self, shared: WorkersConfig) -> Self:
        """The same on the workers that all parts share, but for what this one says itself."""
        return self.model_copy(update={"workers": shared.overridden_by(self.workers)})


class StageConfig(_RunsTrials):
    """A stage: its budget, its sampler and its pruner."""

    name: str = Field(pattern=r"^[a-z0-9_]+$", description="Such as stage0.")
    label: str = Field(pattern=r"^[a-z0-9_]*$", description="Such as sanity.")
    space: Literal["small", "large"] = Field("small", description="Which size of search_space.")
    n_trials: TrialCount = Field(description="Or one for each agent, and default for those left out; null: as many as fit into timeout.")
    timeout: float | None = Field(
        None, gt=0, description="Seconds of search, all runs of the stage together, after which no trial is started."
    )
    refine: Refine = Field(NoRefinement(), description="How the space comes from the best trials of the stage before.")
    epochs: int = Field(ge=1, description="The most epochs that a trial trains.")
    patience: int = Field(ge=1, description="Epochs without a better value after which a trial ends.")
    top_k: int = Field(5, ge=1, description="Trials in the stage's list of the best.")
    keep_checkpoints: int = Field(1, ge=0, description="Best trials whose weights stay on disk.")
    seed: int = Field(0, ge=0, description="Of what is proposed and of each trial's training.")
    sampler: AnySampler = Field(Tpe(), description="What proposes the parameters that no baseline fixes.")
    pruner: Pruner = Field(NoPruner(), description="When a trial that is worse than the others is stopped.")

    @model_validator(mode="after")
    def _ends(self) -> StageConfig:
        if self.n_trials is None and self.timeout is None:
            raise ValueError("n_trials and timeout are both null, so the stage would never end: give one of them")
        return self

    def of_agent(self, agent: str) -> StageConfig:
        """The stage with the agent's own number of trials."""
        if isinstance(self.n_trials, dict):
            return self.model_copy(update={"n_trials": self.n_trials.get(agent, self.n_trials.get(DEFAULT))})
        return self


class RefitConfig(_RunsTrials):
    """Confirming the best trials over fixed seeds, training the winner on train + validation, testing it once."""

    stage: Literal["stage0", "stage1", "stage2", "maximal"] = Field("stage2", description="Whose top-k is confirmed.")
    candidates: int = Field(5, ge=1, description="Best trials that are confirmed.")
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        (11, 23, 47, 83, 131), min_length=1, description="Of the confirming runs; the winner is refitted with the first."
    )
    n_seeds: int | None = Field(None, ge=1, description="How many of the seeds are used, from the first on; null: all.")
    calibration: Calibration = Field(
        "platt", description="Of the probabilities, on validation. temperature: divides log odds; platt: and shifts them; none."
    )
    min_support: int | None = Field(
        20, ge=1, description="Positive validation pairs with which a criterion has a threshold of its own; null: none has."
    )
    ensemble: Literal["none", "seeds", "top_k"] = Field(
        "none", description="The final model: the winner alone, with each of the seeds, or beside the next best candidates."
    )
    ensemble_size: int | None = Field(None, ge=2, description="seeds, top_k: most members; null: all seeds, all candidates.")
    mlflow_model: bool = Field(True, description="Whether the refitted model is logged in MLflow, which copies it there.")

    @model_validator(mode="after")
    def _different(self) -> RefitConfig:
        if len(set(self.seeds)) != len(self.seeds):
            raise ValueError("seeds lists a seed twice: its run would count twice")
        if self.n_seeds is not None and self.n_seeds > len(self.seeds):
            raise ValueError(f"n_seeds is {self.n_seeds}, but only {len(self.seeds)} seeds are listed: list more")
        available = {"none": None, "seeds": len(self.fixed_seeds), "top_k": self.candidates}[self.ensemble]
        wanted = 2 if self.ensemble_size is None else self.ensemble_size
        if available is not None and available < wanted:
            more = "n_seeds" if self.ensemble == "seeds" else "candidates"
            raise ValueError(f"an ensemble of {self.ensemble} with {wanted} members needs more than {available}: raise {more}")
        return self

    @property
    def final_trainings(self) -> int:
        """How many models are trained for good."""
        if self.ensemble == "none":
            return 1
        available = len(self.fixed_seeds) if self.ensemble == "seeds" else self.candidates
        return available if self.ensemble_size is None else self.ensemble_size

    @property
    def fixed_seeds(self) -> tuple[int, ...]:
        """The seeds that are used."""
        return self.seeds[: self.n_seeds]
