"""Every pipeline, written out."""

from collections.abc import Callable

from kedro.pipeline import Pipeline

from psy_agents.agents.registry import AGENTS
from psy_agents.pipelines import (
    baselines,
    budget,
    data_quality,
    evidence_page,
    export,
    hpo_stages,
    predict,
    preprocessing,
    publish,
    refit,
    report,
    synthetic_corpus,
)

STAGES = ("stage0", "stage1", "stage2")


def register_pipelines() -> dict[str, Pipeline]:
    """Name each pipeline; a stage brings the preprocessing and the baselines along, so that one command is enough."""
    prepared = preprocessing.create_pipeline()
    described = prepared + data_quality.create_pipeline()
    compared = described + baselines.create_pipeline()
    reported = report.create_pipeline()
    stages = {stage: _of_all(lambda agent, stage=stage: hpo_stages.create_pipeline(stage, agent)) for stage in (*STAGES, "maximal")}
    return {
        "__default__": prepared,
        "synthetic_corpus": synthetic_corpus.create_pipeline(),
        "preprocessing": described,
        "baselines": compared,
        "hpo_stage0": compared + stages["stage0"],
        "hpo_stage1": compared + stages["stage1"],
        "hpo_stage2": compared + stages["stage2"],
        "maximal_hpo": compared + stages["maximal"],
        "refit": described + _of_all(refit.create_pipeline),
        "report": described + reported,
        "evidence_page": described + _of_all(evidence_page.create_pipeline),
        "predict": _of_all(predict.create_pipeline),
        "export": described + _of_all(export.create_pipeline),
        "publish": _of_all(publish.create_pipeline),
        "full_hpo_all": compared
        + budget.create_pipeline(STAGES)
        + stages["stage0"]
        + stages["stage1"]
        + stages["stage2"]
        + _of_all(lambda agent: refit.create_pipeline(agent, STAGES))
        + reported,
        "maximal_hpo_all": compared
        + budget.create_pipeline(("maximal",))
        + stages["maximal"]
        + _of_all(lambda agent: refit.create_pipeline(agent, ("maximal",)))
        + reported,
    }


def _of_all(of_agent: Callable[[str], Pipeline]) -> Pipeline:
    return sum(map(of_agent, AGENTS), Pipeline([]))
