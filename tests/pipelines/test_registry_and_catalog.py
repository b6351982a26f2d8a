from __future__ import annotations

import ast
import inspect
import re
import textwrap
from graphlib import TopologicalSorter
from typing import get_type_hints

import pytest
import yaml
from kedro.framework.project import pipelines
from kedro.io import MemoryDataset
from support.finished_project import sessions_of
from support.project_copy import copy_project

from psy_agents.agents.registry import AGENTS
from psy_agents.app.checks import pipeline_of
from psy_agents.app.parameters import Parameters
from psy_agents.pipelines.bundles import BUNDLES, PARAMETERS, section_names
from psy_agents.pipelines.tags import PUBLISHES, agent_of, candidates_of, search_of, stage_of

PATHS = {
    "hpo_stage0_topk": "data/07_model_output/hpo_stage0/{agent}_{agent}-stage0-sanity_topk.json",
    "hpo_stage1_topk": "data/07_model_output/hpo_stage1/{agent}_{agent}-stage1-coarse_topk.json",
    "hpo_stage2_topk": "data/07_model_output/hpo_stage2/{agent}_{agent}-stage2-fine_topk.json",
    "hpo_maximal_topk": "data/07_model_output/maximal_hpo/{agent}_{agent}-max_topk.json",
    "refit_summary": "data/07_model_output/refit/{agent}_{agent}-stage3-refit_summary.json",
}
PIPELINES = {
    "__default__", "synthetic_corpus", "preprocessing", "baselines", "hpo_stage0", "hpo_stage1", "hpo_stage2", "maximal_hpo",
    "refit", "leaderboard", "report", "predict", "evidence_page", "export", "publish", "full_hpo_all", "maximal_hpo_all",
    "cross_validation",
}  # fmt: skip
THINGS = {
    "hpo_stage0", "hpo_stage1", "hpo_stage2", "hpo_maximal", "refit", "cross_validation", "leaderboard", "predict", "evidence", "export",
}  # fmt: skip
"""What an agent's datasets are called after."""


@pytest.fixture(scope="module")
def bundled(tmp_path_factory):
    """A copy of the project; only read."""
    folder = tmp_path_factory.mktemp("catalog") / "project"
    copy_project(folder)
    return folder


@pytest.fixture(scope="module")
def catalog(bundled):
    with pytest.MonkeyPatch.context() as patch:
        yield sessions_of(bundled, patch)().load_context().catalog


def entries(project):
    """Every entry of the catalog's files, patterns as well; names that begin with _ are only anchors."""
    files = sorted((project / "conf" / "base" / "catalog").glob("*.yml"))
    assert files
    return {
        name: entry
        for file in files
        for name, entry in yaml.safe_load(file.read_text()).items()
        if not name.startswith("_")
    }


def data_of(pipeline):
    return {name for name in pipeline.datasets() if name != "parameters" and not name.startswith("params:")}


def all_data():
    return set().union(*map(data_of, pipelines.values()))


def test_every_pipeline_is_registered_and_the_default_is_the_cheap_one(session):
    session()
    assert set(pipelines) == PIPELINES
    steps = ["prepare_corpus", "split_posts", "assemble_corpus"]
    assert [node.name for node in pipelines["__default__"].nodes] == [f"preprocessing.{step}" for step in steps]


def test_the_preprocessing_and_what_follows_it_make_the_data_quality_report(session):
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
                assert dataset in catalog, f"{name}: {dataset}"
                assert not isinstance(catalog.get(dataset), MemoryDataset | None), f"{name}: {dataset}"


def test_every_entry_is_used_by_a_pipeline_and_every_pattern_by_each_agent(bundled, catalog):
    used = all_data()
    of_agents = {(agent, catalog.config_resolver.match_dataset_pattern(name)) for name in used for agent in [name.partition(".")[0]]}
    for name in entries(bundled):
        if "{" not in name:
            assert name in used, f"no pipeline has {name}"
            continue
        for agent in AGENTS:
            assert (agent, name) in of_agents, f"no pipeline has {name} for {agent}"


def test_an_agents_datasets_are_called_after_agent_and_pipeline_and_what_it_makes_is_versioned(catalog):
    for name in all_data():
        agent, dot, thing = name.rpartition(".")
        if not dot or agent == "report":
            assert agent != "report" or catalog.get(name)._version is not None, name
            continue
        assert agent in AGENTS, name
        pipeline = next((each for each in THINGS if thing.startswith(f"{each}_")), None)
        assert pipeline is not None and re.fullmatch(r"[a-z][a-z0-9_]*", thing), name
        assert catalog.get(name)._version is not None, name
    for pipeline in pipelines.values():
        for node in pipeline.nodes:
            if node.namespace in AGENTS:
                assert all(output.startswith(f"{node.namespace}.") for output in node.outputs), node.name


def test_every_file_lies_in_the_folder_of_its_layer(project):
    for name, entry in entries(project).items():
        if name == "id_salt":  # A secret, not data.
            continue
        folder = re.match(r"(?:data|\$\{globals:data\})/([^/]+)/", entry.get("filepath") or entry["path"])
        assert folder and folder[1] == entry["metadata"]["kedro-viz"]["layer"], name
        if entry.get("versioned"):
            continue
        assert "{" not in name, f"{name} is an agent's, and has no versions"


