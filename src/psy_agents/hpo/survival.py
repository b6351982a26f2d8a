"""How many epochs a pruner saves, measured in earlier studies of the same agent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import optuna

from psy_agents.hpo.config import StageConfig
from psy_agents.hpo.study.topk import stage_records


@dataclass(frozen=True)
class Survival:
    """The trials that reached each epoch after which a pruner may stop them, and those that it stopped there.

    Attributes:
        trials: number of trials that were measured.
    """

    reached: Mapping[int, int]
    stopped: Mapping[int, int]
    trials: int

    def rate(self, epoch: int) -> float:
        """Share of the trials that continue after the epoch; that of all measured epochs together where this one was not measured."""
        if self.reached.get(epoch):
            return 1 - self.stopped.get(epoch, 0) / self.reached[epoch]
        return 1 - sum(self.stopped.values()) / sum(self.reached.values())

    def saved_share(self, stage: StageConfig) -> float:
        """Share of a stage's epochs that its pruner saves, by the product-limit estimate (Kaplan and Meier 1958)."""
        decisions = _decision_epochs(stage.pruner.model_dump(mode="json"), stage.epochs)
        trained, alive = 0.0, 1.0
        for epoch in range(1, stage.epochs + 1):
            trained += alive
            alive *= self.rate(epoch) if epoch in decisions else 1.0
        return 1 - trained / stage.epochs


def measure_survival(
    studies: Iterable[optuna.Study], agent: str, data_hash: str, settings_hash: str, stage: StageConfig
) -> Survival | None:
    """The survival in all of the agent's studies on this corpus with these training settings and such a pruner.

    Rungs count whatever their epochs are and however long the stage; other pruners stop at epochs relative to the stage's, so only
    the same pruner at the same number of epochs counts.

    Returns:
        None where nothing was measured: no pruner, no such study, or no trial that reached an epoch at which it could be stopped.
    """
    reached: Counter[int] = Counter()
    stopped: Counter[int] = Counter()
    trials = 0
    pruner = stage.pruner.model_dump(mode="json")
    if pruner["name"] == "none":
        return None
    for study in studies:
        attrs = study.user_attrs
        before = attrs.get("identity", {}).get("stage", {}).get("pruner", {"name": "none"})
        same = before["name"] == "rungs" if pruner["name"] == "rungs" else (before, attrs.get("epochs")) == (pruner, stage.epochs)
        if not same or (attrs.get("agent"), attrs.get("data_hash"), attrs.get("settings_hash")) != (agent, data_hash, settings_hash):
            continue
        decisions = _decision_epochs(before, attrs["epochs"])
        records = [record for record in stage_records(study) if record.state in ("complete", "pruned")]
        trials += len(records)
        reached.update(epoch for record in records for epoch in decisions if epoch <= record.epochs_run)
        stopped.update(record.epochs_run for record in records if record.state == "pruned")
    return Survival(dict(reached), dict(stopped), trials) if reached else None


def pruned_share(studies: Iterable[optuna.Study], agent: str, data_hash: str, settings_hash: str, stage: StageConfig) -> float:
    """Share of a stage's epochs that its pruner is expected to save; 0 where nothing was measured. See `measure_survival`."""
    survival = measure_survival(studies, agent, data_hash, settings_hash, stage)
    return 0.0 if survival is None else survival.saved_share(stage)


def _decision_epochs(pruner: Mapping[str, Any], epochs: int) -> set[int]:
    """The epochs after which a pruner may stop a trial of a stage. None is stopped after its last."""
    if pruner["name"] == "none":
        return set()
    return {epoch for epoch in pruner.get("epochs", range(1, epochs)) if epoch < epochs}
