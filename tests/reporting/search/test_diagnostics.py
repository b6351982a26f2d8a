import math

import pytest
from optuna.trial import TrialState
from support.search.objectives import CANARY
from support.search.search_process import DEFAULTS, SPACE, Search

from psy_agents.hpo.space.search_space import SearchSpace
from psy_agents.hpo.study.store import StudyStore
from psy_agents.reporting.search.diagnostics import (
    importance_plot,
    learning_curves_plot,
    stage_cost,
    timeline_plot,
)
from psy_agents.reporting.search.parallel_coordinates import parallel_coordinates_plot

RATE = {"rate": {"type": "float", "low": 1e-5, "high": 1e-1, "log": True}}
PLOTS = (importance_plot, parallel_coordinates_plot, timeline_plot, learning_curves_plot)


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """Twelve trials of two workers: one dies and is run again, one diverges, one fails; only x decides of the value."""
    search = Search(tmp_path_factory.mktemp("search"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(DEFAULTS, "rate", 1e-3)
        search.run(
            space=SPACE | RATE, n_trials=12, workers=2, pause=0.02, mishaps={1: "die", 4: "diverge", 6: "error"},
            sampler={"name": "random"}, attributes={"agent": "criteria", "identity": {"text": CANARY}},
        )  # fmt: skip
    return search


@pytest.fixture(scope="module")
def study(searched):
    return searched.study()


def complete(study):
    return study.get_trials(states=(TrialState.COMPLETE,))


def test_the_parameter_that_decides_the_value_is_the_most_important(study):
    (bars,) = importance_plot(study).data
    shares = dict(zip(bars.text, bars.x, strict=True))
    assert next(iter(shares)) == "x" and shares["x"] > 0.4
    assert set(shares) == {"x", "loss", "gamma", "rate"}, "gamma exists in some trials only"
    assert sum(shares.values()) == pytest.approx(1)
    assert list(shares.values()) == sorted(shares.values(), reverse=True)
    assert f"PED-ANOVA, what sets the best 5 of {len(complete(study))} trials apart" in importance_plot(study).layout.title.subtitle.text


@pytest.mark.parametrize(
    ("trials", "why"),
    [
        ([{"x": 0.1}, {"x": 0.2}, {"x": 0.3}], "3 trials are complete"),
        ([{"x": 0.1}] * 4, "No hyper-parameter varies"),
        ([{"x": 0.1}] * 3 + [{"x": 0.7}], "have the same"),
    ],
)
def test_where_importance_is_unknown_the_figure_gives_the_reason(search, trials, why):
    search.run(n_trials=len(trials), baselines=trials)
    figure = importance_plot(search.study())
    assert not figure.data
    assert why in figure.layout.annotations[0].text.replace("<br>", " ")


def axes_of(figure):
    """Of a figure of parallel coordinates, by name of the axis: heights by trial, and heights of the ticks by text."""
    *ranks, ticks = figure.data
    heights, marks = {}, {}
    for place, name in enumerate(figure.layout.xaxis.ticktext):
        lines = [each for trace in ranks for each in zip(trace.x, trace.y, trace.customdata, strict=True)]
        heights[name] = {trial: y for x, y, trial in lines if x == place}
        marks[name] = {text: y for x, y, text in zip(ticks.x, ticks.y, ticks.text, strict=True) if x == place}
    return heights, marks


def test_each_complete_trial_is_a_line_through_its_parameters_and_the_best_are_in_front(study):
    trials = {trial.number: trial for trial in complete(study)}
    figure = parallel_coordinates_plot(study)
    heights, marks = axes_of(figure)
    assert list(heights)[0] == "objective" and set(heights) == {"objective", "x", "loss", "gamma", "rate"}
    assert all(set(each) == set(trials) for each in heights.values())
    low, high = min(trial.value for trial in trials.values()), max(trial.value for trial in trials.values())
    assert heights["objective"] == pytest.approx({number: (trial.value - low) / (high - low) for number, trial in trials.items()})
    rate = {number: (math.log10(trial.params["rate"]) + 5) / 4 for number, trial in trials.items()}
    assert heights["rate"] == pytest.approx(rate), "a logarithmic axis"
    assert marks["rate"] == pytest.approx({"1e-05": 0, "0.0001": 0.25, "0.001": 0.5, "0.01": 0.75, "0.1": 1})
    assert {number: marks["loss"][trial.params["loss"]] for number, trial in trials.items()} == heights["loss"]
    named = {text.partition(":")[0] for trace in figure.data[:-1] for text in trace.text if text}
    assert named == {f"trial {number}" for number in trials}, "by their numbers in the study, as everywhere else"
    best = figure.data[-2]
    assert best.name == "best fifth (2)" and max(trials, key=lambda number: trials[number].value) in best.customdata


def test_a_parameter_that_a_trial_lacks_stands_at_off_below_all_values(study):
    heights, marks = axes_of(parallel_coordinates_plot(study))
    lacking = {trial.number for trial in complete(study) if "gamma" not in trial.params}
    assert lacking and min(marks["gamma"], key=marks["gamma"].get) == "off"
    assert {number for number, height in heights["gamma"].items() if height == marks["gamma"]["off"] == 0} == lacking


def test_parameters_that_do_not_vary_have_no_axis(search):
    search.run(n_trials=3, baselines=[{"x": 0.1}, {"x": 0.3}, {"x": 0.3}])
    assert list(axes_of(parallel_coordinates_plot(search.study()))[0]) == ["objective", "x"]


def test_names_are_shown_letter_by_letter(search, monkeypatch):
    monkeypatch.setitem(DEFAULTS, "<b>x", "<i>")
    search.run(n_trials=5, space=SPACE | {"<b>x": {"type": "categorical", "choices": ["<i>", "b" * 40 + "end"]}})
    _, marks = axes_of(parallel_coordinates_plot(search.study()))
    first, second = marks["&lt;b&gt;x"]
    assert first == "&lt;i&gt;" and second.endswith("bend") and len(second) < 20
    assert all("<b>" not in text and "&lt;b&gt;x = " in text for text in timeline_plot(search.study()).data[0].text)


def test_every_attempt_is_a_bar_on_its_worker_from_start_to_end(study):
    figure = timeline_plot(study)
    bars = {
        (worker, base.isoformat(), round(milliseconds, 3))
        for trace in figure.data
        for worker, base, milliseconds in zip(trace.y, trace.base, trace.x, strict=True)
    }
    assert bars == {
        (trial.user_attrs["worker"], trial.datetime_start.isoformat(), round(trial.user_attrs["seconds"] * 1000, 3))
        for trial in study.trials
    }
    assert len(bars) == 13
    assert [trace.name for trace in figure.data] == ["complete (10)", "failed (3)"]
    (failed,) = [trace.text for trace in figure.data if trace.name.startswith("failed")]
    assert any("worker died<br>exit code -9" in text for text in failed)
    assert any("diverged<br>loss is nan in optimiser step 7" in text for text in failed)


def test_attempts_without_a_known_end_are_crosses_at_their_start(search):
    search.run(n_trials=2)
    with StudyStore(search.store) as store:  # As a killed run leaves it.
        trial = store.study("study").ask()
        for key, value in {"seed": 1, "worker": 0, "index": 2}.items():
            trial.set_user_attr(key, value)
        SearchSpace.from_config(SPACE, DEFAULTS).suggest(trial)
        trial.report(0.5, 1)
    (cross,) = [trace for trace in timeline_plot(search.study()).data if trace.type == "scatter"]
    assert cross.name == "running (1)"
    search.run(n_trials=3)
    orphan = search.study().trials[2]
    assert orphan.user_attrs["failure"] == "orphan of a dead run"
    (cross,) = [trace for trace in timeline_plot(search.study()).data if trace.type == "scatter"]
    assert cross.name == "failed (1)" and list(cross.x) == [orphan.datetime_start]
    cost = stage_cost(search.study(), "criteria", "stage0")
    assert (cost.trials, cost.epochs, cost.failures) == (3, 3 * 3 + 1, {"orphan of a dead run": 1})


def test_curves_are_those_that_the_trials_ran_and_the_best_stands_out(study):
    figure = learning_curves_plot(study)
    best = study.best_trial
    raw, emphasised = figure.data[-2:]
    height = 1 - (best.params["x"] - 0.7) ** 2
    assert list(raw.y) == pytest.approx([height * (1 - 0.5**epoch) for epoch in (1, 2, 3)])
    assert list(emphasised.y) == pytest.approx([height * each / 3 for each in (0.5 + 0.5 + 0.75, 0.5 + 0.75 + 0.875, 0.75 + 2 * 0.875)])
    assert raw.name == f"best (trial {best.number})"
    assert list(emphasised.marker.size).index(12) + 1 == best.user_attrs["best_epoch"]
    shown = {
        (trial, epoch, value)
        for trace in figure.data[:-2]
        for trial, epoch, value in zip(trace.customdata, trace.x, trace.y, strict=True)
        if epoch is not None
    }
    deciding = [trial for trial in study.trials if trial.user_attrs.get("failure") != "worker died"]
    assert shown == {(t.number, *point) for t in deciding for point in t.intermediate_values.items()}


def test_a_study_without_an_epoch_or_a_trial_has_figures_that_state_it(tmp_path):
    search = Search(tmp_path)
    with StudyStore(search.store) as store:
        study = store.study("study")
        study.set_user_attr("checkpoint_root", str(search.weights))
        study.set_user_attr("max_retries", 0)
        for plot in PLOTS:
            figure = plot(study)
            assert not figure.data and len(figure.layout.annotations) == 1
        cost = stage_cost(study, "criteria", "stage0")
    assert (cost.trials, cost.best, cost.training_hours, cost.epochs) == (0, None, 0, 0)


def test_the_cost_counts_every_attempt(study):
    cost = stage_cost(study, "criteria", "stage0")
    assert (cost.agent, cost.stage, cost.study, cost.trials) == ("criteria", "stage0", "study", 12)
    assert cost.states == {"complete": 10, "failed": 2}
    assert cost.failures == {"diverged": 1, "error": 1, "worker died": 1}
    assert cost.best == study.best_value
    assert cost.epochs == 10 * 3 + 3 * 1, "a mishap comes in the second epoch"
    assert math.isclose(cost.training_hours * 3600, sum(trial.user_attrs["seconds"] for trial in study.trials))
    assert cost.training_hours * 3600 > 33 * 0.02


def test_no_figure_shows_a_message_or_an_attribute_of_the_study(study):
    assert CANARY in str(study.user_attrs)
    for plot in PLOTS:
        drawn = plot(study).to_json()
        assert CANARY not in drawn and "checkpoint" not in drawn
