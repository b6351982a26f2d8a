"""The box at the end of a stage or a refit: what was reached, beside the baseline, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from psy_agents.agents.registry import spec
from psy_agents.baselines.objectives import baseline_objectives
from psy_agents.hpo.refit.run_refit import RefitSummary
from psy_agents.hpo.study.topk import TopK
from psy_agents.reporting.texts import readable_name

Rows = list[tuple[str, str]]


def stage_rows(top: TopK, baselines: Mapping[str, Mapping[str, float]], evidence_weight: float) -> Rows:
    """The best trial of a stage, by the name of its objective, and the best baseline in the same one.

    Args:
        baselines: name -> metric -> value on validation, as `baseline_table` returns them.
        evidence_weight: weight of token-F1 in the objective of an agent that predicts both.
    """
    best, described = top.trials[0], spec(top.agent)
    finished = "1 trial" if top.n_trials == 1 else f"{top.n_trials} trials"
    rows = [
        (f"best {described.objective_title(evidence_weight)} on validation", f"{best.value:.4f}"),
        ("in", f"trial {best.trial}, epoch {best.best_epoch} of {best.epochs_run}; {finished} finished"),
    ]
    values = baseline_objectives(baselines, described.objective_metrics, evidence_weight)
    if values:
        name = max(values, key=values.__getitem__)
        side = "below" if values[name] < best.value else "not below"  # Of the trial, since it is no test of the agent.
        rows.append(("best baseline", f"{values[name]:.4f}, {readable_name(name)}: {side} the best trial"))
    return [*rows, ("parameters", _shown(best.params))]


def refit_rows(summary: RefitSummary, evidence_weight: float) -> Rows:
    """The winner of a refit and its value on test."""
    by_seed = ", ".join(f"{each.test_value:.4f} with seed {each.seed}" for each in summary.finals)
    spread = f"; alone {by_seed}" if len(summary.finals) > 1 else ""
    winner = summary.candidates[summary.winner - 1]
    return [
        (f"{spec(summary.agent).objective_title(evidence_weight)} on test", f"{summary.test_value:.4f}{spread}"),
        ("winner", f"trial {winner.trial} of {summary.from_study}, epochs of training: {summary.epochs}, seed {summary.seed}"),
        ("parameters", _shown(summary.params)),
    ]


def print_box(title: str, rows: Sequence[tuple[str, str]], then: Sequence[tuple[str, str]]) -> None:
    """Print the rows in a box to the terminal.

    Args:
        then: what to run and to open; it stands below the box, where a long line can be copied.
    """
    from rich.console import Console
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    grid.add_column()
    grid.add_column(overflow="fold")
    for name, value in rows:
        grid.add_row(Text(name, style="bold"), Text(value))
    console = Console()
    console.print(Panel(grid, title=title, title_align="left", expand=False))
    for name, value in then:
        console.print(Text(f"  {name}: {value}"), soft_wrap=True)


def _shown(params: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {f'{value:.3g}' if isinstance(value, float) else value}" for name, value in sorted(params.items()))
