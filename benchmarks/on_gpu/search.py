"""`gpu.py search`: trials an hour of whole searches, ours beside the Trainer's, with one process and with as many as are fastest.

Both search learning rates on the same pairs of mixed length, all layers trained, one epoch a trial, each epoch scored on validation. An
arm runs for some seconds; trials an hour are the complete trials after the processes have started, by the time that they took.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from on_gpu.encoders import make_corpus, mixed_lengths, quiet_transformers
from on_gpu.trainer import dataset, installed, left, training_arguments

from psy_agents.corpus.corpus import Corpus
from psy_agents.training.data import PairData, split_pairs

RATES = (2e-5, 1e-4)
BATCH = 16
SECONDS = 15.0  # Of an arm.
START = 15.0  # Seconds in which our workers start; only what is between the first trial's start and the last one's end is counted.


@dataclass(frozen=True)
class Arm:
    """A way to search; ``takes``: seconds at the most, with the start of its processes and, for auto, the timing of their number."""

    who: str
    way: str
    processes: int | str
    takes: float = 45.0


ARMS = (
    Arm("ours", "packed", 1),
    Arm("trainer", "dynamic", 1),
    Arm("ours", "packed", "auto", takes=120.0),
    Arm("trainer", "max_length", 1),
    Arm("trainer", "dynamic", 4),
    Arm("trainer", "dynamic", 8, takes=60.0),
    Arm("trainer", "grouped", 4),
    Arm("trainer", "dynamic", 2),
)
TINY_ARMS = (Arm("ours", "packed", 1), Arm("trainer", "dynamic", 1))


def corpus_of(tiny: bool) -> Corpus:
    """160 training posts with four criteria: 40 steps an epoch."""
    posts, longest, criteria = (8, 60, 2) if tiny else (160, 400, 4)
    return make_corpus(mixed_lengths(posts, longest), mixed_lengths(max(4, posts // 4), longest, seed=1), criteria)


def search(options: Any, folder: Callable[[str], Path], ends: float) -> Iterator[dict[str, Any]]:
    """A line for each arm, the most telling first; one for which no time is left is said."""
    encoder = folder((options.encoders or ("bert",))[0])
    who = ("ours", "trainer") if options.only is None else (options.only,)
    for arm in TINY_ARMS if options.tiny else ARMS:
        line = {"who": arm.who, "way": arm.way, "processes": arm.processes}
        if arm.who not in who:
            continue
        if arm.who == "trainer" and not installed():
            yield {**line, "left_out": "accelerate is not installed"}
        elif left(ends) < arm.takes * (not options.tiny):
            yield {**line, "left_out": "no time is left"}
        elif arm.who == "ours":
            yield {**line, **ours(encoder, options, arm.processes, SECONDS)}
        else:
            yield {**line, **trainer(encoder, options, arm.way, arm.processes, 1.0 if options.tiny else SECONDS)}


def ours(encoder: Path, options: Any, count: int | str, seconds: float) -> dict[str, Any]:
    """A stage as `hpo_stage0` runs it, until its time is up: engine, store, workers and scoring are its own."""
    import optuna
    from on_gpu.steps import FIXED

    from psy_agents.hpo.config import StageConfig
    from psy_agents.hpo.paths import StoragePaths
    from psy_agents.hpo.run_stage import run_stage
    from psy_agents.hpo.space.config import SearchSpaceConfig
    from psy_agents.hpo.study.store import read_study
    from psy_agents.training.config import TrainingSettings

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    given = {"count": "auto"} | ({} if count == "auto" else {"count": count, "threads": 1})
    stage = StageConfig(
        name="stage0", label="speed", space="full", n_trials=2 if options.tiny else None, timeout=None if options.tiny else START + seconds,
        epochs=1, patience=1, keep_checkpoints=0, sampler="random", workers=given,
    )  # fmt: skip
    rates = {"learning_rate": {"type": "float", "low": RATES[0], "high": RATES[1], "log": True}}
    fixed = FIXED | {"encoder": str(encoder), "batch_size": BATCH}
    settings = TrainingSettings(precision="bfloat16" if options.device == "cuda" else "float32", fixed=fixed)
    with tempfile.TemporaryDirectory() as place:
        paths = StoragePaths(Path(place) / "studies.db", Path(place) / "weights", Path(place) / "logs")
        output = run_stage("criteria", corpus_of(options.tiny), stage, settings, SearchSpaceConfig(small={}, full=rates, large={}), paths)
        study = read_study(paths.store, output.result.study_name)
    done = [trial for trial in study.trials if trial.value is not None]
    took = [(trial.datetime_start.timestamp(), trial.datetime_complete.timestamp()) for trial in done]
    layout = study.user_attrs.get("layout", {})
    return _line(took, max(trial.value for trial in done)) | {"workers": layout.get("workers"), "timed": layout.get("steps_per_second")}


def trainer(encoder: Path, options: Any, way: str, processes: int, seconds: float) -> dict[str, Any]:
    """So many processes side by side, each of which runs the Trainer's trials one after another."""
    described = json.dumps({"encoder": str(encoder), "way": way, "seconds": seconds, "device": options.device, "tiny": options.tiny})
    command = [sys.executable, "-c", "import on_gpu.search, sys; on_gpu.search.trainer_process(sys.argv[1])", described]
    # What is found from here; a relative path in PYTHONPATH too.
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(os.path.abspath(place) for place in sys.path)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": environment}
    running = [subprocess.Popen(command, **pipes) for _ in range(processes)]
    try:
        if any(each.stdout.readline().strip() != "ready" for each in running):
            return {"left_out": "a process did not start", "trials_per_hour": 0.0}
        for each in running:  # All begin at once.
            each.stdin.write("go\n")
            each.stdin.flush()
        found = [json.loads(each.communicate(timeout=60 + 3 * seconds)[0].splitlines()[-1]) for each in running]
    finally:
        for each in running:
            each.kill()
            each.wait()
    took = [(begin, end) for each in found for begin, end, _ in each]
    return _line(took, max(value for each in found for _, _, value in each))


