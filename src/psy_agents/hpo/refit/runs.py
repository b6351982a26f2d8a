"""Runs of a refit as trials of a study: an interrupted refit continues."""

from __future__ import annotations

import json
import logging
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psy_agents.agents.saved.agent import Decisions
from psy_agents.corpus.corpus import Corpus
from psy_agents.evaluation.calibration import MAX_TEMPERATURE
from psy_agents.hpo.config import RefitConfig, StageConfig
from psy_agents.hpo.engine.stage_runner import StageRunner
from psy_agents.hpo.paths import StoragePaths
from psy_agents.hpo.refit.objectives import ANSWERS, SPAN_LENGTHS, Final
from psy_agents.hpo.run_stage import log_changes
from psy_agents.hpo.search_setup import SearchSetup
from psy_agents.hpo.space.search_space import SearchSpace
from psy_agents.hpo.study.identity import Identity, study_name
from psy_agents.hpo.study.records import Callback, TrialRecord
from psy_agents.hpo.study.store import StudyStore
from psy_agents.hpo.study.topk import TopK
from psy_agents.training.config import TrainingSettings
from psy_agents.training.data import split_pairs
from psy_agents.training.scoring import Answers, SplitScorer

log = logging.getLogger(__name__)

STAGE = "stage3"


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
        self,
        label: str,
        identity: Identity,
        objective: str,
        setup: SearchSetup,
        runs: Sequence[tuple[int, int]],
        files: tuple[str, ...],
    ) -> tuple[str, tuple[TrialRecord, ...]]:
        """The study's name and its records, one for each (candidate, seed); complete ones have their files.

        A study whose files were deleted is left as it is, and run again under another name.
        """
        attempt = 0
        while True:
            tried = dict(identity) if attempt == 0 else {**identity, "attempt": attempt}
            name = study_name(setup.agent, STAGE, label, tried)
            log_changes(self.store.studies(), name, tried)
            records = self._runner(label, name, tried, objective, setup, runs).run().records
            if all(_has(record, files) for record in records if record.state == "complete"):
                return name, records
            log.warning("%s: files of its runs were deleted from %s: they are run again", name, self.paths.checkpoints)
            attempt += 1

    def _runner(
        self, label: str, name: str, identity: Identity, objective: str, setup: SearchSetup, runs: Sequence[tuple[int, int]]
    ) -> StageRunner:
        stage = StageConfig(
            name=STAGE,
            label=label,
            n_trials=len(runs),
            epochs=self.top.epochs,
            patience=self.top.patience,
            keep_checkpoints=len(runs),
            workers=self.config.workers,
        )
        candidate = {"candidate": {"type": "categorical", "choices": list(range(self.n_candidates))}}
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
            attributes={**self.attributes, "identity": identity},
            log_dir=None if self.paths.logs is None else self.paths.logs / name,
        )


def _has(record: TrialRecord, files: Sequence[str]) -> bool:
    return record.checkpoint is not None and all((record.checkpoint / name).is_file() for name in files)


def answers_of(record: TrialRecord) -> Answers:
    """A confirming run's uncalibrated answers on validation."""
    return Answers.load(record.checkpoint / ANSWERS)


def decide(corpus: Corpus, config: RefitConfig, settings: TrainingSettings, like: TrialRecord, answers: Sequence[Answers]) -> Decisions:
    """Choose temperature, thresholds and decoding rule on the validation answers of all runs together.

    Args:
        like: a confirming run that gives the lengths of training spans.
    """
    lengths = json.loads((like.checkpoint / SPAN_LENGTHS).read_text(encoding="utf-8"))
    scorer = SplitScorer(split_pairs(corpus, "validation"), lengths, settings.objective_evidence_weight)
    return scorer.choose(*answers, calibration=config.calibration, min_support=config.min_support)


def final_of(corpus: Corpus, config: RefitConfig, settings: TrainingSettings, records: Sequence[TrialRecord]) -> Final:
    """The epochs of a candidate's final training and its decisions, from its confirming runs."""
    epochs = round(statistics.median(record.best_epoch for record in records))
    return Final(epochs, decide(corpus, config, settings, records[0], [answers_of(record) for record in records]))


def warn_of_flat_probabilities(agent: str, decisions: Decisions) -> None:
    """Warn where no temperature calibrates the log odds, and the best one makes all probabilities nearly one half."""
    if decisions.temperature == MAX_TEMPERATURE and not decisions.shift:
        log.warning(
            "%s: its temperature is %g, the highest there is, so that its probabilities are all near one half: too few pairs are "
            "in order, or all log odds are too high, which hpo.refit.calibration=platt mends",
            agent, decisions.temperature,
        )  # fmt: skip
