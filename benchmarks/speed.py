"""How fast a trial is: beside `Trainer.hyperparameter_search`, against the machine's peak, and what each lever gives.

    python benchmarks/speed.py search [--posts 100] [--rounds 3] [--arms ours dynamic max_length] [--out FILE]
    python benchmarks/speed.py levers [--posts 100] [--rounds 3]
    python benchmarks/speed.py trial  [--posts 100] [--rounds 3]
    python benchmarks/speed.py growth [--rounds 3]
    python benchmarks/speed.py slots  [--posts 100] [--rounds 3]

``search``: one search of four learning rates (``--trials``), three epochs each, by each of three ways in turn, each in a process of its own
with one thread: ours (`hpo.search.run_stage`: engine, store, worker and all), and the Trainer's with dynamic padding and with
``max_length`` (`trainer_search.py`; ``--padded-rounds`` of it, as it takes longest), and if asked for with ``bf16=True``. The same
encoder, pairs, splits, learning rates, epochs, batch size, dropout and warm-up; no similarity, the first token
pooled, as in BERT's classifier; with ``--frozen-layers 4`` the lowest ones are not trained by either, as in the space that stage 0
searches on a CPU. Seconds and CPU seconds of a trial are the whole search's over its trials, without the imports of
the first process; with the start of our worker. "until" is when our search first reached the value that the Trainer's had at its
end.

``levers``: CPU seconds of one trial (3 epochs: training, evaluation, scoring) with all levers on and with each switched off.

``trial``: where a trial's time goes, and the share of the matrix peak: floating-point operations that the real tokens need
(`roofline.py`), over seconds of training steps and the best rate of a matrix product at the encoder's shapes, in the
precision used.

``growth``: CPU seconds of a trial against the number of pairs, and a token's against the length of the windows.

``slots``: trials an hour of a whole search by slots and threads; on a GPU, of several trials on it at a time.

With ``--device cuda`` all of it runs on a GPU, and seconds are wall-clock seconds. A GPU without the bundled encoder, or for which
that is too small, takes another by ``--encoder``: `base_encoder.py` makes one with random weights, for speed only.

Run by hand, on an idle machine; the methods take turns within a round, so that other work meets all of them. Figures are
medians over rounds, with the lowest and the highest.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any
from unittest import mock

os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}

import numpy as np
import torch
from cpu_meter import CpuMeter
from roofline import matrix_peak, seconds, training_flops
from same_pairs import MAX_LENGTH, NEGATIVES, same_pairs
from staged_search import parameters
from trainer_search import trainer_search

from psy_agents.agents import dropout
from psy_agents.hpo.config import StageConfig
from psy_agents.hpo.objective import SearchSetup
from psy_agents.hpo.search import Places, run_stage
from psy_agents.hpo.space_config import SearchSpaceConfig
from psy_agents.hpo.store import read_study
from psy_agents.training import batches, scoring, trainer
from psy_agents.training.config import TrainingSettings
from psy_agents.training.data import Corpus
from psy_agents.training.trainer import Reader, TrainingRun

ENCODER = "sentence-transformers/all-MiniLM-L6-v2"
LOWEST_RATE, HIGHEST_RATE = 5e-5, 2e-4
EPOCHS = 3
ARMS = ("ours", "dynamic", "max_length", "dynamic_bf16", "max_length_bf16")
LIKE_BERT = {
    "encoder_dropout": 0.1,
    "head_dropout": 0.1,
    "head_lr_factor": 1.0,
    "weight_decay": 0.01,
    "warmup_fraction": 0.1,
    "negative_ratio": 100.0,  # All that there are.
    "max_length": MAX_LENGTH,
    "pooling": "cls",
    "similarity": "none",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("search", "levers", "trial", "growth", "slots", "arm"))
    parser.add_argument("--posts", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--padded-rounds", type=int, default=1)
    parser.add_argument("--trials", type=int, default=4, help="search, slots: learning rates, one trial each")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--encoder", default=ENCODER)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--frozen-layers", type=int, default=0, help="search, trial, slots: layers that are not trained")
    parser.add_argument("--negatives", type=float, default=NEGATIVES, help="implicit ones per positive pair, in training")
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=ARMS[:3])
    parser.add_argument("--layouts", nargs="+", default=["2x1", "1x2"], help="slots: each as slots x threads")
    parser.add_argument("--arm", choices=ARMS)
    parser.add_argument("--out", type=Path, help="search: a line a run; the same command goes on where it was stopped")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    parts = {"search": search, "levers": levers, "trial": where_time_goes, "growth": growth, "slots": slots, "arm": run_arm}
    parts[arguments.part](arguments)


def read_corpus(arguments: argparse.Namespace, posts: int | None = None) -> Corpus:
    """The pairs that were asked for, or those of another number of posts."""
    return same_pairs(posts or arguments.posts, arguments.encoder, arguments.negatives)


def like_bert(arguments: argparse.Namespace) -> dict[str, Any]:
    """What is the same for all trials, ours and the Trainer's."""
    return LIKE_BERT | {
        "encoder": arguments.encoder,
        "batch_size": arguments.batch,
        "frozen_layers": arguments.frozen_layers,
    }


