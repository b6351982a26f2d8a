"""Staged search compared with one study, on the bundled corpus, with the same number of trained epochs.

    python benchmarks/staged_search.py --out FOLDER [--agent criteria] [--stages 8x2,10x3,10x5] [--seeds 3]
        [--methods staged whole random tpe] [--startup 5] [--enqueue 3] [--confirm 3] [--posts 160]
        [--validation 0.15] [--encoder NAME] [--precision bfloat16] [--workers 2] [--plan] [--table]

A stage of `8x2` is 8 trials of 2 epochs. The budget of every method is E, the sum of trials x epochs over the stages:

    staged   stage0, stage1, stage2 of conf/base/parameters_hpo.yml, each with what it takes over from the previous ones
            (`refine`); rungs stop trials, so it trains fewer epochs than E
    whole    the same stages, each by itself (`refine: none`); its stage0 is that of `staged`
    random   one study of random trials, none of which is stopped
    tpe      the same with univariate TPE (the sampler of `maximal`)

`random` and `tpe` run as many trials of the last stage's epochs as fit into E; less than one trial remains. Samplers and
refinement are those of the configuration, except in small stages: a sampler that learns starts after --startup trials, and the --enqueue
best trials of a stage run first in the next. Patience equals the epochs. The first trials of the configuration run first in every study
that is not refined, so all methods know them. The space is `small`. A stopped trial has no model: its epochs count, its values do not.
All stages of a run have the same seed. The methods take turns, seed by seed, and start with another one each time.

Values are those of the validation split, which holds --validation of the posts; the test split is not read. The best value
so far counts trials of every stage, also those of few epochs. Epochs are counted trial by trial, in the order in which trials
ended, although workers run in parallel.
Columns of the tables:

    after epochs    best value so far at 25, 50, 75 and 100 % of E; a method that has ended keeps its last one
    after seconds   the same at shares of the shortest time of a method with that seed: seconds of the trials divided by
                    the workers, without the start of workers
    best            best value at the end, of any fidelity
    last            best value among trials of the last stage's epochs: the same fidelity in all methods
    again           mean value of the trial of `last`, trained --confirm more times with new seeds (not in E). `last` is the
                    maximum of noisy values and grows with their number; `again` does not
    epochs, wall    medians of trained epochs, and of seconds with the start of workers

Figures are medians over seeds, with the lowest and the highest. The last table has the differences of the first method to
each other one, seed by seed, and in how many seeds it was higher, equal and lower. Each run is written to FOLDER/runs.jsonl
when it ends; the same command resumes an interrupted benchmark. --table prints the tables of finished runs, --plan prints the
runs and their stages as JSON lines; neither runs anything.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import optuna
import yaml
from trials.spread import counted, spread

from psy_agents.agents.registry import AGENTS
from psy_agents.corpus.config import CorpusSettings, SplitSettings
from psy_agents.hpo.config import StageConfig
from psy_agents.hpo.space.config import SearchSpaceConfig
from psy_agents.hpo.study.store import read_study
from psy_agents.hpo.study.topk import TopK
from psy_agents.hpo.workers.resources import cpu_cores
from psy_agents.training.config import TrainingSettings

if TYPE_CHECKING:
    from psy_agents.corpus.corpus import Corpus
    from psy_agents.hpo.run_stage import StageOutput

PROJECT = Path(__file__).parents[1]
METHODS = ("staged", "whole", "random", "tpe")
STAGES = ("stage0", "stage1", "stage2")
SHARES = (0.25, 0.5, 0.75, 1.0)
CONFIRM_SEED = 1000  # Of no search.


class Budget(NamedTuple):
    """Number of trials of a study, and epochs of each trial."""

    trials: int
    epochs: int


class Trial(NamedTuple):
    """A trial: its value in each epoch, nan if it failed, and its seconds on a worker."""

    values: list[float]
    seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--agent", choices=AGENTS, default="criteria")
    parser.add_argument("--stages", type=parse_stages, default="8x2,10x3,10x5")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--startup", type=int, default=5)
    parser.add_argument("--methods", choices=METHODS, nargs="+", default=METHODS)
    parser.add_argument("--enqueue", type=int, default=3)
    parser.add_argument("--confirm", type=int, default=3)
    parser.add_argument("--posts", type=int)
    parser.add_argument("--validation", type=float, default=SplitSettings().validation)
    parser.add_argument("--encoder")
    parser.add_argument("--precision", choices=("bfloat16", "float32"), default="bfloat16")
    parser.add_argument("--workers", type=int, default=cpu_cores())
    parser.add_argument("--plan", action="store_true")
    parser.add_argument("--table", action="store_true")
    arguments = parser.parse_args()
    if arguments.plan:
        for seed, method in turns(arguments.seeds, arguments.methods):
            stages = [stage.model_dump(mode="json") for stage in studies(method, seed, arguments)]
            print(json.dumps({"seed": seed, "method": method, "stages": stages}))
        return
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    arguments.out.mkdir(parents=True, exist_ok=True)
    lines = arguments.out / "runs.jsonl"
    lines.touch()
    not_settings = ("out", "seeds", "methods", "plan", "table")  # More seeds and methods may be added in place.
    options = json.loads(json.dumps({k: v for k, v in vars(arguments).items() if k not in not_settings}))
    runs = [run for run in map(json.loads, lines.read_text().splitlines()) if run["options"] == options and run["seed"] < arguments.seeds]
    done = {(run["seed"], run["method"]) for run in runs}
    corpus = None
    for seed, method in turns(arguments.seeds, arguments.methods):
        if (seed, method) in done or arguments.table:
            continue
        corpus = corpus or bundled_corpus(arguments.posts, arguments.validation)
        runs.append({"options": options, "seed": seed, "method": method, **search(method, seed, corpus, arguments)})
        with lines.open("a") as file:
            file.write(json.dumps(runs[-1]) + "\n")
        print(f"seed {seed}, {method}: last {runs[-1]['last']:.3f}, {runs[-1]['wall']:.0f} s", flush=True)
    show(runs, arguments)


def parse_stages(text: str) -> tuple[Budget, ...]:
    """Budgets of the three stages, written as in ``8x2,10x3,10x5``."""
    try:
        stages = tuple(Budget(*map(int, stage.split("x"))) for stage in text.split(","))
    except (TypeError, ValueError):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form 8x2,10x3,10x5") from None
    if len(stages) != len(STAGES) or min(map(min, stages)) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} must have {len(STAGES)} stages of at least 1 trial and 1 epoch each")
    return stages


def total_epochs(stages: Sequence[Budget]) -> int:
    """E: the epochs that every method may train."""
    return sum(stage.trials * stage.epochs for stage in stages)


def single_study(stages: Sequence[Budget]) -> Budget:
    """Of the whole budget, as many trials of the last stage's epochs as fit."""
    return Budget(total_epochs(stages) // stages[-1].epochs, stages[-1].epochs)


def turns(seeds: int, methods: Sequence[str]) -> list[tuple[int, str]]:
    """(seed, method) in the order in which they are run."""
    return [(seed, methods[(seed + place) % len(methods)]) for seed in range(seeds) for place in range(len(methods))]


def bundled_corpus(max_posts: int | None, validation: float | None = None) -> Corpus:
    """The bundled corpus; what ``validation`` takes more or less than by default, train has less or more. None: the default."""
    from psy_agents.corpus.corpus import Corpus
    from psy_agents.corpus.prepare import prepare_corpus, split_corpus
    from psy_agents.corpus.reading.tables import read_json, read_table

    folder = PROJECT / "data/01_raw/synthetic"
    usual = SplitSettings()
    if validation is None:
        validation = usual.validation
    shares = SplitSettings(train=usual.train + usual.validation - validation, validation=validation, test=usual.test)
    settings = CorpusSettings(max_posts=max_posts, splits=shares)
    posts, annotations = (read_table(folder / name) for name in (settings.files.posts, settings.files.annotations))
    made = prepare_corpus(posts, annotations, read_json(folder / settings.files.criteria), settings, salt="salt")
    splits = split_corpus(made.posts, made.pairs, settings.splits)
    return Corpus(made.posts, made.pairs, made.sentences, splits, made.criteria)


def parameters(name: str) -> dict[str, Any]:
    """A section of conf/base."""
    return yaml.safe_load((PROJECT / f"conf/base/parameters_{name}.yml").read_text())


def search(method: str, seed: int, corpus: Corpus, arguments: argparse.Namespace) -> dict[str, Any]:
    """Run a method; return its trials in the order in which they ended, its seconds, its winner and the winner's values."""
    from psy_agents.hpo.paths import StoragePaths
    from psy_agents.hpo.run_stage import run_stage

    spaces = SearchSpaceConfig.model_validate(parameters("search_space")["search_space"])
    training = TrainingSettings.model_validate(parameters("training")["training"] | {"precision": arguments.precision})
    if arguments.encoder is not None:
        training = training.model_copy(update={"fixed": {**training.fixed, "encoder": arguments.encoder}})
    places = StoragePaths(arguments.out / "studies.db", arguments.out / "weights", arguments.out / "logs")

    def run(stage: StageConfig, spaces: SearchSpaceConfig, parent: TopK | None) -> StageOutput:
        return run_stage(arguments.agent, corpus, stage, training, spaces, places, parent=parent)

    trials, wall, parent = [], 0.0, None
    for stage in studies(method, seed, arguments):
        output = run(stage, spaces, parent)
        ended, seconds = of_study(places.store, output)
        trials, wall, parent = trials + ended, wall + seconds, TopK.model_validate(output.top_k)
    winner = parent.trials[0]
    repeats, confirmed = arguments.confirm, []
    if repeats:
        again = study(STAGES[0], "confirm", Budget(repeats, arguments.stages[-1].epochs), CONFIRM_SEED, arguments)
        same = spaces.model_copy(update={"first_trials": {again.space: {arguments.agent: [winner.params] * repeats}}})
        confirmed = run(again, same, None).result.records
        assert all(record.params == winner.params for record in confirmed), "the winner was not trained again"
    values = {"last": winner.value, "winner": winner.params, "again": [record.value for record in confirmed]}
    return {"trials": trials, "wall": wall, **values}


def studies(method: str, seed: int, arguments: argparse.Namespace) -> list[StageConfig]:
    """The stages of a method, first to last."""
    if method in ("random", "tpe"):
        sampler = "stage0" if method == "random" else "maximal"
        return [study("stage0", method, single_study(arguments.stages), seed, arguments, sampler_of=sampler)]
    staged = [study(name, name, budget, seed, arguments) for name, budget in zip(STAGES, arguments.stages, strict=True)]
    if method == "whole":
        return [staged[0], *(stage.model_copy(update={"label": "whole", "refine": staged[0].refine}) for stage in staged[1:])]
    return staged


def study(like: str, name: str, budget: Budget, seed: int, arguments: argparse.Namespace, sampler_of: str | None = None) -> StageConfig:
    """A study with the space, the refinement, the pruner and, but for ``sampler_of``, the sampler of a configured stage."""
    stages = parameters("hpo")["hpo"]
    stage = stages[like]
    sampler, refinement = stages[sampler_of or like]["sampler"], stage["refine"]
    if "n_startup_trials" in sampler:
        sampler = sampler | {"n_startup_trials": arguments.startup}
    if refinement not in ("none", {"name": "none"}):
        refinement = refinement | {"enqueue": arguments.enqueue}
    mine = {
        "name": name,
        "label": "",
        "n_trials": budget.trials,
        "epochs": budget.epochs,
        "patience": budget.epochs,
        "seed": seed,
        "refine": refinement,
        "sampler": sampler,
        "top_k": max(1, arguments.enqueue),
        "keep_checkpoints": 0,
        "workers": {"executor": "local", "count": arguments.workers},
    }
    return StageConfig.model_validate(stage | mine)


def of_study(store: Path, output: StageOutput) -> tuple[list[Trial], float]:
    """A study's deciding trials in the order in which they ended, and its seconds in all its runs."""
    stored = read_study(store, output.result.study_name)
    deciding = {record.number: record for record in output.result.records}
    ended = sorted((trial for trial in stored.trials if trial.number in deciding), key=lambda trial: trial.datetime_complete)
    trials = []
    for trial in ended:
        values = trial.user_attrs.get("epochs", {"value": []})["value"]
        if deciding[trial.number].state != "complete":
            values = [float("nan")] * len(values)  # There is no model.
        trials.append(Trial(values, trial.user_attrs.get("seconds", 0.0)))
    return trials, stored.user_attrs["stage_seconds"]


def best_so_far(trials: Sequence[Trial]) -> np.ndarray:
    """(epochs) The highest value after each trained epoch, one trial after another; nan before the first value."""
    return np.fmax.accumulate(np.array([value for trial in trials for value in trial.values], dtype=float))


def seconds_so_far(trials: Sequence[Trial], workers: int) -> np.ndarray:
    """(epochs) Seconds after each trained epoch; those of a trial are spread evenly over its epochs and all workers."""
    return np.cumsum([trial.seconds / len(trial.values) / workers for trial in trials for _ in trial.values])


def after_epochs(best: np.ndarray, epochs: float) -> float:
    """The best value after ``epochs`` epochs: the last one where fewer were trained, nan before the first."""
    spent = min(int(epochs), len(best))
    return best[spent - 1] if spent else float("nan")


def after_seconds(best: np.ndarray, seconds: np.ndarray, limit: float) -> float:
    """The best value after this many seconds, a rounding error aside."""
    return after_epochs(best, np.searchsorted(seconds, limit * (1 + 1e-9), side="right"))


def show(runs: Sequence[Mapping[str, Any]], arguments: argparse.Namespace) -> None:
    """Print the tables of the finished runs."""
    budget, single = total_epochs(arguments.stages), single_study(arguments.stages)
    stages = ", ".join(f"{stage.trials} x {stage.epochs}" for stage in arguments.stages)
    posts = arguments.posts or "all"
    print(f"\n{arguments.agent}, {posts} posts, {arguments.precision}, {arguments.workers} workers, {arguments.seeds} seeds")
    print(f"samplers learn after {arguments.startup} trials; the {arguments.enqueue} best of a stage go first in the next")
    print(f"E = {budget} epochs: {stages}; one study: {single.trials} x {single.epochs}")
    if not runs:
        print("no run has ended yet")
        return

    curves: dict[str, dict[int, tuple[np.ndarray, np.ndarray]]] = {}
    for run in runs:
        trials = [Trial(*trial) for trial in run["trials"]]
        curve = best_so_far(trials), seconds_so_far(trials, arguments.workers)
        curves.setdefault(run["method"], {})[run["seed"]] = curve
    methods = [method for method in METHODS if method in curves]
    seeds = sorted({run["seed"] for run in runs})
    least = {seed: min(found[seed][1][-1] for found in curves.values() if seed in found) for seed in seeds}
    typical = np.median(list(least.values()))

    print(f"\n{'after epochs':14}" + "".join(f"{f'{share:.0%} ({int(share * budget)})':22}" for share in SHARES))
    for method in methods:
        cells = [[after_epochs(best, share * budget) for best, _ in curves[method].values()] for share in SHARES]
        print(f"{method:14}" + "".join(map(spread, cells)))

    print(f"\n{'after seconds':14}" + "".join(f"{f'{share:.0%} ({share * typical:.0f})':22}" for share in SHARES))
    for method in methods:
        found = [(*curve, least[seed]) for seed, curve in curves[method].items()]
        cells = [[after_seconds(best, seconds, share * limit) for best, seconds, limit in found] for share in SHARES]
        print(f"{method:14}" + "".join(map(spread, cells)))

    print(f"\n{'at the end':14}{'best':22}{'last':22}{'again':22}seeds trials epochs  wall")
    for method in methods:
        mine = [run for run in runs if run["method"] == method]
        best = [float(found[-1]) for found, _ in curves[method].values()]
        again = [float(np.mean(run["again"])) for run in mine if run["again"]]
        cells = best, [run["last"] for run in mine], again
        sizes = [(len(run["trials"]), sum(len(values) for values, _ in run["trials"]), run["wall"]) for run in mine]
        trials, epochs, wall = np.median(sizes, axis=0)
        print(f"{method:14}{''.join(map(spread, cells))}{len(mine):>5} {trials:>6.0f} {epochs:>6.0f} {wall:>5.0f}")

    first, *others = methods
    found = {(run["method"], run["seed"]): run for run in runs}
    print(f"\n{f'{first} less':14}{'last':24}{'higher, equal, lower':22}{'again':24}{'higher, equal, lower':22}")
    for method in others:
        both = [seed for seed in seeds if {(first, seed), (method, seed)} <= set(found)]
        pairs = [(found[first, seed], found[method, seed]) for seed in both]
        last = [one["last"] - other["last"] for one, other in pairs]
        again = [float(np.mean(one["again"]) - np.mean(other["again"])) for one, other in pairs if one["again"]]
        print(f"{method:14}" + "".join(f"{spread(values):23} {counted(values):22}" for values in (last, again)))


if __name__ == "__main__":
    main()
