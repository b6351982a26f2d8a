"""Sections of the report's page about training: seeds, choices on held-out pairs, ensembles, search, costs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from psy_agents.evaluation.metrics.registry import TITLES, lower_is_better
from psy_agents.evaluation.results import AgentSpread, Report, SeedScores
from psy_agents.reporting.page_parts import Cell, Chart, Details, Section, Table
from psy_agents.reporting.tables import estimate_text, p_text, selection_table, stages_table
from psy_agents.reporting.texts import duration_text, estimate_cell, held_out_words, readable_name

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

ENSEMBLES = {"seeds": "of its seeds", "top_k": "of the best candidates"}
GAIN_HEADS = {"calibration": "calibration", "thresholds": "thresholds by criterion"}


def selection_section(report: Report) -> Section | None:
    """The winner's objective in the search, confirmed and on test. None without a refit."""
    if not report.selections:
        return None
    columns = {
        "searched": "Best of the search",
        "winner_searched": "Winner in the search",
        "confirmed": "Winner confirmed",
        "other_seeds": "Chosen by the other seeds",
        "test": "On test",
        "search_gap": "Search − test",
        "confirmed_gap": "Confirmed − test",
    }
    rows: list[list[Cell]] = [
        [
            each["agent"],
            None if pd.isna(each["trials"]) else int(each["trials"]),
            int(each["candidates"]),
            *(None if pd.isna(each[name]) else estimate_text(each[name]) for name in columns),
        ]
        for each in selection_table(report).to_dict("records")
    ]
    caption = "The objective each time it was scored, from the search to test"
    return Section(tables=[Table(caption, ["Agent", "Trials", "Candidates", *columns.values()], rows)])


def seeds_section(report: Report) -> Section | None:
    """The winner's scores over seeds. None if no seeds were recorded."""
    if not report.seeds:
        return None
    seeds = _all_seeds(report.seeds)
    rows: list[list[Cell]] = [[scores.agent, *_by_seed(scores, seeds)] for scores in report.seeds]
    caption = f"The winner's objective on {held_out_words(report.seeds)}, trained again with each seed; these values chose the winner"
    tables = [Table(caption, ["Agent", *(f"Seed {seed}" for seed in seeds)], rows)]
    return Section(tables=[*tables, *_final_models(report)])


def _final_models(report: Report) -> list[Table]:
    """The final models on test, if there are any."""
    if not report.final_models:
        return []
    seeds = _all_seeds(report.final_models)
    rows: list[list[Cell]] = [
        [
            f"{each.agent}, {TITLES[each.metric]}",
            estimate_cell(each.mean),
            None if each.standard_deviation is None else estimate_text(each.standard_deviation),
            *_by_seed(each, seeds),
        ]
        for each in report.final_models
    ]
    caption = (
        "The final models on test, trained on train + validation with each seed. The model of the first seed is handed over; this was "
        "fixed before the test. The interval of the mean is over seeds and posts, by bootstrap, not that of the other sections; without "
        "one, all resamples gave the same value, which makes no figure certain. Deviation: standard deviation of the sample (n − 1)."
    )
    return [Table(caption, ["Agent and metric", "Mean", "Deviation", *(f"Seed {seed}" for seed in seeds)], rows)]


def _all_seeds(scores: Iterable[SeedScores | AgentSpread]) -> list[int]:
    """The seeds of all agents, in the order of the configuration."""
    return list(dict.fromkeys(seed for each in scores for seed in each.seeds))


def _by_seed(scores: SeedScores | AgentSpread, seeds: Iterable[int]) -> list[Cell]:
    """The cell of each seed, empty for a seed that the agent lacks."""
    found = dict(zip(scores.seeds, map(estimate_text, scores.values), strict=True))
    return [found.get(seed) for seed in seeds]


def choices_section(report: Report) -> Section | None:
    """Effects of calibration and thresholds. None if no agent predicts probabilities."""
    if not report.decisions:
        return None
    rows: list[list[Cell]] = [
        [
            f"{each.agent}, {GAIN_HEADS[each.choice]}",
            TITLES[each.metric] if each.criterion is None else f"{TITLES[each.metric]} of {each.criterion}",
            *(estimate_cell(estimate) for estimate in (each.without, each.chosen, each.difference)),
        ]
        for each in report.gains
    ]
    caption = f"On test: each metric without the choice, with it, and the difference; {lower_is_better('criteria')}"
    gained = Table(caption, ["Agent and choice", "Metric", "Without", "With", "Difference"], rows)
    details = []
    for each in report.decisions:
        thresholds: list[list[Cell]] = [
            [name, chosen.validation_positives, estimate_text(chosen.threshold), "this criterion" if chosen.own else "all criteria"]
            for name, chosen in each.criteria.items()
        ]
        summary = (
            f"{each.agent}: temperature {estimate_text(each.temperature)}, shift {estimate_text(each.shift)}, "
            f"pooled threshold {estimate_text(each.threshold)}"
        )
        columns = ["Criterion", "Positive and held out", "Threshold", "Chosen on"]
        details.append(Details(summary, tables=[Table(f"Thresholds of {each.agent}", columns, thresholds)]))
    return Section(tables=[gained] if rows else [], details=details)


