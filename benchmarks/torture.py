"""Kills and faults in many short searches in real processes, and a count of broken promises.

    python benchmarks/torture.py [--kills 200] [--faults 500] [--seed 0] [--workers 2] [--writes 1 2 3] [--folder FOLDER]
    python benchmarks/torture.py --check PLAN FOLDER...

Every study has 10 trials of 3 epochs on a surrogate of training. Its workers fail at random: they are killed, exit, hang
asleep or busy, report a device error, a full memory, a full disk or a loss that is not a number, or raise. Its parent is
killed (SIGKILL) or stopped (SIGTERM, SIGINT) at random moments, and run again until the study is done. Before that, one
study of 3 trials is killed before its first write to the store, another before its second, and so on through all writes of a
search, or those of ``--writes``; each resumes and ends when it is run again. After each study its store, its files and the
processes are checked:

    trials       exactly the requested number, one final attempt for each index, none running or waiting
    settled      no attempt after the final one of an index; a lost attempt is retried, at most three times
    parameters   those of a search without faults, with the same seeds, for each index; values that follow from them
    files        weights of the best two trials only, complete
    processes    none left after the end of a parent

Prints the number of each fault that happened and the violations; exits with 1 if there are any. Studies run until the
requested numbers of kills and faults are reached; kills before a write count separately. ``--check`` checks the store and the
files of finished studies: PLAN is the folder of a study without faults, such as FOLDER/plan.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from faults import KINDS, die_before_write, fail
from optuna.trial import FrozenTrial, TrialState

from psy_agents.errors import UserError
from psy_agents.hpo.config import StageConfig
from psy_agents.hpo.engine.interruption import SearchInterrupted
from psy_agents.hpo.engine.stage_runner import StageRunner
from psy_agents.hpo.protocol import EpochReport, Report, TrialOutcome, TrialSpec
from psy_agents.hpo.space.search_space import SearchSpace
from psy_agents.hpo.study.history import INFRASTRUCTURE, MEMORY_ATTEMPTS, PERMANENT
from psy_agents.hpo.study.store import StudyStore, read_study

MARK = "PSY_AGENTS_TORTURE"  # In the environment of a study's parent and its descendants.
TRIALS, EPOCHS, KEEP, RETRIES = 10, 3, 2, 3
SPACE = {
    "x": {"type": "float", "low": 0.0, "high": 1.0},
    "loss": {"type": "categorical", "choices": ["plain", "focal"]},
    "gamma": {"type": "float", "low": 0.5, "high": 5.0, "when": {"loss": ["focal"]}},
}
DEFAULTS = {"x": 0.5, "loss": "plain", "gamma": 2.0}
FIRST = [{"x": 0.2}]  # Enqueued.
FAULTY = 0.35  # Share of trials with a fault.
MEAN_LIFE = 2.5  # Mean seconds before a parent is killed.
SILENCE = 1.0
PATIENCE = 600.0  # Seconds until a process counts as hung; a busy machine needs them.
KILLS = {signal.SIGKILL: 0.7, signal.SIGTERM: 0.15, signal.SIGINT: 0.15}
SHORT = 3  # Trials of a study that is killed before each of its writes.


def value_of(x: float, epoch: int) -> float:
    """The surrogate's learning curve."""
    return (1 - (x - 0.7) ** 2) * (1 - 0.5**epoch)


class Surrogate:
    """An objective that sleeps for a few hundredths of a second. The fault of a trial depends only on its number."""

    def __init__(self, setup: dict) -> None:
        self.setup = setup

    def __call__(self, spec: TrialSpec, report: Report) -> TrialOutcome:
        chance = random.Random(f"{self.setup['seed']} {spec.number}")
        kind = chance.choice(KINDS) if chance.random() < self.setup["faulty"] else None
        at = chance.randint(1, EPOCHS)
        for epoch in range(1, EPOCHS + 1):
            time.sleep(0.02)
            if kind is not None and epoch == at:
                with Path(self.setup["diary"]).open("a") as diary:
                    diary.write(f"{kind}\n")
                fail(kind, epoch, report)
            spec.checkpoint.mkdir(parents=True, exist_ok=True)
            (spec.checkpoint / "weights").write_text(str(epoch))
            report(EpochReport(epoch, value_of(spec.params["x"], epoch)))
        return TrialOutcome(value_of(spec.params["x"], EPOCHS), EPOCHS, EPOCHS, {})


def search(folder: Path, *, seed: int, workers: int, faulty: float, trials: int = TRIALS, dies_before: int = 0) -> None:
    """Run or resume the study of a folder; ``dies_before``: the write before which this process is killed, or 0."""
    if dies_before:
        die_before_write(dies_before)
    with StudyStore(folder / "studies.db") as store:
        StageRunner(
            StageConfig(
                name="torture", label="", n_trials=trials, epochs=EPOCHS, patience=EPOCHS, keep_checkpoints=KEEP,
                sampler={"name": "random"},
                workers={
                    "count": workers, "threads": 1, "timeouts": {"silence": SILENCE if faulty else None}, "max_retries": RETRIES,
                    "trials_per_worker": 4,
                },
            ),
            SearchSpace.from_config(SPACE, DEFAULTS),
            FIRST,
            store,
            "study",
            objective="torture:Surrogate",
            setup={"seed": seed, "faulty": faulty, "diary": str(folder / "diary")},
            checkpoint_root=folder / "weights",
            preload_modules=(),
        ).run()  # fmt: skip


