"""Whole searches: ours and the Trainer's, and ours by workers and threads (`speed.py search|workers`)."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from staged_search import parameters
from trials.cpu_meter import CpuMeter
from trials.same_trials import EPOCHS, learning_rates, like_bert, read_corpus, spread
from trials.trainer_search import trainer_search

from psy_agents.corpus.corpus import Corpus
from psy_agents.hpo.config import StageConfig
from psy_agents.hpo.paths import StoragePaths
from psy_agents.hpo.run_stage import run_stage
from psy_agents.hpo.space.config import SearchSpaceConfig
from psy_agents.hpo.study.store import read_study
from psy_agents.training.config import TrainingSettings

ARMS = ("ours", "dynamic", "max_length", "dynamic_bf16", "max_length_bf16")


def search(arguments: argparse.Namespace) -> None:
    """Run the arms in turn, each in a fresh process, and compare."""
    out = arguments.out or Path(tempfile.mkdtemp()) / "speed.jsonl"
    runs = [json.loads(line) for line in out.read_text().splitlines()] if out.is_file() else []
    for number in range(arguments.rounds):
        for arm in arguments.arms:
            if arm.startswith("max_length") and number >= arguments.padded_rounds:
                continue
            if any(run["arm"] == arm and run["round"] == number for run in runs):
                continue
            names = ("posts", "trials", "precision", "encoder", "device", "batch", "frozen_layers", "negatives")
            options = [word for name in names for word in ("--" + name.replace("_", "-"), str(getattr(arguments, name)))]
            # Without a main file: our worker would import it again, with everything that only the parent needs.
            command = [sys.executable, "-c", "import speed; speed.main()", "arm", "--arm", arm, *options]
            output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1]).stdout
            runs.append({"arm": arm, "round": number, **json.loads(output.splitlines()[-1])})
            with out.open("a") as file:
                file.write(json.dumps(runs[-1]) + "\n")
            print(f"round {number}, {arm}: {runs[-1]['wall']:.0f} s, CPU {runs[-1]['cpu']:.0f} s", flush=True)
    by = "cpu" if arguments.device == "cpu" else "wall"
    print(f"\narm              s a trial        CPU s a trial    macro-F1 of the best trial   times ours ({by})")
    ours = [run[by] / len(run["trials"]) for run in runs if run["arm"] == "ours"]
    for arm in arguments.arms:
        mine = [run for run in runs if run["arm"] == arm]
        wall, cpu = ([run[key] / len(run["trials"]) for run in mine] for key in ("wall", "cpu"))
        best = [max(value for _, value in run["trials"]) for run in mine]
        times = [c / ours[run["round"]] for run, c in zip(mine, cpu if by == "cpu" else wall, strict=True)]
        print(f"{arm:16} {spread(wall, 1):16} {spread(cpu, 1):16} {spread(best, 3):28} {spread(times, 1)}")
    for arm in [arm for arm in arguments.arms if arm != "ours"]:
        mine = {run["round"]: run for run in runs if run["arm"] == arm}
        paired = [(run, mine[run["round"]]) for run in runs if run["arm"] == "ours" and run["round"] in mine]
        until = [_until(run, max(value for _, value in other["trials"])) for run, other in paired]
        reached = [seconds for seconds in until if seconds is not None]
        print(
            f"until ours had the value that {arm} ended with: {spread(reached, 0)} s, in {len(reached)} of {len(until)} rounds; "
            f"{arm} took {spread([run['wall'] for run in mine.values()], 0)} s"
        )


def _until(run: dict[str, Any], value: float) -> float | None:
    """Seconds until a search first reached the value."""
    return min((seconds for seconds, reached in run["trials"] if reached >= value), default=None)


def run_arm(arguments: argparse.Namespace) -> None:
    """One search; prints its seconds and, for each trial, when it ended and what it reached."""
    corpus, rates = read_corpus(arguments), learning_rates(arguments)
    trials: dict[int, tuple[float, float]] = {}
    with CpuMeter() as meter:
        begin = time.perf_counter()
        if arguments.arm == "ours":
            trials = dict(enumerate(our_search(corpus, rates, arguments)))
        else:

            def scored(number: int, value: float) -> None:
                trials[number] = (time.perf_counter() - begin, value)

            trainer_search(
                corpus,
                arguments.encoder,
                rates,
                padding=arguments.arm.removesuffix("_bf16"),
                epochs=EPOCHS,
                batch_size=arguments.batch,
                frozen_layers=arguments.frozen_layers,
                bf16=arguments.arm.endswith("_bf16"),
                device=arguments.device,
                scored=scored,
            )
        wall = time.perf_counter() - begin
    print(json.dumps({"wall": wall, "cpu": meter.seconds, "trials": list(trials.values())}))


def our_search(
    corpus: Corpus, rates: Sequence[float], arguments: argparse.Namespace, workers: int = 1, threads: int = 1
) -> list[tuple[float, float]]:
    """A stage as `hpo_stage0` runs it, with the learning rates as its enqueued trials: when each ended (s), and its value."""
    stage = StageConfig.model_validate(
        parameters("hpo")["hpo"]["stage0"]
        | {"n_trials": len(rates), "epochs": EPOCHS, "patience": EPOCHS}
        | {"workers": {"executor": "local", "count": workers, "threads": threads}}
    )
    spaces = SearchSpaceConfig.model_validate(
        {
            "small": {"learning_rate": {"type": "float", "low": min(rates), "high": max(rates) + 1e-6, "log": True}},
            "large": {},
            "first_trials": {"small": {"criteria": [{"learning_rate": rate} for rate in rates]}},
        }
    )
    settings = TrainingSettings(precision=arguments.precision, fixed=like_bert(arguments))
    with tempfile.TemporaryDirectory() as folder:
        places = StoragePaths(Path(folder) / "studies.db", Path(folder) / "weights", Path(folder) / "logs")
        begin = time.time()
        output = run_stage("criteria", corpus, stage, settings, spaces, places)
        stored = read_study(places.store, output.result.study_name)
        return [(trial.datetime_complete.timestamp() - begin, trial.value) for trial in stored.trials]


def workers(arguments: argparse.Namespace) -> None:
    """Print trials an hour of whole searches, by workers and threads."""
    split = {layout: tuple(map(int, layout.split("x"))) for layout in arguments.layouts}
    if max(workers for workers, _ in split.values()) >= arguments.trials:
        raise SystemExit("More trials than workers are needed: --trials.")
    corpus, rates = read_corpus(arguments), learning_rates(arguments)
    found: dict[str, list[tuple[float, float]]] = {layout: [] for layout in arguments.layouts}
    for _ in range(arguments.rounds):
        for layout, (workers, threads) in split.items():
            begin = time.perf_counter()
            ended = sorted(when for when, _ in our_search(corpus, rates, arguments, workers, threads))
            # Without the first trial of each worker, in which the worker starts and the corpus is tokenised.
            steady = (len(ended) - workers) / (ended[-1] - ended[workers - 1])
            found[layout].append((3600 * len(rates) / (time.perf_counter() - begin), 3600 * steady))
            print(f"{layout}: {found[layout][-1][0]:.0f} trials an hour, {found[layout][-1][1]:.0f} once started", flush=True)
    print("workers x threads   trials an hour       once started         times the last layout (whole search)")
    last = [whole for whole, _ in found[arguments.layouts[-1]]]
    for layout, each in found.items():
        whole, steady = zip(*each, strict=True)
        ratios = [mine / other for mine, other in zip(whole, last, strict=True)]
        print(f"{layout:17} {spread(whole, 0):20} {spread(steady, 0):20} {spread(ratios, 2)}")
