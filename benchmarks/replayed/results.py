"""Tables and the figure of replayed searches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

RESAMPLES = 4000
GRID = np.arange(50, 975, 50)
"""Epochs at which the anytime curves are read."""
BASELINES = ("random", "tpe", "univariate")
STAGED = ("today", "new_tpe", "new", "new_spend")
TITLES = {
    "random": "random", "tpe": "TPE, Optuna's defaults", "univariate": "univariate TPE",
    "today": "staged before", "new_tpe": "staged, TPE", "new": "staged", "new_spend": "staged, spend: epochs",
}  # fmt: skip

Key = tuple[str, int]
Runs = dict[Key, Mapping[str, Any]]
"""The runs of a method by task and draw."""


class Interval(NamedTuple):
    """A median of differences with its 95 % interval."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:+.4f} [{self.low:+.4f}, {self.high:+.4f}]"


def truth_after(run: Mapping[str, Any], epochs: int, rule: str = "truths") -> float:
    """Quality of what the method hands over after this many epochs; nan before its first complete trial."""
    ended = int(np.searchsorted(run["epochs"], epochs, side="right"))
    found = run[rule][ended - 1] if ended else None
    return float("nan") if found is None else found


def spent(run: Mapping[str, Any]) -> int:
    """Epochs that a run trained."""
    return run["epochs"][-1]


def differences(mine: Runs, other: Runs, *, equal_epochs: bool) -> dict[str, np.ndarray]:
    """By task the paired differences of quality, at the epochs that ``mine`` trained or of whole runs."""
    found: dict[str, list[float]] = {}
    for key in sorted(mine.keys() & other.keys()):
        epochs = spent(mine[key]) if equal_epochs else spent(other[key])
        found.setdefault(key[0], []).append(mine[key]["truths"][-1] - truth_after(other[key], epochs))
    return {task: np.array(values) for task, values in found.items()}


def median_interval(by_task: Mapping[str, np.ndarray], *, clustered: bool) -> Interval:
    """The median of all pairs; bootstrap of pairs within tasks, or, clustered, of tasks and then pairs."""
    random = np.random.default_rng(0)
    groups = list(by_task.values())
    medians = []
    for _ in range(RESAMPLES):
        chosen = [groups[i] for i in random.integers(len(groups), size=len(groups))] if clustered else groups
        medians.append(np.median(np.concatenate([values[random.integers(len(values), size=len(values))] for values in chosen])))
    low, high = np.quantile(medians, [0.025, 0.975])
    return Interval(float(np.median(np.concatenate(groups))), float(low), float(high))


def by_method(runs: Sequence[Mapping[str, Any]], noise: str) -> dict[str, Runs]:
    """The runs at a noise by method, then by task and draw."""
    found: dict[str, Runs] = {}
    for run in runs:
        if run["noise"] == noise:
            found.setdefault(run["method"], {})[run["task"], run["draw"]] = run
    return found


def show(runs: Sequence[Mapping[str, Any]]) -> None:
    """Print the tables of each noise."""
    for noise in dict.fromkeys(run["noise"] for run in runs):
        methods = by_method(runs, noise)
        tasks = sorted({run["task"] for run in runs if run["noise"] == noise})
        print(f"\n== noise {noise}; tasks {', '.join(tasks)}")
        _show_methods(methods)
        _show_comparisons(methods)
        _show_anytime(methods)