def learning_rates(arguments: argparse.Namespace) -> list[float]:
    """One a trial."""
    return np.geomspace(LOWEST_RATE, HIGHEST_RATE, arguments.trials).tolist()


# --- Ours beside the Trainer's ---------------------------------------------------------------------------------------


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
            # Without a main file, which our worker would import again, with all that only its parent needs.
            command = [sys.executable, "-c", "import speed; speed.main()", "arm", "--arm", arm, *options]
            told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent).stdout
            runs.append({"arm": arm, "round": number, **json.loads(told.splitlines()[-1])})
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
        beside = [(run, mine[run["round"]]) for run in runs if run["arm"] == "ours" and run["round"] in mine]
        until = [_until(run, max(value for _, value in other["trials"])) for run, other in beside]
        reached = [seconds for seconds in until if seconds is not None]
        print(
            f"until ours had the value that {arm} ended with: {spread(reached, 0)} s, in {len(reached)} of {len(until)} rounds; "
            f"{arm} took {spread([run['wall'] for run in mine.values()], 0)} s"
        )


def _until(run: dict[str, Any], value: float) -> float | None:
    """Seconds until a search first had a trial as good as that."""
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
        | {"n_trials": len(rates), "epochs": EPOCHS, "patience": EPOCHS, "executor": "local"}
        | {"workers": workers, "threads_per_worker": threads}
    )
    spaces = SearchSpaceConfig.model_validate(
        {
            "small": {"common": {"learning_rate": {"type": "float", "low": min(rates), "high": max(rates) + 1e-6, "log": True}}},
            "large": {"common": {}},
            "baselines": {"criteria": [{"learning_rate": rate} for rate in rates]},
        }
    )
    settings = TrainingSettings(precision=arguments.precision, fixed=like_bert(arguments))
    with tempfile.TemporaryDirectory() as folder:
        places = Places(Path(folder) / "studies.db", Path(folder) / "weights", Path(folder) / "logs")
        begin = time.time()
        output = run_stage("criteria", corpus, stage, settings, spaces, places)
        stored = read_study(places.store, output.result.study_name)
        return [(trial.datetime_complete.timestamp() - begin, trial.value) for trial in stored.trials]


# --- What each lever gives -------------------------------------------------------------------------------------------


@contextmanager
def unfused() -> Iterator[None]:
    """AdamW one parameter after another."""
    made = trainer.optimiser

    def plain(agent: Any, config: Any) -> torch.optim.AdamW:
        found = made(agent, config)
        for group in found.param_groups:
            group |= {"fused": False, "foreach": False}
        return found

    with mock.patch.object(trainer, "optimiser", plain):
        yield


@contextmanager
def dropout_of_torch() -> Iterator[None]:
    """Masks drawn as torch draws them."""
    with mock.patch.object(dropout.Dropout, "forward", torch.nn.Dropout.forward):
        yield


@contextmanager
def unbucketed() -> Iterator[None]:
    """Batches of any lengths."""
    with mock.patch.object(batches, "BUCKET_BATCHES", 1):
        yield


@contextmanager
def evaluated_in_small_batches() -> Iterator[None]:
    """16 windows, in the data's order."""

    def in_order(lengths: np.ndarray, budget: int) -> Iterator[np.ndarray]:
        yield from np.split(np.arange(len(lengths)), range(16, len(lengths), 16))

    with mock.patch.object(scoring, "token_budget_batches", in_order):
        yield


Way = tuple[dict[str, Any], dict[str, Any], Callable | None]
FROZEN = {"frozen_layers": 4}