def trainer_process(described: str) -> None:
    """Trials until the time is up, at least one: when each began and ended, and its macro-F1."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding, PrinterCallback, Trainer

    given = json.loads(described)
    tokenizer, corpus = AutoTokenizer.from_pretrained(given["encoder"]), corpus_of(given["tiny"])
    validation = split_pairs(corpus, "validation")
    train, scored = (dataset(tokenizer, each, given["way"]) for each in (split_pairs(corpus, "train"), validation))
    rng, trials, begin = np.random.default_rng(), [], None
    print("ready", flush=True)
    sys.stdin.readline()
    with tempfile.TemporaryDirectory() as folder, quiet_transformers():
        begin = time.time()
        while time.time() - begin < given["seconds"] or not trials:
            began = time.time()
            made = Trainer(
                model=AutoModelForSequenceClassification.from_pretrained(given["encoder"], num_labels=2),
                args=training_arguments(
                    folder, given["way"], BATCH, given["device"], num_train_epochs=1, warmup_steps=0.1, weight_decay=0.01,
                    learning_rate=float(np.exp(rng.uniform(*np.log(RATES)))),
                ),
                train_dataset=train,
                eval_dataset=scored,
                processing_class=tokenizer,
                data_collator=None if given["way"] == "max_length" else DataCollatorWithPadding(tokenizer),
            )  # fmt: skip
            made.remove_callback(PrinterCallback)
            made.train()
            trials.append((began, time.time(), macro_f1(validation, made.predict(scored).predictions)))
    print(json.dumps(trials), flush=True)


def macro_f1(data: PairData, logits: np.ndarray) -> float:
    """At the threshold that is best on the same pairs, as a trial of ours scores an epoch."""
    from psy_agents.evaluation.classification import classification_metrics
    from psy_agents.evaluation.thresholds import best_threshold

    probabilities = 1 / (1 + np.exp(logits[:, 0].astype(float) - logits[:, 1]))
    met = probabilities >= best_threshold(data.labels, probabilities, data.criterion)
    return classification_metrics(data.labels, probabilities, met, data.criterion, list(data.criteria))["macro_f1"]


def _line(took: list[tuple[float, float]], best: float) -> dict[str, Any]:
    spent = max(end for _, end in took) - min(begin for begin, _ in took)
    return {
        "trials": len(took), "trials_per_hour": round(3600 * len(took) / spent, 1),
        "seconds_per_trial": round(float(np.median([end - begin for begin, end in took])), 2), "best_macro_f1": round(best, 3),
    }  # fmt: skip