def ensembles_section(report: Report) -> Section | None:
    """Gains and costs of ensembles. None if there is no ensemble."""
    if not report.ensembles:
        return None
    gains: list[list[Cell]] = [
        [
            f"{each.agent}, {ENSEMBLES[each.kind]}",
            TITLES[gain.metric],
            estimate_cell(gain.difference),
            p_text(gain.p_value),
            None if gain.detectable is None else estimate_text(gain.detectable),
        ]
        for each in report.ensembles
        for gain in each.gain
    ]
    costs: list[list[Cell]] = [
        [
            f"{each.agent}, {name}",
            cost.members,
            f"{cost.train_seconds:,.1f}",
            f"{cost.test_seconds:,.2f}",
            cost.parameters,
            f"{cost.disk_bytes / 1e6:,.1f}",
        ]
        for each in report.ensembles
        for name, cost in (("ensemble", each.cost), ("single winner", each.single_cost))
    ]
    return Section(
        tables=[
            Table(
                "Ensemble minus the single winner, on the same test pairs; paired permutation test by post, not corrected for the number "
                "of tests",
                ["Ensemble", "Metric", "Difference", "p", "Detectable"],
                gains,
            ),
            Table(
                "Costs: training of all members one after another, and prediction of the test split, in seconds",
                ["Model", "Members", "Training", "Prediction", "Parameters", "Megabytes"],
                costs,
            ),
        ]
    )


def search_charts(search_figures: Mapping[str, Sequence[tuple[str, Figure]]]) -> dict[str, list[Chart]]:
    """Charts of each agent's search."""
    return {
        agent: [Chart(f"search-{number}-{place}", figure, title=title) for place, (title, figure) in enumerate(figures, start=1)]
        for number, (agent, figures) in enumerate(search_figures.items(), start=1)
    }


def backbones_section(report: Report) -> Section | None:
    """The encoders of each agent that searched several. None where none did."""
    if not report.backbones:
        return None
    rows: list[list[Cell]] = [
        [
            f"{each.agent}, {each.encoder}",
            each.trials,
            *(None if value is None else estimate_text(value) for value in (each.best, each.median)),
            each.parameters,
            each.trained_parameters,
            None if each.ms_per_post is None else f"{each.ms_per_post:,.1f}",
        ]
        for each in report.backbones
    ]
    caption = (
        "Encoders of each search, on validation. Best: the highest value of one trial, which is too high on average, the more so the more "
        "trials there are; median: of the complete trials. Weights and milliseconds to predict all criteria of a post are those of the "
        "best trial, on the machine of the search and beside its other trials."
    )
    columns = ["Agent and encoder", "Trials", "Best", "Median", "Parameters", "Trained", "Milliseconds a post"]
    return Section(tables=[Table(caption, columns, rows)])


def costs_section(report: Report) -> Section | None:
    """Trials, time and failures of each stage. None if no stage was recorded."""
    if not report.stages:
        return None
    table = stages_table(report)
    states = list(table.columns[4 : table.columns.get_loc("best")])
    rows: list[list[Cell]] = [
        [
            f"{each['agent']}, {each['stage']}",
            int(each["trials"]),
            *(int(each[state]) for state in states),
            None if pd.isna(each["best"]) else estimate_text(each["best"]),
            duration_text(each["training_hours"]),
            int(each["epochs"]),
            each["failures"] or "–",
            each["study"],
        ]
        for each in table.to_dict("records")
    ]
    caption = (
        "Costs of each stage. Best: the highest value of one trial, on validation or on what a seed of the refit held out; as a maximum it "
        "is too high on average. Final models have none here: their values on test are in Summary and Seeds."
    )
    columns = ["Stage", "Trials", *map(readable_name, states), "Best", "Time", "Epochs", "Failures", "Study"]
    return Section(tables=[Table(caption, columns, rows)])