def ways(precision: str, device: str) -> dict[str, Way]:
    """Settings, hyper-parameters and a patch of each way to run the same trial."""
    on = {"precision": precision}
    off = {"precision": precision, "packing": False}
    on_cpu = {"freed memory given back": (on | {"keep_freed_memory": False}, {}, None)} if device == "cpu" else {}
    return {
        "all on": (on, {}, None),
        "padded, in buckets (packing off)": (off, {}, None),
        "padded, at random (packing and buckets off)": (off, {}, unbucketed),
        "float32": (on | {"precision": "float32"}, {}, None),
        "AdamW not fused": (on, {}, unfused),
        **on_cpu,
        "dropout of torch": (on, {}, dropout_of_torch),
        "last layer whole": (on | {"short_last_layer": False}, {}, None),
        "evaluation in small batches": (on, {}, evaluated_in_small_batches),
        "4 layers frozen, states kept": (on, FROZEN, None),
        "4 layers frozen, last layer whole": (on | {"short_last_layer": False}, FROZEN, None),
        "4 layers frozen, run each time": (on | {"frozen_states_gib": 0.0}, FROZEN, None),
    }


def levers(arguments: argparse.Namespace) -> None:
    """Print each way's seconds and their ratio to the one with all levers on, round by round."""
    corpus = read_corpus(arguments)
    every = ways(arguments.precision, arguments.device)
    taken: dict[str, list[float]] = {name: [] for name in every}
    values: dict[str, list[float]] = {name: [] for name in every}
    for number in range(arguments.rounds):
        names = list(every)
        for name in names[number % len(names) :] + names[: number % len(names)]:
            each, value = alone(arguments.device, one_trial, corpus, *every[name], arguments, number)
            taken[name].append(each)
            values[name].append(value)
    print("way                                          s a trial            times its base       macro-F1")
    for name in every:
        base = "4 layers frozen, states kept" if name.startswith("4") else "all on"
        ratios = [mine / other for mine, other in zip(taken[name], taken[base], strict=True)]
        print(f"{name:44} {spread(taken[name], 1):20} {spread(ratios, 2):20} {spread(values[name], 3)}", flush=True)


def alone(device: str, function: Callable, *args: Any) -> Any:
    """Call it in a process of its own, as nothing else could show what memory that is kept or given back costs; on a GPU, where
    neither matters, in this one."""
    if device == "cuda":
        return function(*args)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"), initializer=torch.set_num_threads, initargs=(1,)) as pool:
        return pool.submit(function, *args).result()


def one_trial(
    corpus: Corpus,
    settings: dict[str, Any],
    params: dict[str, Any],
    patch: Callable | None,
    arguments: argparse.Namespace,
    seed: int,
) -> tuple[float, float]:
    """Seconds and value of a trial in a worker that has the corpus tokenised and frozen states made, as all but its first."""
    made = TrainingSettings(**settings, fixed=like_bert(arguments))
    config = made.hyperparameters({"learning_rate": 1e-4, **params})
    reader = SearchSetup("criteria", made, corpus).new_reader()
    options = {"seed": seed, "epochs": EPOCHS, "patience": EPOCHS, "device": arguments.device}
    with (patch or nullcontext)():
        next(TrainingRun("criteria", config, made, reader, **options).epochs())
        begin = seconds(arguments.device)
        run = TrainingRun("criteria", config, made, reader, **options)
        for _ in run.epochs():
            pass
        return seconds(arguments.device) - begin, run.best.value


# --- Where a trial's time goes ---------------------------------------------------------------------------------------


