"""Configuration of the search: stages, workers, refit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from psy_agents.agents.registry import AGENTS
from psy_agents.files.schema import Schema, Seed
from psy_agents.hpo.engine.sampler_registry import AnySampler
from psy_agents.hpo.engine.samplers.tpe import Tpe
from psy_agents.hpo.space.config import SpaceName


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
    """Expand a bare name to a section with defaults."""
    return {"name": value} if isinstance(value, str) else value


class NoPruner(Schema):
    """No pruning."""

    name: Literal["none"] = Field("none", description="Stops no trial.")


class MedianPruner(Schema):
    """Optuna's `MedianPruner`: stops a trial if its best value so far is below the median of the others at this epoch."""

    name: Literal["median"] = Field("median", description="Stops a trial below the median of the others.")
    n_startup_trials: int = Field(5, ge=0, description="Number of complete trials before the first is stopped.")
    warmup_ratio: float = Field(1 / 3, ge=0, le=1, description="Share of the epochs at the start in which no trial is stopped.")


class RungsPruner(Schema):
    """ASHA's stopping rule (Li et al., MLSys 2020): stops a trial that is not among the best at a rung. See `decide_at_rung`."""

    name: Literal["rungs"] = Field("rungs", description="Stops a trial that is not among the best of those seen at a rung (ASHA).")
    epochs: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (2, 5), min_length=1, description="Rungs: epochs after which a trial is compared. Rungs from the stage's last epoch on do nothing."
    )
    reduction_factor: int = Field(3, ge=2, description="One in this many trials continues at a rung: 3 for the best third.")
    min_trials: int = Field(4, ge=2, description="Number of trials seen at a rung, this one included, before one is stopped there.")

    @model_validator(mode="after")
    def _ascending(self) -> RungsPruner:
        if list(self.epochs) != sorted(set(self.epochs)):
            raise ValueError(f"epochs must be in ascending order, each once, not {list(self.epochs)}")
        return self


Pruner = Annotated[NoPruner | MedianPruner | RungsPruner, Field(discriminator="name"), BeforeValidator(_by_name)]


class NoRefinement(Schema):
    """The stage searches its whole space."""

    name: Literal["none"] = Field("none", description="Searches the whole space.")


class BoundingBox(Schema):
    """The stage searches the bounding box of the best trials of the previous stage.

    Perrone et al., "Learning search spaces for Bayesian optimization", NeurIPS 2019, section 4.1, with one earlier study.
    """

    name: Literal["bounding_box"] = Field("bounding_box", description="Searches the bounding box of the best trials.")
    top: int = Field(5, ge=2, description="Number of best trials that span the box.")
    padding: float = Field(0.1, ge=0, le=1, description="Share of a parameter's width that is added on either side.")
    enqueue: int = Field(3, ge=0, description="Number of best trials whose parameters run first in the new study.")


class CarryOver(Schema):
    """The stage searches its whole space, and its sampler observes all trials of earlier stages.

    Only ranks cross stages: each earlier trial is a normal score within its own stage.
    """

    name: Literal["carry_over"] = Field("carry_over", description="Searches the whole space, with earlier trials as observations.")
    enqueue: int = Field(3, ge=0, description="Number of best trials whose parameters run first in the new study.")
    margin: float = Field(
        0.3, ge=0, allow_inf_nan=False, description="What an earlier stage's trial loses of its score, in standard deviations."
    )


Refine = Annotated[NoRefinement | BoundingBox | CarryOver, Field(discriminator="name"), BeforeValidator(_by_name)]


class Timeouts(Schema):
    """Timeouts of workers and trials, in seconds; None: no limit."""

    startup: float = Field(300, gt=0, description="Longest start of a worker, until its objective is built.")
    silence: float | None = Field(
        3600, gt=0, description="Longest time between two reports. Then the worker is replaced and the trial is retried."
    )
    total: float | None = Field(None, gt=0, description="Longest trial. Then the trial fails and is not retried.")


class ExecutorConfig(Schema):
    """Where the workers run: on this machine, or on a Dask cluster (docs/how_to/cluster.md)."""

    name: Literal["local", "dask"] = Field("local", description="Runs workers on this machine, or on a Dask cluster.")
    scheduler: str | None = Field(
        None, pattern=r"^[a-z]+://", description="dask: address of the scheduler, such as tcp://host:8786; null: a cluster on this machine."
    )
    gpus: float | None = Field(
        None, ge=0, description="dask: amount of the resource GPU for each trial; null: 1 if the Dask workers declare it, else 0."
    )

    @model_validator(mode="after")
    def _dask_only(self) -> ExecutorConfig:
        if self.name == "local" and (self.scheduler is not None or self.gpus is not None):
            raise ValueError("scheduler and gpus belong to Dask: add name=dask, or leave them out")
        return self


