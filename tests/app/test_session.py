from __future__ import annotations

import shutil

import pytest
from kedro.io import DataCatalog
from kedro.runner import ParallelRunner, ThreadRunner
from support.tiny_bert import build_bert

from psy_agents.agents.registry import AGENTS
from psy_agents.app.session import AgentSession
from psy_agents.errors import UserError


class Recorder:
    """A runner that only looks at what it would run."""

    @staticmethod
    def of(monkeypatch):
        from kedro.runner import SequentialRunner

        seen = []

        def run(self, pipeline, catalog, *args, **kwargs):
            assert isinstance(catalog, DataCatalog)
            seen.extend(node.name for node in pipeline.nodes)
            return {}

        monkeypatch.setattr(SequentialRunner, "run", run)
        return seen


@pytest.fixture
def ran(monkeypatch):
    return Recorder.of(monkeypatch)


def test_one_agent_runs_with_the_preprocessing(session, ran, untracked):
    session(agent="evidence").run(pipeline_names=["hpo_stage0"])
    shared = ["prepare_corpus", "split_posts", "assemble_corpus", "report_data_quality", "score_baselines"]
    assert set(ran) == {"evidence.search_stage0", *(f"preprocessing.{name}" for name in shared)}
    assert len(ran) == len(set(ran))


def test_without_an_agent_all_run(session, ran, untracked):
    session().run(pipeline_names=["hpo_stage0"])
    assert sum("search_stage0" in name for name in ran) == 4


@pytest.mark.parametrize(("given", "expected"), [("joint+evidence", {"evidence", "joint"}), ("all", set(AGENTS))])
def test_several_agents_are_named_by_plus_and_every_one_by_all(session, ran, untracked, given, expected):
    session(agent=given).run(pipeline_names=["hpo_stage0"])
    assert {name.split(".")[0] for name in ran if "search_stage0" in name} == expected


def test_another_session_of_the_process_runs_its_own_agent(session, ran, untracked):
    session(agent="evidence").run(pipeline_names=["hpo_stage0"])
    ran.clear()
    session(agent="joint").run(pipeline_names=["hpo_stage0"])
    assert "joint.search_stage0" in ran
    assert "evidence.search_stage0" not in ran


@pytest.mark.parametrize(
    ("pipeline", "agent", "message"),
    [
        ("hpo_stage0", "evidenc", "agent=evidenc: there is no such agent, did you mean 'evidence'"),
        ("hpo_stage0", "evidence+jont", "agent=evidence.jont: there is no such agent, did you mean 'joint'"),
        ("hpo_stage0", "../x", "there are: criteria, evidence, share, joint"),
        ("hpo_stage0", 1, "agent=1: there is no such agent"),
        ("preprocessing", "evidence", "'preprocessing' does not work on one agent"),
        ("report", "evidence", "'report' does not work on one agent"),
        ("full_hpo_all", "evidence", "'full_hpo_all' does not work on one agent"),
        ("maximal_hpo_all", "evidence", "'maximal_hpo_all' does not work on one agent"),
        ("hpo_stage", "evidence", "no pipeline 'hpo_stage', did you mean 'hpo_stage"),
    ],
)
def test_a_wrong_agent_or_pipeline_is_refused(session, pipeline, agent, message):
    with pytest.raises(UserError, match=message):
        session(agent=agent).run(pipeline_names=[pipeline])


def test_agent_and_namespaces_together_are_refused(session):
    with pytest.raises(UserError, match="give one of them"):
        session(agent="evidence").run(pipeline_names=["hpo_stage0"], namespaces=["joint"])


def test_a_folder_without_configuration_or_with_a_pattern_in_its_name_is_refused(session, project):
    (project / "conf").rename(project / "configuration")
    with pytest.raises(UserError, match="There is no configuration in .*/conf: .* bring its folders conf and data"):
        session().run()
    odd = project.rename(project.with_name("a[1]"))
    with pytest.raises(UserError, match=r"a\[1\] has a \[ in its name"):
        AgentSession.create(project_path=odd).run()


@pytest.mark.parametrize("name", [None, ""])
def test_an_agent_without_a_name_is_refused_and_not_all_are_run(session, name):
    with pytest.raises(UserError, match="--params agent= has no name: give one of criteria, evidence, share, joint"):
        session(agent=name)


