"""The studies behind each agent's refit: costs and figures for the report."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import optuna

from psy_agents.evaluation.results import BackboneResult, StageCost
from psy_agents.hpo.refit.ensemble import ENSEMBLE_LABEL, MEMBERS_LABEL
from psy_agents.hpo.refit.finals import FINAL_LABEL, UNTUNED_FINAL_LABEL
from psy_agents.hpo.refit.run_refit import RefitSummary
from psy_agents.hpo.study.store import read_studies
from psy_agents.hpo.study.topk import stage_records
from psy_agents.reporting.figure_style import empty_figure
from psy_agents.reporting.search.backbones import backbone_results, pareto_plot
from psy_agents.reporting.search.diagnostics import (
    importance_plot,
    learning_curves_plot,
    stage_cost,
    timeline_plot,
)
from psy_agents.reporting.search.expected_best import expected_best_plot
from psy_agents.reporting.search.parallel_coordinates import parallel_coordinates_plot
from psy_agents.reporting.search.plots import history_plot
from psy_agents.reporting.texts import readable_name

log = logging.getLogger(__name__)

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

DIAGNOSTICS = {
    "importances": importance_plot,
    "parallel_coordinates": parallel_coordinates_plot,
    "learning_curves": learning_curves_plot,
    "timeline": timeline_plot,
    "pareto": pareto_plot,
}
"""Name -> function that draws the figure of one study."""
FIGURE_TITLES = {
    "history": "Value of each trial",
    "expected_best": "Expected best value by number of trials",
    "importances": "Importance of the hyper-parameters",
    "parallel_coordinates": "Hyper-parameters and value of each trial",
    "learning_curves": "Learning curves",
    "timeline": "When each trial ran",
    "pareto": "Value and milliseconds a post",
}
"""The headings of `search_figures` on the page."""
NOT_APPLICABLE = {
    FINAL_LABEL: {"best": None}, UNTUNED_FINAL_LABEL: {"best": None}, MEMBERS_LABEL: {"best": None},
    ENSEMBLE_LABEL: {"best": None, "epochs": 0},
}  # fmt: skip
"""What the costs leave out: the best on test of several final models would be chosen on test, and an ensemble is built without training."""


def agent_studies(store: str | Path, refits: Mapping[str, RefitSummary]) -> dict[str, list[optuna.Study]]:
    """The studies behind each agent's refit: the stages, each refined from the one before, then those of the refit."""
    stored = {study.study_name: study for study in read_studies(store)}
    for agent, refit in refits.items():
        if refit.from_study not in stored:
            log.warning("the report lacks the figures and costs of %s's search: its study %s is not in the store", agent, refit.from_study)
    parents = {name: (study.user_attrs.get("refined_from") or {}).get("study") for name, study in stored.items()}
    return {agent: [stored[name] for name in _study_names(refit, parents) if name in stored] for agent, refit in refits.items()}


def _study_names(refit: RefitSummary, parents: Mapping[str, str | None]) -> list[str]:
    chain = [refit.from_study]
    while (parent := parents.get(chain[0])) is not None and parent not in chain:
        chain.insert(0, parent)
    ensemble = [] if refit.ensemble is None else [refit.ensemble.members_study, refit.ensemble.study]
    untuned = [] if refit.untuned is None else [refit.untuned.study, refit.untuned.final_study]
    return list(dict.fromkeys([*chain, refit.study, refit.final_study, *untuned, *ensemble]))


def stage_costs(studies: Mapping[str, Iterable[optuna.Study]]) -> list[StageCost]:
    """Cost of each study."""
    return [
        stage_cost(study, agent, _stage_label(study)).model_copy(update=NOT_APPLICABLE.get(study.user_attrs["label"], {}))
        for agent, each in studies.items()
        for study in each
    ]


def compared_backbones(studies: Mapping[str, Iterable[optuna.Study]], refits: Mapping[str, RefitSummary]) -> list[BackboneResult]:
    """`backbone_results` of the study that each agent's refit starts from."""
    return [
        row
        for agent, each in studies.items()
        for study in each
        if study.study_name == refits[agent].from_study
        for row in backbone_results(agent, study)
    ]


def search_figures(agent: str, studies: Iterable[optuna.Study], refit: RefitSummary) -> dict[str, Figure]:
    """``history``, ``expected_best`` and `DIAGNOSTICS` of the study that the refit starts from.

    The figures are empty if the study is not in the store.
    """
    study = next((study for study in studies if study.study_name == refit.from_study), None)
    if study is None:
        why = f"The study {refit.from_study} is no longer in the store."
        return {name: empty_figure(f"{readable_name(name)}: {agent}", why) for name in ("history", "expected_best", *DIAGNOSTICS)}
    records = stage_records(study)
    history, expected = history_plot(records, study.study_name), expected_best_plot(records, study.study_name)
    return {"history": history, "expected_best": expected, **{name: draw(study) for name, draw in DIAGNOSTICS.items()}}


def _stage_label(study: optuna.Study) -> str:
    return " ".join(part for part in (study.user_attrs["stage"], study.user_attrs["label"]) if part)
