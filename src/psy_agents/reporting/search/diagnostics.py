"""Figures of a stage's study, and the stage's cost. No figure holds text of a post."""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import optuna
from optuna.trial import FrozenTrial, TrialState

from psy_agents.evaluation.results import StageCost
from psy_agents.hpo.study.records import Failure, TrialRecord, best_record, record_of
from psy_agents.hpo.study.topk import stage_records
from psy_agents.reporting.figure_style import SKY, empty_figure, label_rows, lay_out, plotly_text
from psy_agents.reporting.search.plots import BEST_COLOUR, STATE_COLOURS, hover_text
from psy_agents.training.learning_curve import smoothed

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

IMPORTANCE_TRIALS = 4
GOOD_TRIALS, GOOD_SHARE = 5, 0.1
TIMELINE_COLOURS = {**STATE_COLOURS, "running": SKY}


def importance_plot(study: optuna.Study) -> Figure:
    """Importance of each hyper-parameter that varies: its share in the difference between good trials and all trials.

    PED-ANOVA (Watanabe et al., IJCAI 2023) in its conditional form (arXiv:2601.20800, theorem 4.2) includes parameters
    that only some trials have, which fANOVA leaves out. The good trials are the best tenth, but at least five, as Optuna
    advises, and at most half. Equal values share a rank.
    """
    import plotly.graph_objects as go

    title = "Importance of hyper-parameters"
    trials = complete_trials(study)
    if len(trials) < IMPORTANCE_TRIALS:
        return empty_figure(title, f"{len(trials)} trials are complete: fewer than {IMPORTANCE_TRIALS} say nothing about importance.")
    names = varying_parameters(trials)
    if not names:
        return empty_figure(title, "No hyper-parameter varies among the complete trials.")
    share = max(GOOD_SHARE, min(0.5, GOOD_TRIALS / len(trials)))
    values = sorted((trial.value for trial in trials), reverse=True)
    good = sum(value >= values[math.ceil(share * len(values)) - 1] for value in values)
    if good == len(values):
        return empty_figure(title, f"Too many of the {len(trials)} complete trials have the same value to rank them.")
    with warnings.catch_warnings():
        # Optuna leaves out parameter values that only one trial has, and warns about it.
        warnings.simplefilter("ignore", UserWarning)
        evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=share)
        importances = optuna.importance.get_param_importances(study, evaluator=evaluator, params=names)
    names = list(importances)
    figure = go.Figure()
    figure.add_bar(
        orientation="h",
        x=[importances[name] for name in names],
        y=list(range(len(names))),
        marker={"color": STATE_COLOURS["complete"]},
        text=[plotly_text(name) for name in names],
        textposition="none",
        hovertemplate="%{text}: %{x:.1%}<extra></extra>",
    )
    subtitle = f"{study.study_name}: PED-ANOVA, what sets the best {good} of {len(trials)} trials apart"
    lay_out(figure, title, subtitle=subtitle, content_height=22 * len(names))
    figure.update_xaxes(title="Share of the importance", rangemode="tozero", tickformat=".0%")
    label_rows(figure, [plotly_text(name) for name in names], showgrid=False)
    return figure


def timeline_plot(study: optuna.Study) -> Figure:
    """Each attempt as a bar from its start to its end, in the row of its worker.

    A cross marks the start of an attempt without a known end: it still runs, or its run died.
    """
    import plotly.graph_objects as go

    title = "Attempts by time"
    attempts = attempts_of(study)
    if not attempts:
        return empty_figure(title, "No trial was begun.")
    workers = sorted({record.worker for _, record in attempts})
    figure = go.Figure()
    for state, colour in TIMELINE_COLOURS.items():
        chosen = [(trial, record) for trial, record in attempts if record.state == state]
        ended = [(trial, record) for trial, record in chosen if _has_end(record)]
        name = f"{state} ({len(chosen)})"
        if ended:
            figure.add_bar(
                orientation="h",
                base=[trial.datetime_start for trial, _ in ended],
                # Not end minus start: the clock may change during a trial.
                x=[1000 * trial.user_attrs.get("seconds", 0.0) for trial, _ in ended],
                y=[workers.index(record.worker) for _, record in ended],
                width=0.7,
                name=name,
                legendgroup=state,
                marker={"color": colour, "line": {"color": "#ffffff", "width": 1}},
                text=[_attempt_text(trial, record) for trial, record in ended],
                textposition="none",
                hovertemplate="%{text}<extra></extra>",
            )
        if open_ended := [(trial, record) for trial, record in chosen if not _has_end(record)]:
            figure.add_scatter(
                x=[trial.datetime_start for trial, _ in open_ended],
                y=[workers.index(record.worker) for _, record in open_ended],
                mode="markers",
                name=name,
                legendgroup=state,
                showlegend=not ended,
                marker={"color": colour, "symbol": "x", "size": 10},
                text=[_attempt_text(trial, record) for trial, record in open_ended],
                hovertemplate="%{text}<extra></extra>",
            )
    lay_out(figure, title, subtitle=f"{study.study_name}: {len(attempts)} attempts", content_height=40 * len(workers))
    figure.update_layout(barmode="overlay")
    figure.update_xaxes(type="date", title="Time")
    label_rows(figure, [f"worker {worker}" for worker in workers], showgrid=False)
    return figure


