"""A trial of the search: train one agent with these hyper-parameters and report each epoch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from psy_agents.agents.encoders.decoders import check_attention
from psy_agents.agents.encoders.loading import check_encoder, locate_encoder
from psy_agents.agents.encoders.lora import adapter_targets
from psy_agents.hpo.protocol import EpochReport, Report, TrialDiverged, TrialOutcome, TrialPruned, TrialSpec
from psy_agents.hpo.search_setup import SearchSetup
from psy_agents.training.learning_curve import best_value
from psy_agents.training.step.checkpointing import check_checkpointing
from psy_agents.training.trainer import NonFiniteLoss, TrainingData, TrainingRun


class AgentObjective:
    """The objective of a search; tokenises the corpus once per worker, then trains trial after trial."""

    def __init__(self, setup: SearchSetup) -> None:
        self.setup = setup
        for encoder in setup.encoders:
            _check_models(setup, encoder)
        self.data = setup.new_training_data()

    def __call__(self, spec: TrialSpec, report: Report) -> TrialOutcome:
        run = new_run(self.setup, dict(spec.params), self.data, spec)
        epochs_run = report_each(scored_epochs(run), report)
        if spec.checkpoint is not None:
            run.save(spec.checkpoint)
        return best_outcome(run, epochs_run)


def _check_models(setup: SearchSetup, name: str) -> None:
    """Refuse an encoder that cannot be loaded, or of which a trial's model cannot be made."""
    encoder = check_encoder(locate_encoder(name))
    if setup.settings.gradient_checkpointing:
        check_checkpointing(encoder)
    for config in setup.models:
        if config.encoder == name:
            check_attention(encoder, config.attention)
            if config.lora_rank:
                adapter_targets(encoder, config)


def new_run(
    setup: SearchSetup, params: dict[str, Any], training_data: TrainingData, spec: TrialSpec, *, keep_weights: bool = True
) -> TrainingRun:
    """The training run of a trial, with these hyper-parameters; without ``keep_weights`` it cannot save its best epoch."""
    return TrainingRun(
        setup.agent,
        setup.settings.hyperparameters(params),
        setup.settings,
        training_data,
        seed=spec.seed,
        epochs=spec.epochs,
        patience=spec.patience,
        micro_batch_divisor=spec.micro_batch_divisor,
        keep_weights=keep_weights and spec.checkpoint is not None,
    )


def scored_epochs(run: TrainingRun) -> Iterator[EpochReport]:
    """Train, and yield a report for each epoch."""
    return (EpochReport(epoch.number, epoch.value, epoch.metrics, run.cost()) for epoch in run.epochs())


def report_each(epochs: Iterable[EpochReport], report: Report) -> int:
    """Report each epoch as it ends; returns how many there were.

    Raises:
        TrialPruned: the answer was "stop". TrialDiverged: the loss became infinite or not a number.
    """
    epochs_run = 0
    try:
        for epoch in epochs:
            epochs_run = epoch.epoch
            if not report(epoch):
                raise TrialPruned
    except NonFiniteLoss as error:
        raise TrialDiverged(str(error)) from None
    return epochs_run


def best_outcome(run: TrainingRun, epochs_run: int) -> TrialOutcome:
    """The outcome of a trial: the best epoch of its smoothed curve."""
    best = run.best.left.epoch
    return TrialOutcome(best_value(run.best.values), best.number, epochs_run, best.metrics, raw_value=best.value)
