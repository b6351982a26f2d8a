"""Every pipeline, written out."""

from kedro.pipeline import Pipeline

from psy_agents.agents.names import AGENTS
from psy_agents.pipelines import baselines, data_quality, hpo_stages, preprocessing, synthetic_corpus


def register_pipelines() -> dict[str, Pipeline]:
    """Name each pipeline; a stage brings the preprocessing and the baselines along, so that one command is enough."""
    prepared = preprocessing.create_pipeline()
    described = prepared + data_quality.create_pipeline()
    compared = described + baselines.create_pipeline()
    return {
        "__default__": prepared,
        "synthetic_corpus": synthetic_corpus.create_pipeline(),
        "preprocessing": described,
        "baselines": compared,
        "hpo_stage0": compared + sum((hpo_stages.create_pipeline("stage0", agent) for agent in AGENTS), Pipeline([])),
    }
