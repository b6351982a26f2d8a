"""A small search; as a program (see `Program`) it is one that a test can kill."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

from psy_agents.hpo.config import StageConfig, WorkersConfig
from psy_agents.hpo.engine.stage_runner import StageRunner
from psy_agents.hpo.protocol import TrialSpec
from psy_agents.hpo.space.search_space import SearchSpace
from psy_agents.hpo.study.observations import Observation
from psy_agents.hpo.study.store import StudyStore, read_study
from psy_agents.hpo.study.topk import stage_records
from psy_agents.hpo.workers.worker import Worker

SPACE = {
    "x": {"type": "float", "low": 0.0, "high": 1.0},
    "loss": {"type": "categorical", "choices": ["plain", "focal"]},
    "gamma": {"type": "float", "low": 0.5, "high": 5.0, "when": {"loss": ["focal"]}},
}
DEFAULTS = {"x": 0.5, "loss": "plain", "gamma": 2.0}
CONFIG = {"name": "stage0", "label": "test", "n_trials": 4, "epochs": 3, "patience": 3}


@contextlib.contextmanager
def no_other_is_late(hung: set[int]) -> Iterator[None]:
    """Deadlines hold for trials that hang, from their first report on: no trial is late because the machine is slow."""
    dispatch, answer, trials = Worker.dispatch, Worker.answer, {}

    def dispatched(worker: Worker, spec: TrialSpec) -> None:
        dispatch(worker, spec)
        trials[worker] = spec.number
        worker._report_timeout_at = None
        if spec.number not in hung:
            worker._trial_timeout_at = None

    def answered(worker: Worker, go_on: bool) -> None:
        answer(worker, go_on)
        if trials[worker] not in hung:
            worker._report_timeout_at = None

    with mock.patch.multiple(Worker, dispatch=dispatched, answer=answered):
        yield


class Search:
    """A stage in a folder: its store, its weights, and a diary that its trials write."""

    def __init__(self, folder: Path) -> None:
        self.store = folder / "studies.db"
        self.weights = folder / "weights"
        self.diary = folder / "diary"
        self.hung = folder / "hung"  # Is there once a trial hangs.

    def run(self, *, mishaps=None, pause=0.0, processes=1, baselines=(), objective="support.search.objectives:Curve", name="study",
            callbacks=(), earlier=(), log_dir=None, attributes=None, space=SPACE, stage="stage0", workers=1, **config):  # fmt: skip
        """Run the stage; workers are their number, earlier is plain data; settings of `WorkersConfig` are the stage's own."""
        given = {"count": workers, **{key: config.pop(key) for key in [*config] if key in WorkersConfig.model_fields}}
        hung = {number for number, kind in (mishaps or {}).items() if kind.startswith("hang")}
        with StudyStore(self.store) as store, no_other_is_late(hung):
            runner = StageRunner(
                StageConfig(**{**CONFIG, "name": stage, "workers": given, **config}),
                SearchSpace.from_config(space, DEFAULTS),
                baselines,
                store,
                name,
                objective=objective,
                setup={
                    "diary": str(self.diary), "hung": str(self.hung), "mishaps": mishaps or {}, "pause": pause, "processes": processes,
                },  # fmt: skip
                checkpoint_root=self.weights,
                earlier=[Observation.model_validate(each) for each in earlier],
                callbacks=callbacks,
                log_dir=log_dir,
                attributes=attributes,
                preload_modules=(),
            )
            return runner.run()

    def study(self, name="study"):
        return read_study(self.store, name)

    def records(self, name="study"):
        return stage_records(self.study(name))

    def failures(self) -> list[str]:
        """Why attempts failed, in their order."""
        return [trial.user_attrs["failure"] for trial in self.study().trials if "failure" in trial.user_attrs]

    def diary_lines(self) -> list[list[int]]:
        """Number, process and micro-batch divisor of every trial begun."""
        if not self.diary.exists():
            return []
        return [[int(word) for word in line.split()] for line in self.diary.read_text().splitlines()]


class Stuck:
    """A callback that does not come back when the stage ends, and says so in a file."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __getattr__(self, name):
        return self._wait if name == "stage_finished" else lambda *_: None

    def _wait(self, _result) -> None:
        self._file.touch()
        time.sleep(3600)


def die_before_write(number: int) -> None:
    """Kill this process just before it commits its write of this number to the store, as a power cut would."""
    import sqlalchemy

    left = number

    @sqlalchemy.event.listens_for(sqlalchemy.Engine, "before_cursor_execute")
    def note(connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.lstrip().upper().startswith(("INSERT", "UPDATE", "DELETE")):
            connection.info["writes"] = True

    @sqlalchemy.event.listens_for(sqlalchemy.Engine, "commit")
    def count(connection: Any) -> None:
        nonlocal left
        left -= connection.info.pop("writes", False)
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def main(arguments: Sequence[str]) -> None:
    """Run the search of a folder with options in JSON."""
    folder, options = Path(arguments[0]), json.loads(arguments[1])
    options["mishaps"] = {int(number): kind for number, kind in options.get("mishaps", {}).items()}
    if "dies_before_write" in options:
        die_before_write(options.pop("dies_before_write"))
    if options.pop("stuck", False):
        options["callbacks"] = [Stuck(folder / "stuck")]
    Search(folder).run(**options)