def test_every_file_lies_in_the_project_of_the_session(catalog, bundled):
    """Kedro makes some names of files absolute; any other is relative to the project from which the code comes."""
    assert [name for name in all_data() if not str(catalog.get(name)._filepath).startswith(bundled.as_posix())] == []


def test_the_annotations_of_every_node_are_there_at_run_time():
    """Kedro validates typed parameters by them. A name that only a type checker imports leaves a plain dict, without a word."""
    nodes = {node.func for pipeline in pipelines.values() for node in pipeline.nodes}
    assert all(get_type_hints(function) for function in nodes)


def test_no_two_datasets_share_a_file(catalog):
    paths = {}
    for name in all_data() - {"synthetic_posts", "synthetic_annotations", "synthetic_criteria"}:  # They become the raw ones.
        paths.setdefault(str(catalog.get(name)._filepath), []).append(name)
    assert not [names for names in paths.values() if len(names) > 1]


def test_every_section_of_the_parameters_is_known_and_read_by_a_node(session, project):
    parameters = session()._get_config_loader()["parameters"]
    files = {file.stem.removeprefix("parameters_") for file in (project / "conf" / "base").glob("parameters_*.yml")}
    assert set(parameters) == files == set(Parameters.model_fields)
    read = {section for p in pipelines.values() for section in section_names(p.datasets())}
    sections = {*(set(parameters) - {"hpo"}), *(f"hpo.{name}" for name in parameters["hpo"])}
    # The session reads the first, the configuration loader the others.
    assert read == sections - {"hpo.agents_at_once", "hpo.space", "hpo.encoder", "hpo.pinned"}


def test_a_bundle_is_read_and_has_what_its_sections_have(session):
    catalog = session(training={"unit": "sentence"}, hpo={"stage1": {"n_trials": 7}}).load_context().catalog
    assert {f"params:{name}" for name in BUNDLES} == {name for p in pipelines.values() for name in p.datasets() if "params:bundle" in name}
    for name, bundle in BUNDLES.items():
        values = bundle.values(catalog.load(PARAMETERS + name))
        assert list(values) == bundle.names, name
        for section, value in values.items():
            given = catalog.load(PARAMETERS + section)
            assert value == type(value).model_validate(given), f"{name}: {section}"
    assert catalog.load("params:bundle.refit").training.unit == "sentence"
    assert catalog.load("params:bundle.stage1").stage.n_trials == 7


def test_nodes_of_an_agent_stand_in_its_namespace_and_all_others_in_none_or_their_own(session):
    session()
    for name in ("hpo_stage0", "hpo_stage1", "hpo_stage2", "maximal_hpo", "refit", "evidence_page", "export"):
        assert {node.namespace for node in pipelines[name].nodes} == {"preprocessing", *AGENTS}, name
    assert {node.namespace for node in pipelines["publish"].nodes} == set(AGENTS)
    for name in ("report", "full_hpo_all", "maximal_hpo_all"):
        others = {node.name for node in pipelines[name].nodes if node.namespace not in ("preprocessing", *AGENTS)}
        budget = {"budget.estimate_budget"} if name != "report" else set()
        assert others == {"report.make_report", "report.show_report", "make_leaderboard"} | budget


def test_nodes_are_thin(session):
    """At most ten lines and five inputs, where those of each agent or stage are one; the work is done by plain functions."""
    session()
    functions = {node.func for pipeline in pipelines.values() for node in pipeline.nodes}
    assert len({function.__code__ for function in functions}) >= 15
    for function in functions:
        (tree,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
        body = [each for each in tree.body if not (isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant))]
        assert sum(each.end_lineno - each.lineno + 1 for each in body) <= 10, function.__qualname__
        assert len(inspect.signature(function).parameters) <= 5, function.__qualname__


def test_everything_that_reads_the_corpus_reads_it_as_one_and_after_the_preprocessing(session):
    session()
    tables = {"posts", "pairs", "sentences", "splits", "criteria"}
    for name, pipeline in pipelines.items():
        for node in pipeline.nodes:
            if node.name.rpartition(".")[2] not in ("split_posts", "assemble_corpus"):
                assert not tables & set(node.inputs), f"{name}: {node.name}"
        if "corpus" in pipeline.datasets():
            order = [node.name for node in pipeline.nodes]
            readers = [node.name for node in pipeline.only_nodes_with_inputs("corpus").nodes] if name != "__default__" else []
            assert all(order.index("preprocessing.assemble_corpus") < order.index(each) for each in readers), name


