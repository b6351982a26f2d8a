"""A stage in a few sentences when it ends, finished or not: its trials, its best value, what was repeated, and its time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import timedelta

from optuna.trial import FrozenTrial, TrialState

from psy_agents.hpo.engine.worker_time import SlotTime
from psy_agents.hpo.study.records import TrialRecord, best_record, count_states


def repeated(trials: Iterable[FrozenTrial], deciding: Iterable[TrialRecord]) -> dict[str, int]:
    """Failed attempts that decided nothing, by reason: the price of crashes, interruptions and retries."""
    decided = {record.number for record in deciding}
    failed = [trial for trial in trials if trial.state is TrialState.FAIL and trial.number not in decided]
    return dict(sorted(Counter(trial.user_attrs.get("failure", "unknown") for trial in failed).items()))


def stage_summary(study_name: str, n_trials: int | None, records: Iterable[TrialRecord], repeats: Mapping[str, int], time: SlotTime) -> str:
    """The summary, one line each for trials and time.

    Args:
        records: of the settled trials.
        repeats: see `repeated`.
    """
    records = tuple(records)
    states = ", ".join(f"{count} {state}" for state, count in count_states(records).items()) or "none"
    wanted = "" if n_trials is None else f" of {n_trials}"
    best = best_record(records)
    value = "no value" if best is None else f"best {best.value:.4f} in trial {best.index + 1} (number {best.number})"
    again = ", ".join(f"{count} {reason}" for reason, count in repeats.items()) or "none"
    return (
        f"{study_name}: {len(records)}{wanted} trials settled: {states}; {value}; attempts beyond them: {again}\n"
        f"{study_name}: {time_sentence(time)}"
    )


def time_sentence(time: SlotTime) -> str:
    """Where the slots' time went, with shares of it."""
    if not time.total:
        return "no slot has run"
    parts = [
        f"{_clock(seconds)} {name} ({seconds / time.total:.1%})"
        for name, seconds in (("training", time.training), ("starting workers", time.start_up), ("idle", time.idle))
    ]
    starts = f"{time.worker_starts} worker start{'' if time.worker_starts == 1 else 's'}"
    return f"slot time {_clock(time.total)}: {', '.join(parts)}; {starts}"


def _clock(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 60 else str(timedelta(seconds=round(seconds)))
