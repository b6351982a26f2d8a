"""The leaderboard: the best trial of each agent, stage and encoder, beside its baseline and what it cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
import pandas as pd

from psy_agents.agents.registry import AGENTS, spec
from psy_agents.baselines.objectives import baseline_objectives
from psy_agents.files.schema import parameter_text
from psy_agents.hpo.refit.run_refit import RefitSummary
from psy_agents.hpo.study.records import best_record
from psy_agents.reporting.page_parts import Table
from psy_agents.reporting.search.backbones import by_encoder
from psy_agents.reporting.search.diagnostics import attempts_of
from psy_agents.reporting.templating import render
from psy_agents.reporting.texts import duration_text, readable_name
from psy_agents.training.config import TrainingSettings

COLUMNS = (
    "agent", "stage", "encoder", "metric", "validation", "baseline", "baseline_validation", "test", "parameters", "ms_per_post",
    "trials", "epochs", "hours", "params", "study",
)  # fmt: skip
SHOWN = ("stage", "encoder", "validation", "baseline", "test", "parameters", "ms/post", "trials", "epochs", "time")
FIRST = ("stage", "encoder", "validation", "baseline", "test", "trials")
"""What a terminal shows that is too narrow for all."""


def leaderboard_table(
    studies: Iterable[optuna.Study],
    data_hash: str,
    baselines: Mapping[str, Mapping[str, float]],
    summaries: Mapping[str, Mapping[str, Any] | None],
) -> pd.DataFrame:
    """One row for each study of a search on this corpus and each encoder in it: by agent, the highest validation value first.

    ``validation`` is the best trial's value in the agent's objective, ``baseline_validation`` the best baseline's in the same one.
    ``trials`` are finished, ``epochs`` and ``hours`` those of all attempts. ``test`` is the refit's, in the row that it confirmed.
    ``parameters`` and ``ms_per_post`` (milliseconds to predict all criteria of a post) are the best trial's.
    ``params`` pins the trial's hyper-parameters, for ``--params``.

    Args:
        baselines: name -> metric -> value on validation, as `baseline_table` returns them.
        summaries: agent -> summary of its refit, None where there is none.
    """
    refits = {agent: RefitSummary.model_validate(each) for agent, each in summaries.items() if each is not None}
    rows = []
    for study in studies:
        if study.user_attrs.get("data_hash") == data_hash and "parent_study" not in study.user_attrs:  # A refit has a parent.
            rows += _rows(study, baselines, refits.get(study.user_attrs["agent"]))
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    order = {agent: place for place, agent in enumerate(AGENTS)}
    return table.sort_values(
        ["agent", "validation"], ascending=[True, False], key=lambda column: column.map(order) if column.name == "agent" else column,
        kind="stable", ignore_index=True,
    )  # fmt: skip


def _rows(study: optuna.Study, baselines: Mapping[str, Mapping[str, float]], refit: RefitSummary | None) -> list[tuple]:
    attributes = study.user_attrs
    agent, settings = attributes["agent"], TrainingSettings.model_validate(attributes["identity"]["training"])
    objectives = baseline_objectives(baselines, spec(agent).objective_metrics, settings.objective_evidence_weight)
    baseline = max(objectives, key=objectives.__getitem__, default=None)
    rows = []
    for encoder, tried in by_encoder(study, (record for _, record in attempts_of(study))).items():
        records = [record for record in tried if record.final]
        if (best := best_record(records)) is None:
            continue
        confirmed = refit is not None and refit.from_study == study.study_name and refit.hyperparameters["encoder"] == encoder
        rows.append((
            agent, attributes["stage"], Path(encoder).name,
            spec(agent).objective_title(settings.objective_evidence_weight), best.value,
            baseline, None if baseline is None else objectives[baseline], refit.test_value if confirmed else None,
            best.cost.get("parameters"), best.cost.get("ms_per_post"),
            len(records), sum(each.epochs_run for each in tried), sum(each.seconds for each in tried) / 3600,
            pinned_parameters(agent, encoder, {**settings.fixed, **best.params}), study.study_name,
        ))  # fmt: skip
    return rows


def pinned_parameters(agent: str, encoder: str, params: Mapping[str, Any]) -> str:
    """The value of ``--params`` with which every trial of the agent has these hyper-parameters."""
    pinned = [f"hpo.pinned.{name}={parameter_text(value)}" for name, value in sorted(params.items()) if name != "encoder"]
    return ",".join([f"agent={agent}", f"hpo.encoder={encoder}", *pinned])


def print_leaderboard(table: pd.DataFrame) -> None:
    """Print the table to the terminal, agent by agent, and below each the parameters of its first row, to copy."""
    from rich import box
    from rich.table import Table as TerminalTable
    from rich.text import Text

    from psy_agents.files.terminal import output_console

    console = output_console()
    if table.empty:
        console.print("No trial on this corpus has completed: run a stage of the search first.")

    def made(caption: str, rows: Sequence[Sequence[str | int | None]], names: Sequence[str]) -> TerminalTable:
        shown = TerminalTable(title=caption, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
        for name in names:
            shown.add_column(name, overflow="fold")
        for row in rows:
            cells = dict(zip(SHOWN, row, strict=True))
            shown.add_row(*("" if cells[name] is None else str(cells[name]) for name in names))
        return shown

    for caption, rows, best in _by_agent(table):
        whole = made(caption, rows, SHOWN)
        # Its least width breaks no word; below it, headers would be cut inside words.
        fits = console.measure(whole, options=console.options.update(width=10_000)).minimum <= console.width
        console.print(whole if fits else made(caption, rows, FIRST))
        console.print(Text(f"  best parameters: --params {best}\n"), soft_wrap=True)


def leaderboard_page(table: pd.DataFrame, data_hash: str) -> str:
    """The table as an HTML page, with the parameters of each row to copy."""
    tables = [Table(caption, SHOWN, rows) for caption, rows, _ in _by_agent(table)]
    commands = [(f"{row.agent}, {row.stage}, {row.encoder}", row.params) for row in table.itertuples()]
    return render("psy_agents.reporting", "leaderboard.html", tables=tables, commands=commands, data_hash=data_hash)


def _by_agent(table: pd.DataFrame) -> list[tuple[str, Sequence[Sequence[str | int | None]], str]]:
    """For each agent and objective a caption, the cells of `SHOWN`, and the parameters of the first row."""
    return [
        (f"{agent}, {metric}", [_cells(row) for row in rows.itertuples()], rows["params"].iloc[0])
        for (agent, metric), rows in table.groupby(["agent", "metric"], sort=False)
    ]


def _cells(row: Any) -> list[str | int | None]:
    baseline = "" if pd.isna(row.baseline_validation) else f"{row.baseline_validation:.3f} {readable_name(row.baseline)}"
    test = None if pd.isna(row.test) else f"{row.test:.3f}"
    weights = None if pd.isna(row.parameters) else f"{row.parameters / 1e6:,.1f} M"
    time = None if pd.isna(row.ms_per_post) else f"{row.ms_per_post:,.1f}"
    cells = [row.stage, row.encoder, f"{row.validation:.3f}", baseline, test, weights, time]
    return [*cells, row.trials, row.epochs, duration_text(row.hours)]
