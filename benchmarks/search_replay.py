"""The staged search compared with random search and TPE on replayed learning curves, at equal numbers of trained epochs.

    python benchmarks/search_replay.py --out FOLDER --surrogate shared/data/lcbench [--tasks reported] [--noise middle third twice]
        [--draws 50 20 20] [--methods ...] [--table TRIALS.jsonl ...] [--processes 2] [--figure FILE.svg] [--show]

Space, sampler, pruner, refinement, ledger of trials and selection are the package's own (`StageTrials`, `refine`, `top_k`); only the
training is replaced, by a curve, and the store, by a list (`replayed/search.py`). The whole comparison takes about 28 minutes on two
idle cores. Each run is written to FOLDER/runs.jsonl when it ends; run the same command again to continue. --show prints finished runs.

Methods, fixed beforehand:

    random      random search, trials of 15 epochs
    tpe         the same with optuna.samplers.TPESampler() and its own defaults
    univariate  the same with multivariate=False
    today       the staged search before: bounding box, median pruner, multivariate TPE, raw values (options of commit 16ad381)
    new         the stages of conf/base/parameters_hpo.yml
    new_tpe     the same with univariate TPE in stages 1 and 2, as they were before the Gaussian process (commit 813b366); only if named
    new_spend   the same with spend: epochs

The stages are 8 x 3, 20 x 10 and 50 x 15 epochs (trials x epochs), 974 epochs in all. A stage of 3 epochs sees the first 3 of the 15
points of a curve: LCBench's curves have no schedule that ends early. Nothing is enqueued, no trial fails, one worker.

Data: the LCBench surrogate (34 tasks of OpenML, 7 hyper-parameters, 15 epochs at equal distances of 52), and tables of own trials
(`trial_table.py`). `tried` are the tasks on which anything may be tried, `reported` those of the reported figures; both were
fixed before the first run: of the 34 sorted by number every seventh from the first, and every fifth from the fourth without those
tried. `mixed` are the reported ones over a space like ours, with choices, conditions and parameters that change nothing
(`MIXED_SPACE`). The priors of the Gaussian process were chosen on `tuned`, the tried tasks and every third of the others; `fresh` are
those that are left. Any other name of encoding.json can be given, with or without "mixed-" before it.

Unit: quality is rescaled so that the median of 2,000 random configurations is 0 and the best 1 % reach 0.10: macro-F1 on a corpus
where the best configurations are 0.10 above the median one.

Noise of an observed value (normal; sizes are standard deviations in units, of the variance at the middle size 50, 30 and 20 %):

    kind    third   middle  twice   what it is
    split   0.0071  0.0212  0.0424  bias of the validation split: a smooth function of the configuration (a Gaussian process whose
                                    kernel's length is 0.2 of the unit cube's diagonal); all trials of a search share it
    seed    0.0055  0.0164  0.0329  of one training, the same in all its epochs
    epoch   0.0045  0.0134  0.0268  of one epoch
    all     0.0100  0.0300  0.0600

The middle is what the standard error of macro-F1 on the 24 to 220 validation posts of the bundled corpus and of ReDSM5 amounts to once
what all configurations share is taken off. Methods meet the same noise: equal trainings on equal splits have equal values.

A table of own trials has the noise that its repeated points show, in units; curves between its points are those of a random
forest, whose R² on points that it did not see is printed.

Truth: noise-free quality on test of the model that is handed over. The five best trials of the last stage are refitted by the package's
rule, for all methods: five seeds, each on another split (another bias), candidate and epochs by the mean smoothed curve. The column
`own refit` gives today's with the rule of its time: all seeds on the search's split, highest mean of best epochs, median of them.

A staged method that trained E epochs is compared with what random and TPE have after E epochs, by the same refit. Pairs have the same
task and draw of noise. Intervals of the median difference are percentiles of 4,000 bootstrap samples: of pairs within each task,
and (clustered) of tasks and then pairs, which is wider because there are few tasks. Wins: share of pairs, ties one half.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import optuna
from replayed.curves import LcBench, MixedLcBench, Noise, TableCurves, Task
from replayed.results import show, write_figure
from replayed.search import METHODS, World, replay

MIDDLE = 0.03
SHARES = {"split": 0.5, "seed": 0.3, "epoch": 0.2}
SIZES = {"middle": 1.0, "third": 1 / 3, "twice": 2.0}
TASKS = {
    "tried": ("3945", "167104", "167185", "168335", "189866"),
    "reported": ("126025", "167149", "167184", "168329", "168908", "189909"),
}
OTHERS = (
    "7593", "34539", "126026", "126029", "146212", "167083", "167152", "167161", "167168", "167181", "167190", "167200", "167201", "168330",
    "168331", "168868", "168910", "189354", "189862", "189865", "189873", "189905", "189906", "189908",
)  # fmt: skip
TASKS |= {
    "mixed": tuple(f"mixed-{task}" for task in TASKS["reported"]),
    "tuned": (*TASKS["tried"], *OTHERS[1::3]),
    "fresh": tuple(task for place, task in enumerate(OTHERS) if place % 3 != 1),
}


class Job(NamedTuple):
    """The methods of one pair."""

    source: str
    task: str
    noise: str
    draw: int
    methods: tuple[str, ...]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--surrogate", type=Path, help="folder of the LCBench surrogate")
    parser.add_argument("--table", type=Path, nargs="*", default=(), help="tables of trial_table.py")
    parser.add_argument("--tasks", nargs="+", default=["reported"])
    parser.add_argument("--noise", choices=SIZES, nargs="+", default=list(SIZES))
    parser.add_argument("--draws", type=int, nargs="+", default=[50, 20, 20], help="of each noise")
    parser.add_argument("--methods", choices=METHODS, nargs="+", default=[name for name in METHODS if name != "new_tpe"])
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--show", action="store_true", help="print finished runs only")
    arguments = parser.parse_args()
    if not arguments.surrogate and not arguments.table:
        parser.error("give --surrogate or --table")
    if len(arguments.draws) != len(arguments.noise):
        parser.error("--draws needs one number for each --noise")

    tasks = [each for name in arguments.tasks for each in TASKS.get(name, (name,))] if arguments.surrogate else []
    sources = [(str(arguments.surrogate), task) for task in tasks] + [(str(path), path.stem) for path in arguments.table]
    for path in arguments.table:
        describe_table(task_of(str(path), path.stem))
    log = arguments.out / "runs.jsonl"
    log.parent.mkdir(parents=True, exist_ok=True)
    if not arguments.show:
        run_all(missing(sources, arguments, read_runs(log)), log, arguments.processes)
    names = {task for _, task in sources}
    chosen = names, arguments.noise, arguments.methods
    runs = [run for run in read_runs(log) if all(run[key] in each for key, each in zip(("task", "noise", "method"), chosen, strict=True))]
    show(runs)
    if arguments.figure:
        write_figure(runs, arguments.figure)


def describe_table(task: Task) -> None:
    """Print how good the curves of a table are, and their noise."""
    r2, noise = task.source.r2, noise_of("middle", task)
    print(
        f"{task.name}: R² on points not seen {r2[0]:.2f} on validation, {r2[1]:.2f} on test; a unit is {1 / task.scale:.3f} of the "
        f"objective; noise in units: split {noise.split:.4f}, seed {noise.seed:.4f}, epoch {noise.epoch:.4f}"
    )


def read_runs(log: Path) -> list[dict[str, Any]]:
    """Finished runs; a line that a killed benchmark left half written is no run."""
    if not log.is_file():
        return []
    lines = log.read_text().splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


def missing(sources: Sequence[tuple[str, str]], arguments: argparse.Namespace, runs: Sequence[dict[str, Any]]) -> list[Job]:
    """What is left to run: draw by draw, so that an interrupted benchmark has all tasks."""
    done = {(run["task"], run["noise"], run["draw"], run["method"]) for run in runs}
    jobs = []
    for noise, draws in zip(arguments.noise, arguments.draws, strict=True):
        for draw in range(draws):
            for source, task in sources:
                left = tuple(method for method in arguments.methods if (task, noise, draw, method) not in done)
                if left:
                    jobs.append(Job(source, task, noise, draw, left))
    return jobs


def run_all(jobs: Sequence[Job], log: Path, processes: int) -> None:
    """Run jobs and write their runs."""
    if log.is_file() and not log.read_bytes().endswith(b"\n"):
        log.write_text("".join(json.dumps(run) + "\n" for run in read_runs(log)))
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
    with ProcessPoolExecutor(processes) as pool, log.open("a") as file:
        for ended in as_completed([pool.submit(run_job, job) for job in jobs]):
            for run in ended.result():
                file.write(json.dumps(run) + "\n")
            file.flush()


def run_job(job: Job) -> list[dict[str, Any]]:
    """Run the methods of one pair."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    task = task_of(job.source, job.task)
    task.forget()
    world = World(task, noise_of(job.noise, task), job.draw)
    key = {"task": job.task, "noise": job.noise, "draw": job.draw}
    return [{**key, "method": method, **replay(world, method)} for method in job.methods]


@lru_cache
def task_of(source: str, task: str) -> Task:
    """A task with its unit, made once in each process."""
    path = Path(source)
    if path.suffix == ".jsonl":
        return Task(TableCurves(path))
    return Task(MixedLcBench(path, task.removeprefix("mixed-")) if task.startswith("mixed-") else LcBench(path, task))


def noise_of(size: str, task: Task) -> Noise:
    """The noise of a size: of a table its own, in units, else that of this file's head."""
    measured = task.source.noise
    middle = {kind: MIDDLE * share**0.5 for kind, share in SHARES.items()}
    if measured is not None:
        middle = {kind: getattr(measured, kind) * task.scale for kind in SHARES}
    return Noise(**{kind: SIZES[size] * value for kind, value in middle.items()})


if __name__ == "__main__":
    main()
