"""The box at the end of a stage: the best value by its name, the baseline, the parameters, and commands that fit this run."""

from __future__ import annotations

import re
import shlex
from types import SimpleNamespace

import pytest
from kedro.io import DataCatalog, Version
from support.small_search import best_trials, build_corpus, training_settings

from psy_agents.app.hooks.closing import ClosingHooks
from psy_agents.datasets import CheckedJSONDataset
from psy_agents.hpo.refit.confirming import ConfirmedCandidate
from psy_agents.hpo.refit.finals import FinalModel
from psy_agents.hpo.refit.run_refit import RefitSummary
from psy_agents.pipelines import hpo_stages
from psy_agents.reporting.search.closing_box import refit_rows, stage_rows

VERSION = Version(None, "2026-01-01T00.00.00.000Z")
RUN = {"env": "test", "runtime_params": {"training": {"unit": "sentence"}}}
BASELINES = {"all_positive": {"macro_f1": 0.4}, "majority": {"macro_f1": 0.995}, "whole_post": {"token_f1": 1.0}}


@pytest.fixture
def closed(tmp_path, capsys, monkeypatch):
    """Ends a stage of the criteria agent in a run of some stages, and returns the box by its rows."""
    monkeypatch.setenv("COLUMNS", "250")
    settings = training_settings(tmp_path)
    top = best_trials("criteria", build_corpus(), settings, {"learning_rate": 0.000123456, "pooling": "mean"}, {"pooling": "max"})

    def run(stage: str, *others: str) -> dict[str, str]:
        names = [f"criteria.hpo_{stage}_topk", f"criteria.hpo_{stage}_history"]
        entry = CheckedJSONDataset(filepath=str(tmp_path / "topk.json"), model="psy_agents.hpo.study.topk.TopK", version=VERSION)
        hooks, pipelines = ClosingHooks(), [hpo_stages.create_pipeline("criteria", each) for each in (stage, *others)]
        hooks.before_pipeline_run(RUN, sum(pipelines[1:], pipelines[0]), DataCatalog({names[0]: entry}))
        (node,) = pipelines[0].nodes
        given = SimpleNamespace(training=settings, paths=None, workers=None, search_space=None, stage=None)
        inputs = {f"params:bundle.{stage}": given, "baselines": BASELINES}
        hooks.after_node_run(node, inputs, {names[0]: top.model_dump(), names[1]: None})
        hooks.after_dataset_saved(names[1])
        hooks.after_dataset_saved("another")
        assert capsys.readouterr().out == "", "not before all is saved"
        hooks.after_dataset_saved(names[0])
        _, *rows = capsys.readouterr().out.splitlines()
        end = next(place for place, line in enumerate(rows) if line.startswith("╰"))
        shown = dict(re.split(r" {2,}", line.strip("│ "), maxsplit=1) for line in rows[:end])
        return shown | dict(line.strip().split(": ", 1) for line in rows[end + 1 :])

    return run


def test_the_box_of_a_stage_says_what_was_reached_and_what_to_run(closed):
    box = closed("stage0")
    assert box["best macro-F1 on validation"] == "0.9900"
    assert box["in"] == "trial 11, epoch 1 of 2; 2 trials finished"
    assert box["best baseline"] == "0.9950, majority: not below the best trial"
    assert box["parameters"] == "learning_rate 0.000123, pooling mean"
    assert box["open"].endswith(f"/topk.json/{VERSION.save}/topk.json")
    assert shlex.split(box["next"]) == [
        "kedro", "run", "--env", "test", "--pipeline", "hpo_stage1", "--params", "agent=criteria,training.unit=sentence",
    ]  # fmt: skip
    assert box["a model from here"].endswith("--pipeline refit --params agent=criteria,training.unit=sentence,hpo.refit.stage=stage0")


def test_the_box_counts_one_trial_as_one():
    best = SimpleNamespace(trial=0, value=0.5, best_epoch=1, epochs_run=2, params={"pooling": "mean"})
    rows = dict(stage_rows(SimpleNamespace(agent="criteria", n_trials=1, trials=[best]), {}, 0.5))
    assert rows["in"] == "trial 0, epoch 1 of 2; 1 trial finished"


def test_a_run_that_goes_on_says_so(closed):
    assert closed("stage0", "stage1")["next"] == "this run continues with stage1"
    assert closed("maximal")["next"].endswith("hpo.refit.stage=maximal")


def test_the_box_of_a_refit_names_the_seed_of_each_value_on_test_and_the_winner_by_its_number():
    finals = [FinalModel(seed=seed, test_value=value, test_metrics={}) for seed, value in ((11, 0.5), (23, 0.61))]
    candidates = [ConfirmedCandidate.model_construct(rank=rank, trial=trial) for rank, trial in ((1, 4), (2, 9))]
    summary = RefitSummary.model_construct(
        agent="criteria", finals=finals, test_value=0.5, candidates=candidates, winner=2, from_study="study", epochs=3, seed=11,
        params={"pooling": "mean"},
    )  # fmt: skip
    rows = dict(refit_rows(summary, 0.5))
    assert rows["macro-F1 on test"] == "0.5000; alone 0.5000 with seed 11, 0.6100 with seed 23"
    assert rows["winner"] == "trial 9 of study, epochs of training: 3, seed 11"
