"""A table of real trials of one agent: random configurations, and the learning curve of each on validation and on test.

    python benchmarks/trial_table.py --out TRIALS.jsonl --agent criteria [--corpus data/01_raw/synthetic] [--points 100] [--epochs 15]
        [--again 0.25] [--splits 5] [--space small] [--posts N] [--encoder NAME] [--precision float32] [--processes 1] [--device cpu]
        [--minutes M]

`search_replay.py --table TRIALS.jsonl` searches the table as it searches LCBench. Without Kedro and MLflow.

The test split is that of the project; the refit's method divides train + validation in --splits ways, and each point
has one of these splits in turn. A share --again of the points is trained twice more: with another seed on the same split, and with that
seed on the next split. These trainings measure the noise of seeds and of splits. No training ends early.

The first line describes the table: agent, corpus (a hash), space, defaults. Every other line is a training: point, seed, split,
hyper-parameters, seconds, and by epoch the objective on validation and on test, with the other metrics that are not of one
criterion. The table holds no text and no ids of posts. Lines are written as trainings end; run the same command again to continue.
--minutes starts no training after so long.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from psy_agents.agents.registry import AGENTS, spec
from psy_agents.corpus.config import CorpusSettings
from psy_agents.hpo.engine.seeds import derive_seed
from psy_agents.hpo.space.config import SearchSpaceConfig
from psy_agents.hpo.space.search_space import SearchSpace
from psy_agents.training.config import TrainingSettings

PROJECT = Path(__file__).parents[1]


class Training(NamedTuple):
    """A training of the table; equal points have equal hyper-parameters."""

    point: int
    seed: int
    split: int
    params: dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--agent", choices=AGENTS, required=True)
    parser.add_argument("--corpus", type=Path, default=PROJECT / "data/01_raw/synthetic")
    parser.add_argument("--points", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--again", type=float, default=0.25)
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--space", default="small")
    parser.add_argument("--posts", type=int)
    parser.add_argument("--encoder")
    parser.add_argument("--precision", choices=("auto", "bfloat16", "float32"), default="auto")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--device", help="cpu or cuda; else a GPU if there is one")
    parser.add_argument("--minutes", type=float)
    arguments = parser.parse_args()

    settings = training_settings(arguments.encoder, arguments.precision)
    ranges = space_ranges(arguments.agent, arguments.space)
    defaults = {name: value for name, value in settings.hyperparameters({}).model_dump().items() if name in ranges}
    space = SearchSpace.from_config(ranges, defaults)
    describe = {
        "agent": arguments.agent, "space": ranges, "defaults": defaults, "epochs": arguments.epochs, "splits": arguments.splits,
        "encoder": settings.hyperparameters({}).encoder, "precision": arguments.precision,
        "corpus": read_corpus(arguments.corpus, arguments.posts).fingerprint,
    }  # fmt: skip
    done = prepare_table(arguments.out, describe)
    wanted = trainings(space, arguments.points, arguments.splits, arguments.again)
    left = [each for each in wanted if (each.point, each.seed, each.split) not in done]
    print(f"{arguments.out}: {len(done)} trainings done, {len(left)} left")
    run_all(left, arguments)


def space_ranges(agent: str, size: str) -> dict[str, Any]:
    """The ranges of the configuration that the agent reads."""
    config = yaml.safe_load((PROJECT / "conf/base/parameters_search_space.yml").read_text())["search_space"]
    SearchSpaceConfig.model_validate(config)
    return {name: each for name, each in config[size].items() if each is not None and spec(agent).reads(name)}


def training_settings(encoder: str | None, precision: str) -> TrainingSettings:
    """The configuration's, with another encoder and precision."""
    given = yaml.safe_load((PROJECT / "conf/base/parameters_training.yml").read_text())["training"]
    settings = TrainingSettings.model_validate(given | {"precision": precision})
    return settings if encoder is None else settings.model_copy(update={"fixed": {**settings.fixed, "encoder": encoder}})


def read_corpus(folder: Path, max_posts: int | None) -> Any:
    """The corpus of a folder with the names of files and columns that the configuration has."""
    from psy_agents.corpus.corpus import Corpus
    from psy_agents.corpus.prepare import prepare_corpus, split_corpus
    from psy_agents.corpus.reading.tables import read_json, read_table

    settings = CorpusSettings(max_posts=max_posts)
    posts, annotations = (read_table(folder / name) for name in (settings.files.posts, settings.files.annotations))
    made = prepare_corpus(posts, annotations, read_json(folder / settings.files.criteria), settings, salt="salt")
    return Corpus(made.posts, made.pairs, made.sentences, split_corpus(made.posts, made.pairs, settings.splits), made.criteria)


