"""The registered pipelines."""

from collections.abc import Callable
from itertools import pairwise

from kedro.pipeline import Pipeline

from psy_agents.agents.registry import AGENTS
from psy_agents.pipelines import (
    baselines,
    budget,
    cross_validation,
    data_quality,
    evidence_page,
    export,
    hpo_stages,
    leaderboard,
    predict,
    preprocessing,
    publish,
    refit,
    report,
    synthetic_corpus,
)

STAGED = ("stage0", "stage1", "stage2")
"""The stages of the staged search, each refined from the one before."""

MAXIMAL = ("maximal",)
"""The search in one stage."""


def register_pipelines() -> dict[str, Pipeline]:
    """Name each pipeline; a stage includes the preprocessing and the baselines, so one command is enough."""
    prepared = preprocessing.create_pipeline()
    described = prepared + data_quality.create_pipeline()
    compared = described + baselines.create_pipeline()
    searches = {stage: _search(stage, parent) for stages in (STAGED, MAXIMAL) for parent, stage in pairwise((None, *stages))}
    ranked = leaderboard.create_pipeline()
    reported = report.create_pipeline() + ranked
    return {
        "__default__": prepared,
        "synthetic_corpus": synthetic_corpus.create_pipeline(),
        "preprocessing": described,
        "baselines": compared,
        **{f"hpo_{stage}": compared + searches[stage] for stage in STAGED},
        "maximal_hpo": compared + searches["maximal"],
        "refit": described + _refit((*STAGED, *MAXIMAL)),
        "cross_validation": described + _of_all(cross_validation.create_pipeline),
        "leaderboard": compared + ranked,
        "report": compared + reported,
        "evidence_page": described + _of_all(evidence_page.create_pipeline),
        "predict": _of_all(predict.create_pipeline),
        "export": described + _of_all(export.create_pipeline),
        "publish": _of_all(publish.create_pipeline),
        **{
            name: compared + budget.create_pipeline(stages) + sum(map(searches.get, stages), Pipeline([])) + _refit(stages) + reported
            for name, stages in {"full_hpo_all": STAGED, "maximal_hpo_all": MAXIMAL}.items()
        },
    }


def _search(stage: str, parent: str | None) -> Pipeline:
    return _of_all(lambda agent: hpo_stages.create_pipeline(agent, stage, parent))


def _refit(stages: tuple[str, ...]) -> Pipeline:
    return _of_all(lambda agent: refit.create_pipeline(agent, stages))


def _of_all(of_agent: Callable[[str], Pipeline]) -> Pipeline:
    return sum(map(of_agent, AGENTS), Pipeline([]))
