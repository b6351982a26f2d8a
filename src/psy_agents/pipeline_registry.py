"""Every pipeline, written out."""

from collections.abc import Iterable

from kedro.pipeline import Pipeline

from psy_agents.agents.names import AGENTS
from psy_agents.pipelines import baselines, data_quality, hpo_stages, preprocessing, refit, report, synthetic_corpus


def register_pipelines() -> dict[str, Pipeline]:
    """Name each pipeline; a stage brings the preprocessing and the baselines along, so that one command is enough."""
    prepared = preprocessing.create_pipeline()
    described = prepared + data_quality.create_pipeline()
    compared = described + baselines.create_pipeline()
    stages = {
        stage: _of_all(hpo_stages.create_pipeline(stage, agent) for agent in AGENTS)
        for stage in ("stage0", "stage1", "stage2", "maximal")
    }
    return {
        "__default__": prepared,
        "synthetic_corpus": synthetic_corpus.create_pipeline(),
        "preprocessing": described,
        "baselines": compared,
        "hpo_stage0": compared + stages["stage0"],
        "hpo_stage1": compared + stages["stage1"],
        "hpo_stage2": compared + stages["stage2"],
        "maximal_hpo": compared + stages["maximal"],
        "refit": described + _of_all(refit.create_pipeline(agent) for agent in AGENTS),
        "report": described + report.create_pipeline(),
        "full_hpo_all": compared
        + stages["stage0"]
        + stages["stage1"]
        + stages["stage2"]
        + _of_all(refit.create_pipeline(agent, ("stage0", "stage1", "stage2")) for agent in AGENTS)
        + report.create_pipeline(),
        "maximal_hpo_all": compared
        + stages["maximal"]
        + _of_all(refit.create_pipeline(agent, ("maximal",)) for agent in AGENTS)
        + report.create_pipeline(),
    }


def _of_all(pipelines: Iterable[Pipeline]) -> Pipeline:
    return sum(pipelines, Pipeline([]))