@pytest.mark.parametrize("kind", [ParallelRunner, ThreadRunner])
def test_kedros_parallel_runners_are_refused(session, kind):
    with pytest.raises(UserError, match=f"--runner {kind.__name__}: this project runs its nodes in turn"):
        session().run(runner=kind())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("criteria.hpo_stage0_topq", "there is no such dataset, did you mean '{agent}.hpo_stage0_topk'"),
        ("posts", "this dataset has no versions"),
        ("nobody.hpo_stage0_topk", "there is no such dataset"),
    ],
)
def test_a_version_of_what_has_none_is_refused(session, name, message):
    with pytest.raises(UserError, match=f"--load-versions {name}: {message}"):
        session().run(load_versions={name: "2026-01-01T00.00.00.000Z"})


def test_a_version_of_the_future_is_refused_where_it_would_hide_what_is_saved(session, project, ran, untracked):
    entry = session()._get_config_loader()["catalog"]["{agent}.hpo_stage0_topk"]
    versions = project / entry["filepath"].format(agent="criteria")
    future = versions / "2999-01-01T00.00.00.000Z" / versions.name
    future.parent.mkdir(parents=True)
    future.write_text("{}")
    with pytest.raises(UserError, match="topk.json/2999-01-01T00.00.00.000Z is of the future, .* set the clock right"):
        session(agent="criteria").run(pipeline_names=["hpo_stage0"])
    assert not ran


def test_a_name_of_a_raw_file_that_the_catalog_would_not_read_is_refused(session, ran):
    with pytest.raises(UserError, match="--params preprocessing.files.posts: the catalog reads the file that globals.yml names, posts.csv"):
        session(preprocessing={"files": {"posts": "other.csv"}}).run()
    assert not ran


def test_the_context_of_a_notebook_is_refused_wrong_parameters_in_one_sentence(session):
    with pytest.raises(UserError, match="hpo.stage0.epoch: .*did you mean 'epochs'") as refusal:
        session(hpo={"stage0": {"epoch": 2}}).load_context()
    assert refusal.value._render_traceback_() == [f"Error: {refusal.value}"]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"agnet": "evidence"}, "--params agnet: there is no such parameter"),
        ({"hpo": {"stage0": {"epoch": 2}}}, "hpo.stage0.epoch: there is no such parameter, did you mean 'epochs'"),
        ({"hpo": {"stage0": {"sampler": {"nam": "tpe"}}}}, "hpo.stage0.sampler.nam: .*did you mean 'name'"),
        ({"training": {"fixed": {"learning_rat": 1}}}, "training.fixed.learning_rat: .*did you mean 'learning_rate'"),
        ({"hpo": {"stage0": {"n_trials": 0}}}, "--params hpo.stage0.n_trials: must be a whole number of at least 1, .*, not 0"),
        ({"hpo": {"stage0": {"epochs": "many"}}}, "hpo.stage0.epochs: .*not 'many'"),
        ({"training": {"precision": "float8"}}, "--params training.precision: .*not 'float8'"),
        ({"preprocessing": 3}, "--params preprocessing: "),
        ({"search_space": {"smal": {}}}, "search_space.smal: .*did you mean 'small'"),
        ({"n_trials": 2}, "--params n_trials: .*did you mean hpo.stage0.n_trials or hpo.stage1.n_trials or "),
        ({"hpo": {"stage1": {"count": 2}}}, "--params hpo.stage1.count: .*did you mean hpo.stage1.workers.count or hpo.workers.count or "),
        ({"learning_rate": 1e-3}, "--params learning_rate: .*did you mean hpo.pinned.learning_rate or training.fixed.learning_rate"),
        ({"n_trails": 2}, "--params n_trails: .*did you mean hpo.stage0.n_trials or hpo.stage1.n_trials or "),
        ({"epochs": 2}, "--params epochs: .*did you mean hpo.stage0.epochs or hpo.stage1.epochs or "),
        ({"agents": "evidence"}, "--params agents: .*did you mean 'agent'"),
        ({"hpo": {"refit": {"seeds": {"0": 5}}}}, "--params hpo.refit.seeds: it is a list, of which no part can be set by itself"),
        ({"hpo": {"stage0": {"timeout": float("inf")}}}, "--params hpo.stage0.timeout: inf is not a number that a parameter can have"),
        ({"hpo": {"stage0": {"timeout": "inf"}}}, "--params hpo.stage0.timeout: inf is not a number that"),  # As the shell gives it.
        ({"hpo": {"stage0": {"epochs": 10**20}}}, f"--params hpo.stage0.epochs: {10**20} is not a number that"),
        ({"preprocessing": {"splits": {"seed": 10**20}}}, "--params preprocessing.splits.seed: input should be less than 4294967296"),
        ({"training": {"fixed": {"batch_size": True}}}, "--params training.fixed.batch_size: input should be a valid integer, not True"),
    ],
)
def test_a_runtime_parameter_that_is_wrong_at_any_depth_is_refused_by_name(session, params, message):
    with pytest.raises(UserError, match=message):
        session(**params).run()