class WorkersConfig(Schema):
    """The processes that run trials.

    ``hpo.workers`` applies to all stages and the refit. The ``workers`` of a stage overrides it there.
    """

    executor: Annotated[ExecutorConfig, BeforeValidator(_by_name)] = ExecutorConfig()
    count: AutoOrCount = Field(
        "auto",
        description="Number of workers; auto: per_gpu for each GPU, or the fastest split of the CPU's cores, which is timed before the "
        "first trial; dask: as many as fit the cluster.",
    )
    threads: AutoOrCount = Field("auto", description="Threads of a worker; auto: an even share of the cores.")
    per_gpu: AutoOrCount = Field(
        "auto",
        description="Workers on one GPU, if count is auto; auto: as many as run the most training steps a second, timed before the first "
        "trial.",
    )
    memory_gib: float = Field(
        4.0, gt=0, description="Memory of a worker on a CPU, in GiB. If count is auto, free memory limits the number of workers."
    )
    estimate_seconds: float = Field(
        60.0,
        ge=0,
        allow_inf_nan=False,
        description="Seconds for which workers time training steps at most, before an agent's first search on a corpus, to estimate its "
        "time; 0: nothing is timed.",
    )
    timeouts: Timeouts = Timeouts()
    max_retries: int = Field(3, ge=0, description="Number of retries of a trial after its worker died or hung.")
    trials_per_worker: int = Field(50, ge=1, description="Number of trials after which a worker process is replaced.")

    def overridden_by(self, other: WorkersConfig) -> WorkersConfig:
        """These settings, overridden by those that are set in ``other``. An executor is replaced as a whole."""
        given = {name: getattr(other, name) for name in other.model_fields_set}
        if "timeouts" in given:
            limits = {name: getattr(other.timeouts, name) for name in other.timeouts.model_fields_set}
            given["timeouts"] = self.timeouts.model_copy(update=limits)
        return self.model_copy(update=given)


class RunsTrials(Schema):
    """A stage or the refit: it runs trials in workers."""

    workers: WorkersConfig = Field(WorkersConfig(), description="Overrides hpo.workers.")

    def with_workers(self, shared: WorkersConfig) -> Self:
        """A copy whose workers are the shared ones, with the overrides of this part."""
        return self.model_copy(update={"workers": shared.overridden_by(self.workers)})


class StageConfig(RunsTrials):
    """A stage of the search: budget, space, sampler and pruner."""

    name: str = Field(pattern=r"^[a-z0-9_]+$", description="Name, such as stage0.")
    label: str = Field(pattern=r"^[a-z0-9_]*$", description="Second part of the study's name, such as sanity.")
    space: SpaceName = Field("small", description="The part of search_space that is searched.")
    n_trials: TrialCount = Field(description="Number of trials, or one by agent with default for the others; null: limited by timeout.")
    spend: Literal["trials", "epochs"] = Field(
        "trials",
        description="What ends the stage: n_trials trials, or n_trials times epochs of training, so that what trials save by ending early "
        "is spent on further trials.",
    )
    timeout: float | None = Field(
        None, gt=0, description="Seconds after which no trial starts, summed over all runs of the stage."
    )
    refine: Refine = Field(NoRefinement(), description="What the stage takes over from the previous one.")
    constant_after: int | None = Field(
        None, ge=2, description="Number of complete trials after which the stage stops if every epoch of all of them has the same value."
    )
    epochs: int = Field(ge=1, description="Largest number of epochs of a trial.")
    patience: int = Field(ge=1, description="Epochs without improvement after which a trial ends.")
    top_k: int = Field(5, ge=1, description="Length of the stage's list of best trials.")
    keep_checkpoints: int = Field(1, ge=0, description="Number of best trials whose checkpoints stay on disk.")
    seed: Seed = Field(0, description="Seed of the sampler and of training.")
    sampler: AnySampler = Field(Tpe(), description="Proposes the parameters of trials, after the first trials.")
    pruner: Pruner = Field(NoPruner(), description="Stops trials that are worse than others.")

    @model_validator(mode="after")
    def _ends(self) -> StageConfig:
        if self.n_trials is None and self.timeout is None:
            raise ValueError("n_trials and timeout are both null, so the stage would never end: set one of them")
        if self.n_trials is None and self.spend == "epochs":
            raise ValueError("spend is epochs, but n_trials is null, so the number of epochs is unknown: set n_trials, or spend trials")
        return self

    @property
    def epochs_per_trial(self) -> int | None:
        """The epochs of a whole trial where the stage spends epochs, as `TrialHistory` takes them; else None."""
        return self.epochs if self.spend == "epochs" else None

    @property
    def epoch_budget(self) -> int | None:
        """The epochs that the stage spends; None where trials end it. The number of trials must be that of one agent."""
        return self.n_trials * self.epochs if self.spend == "epochs" else None

    def of_agent(self, agent: str) -> StageConfig:
        """The stage with the agent's number of trials."""
        if isinstance(self.n_trials, dict):
            return self.model_copy(update={"n_trials": self.n_trials.get(agent, self.n_trials.get(DEFAULT))})
        return self
