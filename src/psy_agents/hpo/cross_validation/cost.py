"""What a cross-validation will take: trials, time and disk, from what earlier studies of the same posts took."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from rich.filesize import decimal

from psy_agents.corpus.corpus import Corpus
from psy_agents.corpus.splitting.resplits import cross_validation_fold
from psy_agents.hpo.cross_validation.search import FoldSearch
from psy_agents.hpo.disk import check_space, size_of, trial_bytes
from psy_agents.hpo.estimate import duration
from psy_agents.hpo.measurement import PaceMeter
from psy_agents.hpo.plan import plan
from psy_agents.hpo.study.identity import settings_hash
from psy_agents.hpo.study.store import read_studies

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CrossValidationCost:
    """The cost of all folds together; what is finished counts as well.

    Attributes:
        trainings: of the refits.
        hours: at the quartiles of the measured seconds per epoch; None if no study and no timed step tells them.
        disk_bytes: of the models that the folds keep, and of one that is being written.
    """

    folds: int
    trials: int
    trainings: int
    hours: tuple[float, float] | None
    disk_bytes: int

    def sentence(self) -> str:
        """The cost as one line."""
        time = "time not known" if self.hours is None else duration(*self.hours)
        work = f"{self.trials:,} trials, {self.trainings:,} trainings of refits"
        return f"{self.folds} folds: {work}, {time}, {decimal(self.disk_bytes)} of weights"


def log_cost(agent: str, corpus: Corpus, search: FoldSearch) -> None:
    """Log what the stages and the refits of all folds will take.

    Raises:
        UserError: the disk has no room for the weights.
    """
    config, stages, refit, settings, paths = search.config, search.stages, search.refit, search.settings, search.paths
    studies = read_studies(paths.store)
    folds = [cross_validation_fold(corpus, config.folds, fold, config.seed).fingerprint for fold in range(config.folds)]
    measured = [corpus.fingerprint, *folds]  # The posts are the same, and so is the pace.
    plans = (plan(studies, {agent: stages}, refit, data_hash, settings_hash(settings)) for data_hash in measured)
    one = next((each for each in plans if each.measured_in), None)
    if one is None:
        meter = PaceMeter(corpus, settings, search.spaces, paths.measurements)
        one = plan(studies, {agent: stages}, refit, corpus.fingerprint, settings_hash(settings), meter.measure)
    ranks = (each for stage in stages for each in search.spaces.ranks(agent, stage.space, settings).items())
    weights = (config.folds * refit.final_trainings + 1) * trial_bytes(agent, ranks)
    cost = CrossValidationCost(
        folds=config.folds,
        trials=config.folds * one.trials,
        trainings=config.folds * sum(stage.trials for stage in one.stages if stage.stage == "refit"),
        hours=(config.folds * one.hours[0], config.folds * one.hours[1]) if one.measured_in else None,
        disk_bytes=weights,
    )
    log.info("%s: %s", agent, cost.sentence())
    kept = [study.user_attrs for study in studies if study.user_attrs.get("data_hash") in folds and study.user_attrs["agent"] == agent]
    check_space(paths.checkpoints, weights - sum(size_of(Path(each["checkpoint_root"])) for each in kept))