def plan_of(folder: Path) -> list[tuple[dict, int]]:
    """Parameters and seed of each index, from a study without faults."""
    return [(trial.params, trial.user_attrs["seed"]) for trial in read_study(folder / "studies.db", "study").trials]


def torment(folder: Path, chance: random.Random, *, seed: int, workers: int, kills: int) -> tuple[Counter, list[str]]:
    """Run a study to its end with this many kills; return counts of kills, and violations by processes."""
    mark, done, wrong = uuid.uuid4().hex, Counter(), []
    options = {"seed": seed, "workers": workers, "faulty": FAULTY}
    while True:
        parent = start(folder, mark, options)
        try:
            parent.wait(chance.expovariate(1 / MEAN_LIFE) if kills > 0 else PATIENCE)
        except subprocess.TimeoutExpired:
            if kills <= 0:
                wrong.append("processes: a parent did not end")
            signum = chance.choices(list(KILLS), list(KILLS.values()))[0] if kills > 0 else signal.SIGKILL
            parent.send_signal(signum)
            parent.wait(PATIENCE)
            done[f"parent {signum.name}"] += 1
            kills -= 1
        left = survivors(mark)
        if left:
            wrong.append(f"processes: {len(left)} outlived their parent")
            for process in left:
                os.kill(process, signal.SIGKILL)
        if parent.returncode == 0 or len(wrong) > 3:
            return done, wrong


def kill_before_writes(root: Path, plan: list[tuple[dict, int]], writes: Iterable[int]) -> tuple[int, list[str]]:
    """Run one study for each of the writes, up to the last write of a search; return the number of kills, and violations."""
    kills, wrong, options = 0, [], {"seed": 0, "workers": 1, "faulty": 0.0, "trials": SHORT}
    for write in writes:
        folder, mark = root / f"write_{write:03d}", uuid.uuid4().hex
        folder.mkdir()
        first = run_to_its_end(folder, mark, {**options, "dies_before": write})
        if first == 0:
            break
        kills += 1
        ends = [first, run_to_its_end(folder, mark, options)]
        found = [] if ends == [-signal.SIGKILL, 0] else [f"trials: the runs ended with {ends}"]
        found += [f"processes: {process} outlived its parent" for process in survivors(mark)]
        wrong += [f"killed before write {write}, {line}" for line in found + violations(folder, plan[:SHORT])]
        shutil.rmtree(folder)
    return kills, wrong


def start(folder: Path, mark: str, options: dict) -> subprocess.Popen:
    """Start a study's parent."""
    command = [sys.executable, __file__, "--search", str(folder), json.dumps(options)]
    with (folder / "output").open("ab") as output:
        return subprocess.Popen(command, env={**os.environ, MARK: mark}, stdout=output, stderr=output)


def run_to_its_end(folder: Path, mark: str, options: dict) -> int:
    """The exit status of one run of a study."""
    with start(folder, mark, options) as parent:
        try:
            return parent.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            parent.kill()
            raise


