from __future__ import annotations

import pytest
import yaml
from kedro.framework.project import pipelines
from kedro.io import MemoryDataset

from psy_agents.agents.names import AGENTS

PATHS = {
    "hpo_stage0": "data/07_model_output/hpo_stage0/{agent}_{agent}-stage0-sanity_topk.json",
}


@pytest.fixture
def catalog(session):
    return session().load_context().catalog


def test_every_pipeline_is_registered_and_the_default_is_the_cheap_one(session):
    session()
    assert {"__default__", "synthetic_corpus", "preprocessing", "baselines", "hpo_stage0"} <= set(pipelines)
    assert [node.name for node in pipelines["__default__"].nodes] == ["preprocessing.prepare_corpus", "preprocessing.split_posts"]


def test_whoever_asks_for_the_preprocessing_or_more_gets_the_data_quality_report(session):
    session()
    reported = {"data_quality", "data_quality_labels", "data_quality_lengths", "data_quality_rows", "data_quality_page"}
    assert not reported & pipelines["__default__"].datasets()
    for name in ("preprocessing", "baselines", "hpo_stage0"):
        assert set(pipelines["__default__"].nodes) < set(pipelines[name].nodes)
        assert reported <= pipelines[name].datasets()


def test_no_dataset_of_any_pipeline_falls_back_to_memory(catalog):
    for name, pipeline in pipelines.items():
        for dataset in pipeline.datasets():
            if dataset.startswith("params:"):
                assert dataset in catalog, f"{name} reads {dataset}, which no parameters file has"
            else:
                assert not isinstance(catalog.get(dataset), MemoryDataset | None), f"{name}: {dataset}"


def test_nodes_of_an_agent_stand_in_its_namespace_and_all_others_in_none_or_their_own(session):
    session()
    by_namespace = {node.namespace for node in pipelines["hpo_stage0"].nodes}
    assert by_namespace == {"preprocessing", *AGENTS}


@pytest.mark.parametrize("agent", AGENTS)
def test_the_top_k_has_the_promised_path_for_each_agent(session, catalog, project, agent):
    dataset = catalog.get(f"{agent}.hpo_stage0_topk")
    path = (project / PATHS["hpo_stage0"].format(agent=agent)).as_posix()
    assert str(dataset._filepath) == path
    assert dataset._version is not None


def test_every_entry_names_its_layer_and_hides_post_text(project):
    for file in (project / "conf" / "base").glob("catalog*.yml"):
        for name, entry in yaml.safe_load(file.read_text()).items():
            if name.startswith("_"):
                continue
            viz = entry["metadata"]["kedro-viz"]
            assert viz["layer"], name
            if any(word in name for word in ("posts", "annotations", "pairs", "sentences")):
                assert viz["preview"] is False, name


def test_an_environment_for_another_corpus_reads_and_writes_elsewhere(session, project):
    base, other = session().load_context().catalog, session(env="contract_nli").load_context().catalog
    for name in sorted(pipelines["hpo_stage0"].datasets()):
        if not name.startswith("params:") and name != "id_salt":  # The salt is the project's.
            assert base.get(name)._filepath != other.get(name)._filepath, name


def test_a_test_environment_keeps_the_parameters_that_it_does_not_name(session):
    parameters = session(env="test")._get_config_loader()["parameters"]
    assert parameters["hpo"]["stage0"]["n_trials"] == 2
    assert parameters["hpo"]["stage0"]["name"] == "stage0"
