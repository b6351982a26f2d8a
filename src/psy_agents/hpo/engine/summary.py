"""The summary that a stage logs when it ends: its trials, its best value, its retries and its workers' time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import timedelta

from optuna.trial import FrozenTrial, TrialState

from psy_agents.hpo.engine.clocks import WorkerTime
from psy_agents.hpo.study.records import TrialRecord, best_record, count_epochs, count_states


def count_retried(attempts: Iterable[FrozenTrial], final: Iterable[TrialRecord]) -> dict[str, int]:
    """Failed attempts that are not final, by reason: the price of crashes and interruptions."""
    numbers = {record.number for record in final}
    failed = [attempt for attempt in attempts if attempt.state is TrialState.FAIL and attempt.number not in numbers]
    return dict(sorted(Counter(attempt.user_attrs.get("failure", "unknown") for attempt in failed).items()))


def stage_summary(
    study_name: str,
    n_trials: int | None,
    records: Iterable[TrialRecord],
    retried: Mapping[str, int],
    time: WorkerTime,
    epoch_budget: int | None = None,
    *,
    on_test: bool = False,
) -> str:
    """The summary, one line each for trials and time.

    Args:
        records: of the finished trials.
        retried: see `count_retried`.
        epoch_budget: epochs that the stage spends, where they end it.
        on_test: whether values are on test, where none is the best: it would be chosen on test.
    """
    records = tuple(records)
    states = count_states(records)
    if set(states) <= {"complete"}:
        ended = ", none failed" if records else ""
    else:
        ended = f" ({', '.join(f'{count} {state}' for state, count in states.items())})"
    wanted = "" if n_trials is None or epoch_budget is not None else f"/{n_trials}"
    trained = f"{count_epochs(records)}{'' if epoch_budget is None else f'/{epoch_budget}'} epochs trained"
    best = best_record(records)
    if best is None:
        value = "no value"
    elif on_test:
        value = "on test " + ", ".join(f"{record.value:.4f}" for record in records if record.state == "complete")
    else:
        value = f"best {best.value:.4f} in trial {best.number}"
    again = "; retried: " + ", ".join(f"{count} {reason}" for reason, count in retried.items()) if retried else ""
    return f"{study_name}: {len(records)}{wanted} trials finished{ended}, {trained}; {value}{again}\n{study_name}: {time_sentence(time)}"


def time_sentence(time: WorkerTime) -> str:
    """The workers' time, with the shares of its kinds."""
    if not time.total:
        return "no worker has run"
    parts = [
        f"{_clock(seconds)} {name} ({seconds / time.total:.1%})"
        for name, seconds in (("training", time.training), ("starting workers", time.start_up), ("idle", time.idle))
    ]
    starts = f"{time.worker_starts} worker start{'' if time.worker_starts == 1 else 's'}"
    return f"worker time {_clock(time.total)}: {', '.join(parts)}; {starts}"


def _clock(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 60 else str(timedelta(seconds=round(seconds)))