def survivors(mark: str, patience: float = PATIENCE) -> list[int]:
    """Processes with the mark that do not end in time."""
    deadline = time.monotonic() + patience
    while (left := _marked(mark)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left


def _marked(mark: str) -> list[int]:
    found, wanted = [], f"{MARK}={mark}".encode()
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and wanted in (folder / "environ").read_bytes():
                found.append(int(folder.name))
        except (FileNotFoundError, ProcessLookupError, PermissionError):  # It has ended, or belongs to another user.
            continue
    return found


def violations(folder: Path, plan: list[tuple[dict, int]]) -> list[str]:
    """Violations in the store and the files of a finished study."""
    wrong, attempts = [], {}
    for trial in read_study(folder / "studies.db", "study").trials:
        if not trial.state.is_finished():
            wrong.append(f"trials: {trial.number} is {trial.state.name}")
        if "index" in trial.user_attrs:
            attempts.setdefault(trial.user_attrs["index"], []).append(trial)
    if sorted(attempts) != list(range(len(plan))):
        wrong.append(f"trials: the indices are {sorted(attempts)}")
    for index, tried in attempts.items():
        wrong += _of_index(index, tried, plan)
    complete = [tried[-1] for tried in attempts.values() if tried[-1].state is TrialState.COMPLETE]
    best = sorted(complete, key=lambda trial: (-trial.value, trial.number))[:KEEP]
    kept = {path.name for path in (folder / "weights").iterdir()} if (folder / "weights").is_dir() else set()
    if kept != {f"trial_{trial.number:04d}" for trial in best}:
        wrong.append(f"files: {sorted(kept)} are kept, the best trials are {[trial.number for trial in best]}")
    wrong += [f"files: {name} lacks its weights" for name in kept if not (folder / "weights" / name / "weights").is_file()]
    return wrong


def _of_index(index: int, tried: list[FrozenTrial], plan: list[tuple[dict, int]]) -> list[str]:
    wrong = []
    failures = [trial.user_attrs.get("failure") for trial in tried]
    lost, memory = sum(failure in INFRASTRUCTURE for failure in failures), failures.count("out of memory")
    settling = [trial.state is not TrialState.FAIL or failure in PERMANENT for trial, failure in zip(tried, failures, strict=True)]
    if any(settling[:-1]):
        wrong.append(f"settled: index {index} was run again after it was settled")
    if not settling[-1] and not lost > RETRIES and not memory >= MEMORY_ATTEMPTS:
        wrong.append(f"settled: index {index} is left unsettled after {failures}")
    if lost > RETRIES + 1 or memory > MEMORY_ATTEMPTS:
        wrong.append(f"settled: index {index} was run again too often: {failures}")
    if index < len(plan) and any((trial.params, trial.user_attrs["seed"]) != plan[index] for trial in tried):
        wrong.append(f"parameters: index {index} has others than without faults")
    for trial in tried:
        if trial.state is TrialState.COMPLETE and trial.value != value_of(trial.params["x"], EPOCHS):
            wrong.append(f"parameters: the value of trial {trial.number} does not follow from them")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--faults", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="folder of all studies; default: a temporary one, for studies with violations")
    parser.add_argument("--writes", type=int, nargs="+", help="writes before which a study is killed; default: all")
    parser.add_argument("--check", type=Path, nargs="+", metavar=("PLAN", "FOLDER"), help="checks finished studies, and runs none")
    parser.add_argument("--search", nargs=2, metavar=("FOLDER", "JSON"), help=argparse.SUPPRESS)  # A study's parent.
    arguments = parser.parse_args()
    if arguments.search:
        try:
            search(Path(arguments.search[0]), **json.loads(arguments.search[1]))
        except (UserError, SearchInterrupted) as error:
            print(error, file=sys.stderr)
            return 2
        return 0
    if arguments.check:
        plan, *folders = arguments.check
        found = [f"{folder}: {line}" for folder in folders for line in violations(folder, plan_of(plan))]
        print("\n".join([*found, f"{len(found)} violations"]))
        return 1 if found else 0
    root = arguments.folder or Path(tempfile.mkdtemp(prefix="torture-"))
    root.mkdir(parents=True, exist_ok=True)
    (root / "plan").mkdir()
    search(root / "plan", seed=0, workers=1, faulty=0.0)
    plan = plan_of(root / "plan")
    writes, wrong = kill_before_writes(root, plan, arguments.writes or itertools.count(1))
    print(f"{writes} kills before a write, {len(wrong)} violations", file=sys.stderr, flush=True)
    counts, found, studies = torture(root, arguments, plan)
    wrong += found
    print(f"{studies} studies of {TRIALS} trials, {arguments.workers} workers, seed {arguments.seed}")
    for name, count in sorted(counts.items()):
        print(f"{count:6d} {name}")
    print(f"{writes:6d} parent killed before a write to the store")
    print(f"{len(wrong):6d} violations")
    for line in wrong:
        print("      ", line)
    if not wrong and arguments.folder is None:
        shutil.rmtree(root)
    return 1 if wrong else 0


def torture(root: Path, arguments: argparse.Namespace, plan: list[tuple[dict, int]]) -> tuple[Counter, list[str], int]:
    """Run studies until the requested kills and faults are reached; return counts, violations and the number of studies."""
    chance, counts, wrong = random.Random(arguments.seed), Counter(), []
    number = 0
    while True:
        kills = sum(count for name, count in counts.items() if name.startswith("parent"))
        faults = sum(count for name, count in counts.items() if name.startswith("worker"))
        if (kills >= arguments.kills and faults >= arguments.faults) or len(wrong) > 20:
            return counts, wrong, number
        folder = root / f"study_{number:04d}"
        folder.mkdir()
        wanted = chance.randint(1, 6) if kills < arguments.kills else 0
        done, left = torment(folder, chance, seed=arguments.seed * 100_000 + number, workers=arguments.workers, kills=wanted)
        found = left + violations(folder, plan)
        counts += done
        if (folder / "diary").exists():
            counts += Counter(f"worker {kind}" for kind in (folder / "diary").read_text().split("\n") if kind)
        wrong += [f"study {number}, {line}" for line in found]
        if not found and arguments.folder is None:
            shutil.rmtree(folder)
        number += 1
        if number % 5 == 0:
            print(f"{number} studies, {dict(sorted(counts.items()))}, {len(wrong)} violations", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
