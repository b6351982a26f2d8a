"""Runs of a refit as trials of a study: an interrupted refit continues."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from psy_agents.hpo.config import StageConfig
from psy_agents.hpo.engine.stage_runner import StageRunner
from psy_agents.hpo.paths import StoragePaths
from psy_agents.hpo.refit.config import RefitConfig
from psy_agents.hpo.run_stage import log_changes
from psy_agents.hpo.search_setup import SearchSetup
from psy_agents.hpo.space.search_space import SearchSpace
from psy_agents.hpo.study.identity import Identity, study_name
from psy_agents.hpo.study.records import SCORED_ON, Callback, ScoredOn, TrialRecord
from psy_agents.hpo.study.store import StudyStore
from psy_agents.hpo.study.topk import TopK
from psy_agents.hpo.trials_per_gpu import GpuMeter

log = logging.getLogger(__name__)

STAGE = "stage3"
SCORED_BY_OBJECTIVE = {
    "ConfirmingObjective": ScoredOn.HELD_OUT,
    "MemberObjective": ScoredOn.TRAINING,
    "FinalObjective": ScoredOn.TEST,
    "EnsembleObjective": ScoredOn.TEST,
}
"""What the value of a run is of, by its objective."""


class Schedule(Protocol):
    """Which runs (candidate, seed) a study of a refit has; the next ones may depend on those that have ended."""

    total: int
    """Number of runs in all."""

    def further(self, requested: Sequence[tuple[int, int]], records: Sequence[TrialRecord]) -> list[tuple[int, int]]:
        """The runs after those that were requested; none if those were all."""

    def is_whole(self, requested: Sequence[tuple[int, int]], records: Sequence[TrialRecord]) -> bool:
        """Whether no file of a complete run was deleted."""


class FixedSchedule:
    """Runs that are known beforehand.

    Args:
        files: of each complete run.
    """

    def __init__(self, runs: Sequence[tuple[int, int]], files: Sequence[str]) -> None:
        self.total = len(runs)
        self._runs, self._files = list(runs), tuple(files)

    def further(self, requested: Sequence[tuple[int, int]], records: Sequence[TrialRecord]) -> list[tuple[int, int]]:
        """All of them at first."""
        return [] if requested else self._runs

    def is_whole(self, requested: Sequence[tuple[int, int]], records: Sequence[TrialRecord]) -> bool:
        """Whether all complete runs have their files."""
        return all(_has(record, self._files) for record in records if record.state == "complete")


@dataclass(frozen=True)
class RefitRuns:
    """Runs candidates with given seeds as trials of a study."""

    config: RefitConfig
    top: TopK
    n_candidates: int
    store: StudyStore
    paths: StoragePaths
    callbacks: Sequence[Callback]
    attributes: Mapping[str, Any]

    def run(
        self, label: str, identity: Identity, objective: str, setup: SearchSetup, schedule: Schedule
    ) -> tuple[str, list[tuple[int, int]], tuple[TrialRecord, ...]]:
        """The study's name, its runs (candidate, seed), and the record of each; complete ones have their files.

        A study whose files were deleted is left as it is, and run again under another name.
        """
        attempt = 0
        while True:
            tried = dict(identity) if attempt == 0 else {**identity, "attempt": attempt}
            name = study_name(setup.agent, STAGE, label, tried)
            studies = self.store.studies()
            log_changes(studies, name, tried)
            # A refit that asks for fewer runs than an earlier one deletes none of that one's files.
            stored = {study.study_name: len(study.get_trials(deepcopy=False)) for study in studies}
            requested, records = [], ()
            while (further := schedule.further(requested, records)) and schedule.is_whole(requested, records):
                requested += further
                runner = self._runner(label, name, tried, objective, setup, requested, max(schedule.total, stored.get(name, 0)))
                records = runner.run().records[: len(requested)]  # An interrupted refit may have stored later ones.
            if schedule.is_whole(requested, records):
                return name, requested, records
            log.warning("%s: files of its runs were deleted from %s: they are run again", name, self.paths.checkpoints)
            attempt += 1

    def _runner(
        self, label: str, name: str, identity: Identity, objective: str, setup: SearchSetup, runs: Sequence[tuple[int, int]], keep: int
    ) -> StageRunner:
        stage = StageConfig(
            name=STAGE,
            label=label,
            n_trials=len(runs),
            epochs=self.top.epochs,
            # Curves of the same length have a mean; without resplits each run is judged by its own best epoch.
            patience=self.top.epochs if self.config.resplit else self.top.patience,
            keep_checkpoints=keep,
            workers=self.config.workers,
        )
        candidate = {"candidate": {"type": "categorical", "choices": list(range(self.n_candidates))}}
        unscored = {"metric": "negative training loss"} if SCORED_BY_OBJECTIVE[objective] is ScoredOn.TRAINING else {}
        return StageRunner(
            stage,
            SearchSpace.from_config(candidate, {"candidate": 0}),
            [{"candidate": candidate} for candidate, _ in runs],
            self.store,
            name,
            objective=f"psy_agents.hpo.refit.objectives:{objective}",
            setup=setup,
            checkpoint_root=self.paths.checkpoints / name,
            seeds=[seed for _, seed in runs],
            callbacks=self.callbacks,
            attributes={**self.attributes, **unscored, "identity": identity, SCORED_ON: SCORED_BY_OBJECTIVE[objective]},
            log_dir=None if self.paths.logs is None else self.paths.logs / name,
            time_on_gpu=self._meter(setup).rates,
        )

    def _meter(self, setup: SearchSetup) -> GpuMeter:
        """Times trials of the best candidate on a GPU."""
        best = dict(self.top.trials[0].params)
        search = SearchSetup(setup.agent, setup.settings, setup.corpus)
        return GpuMeter(search, best, best, self.paths.measurements, self.config.workers.timeouts.startup)


def _has(record: TrialRecord, files: Sequence[str]) -> bool:
    return record.checkpoint is not None and all((record.checkpoint / name).is_file() for name in files)