def test_a_search_space_that_does_not_fit_the_agent_is_refused_before_the_run(session, ran):
    wrong = {"small": {"no_answer_weight": {"when": {"loss": ["focal"]}}}}
    with pytest.raises(UserError, match="no_answer_weight.when.loss: it is not in the search space of this agent"):
        session(agent="evidence", search_space=wrong).run(pipeline_names=["hpo_stage0"])
    assert not ran


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("base", "{type: float, low: 3.0e-5, high", "{type: float, low: few, high", "small.learning_rate.low: must be a number"),
        ("base", "choices: [8, 16]}", "choices: [8, 16], lgo: true}", "small.batch_size.lgo: there is no such parameter"),
        ("base", "choices: [8, 16]}", "choices: [0, 16]}", "small.batch_size.choices: input should be greater than or equal to 1, not 0"),
        ("base", "    warmup_ratio: {", "    warmup_fraction: {", "small.warmup_fraction is now called warmup_ratio"),
        ("base", "pooling: attention", "pooling: max pool", "first_trials.small.criteria.1.pooling: input should be "),
        ("base", "frozen_layers: 5, ", "frozen_layers: 3, ", "first_trials.small.evidence.1.frozen_layers: must be a whole number"),
        ("contract_nli", "low: 0.3, high: 2.0", "low: 3.0, high: 2.0", "small.negative_ratio: low is 3 and high is 2"),
        ("contract_nli", "batch_size: 16", "batch_size: 32", "first_trials.small.evidence.1.batch_size: must be one of 8, 16, not 32"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_search_space_names_its_file_and_its_key(session, project, ran, file, old, new, message):
    path = project / f"conf/{file}/parameters_search_space.yml"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(UserError) as refusal:
        session(env=None if file == "base" else file, agent="evidence").run(pipeline_names=["hpo_stage0"])
    assert str(refusal.value).startswith(f"conf/{file}/parameters_search_space.yml: search_space.{message}")
    assert "\n" not in str(refusal.value) and not ran


def test_a_field_that_the_files_leave_out_may_be_given(session, ran):
    session(hpo={"stage0": {"workers": {"timeouts": {"total": 100}}}}, training={"fixed": {"learning_rate": 1e-4}}).run()
    assert ran


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "preprocessing:",
            "preprocesing:",
            "conf/base/parameters_preprocessing.yml: preprocesing: there is no such parameter, did you mean",
        ),
        ("    seed: 0", "    sede: 0", "conf/base/parameters_preprocessing.yml: preprocessing.splits.sede: .*did you mean 'seed'"),
        ("    train: 0.7", "    train: [0.7", "conf: .*parameters_preprocessing.yml"),
        ("    train: 0.7", "    train: 1.7", "conf/base/parameters_preprocessing.yml: preprocessing.splits.train: .*less than 1, not 1.7"),
    ],
)
def test_a_mistake_in_a_file_is_named(session, project, old, new, message):
    file = project / "conf" / "base" / "parameters_preprocessing.yml"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    with pytest.raises(UserError, match=message):
        session().run()