def _show_methods(methods: Mapping[str, Runs]) -> None:
    print(f"\n{'method':12} runs  median quality  own refit  epochs  trials  complete  epochs of stages 1, 2")
    for method in (*BASELINES, *STAGED):
        if method not in methods:
            continue
        mine = list(methods[method].values())
        quality, own = (np.median([run[rule][-1] for run in mine]) for rule in ("truths", "truths_before"))
        trials, complete = (np.mean([sum(stage[i] for stage in run["stages"]) for run in mine]) for i in (0, 1))
        later = np.mean([sum(stage[2] for stage in run["stages"][1:]) for run in mine])
        owned = f"{own:+.4f}" if method == "today" else ""
        print(
            f"{method:12} {len(mine):4} {quality:+15.4f} {owned:>10} {np.mean([spent(run) for run in mine]):7.0f} {trials:7.1f} "
            f"{complete:9.1f} {later:12.0f}"
        )
    if {"today", "new"} <= methods.keys():
        stages = [
            np.sum([stage[2] for run in methods[method].values() for stage in run["stages"][1:]]) / len(methods[method])
            for method in ("new", "today")
        ]
        print(f"epochs of stages 1 and 2: new / today = {stages[0] / stages[1]:.2f}")


def _show_comparisons(methods: Mapping[str, Runs]) -> None:
    print(f"\n{'comparison':26} pairs {'median difference [95 %]':30} {'clustered by task':22} {'mean':>8}  wins")
    pairs = [(mine, other, True) for mine in STAGED for other in BASELINES]
    pairs += [(mine, "today", False) for mine in ("new_tpe", "new", "new_spend")] + [("new", "new_tpe", False)]
    pairs += [("univariate", "random", True), ("tpe", "random", True)]
    for mine, other, equal in pairs:
        if mine not in methods or other not in methods:
            continue
        found = differences(methods[mine], methods[other], equal_epochs=equal)
        if not found:
            continue
        values = np.concatenate(list(found.values()))
        wins = np.mean((values > 0) + 0.5 * (values == 0))
        plain, wide = (median_interval(found, clustered=clustered) for clustered in (False, True))
        name = f"{mine} - {other}" + ("" if equal else ", whole")
        print(f"{name:26} {len(values):5} {plain!s:30} [{wide.low:+.4f}, {wide.high:+.4f}]     {values.mean():+8.4f}  {wins:.0%}")
        medians = ", ".join(f"{task} {np.median(each):+.3f}" for task, each in found.items())
        print(f"{'':33}{medians}")


def _show_anytime(methods: Mapping[str, Runs]) -> None:
    grid = GRID[1::2]
    print(f"\n{'median quality after':26}" + "".join(f"{epochs:8}" for epochs in grid))
    for method, mine in methods.items():
        print(f"{method:26}" + "".join(f"{np.median(each):+8.3f}" for each in _anytime(mine, grid)))


def _anytime(runs: Runs, grid: np.ndarray) -> list[list[float]]:
    """At each point of the grid the qualities of all runs; a run that has ended keeps its last one."""
    return [[truth_after(run, epochs) for run in runs.values()] for epochs in grid]


def write_figure(runs: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write the anytime curves at the middle noise, medians over all pairs, as an SVG file."""
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    from psy_agents.reporting.figure_style import BLUE, GREEN, GREY, ORANGE, RED, SKY

    colours = {"random": GREY, "tpe": SKY, "univariate": GREEN, "today": ORANGE, "new": BLUE, "new_spend": RED}
    methods = by_method(runs, "middle")
    # Text stays text, and equal figures are equal files.
    with plt.rc_context({"svg.fonttype": "none", "svg.hashsalt": "search_replay", "font.family": "sans-serif"}):
        figure, axes = plt.subplots(figsize=(7.2, 4.2), layout="constrained")
        for method, colour in colours.items():
            if method not in methods:
                continue
            mine = methods[method]
            grid = GRID[max(np.median([spent(run) for run in mine.values()]) + 25, 100) > GRID]
            medians = [np.median(each) for each in _anytime(mine, grid)]
            axes.plot(grid, medians, color=colour, label=TITLES[method], linewidth=2 if method in STAGED else 1.4)
        axes.set_xlabel("epochs trained")
        axes.set_ylabel("quality of the refitted model (units)")
        axes.grid(color="#e5e5e5")
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, loc="lower right")
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, metadata={"Date": None})
        plt.close(figure)
