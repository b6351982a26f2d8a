"""The content of the model card and the data statement: measured, or stated in the configuration."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from psy_agents.baselines.system import BaselineSetup
from psy_agents.corpus.corpus import Corpus
from psy_agents.corpus.quality_figures import DataQuality
from psy_agents.errors import UserError
from psy_agents.evaluation.results import Evaluation, Report
from psy_agents.hpo.refit.run_refit import RefitSummary
from psy_agents.hpo.study.identity import settings_hash
from psy_agents.release.config import ExportConfig
from psy_agents.release.files import public_name
from psy_agents.reporting.build import RefitResult, evaluate_systems, refits_of_corpus
from psy_agents.reporting.config import ReportConfig
from psy_agents.reporting.search.studies import agent_studies, stage_costs
from psy_agents.training.config import TrainingSettings

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ReleaseFacts:
    """The facts about one agent that its model card and data statement show.

    Attributes:
        report: a report on this agent and the baselines only.
        encoder: `public_name` of the encoder.
        on_hub: whether ``encoder`` is a name on the hub.
        searched: settings of each stage of the search: stage, trials, epochs, patience, seed.
        training: the training settings; None if they have changed since the refit.
    """

    summary: RefitSummary
    report: Report
    quality: DataQuality
    config: ExportConfig
    encoder: str
    on_hub: bool
    searched: tuple[Mapping[str, Any], ...]
    training: TrainingSettings | None
    git_commit: str

    @property
    def evaluation(self) -> Evaluation:
        """The agent's evaluation on test."""
        return next(each for each in self.report.evaluations if each.kind == "agent")


def gather_facts(
    agent: str,
    corpus: Corpus,
    quality: Mapping[str, Any],
    store: str,
    summary: Mapping[str, Any] | None,
    predictions: pd.DataFrame | None,
    config: ExportConfig,
    reporting: ReportConfig,
    baselines: BaselineSetup,
    git_commit: str,
) -> ReleaseFacts:
    """Evaluate the agent's predictions on test as the report does, and collect the other facts.

    Raises:
        UserError: there is no refit, or it belongs to another corpus or other splits, or a safety-critical criterion is not
            in the corpus.
    """
    if summary is None or predictions is None:
        raise UserError(f"There is no refit of {agent}, so there is nothing to export: run the pipeline refit first.")
    refit, data_hash = RefitResult(RefitSummary.model_validate(summary), predictions), corpus.fingerprint
    if not refits_of_corpus({agent: refit}, data_hash):
        raise UserError(f"The latest refit of {agent} is of another corpus or other splits: run the pipeline refit again.")
    if config.corpus not in config.corpora:
        described = ", ".join(config.corpora) or "no corpus"
        log.warning("export.corpora describes %s, but not %s: the card says that nothing is known of this corpus", described, config.corpus)
    unknown = sorted(set(config.corpus_description.safety_critical) - set(corpus.criteria))
    if unknown:
        raise UserError(
            f"conf: parameter export.corpora.{config.corpus}.safety_critical: {unknown[0]} is no criterion of the corpus "
            f"(there are: {', '.join(corpus.criteria)})."
        )
    studies = agent_studies(store, {agent: refit.summary})
    name = str(refit.summary.hyperparameters["encoder"])
    return ReleaseFacts(
        summary=refit.summary,
        report=evaluate_systems(corpus, data_hash, {agent: refit}, stage_costs(studies), reporting, baselines),
        quality=DataQuality.model_validate(quality),
        config=config,
        encoder=public_name(name),
        on_hub=not Path(name).is_dir(),
        searched=tuple(
            {key: study.user_attrs[key] for key in ("stage", "epochs", "patience")}
            | {"trials": cost.trials, "seed": study.user_attrs.get("identity", {}).get("stage", {}).get("seed")}
            for study, cost in zip(studies[agent], stage_costs(studies), strict=True)
        ),
        training=baselines.training if settings_hash(baselines.training) == refit.summary.settings_hash else None,
        git_commit=git_commit,
    )