def test_the_environment_overrides_every_stage_and_the_command_line_overrides_it(session, monkeypatch):
    monkeypatch.setenv("HPO_EPOCHS", "2")
    monkeypatch.setenv("HPO_PATIENCE", "1")
    monkeypatch.setenv("HPO_TRIALS", "3")
    hpo = session()._get_config_loader()["parameters"]["hpo"]
    assert [hpo[stage]["n_trials"] for stage in ("stage0", "stage1", "stage2")] == [3, 3, 3]
    assert hpo["maximal"]["n_trials"] == {"criteria": 3, "evidence": 3, "default": 3}
    stage = hpo["stage0"]
    assert (stage["epochs"], stage["patience"]) == (2, 1)
    stage = session(hpo={"stage0": {"epochs": 4}})._get_config_loader()["parameters"]["hpo"]["stage0"]
    assert (stage["epochs"], stage["patience"]) == (4, 1)


@pytest.mark.parametrize("value", ["abc", "0", "-1", "1.5"])
def test_a_budget_from_the_environment_that_is_no_count_is_refused(session, monkeypatch, value):
    monkeypatch.setenv("HPO_EPOCHS", value)
    with pytest.raises(UserError, match=f"^HPO_EPOCHS is '{value}' in the environment: set a whole number"):
        session().run()


def test_an_unknown_environment_is_refused(session):
    with pytest.raises(UserError, match="nope"):
        session(env="nope").run()


@pytest.mark.parametrize("filters", [{"node_names": ["nope"]}, {"tags": ["nope"]}, {"to_outputs": ["nope"]}])
def test_a_filter_that_matches_nothing_is_refused(session, filters):
    with pytest.raises(UserError):
        session().run(**filters)


def test_a_missing_file_is_named_and_nothing_is_written(session, project):
    (project / "data/01_raw/synthetic/posts.csv").unlink()
    with pytest.raises(UserError, match=r"posts\.csv is missing \(dataset posts_raw\)"):
        session().run()
    assert sorted(p.name for p in (project / "data").iterdir()) == ["01_raw"]


def test_a_broken_file_is_named_without_its_content(session, project):
    (project / "data/01_raw/synthetic/criteria.json").write_text('{"A": "my canary')
    with pytest.raises(UserError, match=r"criteria\.json, line 1: this is not JSON") as caught:
        session().run()
    assert "canary" not in str(caught.value)


def test_a_check_of_the_corpus_ends_in_its_own_words(session, project):
    (project / "data/01_raw/synthetic/posts.csv").write_text("id,text\n1,hello\n")
    with pytest.raises(UserError, match=r"posts\.csv: column post_id missing"):
        session().run()


def test_the_preprocessing_runs_and_the_synthetic_corpus_is_the_bundled_one(session, project):
    before = {p.name: p.read_bytes() for p in (project / "data/01_raw/synthetic").iterdir()}
    session().run()
    assert (project / "data/05_model_input/splits.parquet").is_file()
    session().run(pipeline_names=["synthetic_corpus"])
    assert {p.name: p.read_bytes() for p in (project / "data/01_raw/synthetic").iterdir()} == before


def test_the_synthetic_corpus_leaves_another_corpus_alone(session, project):
    shutil.copytree(project / "data/01_raw/synthetic", project / "data/01_raw/contract_nli")
    marker = project / "data/01_raw/contract_nli/posts.csv"
    marker.write_text("mine")
    session(env="contract_nli").run(pipeline_names=["synthetic_corpus"])
    assert marker.read_text() == "mine"


@pytest.mark.parametrize("pipeline", ["hpo_stage0", "preprocessing"])
def test_an_encoder_that_is_nowhere_is_refused_before_anything_is_written(session, project, monkeypatch, pipeline):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    before = sorted(project.rglob("*"))
    with pytest.raises(UserError, match="local folder.*cache.*bundled"):
        session(training={"fixed": {"encoder": "nobody/no-such-encoder"}}).run(pipeline_names=[pipeline])
    assert sorted(project.rglob("*")) == before


def test_an_encoder_without_its_tokenizer_is_refused_before_anything_is_written(session, project, tmp_path_factory):
    encoder = build_bert(tmp_path_factory.mktemp("encoder"), ["I feel tired today"], vocab_size=60, layers=6)
    for file in ("tokenizer.json", "tokenizer_config.json", "vocab.txt"):
        (encoder / file).unlink()
    before = sorted(project.rglob("*"))
    with pytest.raises(UserError, match="knows no word, so files of it are missing"):
        session(training={"fixed": {"encoder": str(encoder)}}).run(pipeline_names=["hpo_stage0"])
    assert sorted(project.rglob("*")) == before