def learning_curves_plot(study: optuna.Study) -> Figure:
    """Values by epoch of each trial's final attempt. The best trial is highlighted, with its smoothed curve and its best epoch there."""
    import plotly.graph_objects as go

    title = "Values by epoch"
    records = stage_records(study)
    curves = {trial.number: sorted(trial.intermediate_values.items()) for trial in study.get_trials(deepcopy=False)}
    begun = [record for record in records if curves[record.number]]
    if not begun:
        return empty_figure(title, "No trial has finished an epoch.")
    best = best_record(begun)
    figure = go.Figure()
    for state, colour in STATE_COLOURS.items():
        chosen = [record for record in begun if record.state == state]
        # One trace for all trials of a state, with gaps between them: hundreds of traces are slow.
        points = [(epoch, value, record.number) for record in chosen for epoch, value in [*curves[record.number], (None, None)]]
        if points:
            epochs, values, trials = zip(*points, strict=True)
            figure.add_scatter(
                x=epochs,
                y=values,
                customdata=trials,
                mode="lines+markers",
                line={"color": colour, "width": 1},
                marker={"size": 3},
                opacity=0.5,
                name=f"{state} ({len(chosen)})",
                hovertemplate=f"trial %{{customdata}}: {state}<br>epoch %{{x}}: %{{y:.4f}}<extra></extra>",
            )
    if best is not None:
        epochs, values = zip(*curves[best.number], strict=True)
        figure.add_scatter(
            x=epochs,
            y=values,
            mode="lines+markers",
            line={"color": BEST_COLOUR, "width": 1},
            marker={"size": 5},
            name=f"best (trial {best.number})",
            text=[hover_text(best)] * len(epochs),
            hovertemplate="epoch %{x}: %{y:.4f}<br>%{text}<extra></extra>",
        )
        figure.add_scatter(
            x=epochs,
            y=smoothed(values),
            mode="lines+markers",
            line={"color": BEST_COLOUR, "width": 3},
            marker={"size": [12 if epoch == best.best_epoch else 5 for epoch in epochs]},
            name="the same, smoothed: it is judged by this",
            hovertemplate="epoch %{x}, smoothed: %{y:.4f}<extra></extra>",
        )
    lay_out(figure, title, subtitle=f"{study.study_name}: {len(begun)} trials")
    last = max(epoch for record in begun for epoch, _ in curves[record.number])
    figure.update_xaxes(title="Epoch", dtick=1 if last <= 20 else None)
    figure.update_yaxes(title="Objective")
    return figure


def stage_cost(study: optuna.Study, agent: str, stage: str) -> StageCost:
    """Cost of a stage: its trials by state, and the training hours, epochs and failures of all attempts.

    An attempt whose run died counts its epochs. Its training time is unknown and counts as zero.
    """
    records, attempts = stage_records(study), attempts_of(study)
    best = best_record(records)
    failures = Counter(record.failure for _, record in attempts if record.failure is not None)
    return StageCost(
        agent=agent,
        stage=stage,
        study=study.study_name,
        trials=len(records),
        states=dict(sorted(Counter(record.state for record in records).items())),
        best=None if best is None else best.value,
        training_hours=sum(record.seconds for _, record in attempts) / 3600,
        epochs=sum(max(record.epochs_run, len(trial.intermediate_values)) for trial, record in attempts),
        failures=dict(sorted(failures.items())),
    )


def complete_trials(study: optuna.Study) -> list[FrozenTrial]:
    """The complete trials. Each is the final attempt of its index."""
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))


def attempts_of(study: optuna.Study) -> list[tuple[FrozenTrial, TrialRecord]]:
    """All attempts, including retried ones. A trial without an index never got all its parameters and is left out."""
    final = {record.number for record in stage_records(study)}
    trials = [trial for trial in study.get_trials(deepcopy=False) if "index" in trial.user_attrs]
    return [(trial, record_of(trial, final=trial.number in final)) for trial in trials]


def varying_parameters(trials: Sequence[FrozenTrial]) -> list[str]:
    """Parameters that differ between trials, or that only some of them have."""
    names = dict.fromkeys(name for trial in trials for name in trial.params)
    return [name for name in names if any(_differ(name, trial, trials[0]) for trial in trials)]


def _differ(name: str, one: FrozenTrial, other: FrozenTrial) -> bool:
    return (name in one.params) != (name in other.params) or one.params.get(name) != other.params.get(name)


def _has_end(record: TrialRecord) -> bool:
    """Whether the stored end is the end of the attempt. The end of an orphan is the time when the next run found it."""
    return record.state != "running" and record.failure != Failure.ORPHAN


def _attempt_text(trial: FrozenTrial, record: TrialRecord) -> str:
    seconds = f"<br>{record.seconds:,.1f} s" if _has_end(record) else ""
    again = "" if record.retry_of is None else "<br>run again after a failure"
    return f"{hover_text(record)}{seconds}{again}"