def test_tags_name_a_nodes_agent_its_stage_and_whether_it_publishes(session):
    session()
    for name, pipeline in pipelines.items():
        for node in pipeline.nodes:
            assert agent_of(node) == (node.namespace if node.namespace in AGENTS else None), f"{name}: {node.name}"
            step = node.name.rpartition(".")[2]
            runs = {"refit": "refit", "cross_validate": "cross_validation"}
            assert stage_of(node) == (step.removeprefix("search_") if step.startswith("search_") else runs.get(step))
            assert (PUBLISHES in node.tags) == (step == "publish")
            read = {dataset.rpartition(".")[2] for dataset in node.inputs}
            assert {f"hpo_{stage}_topk" for stage in candidates_of(node)} == {each for each in read if step == "refit" and "_topk" in each}
    assert {search_of(node) for node in pipelines["hpo_stage0"].only_nodes_with_tags("stage.stage0").nodes} == {"stage0"}
    assert all(search_of(node) is None for name in ("refit", "cross_validation") for node in pipelines[name].nodes)


def test_the_whole_search_holds_every_stage_and_refit_of_every_agent_and_the_report(session):
    session()
    stages = {"full_hpo_all": ("stage0", "stage1", "stage2"), "maximal_hpo_all": ("maximal",)}
    for name, searched in stages.items():
        nodes = {node.name for node in pipelines[name].nodes if node.namespace in AGENTS}
        assert nodes == {f"{a}.{what}" for a in AGENTS for what in (*(f"search_{stage}" for stage in searched), "refit")}
        assert set(pipelines["report"].nodes) <= set(pipelines[name].nodes)


def test_what_the_search_finds_has_the_promised_path_for_each_agent(catalog, bundled):
    for thing, path in PATHS.items():
        for agent in AGENTS:
            dataset = catalog.get(f"{agent}.{thing}")
            assert str(dataset._filepath) == (bundled / path.format(agent=agent)).as_posix()
            assert dataset._version is not None


def test_every_entry_names_its_layer_and_hides_post_text(project):
    for name, entry in entries(project).items():
        viz = entry["metadata"]["kedro-viz"]
        assert viz["layer"], name
        if name == "corpus" or any(word in name for word in ("posts", "annotations", "pairs", "sentences", "predictions")):
            assert viz["preview"] is False, name


def test_kedro_viz_shows_the_layers_of_every_pipeline(catalog):
    """It shows none where one layer feeds another and, anywhere else, is fed by it."""
    layer = {name: catalog.get(name).metadata["kedro-viz"]["layer"] for name in all_data()}
    for name, pipeline in pipelines.items():
        feeds = {}
        for dataset in data_of(pipeline):
            after = data_of(pipeline.from_inputs(dataset)) if pipeline.only_nodes_with_inputs(dataset).nodes else set()
            made = {output for node in pipeline.from_inputs(dataset).nodes for output in node.outputs} & after
            for output in made:
                if layer[output] != layer[dataset]:
                    feeds.setdefault(layer[output], set()).add(layer[dataset])
        for namespace in {node.namespace for node in pipeline.nodes} - {None}:  # A box, which all its inputs feed.
            box = pipeline.only_nodes_with_namespaces([namespace])
            made = {output for node in box.nodes for output in node.outputs}
            for dataset in data_of(box) - made:
                for output in made:
                    if layer[output] != layer[dataset]:
                        feeds.setdefault(layer[output], set()).add(layer[dataset])
        list(TopologicalSorter(feeds).static_order()), name


def test_a_command_that_kedro_viz_shows_finds_its_pipeline(session):
    session()
    shown = {
        "hpo_stage0": {"to_nodes": ["evidence.search_stage0"]},
        "preprocessing": {"to_outputs": ["data_quality_page"]},
        "refit": {"to_outputs": ["joint.refit_summary"]},
        "report": {"to_nodes": ["report.make_report"]},
        "__default__": {"to_nodes": ["no_such_node"]},
    }
    assert {name: pipeline_of(filters) for name, filters in shown.items()} == {name: name for name in shown}


def test_an_environment_for_another_corpus_reads_and_writes_elsewhere(session, project):
    base, other = session().load_context().catalog, session(env="contract_nli").load_context().catalog
    for name in sorted(data_of(pipelines["full_hpo_all"] + pipelines["maximal_hpo"] + pipelines["evidence_page"])):
        if name != "id_salt":  # The salt is the project's.
            assert base.get(name)._filepath != other.get(name)._filepath, name


def test_a_test_environment_keeps_the_parameters_that_it_does_not_name(session):
    parameters = session(env="test")._get_config_loader()["parameters"]
    assert parameters["hpo"]["stage0"]["n_trials"] == 2
    assert parameters["hpo"]["stage0"]["name"] == "stage0"


def test_the_test_environment_shrinks_every_stage_the_refit_and_the_report_and_writes_apart(session):
    small, whole = (session(env=env)._get_config_loader()["parameters"] for env in ("test", None))
    for stage in ("stage0", "stage1", "stage2", "maximal"):
        assert (small["hpo"][stage]["n_trials"], small["hpo"][stage]["epochs"]) == (2, 1)
    assert small["hpo"]["refit"]["candidates"] < whole["hpo"]["refit"]["candidates"]
    assert small["hpo"]["refit"]["n_seeds"] < len(whole["hpo"]["refit"]["seeds"])
    for name in ("resamples", "permutations"):
        assert small["report"][name] < whole["report"][name]
    assert small["preprocessing"]["max_posts"] == 30
    assert all("/data/test/" in path for path in small["hpo"]["paths"].values())
