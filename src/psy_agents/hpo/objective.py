"""A trial of the search: train one agent with these hyper-parameters and report each epoch."""

from __future__ import annotations

from dataclasses import dataclass

from psy_agents.hpo.protocol import EpochReport, Report, TrialDiverged, TrialOutcome, TrialPruned, TrialSpec
from psy_agents.training.config import TrainingSettings
from psy_agents.training.data import Corpus
from psy_agents.training.trainer import NonFiniteLoss, Reader, TrainingRun


@dataclass(frozen=True)
class SearchSetup:
    """What all trials of a study share; sent once to each worker."""

    agent: str
    settings: TrainingSettings
    corpus: Corpus


class AgentObjective:
    """Lives in a worker: reads and tokenises the corpus once, then trains trial after trial."""

    def __init__(self, setup: SearchSetup) -> None:
        self.setup = setup
        self.reader = Reader(setup.corpus, setup.agent, setup.settings)

    def __call__(self, spec: TrialSpec, report: Report) -> TrialOutcome:
        run = TrainingRun(
            self.setup.agent,
            self.setup.settings.hyperparameters(dict(spec.params)),
            self.setup.settings,
            self.reader,
            seed=spec.seed,
            epochs=spec.epochs,
            patience=spec.patience,
            micro_batch_divisor=spec.micro_batch_divisor,
        )
        epochs_run = 0
        try:
            for epoch in run.epochs():
                epochs_run = epoch.number
                if not report(EpochReport(epoch.number, epoch.value, epoch.metrics)):
                    raise TrialPruned
        except NonFiniteLoss as error:
            raise TrialDiverged(str(error)) from None
        if spec.checkpoint is not None:
            run.save(spec.checkpoint)
        return TrialOutcome(run.best.value, run.best.number, epochs_run, run.best.metrics)