class Clock:
    """Seconds inside functions, by name."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.seconds: dict[str, float] = {}

    def timed(self, name: str, function: Callable) -> Callable:
        """The function, its time counted under the name."""

        def run(*args: Any, **kwargs: Any) -> Any:
            begin = seconds(self.device)
            try:
                return function(*args, **kwargs)
            finally:
                self.seconds[name] = self.seconds.get(name, 0.0) + seconds(self.device) - begin

        return run


def where_time_goes(arguments: argparse.Namespace) -> None:
    """Print the parts of a trial as shares of it, and the share of the matrix peak in its training steps."""
    corpus, device = read_corpus(arguments), arguments.device
    settings = TrainingSettings(precision=arguments.precision, fixed=like_bert(arguments))
    config = settings.hyperparameters({"learning_rate": 1e-4})
    reader = SearchSetup("criteria", settings, corpus).new_reader()
    shares: dict[str, list[float]] = {}
    rates, of_peak, peaks = [], [], []
    for number in range(arguments.rounds):
        clock, begin = Clock(device), seconds(device)
        run = clock.timed("model, optimiser, and the corpus where it is not read yet", TrainingRun)(
            "criteria", config, settings, reader, seed=number, epochs=EPOCHS, patience=EPOCHS, device=device
        )
        run._train_epoch = clock.timed("training steps", run._train_epoch)
        run.scorer.choose = clock.timed("thresholds and metrics", run.scorer.choose)
        run.scorer.score = clock.timed("thresholds and metrics", run.scorer.score)
        with mock.patch.object(trainer, "answer", clock.timed("evaluation steps", trainer.answer)):
            for _ in run.epochs():
                pass
        with tempfile.TemporaryDirectory() as folder:
            clock.timed("checkpoint on disk", run.save)(Path(folder) / "agent")
        whole = seconds(device) - begin
        clock.seconds["the rest"] = whole - sum(clock.seconds.values())
        for name, taken in clock.seconds.items():
            shares.setdefault(name, []).append(100 * taken / whole)
        windows = run.train_windows
        peak = matrix_peak(run.agent.encoders[0].config, run.precision, device)
        steps = clock.seconds["training steps"]
        flops = EPOCHS * training_flops(
            run.agent.encoders[0].config, windows.lengths, config.frozen_layers, first_tokens_alone=bool(run.agent.short)
        )
        rates.append(EPOCHS * len(windows.ids) / steps)
        of_peak.append(100 * flops / steps / peak)
        peaks.append(peak / 1e9)
    print(f"precision {run.precision}, {len(windows.lengths)} training windows of {np.mean(windows.lengths):.0f} tokens in the mean")
    for name, found in shares.items():
        print(f"{name:60} {spread(found, 1)} % of a trial")
    print(f"{'real tokens a second in training steps':60} {spread(rates, 0)}")
    print(f"{'matrix peak, GFLOP/s':60} {spread(peaks, 0)}")
    print(f"{'share of it on real tokens in training steps':60} {spread(of_peak, 1)} %")


def growth(arguments: argparse.Namespace) -> None:
    """Print CPU seconds a trial against its pairs, and against how long they are."""
    print("posts   pairs    tokens   CPU s a trial        microseconds a token and epoch, training and evaluation")
    for posts in (40, 80, 160):
        _growth_row(f"{posts:5}", read_corpus(arguments, posts), {}, arguments)
    print("longest window")
    for length in (64, 128, 192):
        _growth_row(f"{length:5}", read_corpus(arguments, 80), {"max_length": length}, arguments)


def _growth_row(name: str, corpus: Corpus, params: dict[str, Any], arguments: argparse.Namespace) -> None:
    made = TrainingSettings(precision=arguments.precision, fixed=like_bert(arguments))
    reader, config = Reader(corpus, "criteria", made), made.hyperparameters(params)
    run = TrainingRun("criteria", config, made, reader, seed=0, epochs=1, patience=1, device=arguments.device)
    tokens = len(run.train_windows.ids) + len(run.validation_windows.ids)
    settings = {"precision": arguments.precision}
    trial = (one_trial, corpus, settings, params, None, arguments)
    found = [alone(arguments.device, *trial, number)[0] for number in range(arguments.rounds)]
    each = [1e6 * taken / EPOCHS / tokens for taken in found]
    print(f"{name} {len(reader.train):7} {tokens:9}   {spread(found, 1):20} {spread(each, 0)}", flush=True)


def slots(arguments: argparse.Namespace) -> None:
    """Print trials an hour of whole searches, by slots and threads, the layouts in turn."""
    split = {layout: tuple(map(int, layout.split("x"))) for layout in arguments.layouts}
    if max(workers for workers, _ in split.values()) >= arguments.trials:
        raise SystemExit("More trials than slots are needed: --trials.")
    corpus, rates = read_corpus(arguments), learning_rates(arguments)
    found: dict[str, list[tuple[float, float]]] = {layout: [] for layout in arguments.layouts}
    for _ in range(arguments.rounds):
        for layout, (workers, threads) in split.items():
            begin = time.perf_counter()
            ended = sorted(when for when, _ in our_search(corpus, rates, arguments, workers, threads))
            # Without the first trial of each slot, in which the worker starts and the corpus is tokenised.
            steady = (len(ended) - workers) / (ended[-1] - ended[workers - 1])
            found[layout].append((3600 * len(rates) / (time.perf_counter() - begin), 3600 * steady))
            print(f"{layout}: {found[layout][-1][0]:.0f} trials an hour, {found[layout][-1][1]:.0f} once started", flush=True)
    print("slots x threads   trials an hour       once started         times the last layout (whole search)")
    last = [whole for whole, _ in found[arguments.layouts[-1]]]
    for layout, each in found.items():
        whole, steady = zip(*each, strict=True)
        ratios = [mine / other for mine, other in zip(whole, last, strict=True)]
        print(f"{layout:17} {spread(whole, 0):20} {spread(steady, 0):20} {spread(ratios, 2)}")


def spread(values: Sequence[float], digits: int) -> str:
    """Median, lowest and highest."""
    if not values:
        return "-"
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"


if __name__ == "__main__":
    main()