def prepare_table(path: Path, describe: dict[str, Any]) -> set[tuple[int, int, int]]:
    """Start the table, or find the trainings that it has; a line that a killed run left half written goes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [line for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")] if path.is_file() else []
    if lines and json.loads(lines[0]) != describe:
        raise SystemExit(f"{path} is the table of another corpus, space or agent: choose another file.")
    path.write_text("".join(lines or [json.dumps(describe) + "\n"]))
    return {(run["point"], run["seed"], run["split"]) for run in map(json.loads, lines[1:])}


def trainings(space: SearchSpace, points: int, splits: int, again: float) -> list[Training]:
    """All trainings, point by point: a table that is cut short has points of both kinds."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    found, repeated = [], 0
    for point in range(points):
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=derive_seed(0, "point", point)))
        params = space.suggest(study.ask())
        first, second = (derive_seed(0, f"seed {number}", point) for number in (1, 2))
        split = point % splits
        found.append(Training(point, first, split, params))
        if (point + 1) * again > repeated:
            repeated += 1
            found += [Training(point, second, split, params), Training(point, second, (split + 1) % splits, params)]
    return found


def run_all(left: list[Training], arguments: argparse.Namespace) -> None:
    """Train in processes, and write each training as it ends."""
    deadline = float("inf") if arguments.minutes is None else time.monotonic() + 60 * arguments.minutes
    threads = max(1, len(os.sched_getaffinity(0)) // arguments.processes)
    start: dict[str, Any] = {"initializer": start_worker, "initargs": (arguments, threads)}
    if arguments.processes == 1:
        pool: Executor = ThreadPoolExecutor(1, **start)
    else:
        pool = ProcessPoolExecutor(arguments.processes, mp_context=multiprocessing.get_context("spawn"), **start)
    queue: Iterator[Training] = iter(left)
    running: set[Future] = set()
    with pool, arguments.out.open("a") as table:
        while True:
            while len(running) < arguments.processes and time.monotonic() < deadline and (each := next(queue, None)) is not None:
                running.add(pool.submit(train, each))
            if not running:
                return
            ended, running = wait(running, return_when=FIRST_COMPLETED)
            for future in ended:
                table.write(json.dumps(future.result()) + "\n")
                table.flush()


class Trainer:
    """What a process keeps from one training to the next: the corpus with its splits, tokenised."""

    def __init__(self, arguments: argparse.Namespace, threads: int) -> None:
        import torch

        from psy_agents.corpus.splitting.resplits import resplit
        from psy_agents.training.training_data import TrainingData, WorkerCache

        torch.set_num_threads(threads)
        self.arguments = arguments
        self.settings = training_settings(arguments.encoder, arguments.precision)
        self.corpus = read_corpus(arguments.corpus, arguments.posts)
        self.splits, _ = resplit(self.corpus, tuple(range(arguments.splits)))
        self.cache = WorkerCache(self.settings)
        self.test = TrainingData(self.corpus, arguments.agent, self.settings, scored="test", cache=self.cache)

    def __call__(self, training: Training) -> dict[str, Any]:
        from psy_agents.training.trainer import NonFiniteLoss, TrainingRun
        from psy_agents.training.training_data import TrainingData

        arguments, start = self.arguments, time.monotonic()
        config = self.settings.hyperparameters(training.params)
        data = TrainingData(self.splits[training.split], arguments.agent, self.settings, cache=self.cache)
        options = {"seed": training.seed, "epochs": arguments.epochs, "patience": arguments.epochs, "device": arguments.device}
        run = TrainingRun(arguments.agent, config, self.settings, data, keep_weights=False, **options)
        found: dict[str, Any] = {"validation": [], "test": [], "validation_metrics": [], "test_metrics": []}
        failed = None
        try:
            for epoch in run.epochs():
                value, metrics = self._on_test(run, epoch.decisions)
                for name, each in (("validation", (epoch.value, epoch.metrics)), ("test", (value, metrics))):
                    found[name].append(round(each[0], 5))
                    found[f"{name}_metrics"].append(each[1])
        except NonFiniteLoss as error:
            failed = str(error)
        for name in ("validation_metrics", "test_metrics"):
            found[name] = _by_metric(found[name])
        return {**training._asdict(), "seconds": round(time.monotonic() - start, 2), "failed": failed, **found}

    def _on_test(self, run: Any, decisions: Any) -> tuple[float, dict[str, float]]:
        """The objective and the metrics on test after the epoch that has just ended, with the decisions of validation."""
        from psy_agents.agents.encoders.loading import locate_encoder, max_positions
        from psy_agents.training.scoring import SplitScorer, answer

        positions = max_positions(run.agent.encoders[0])
        _, tables, lengths = self.test.tables(locate_encoder(run.config.encoder), run.config, positions, run.device)
        frozen = run._frozen_states(self.test.validation_id, tables, len(tables.windows.ids))
        answers = answer(
            run.agent,
            tables,
            budget=self.settings.evaluation_tokens,
            precision=run.precision,
            frozen=frozen,
        )
        return SplitScorer(self.test.validation, lengths, self.settings.objective_evidence_weight).score(answers, decisions)


def _by_metric(epochs: list[dict[str, float]]) -> dict[str, list[float]]:
    """By metric its values by epoch, without those of one criterion."""
    names = [name for name in (epochs[0] if epochs else ()) if "/" not in name and "." not in name]
    return {name: [round(epoch[name], 4) for epoch in epochs] for name in names}


_trainer: Trainer


def start_worker(arguments: argparse.Namespace, threads: int) -> None:
    """Build this process's trainer."""
    global _trainer
    _trainer = Trainer(arguments, threads)


def train(training: Training) -> dict[str, Any]:
    """Run a training in this process."""
    return _trainer(training)


if __name__ == "__main__":
    main()
