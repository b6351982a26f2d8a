"""The leaderboard has the best trial of each study and encoder, what it cost, and parameters that pin it."""

from __future__ import annotations

import optuna
import pytest
from omegaconf import OmegaConf
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.trial import TrialState, create_trial

from psy_agents.agents.registry import spec
from psy_agents.reporting.leaderboard import FIRST, SHOWN, leaderboard_page, leaderboard_table, print_leaderboard
from psy_agents.training.config import TrainingSettings

DISTRIBUTIONS = {"encoder": CategoricalDistribution(["hub/a", "hub/b"]), "learning_rate": FloatDistribution(1e-6, 1e-1)}
BASELINES = {
    "all_positive": {"macro_f1": 0.1},
    "tfidf_logistic": {"macro_f1": 0.4},
    "whole_post": {"token_f1": 0.2},
    "tfidf_logistic_sentence": {"token_f1": 0.1},
}


def trial(index, encoder, rate, value, *, state=TrialState.COMPLETE, epochs=3, seconds=1800.0, **attributes):
    given = {"index": index, "seed": index, "epochs_run": epochs, "seconds": seconds, "best_epoch": 1, **attributes}
    params = {"encoder": encoder, "learning_rate": rate}
    return create_trial(state=state, value=value, params=params, distributions=DISTRIBUTIONS, user_attrs=given)


def study(name, trials, agent="criteria", stage="stage0", data="here", **attributes):
    made = optuna.create_study(study_name=name, direction="maximize")
    settings = TrainingSettings(fixed={"max_length": 64, "encoder": "hub/a"}).model_dump(mode="json")
    given = {
        "agent": agent, "stage": stage, "label": "", "data_hash": data, "max_retries": 3, "checkpoint_root": "nowhere",
        "identity": {"training": settings}, **attributes,
    }  # fmt: skip
    for key, value in given.items():
        made.set_user_attr(key, value)
    made.add_trials(trials)
    return made


@pytest.fixture
def table():
    searched = [
        trial(0, "hub/a", 1e-4, 0.5),
        trial(1, "hub/b", 2e-4, None, state=TrialState.FAIL, failure="worker died", epochs=1),
        trial(1, "hub/b", 2e-4, 0.7, cost={"parameters": 22.7e6, "trained_parameters": 4e6, "ms_per_post": 12.34}),
        trial(2, "hub/b", 3e-4, 0.6, state=TrialState.PRUNED, epochs=2),
        trial(3, "hub/a", 5e-4, 0.3),
    ]
    return leaderboard_table(
        [
            study("criteria-stage0-x", searched),
            study("criteria-stage1-x", [trial(0, "hub/a", 1e-5, 0.6)], stage="stage1"),
            study("joint-stage0-x", [trial(0, "hub/a", 1e-5, 0.2)], agent="joint"),
            study("evidence-stage0-x", [trial(0, "hub/a", 1e-5, 0.9)], agent="evidence"),
            study("elsewhere", [trial(0, "hub/a", 1e-5, 1.0)], data="another corpus"),
            study("criteria-stage3-refit-x", [trial(0, "hub/a", 1e-5, 1.0)], parent_study="criteria-stage0-x"),
            study("failed", [trial(0, "hub/a", 1e-5, None, state=TrialState.FAIL, failure="diverged")]),
        ],
        "here",
        BASELINES,
        dict.fromkeys(("criteria", "evidence", "share", "joint")),
    )


def test_agents_come_in_their_order_and_the_best_row_of_each_first(table):
    shown = table[["agent", "stage", "encoder", "validation"]].values.tolist()
    assert shown == [
        ["criteria", "stage0", "b", 0.7],
        ["criteria", "stage1", "a", 0.6],
        ["criteria", "stage0", "a", 0.5],
        ["evidence", "stage0", "a", 0.9],
        ["joint", "stage0", "a", 0.2],
    ]


def test_trials_are_finished_ones_and_costs_those_of_all_attempts(table):
    best = table.iloc[0]
    assert (best.trials, best.epochs, best.hours) == (2, 1 + 3 + 2, pytest.approx(1.5))


def test_weights_and_time_are_those_of_the_best_trial(table, capsys):
    assert table[["parameters", "ms_per_post"]].values.tolist()[0] == [22.7e6, 12.34]
    assert table[["parameters", "ms_per_post"]].iloc[1:].isna().all(axis=None), "older trials have none"
    page = leaderboard_page(table, "here")
    assert "22.7 M" in page and "12.3" in page


def test_the_baseline_is_the_best_one_in_the_agents_objective(table):
    assert table[["baseline", "baseline_validation"]].values.tolist()[3] == ["whole_post", 0.2]
    assert table[["baseline", "baseline_validation"]].values.tolist()[0] == ["tfidf_logistic", 0.4]
    assert table["metric"].tolist()[2:] == ["macro-F1", "token-F1", "0.5 macro-F1 + 0.5 token-F1"]
    assert spec("joint").objective_title(0.25) == "0.75 macro-F1 + 0.25 token-F1"


def test_the_parameters_are_read_back_from_the_command_line(table):
    given = OmegaConf.to_container(OmegaConf.from_dotlist(table["params"][0].split(",")))
    assert given == {"agent": "criteria", "hpo": {"encoder": "hub/b", "pinned": {"learning_rate": 2e-4, "max_length": 64}}}


def test_page_and_terminal_show_every_row(table, capsys):
    page = leaderboard_page(table, "here")
    assert page.count("<tbody>") == 3 and all(params in page for params in table["params"])
    print_leaderboard(table)
    printed = capsys.readouterr().out
    assert all(f"{value:.3f}" in printed for value in table["validation"])
    lines = [line.rpartition(" ")[2] for line in printed.splitlines() if "--params" in line]
    assert lines == table.groupby("agent", sort=False)["params"].first().tolist(), "each whole in one line, to be copied"


@pytest.mark.parametrize(("columns", "names"), [(200, SHOWN), (80, FIRST)])
def test_a_narrow_terminal_shows_fewer_columns_and_breaks_no_header(table, capsys, monkeypatch, columns, names):
    monkeypatch.setenv("COLUMNS", str(columns))
    print_leaderboard(table)
    lines = capsys.readouterr().out.splitlines()
    heads = [line.split() for line in lines if line.startswith(" stage ")]
    assert heads == [list(names)] * table["agent"].nunique()
    assert max(len(line) for line in lines if "--params" not in line) <= columns


def test_without_a_complete_trial_the_leaderboard_is_empty_and_says_so(capsys):
    table = leaderboard_table([], "here", BASELINES, {})
    print_leaderboard(table)
    assert "No trial on this corpus has completed" in capsys.readouterr().out
    assert "No trial on this corpus has completed." in leaderboard_page(table, "here")
