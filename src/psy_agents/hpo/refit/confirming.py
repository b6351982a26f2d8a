"""The candidates of a refit: which run next, how good each is over the seeds, and which one wins."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field, FiniteFloat

from psy_agents.errors import UserError
from psy_agents.evaluation.intervals import sample_deviation
from psy_agents.files.schema import Schema
from psy_agents.hpo.refit.config import RefitConfig
from psy_agents.hpo.refit.objectives import SPAN_LENGTHS, answers_file
from psy_agents.hpo.study.records import TrialRecord
from psy_agents.hpo.study.topk import RankedTrial
from psy_agents.training.learning_curve import best_epoch, smoothed
from psy_agents.training.scoring import Answers


class ConfirmedCandidate(Schema):
    """One of the best trials, run with fixed seeds; values are the objective on what each seed held out."""

    rank: int = Field(ge=1, description="In the top-k.")
    trial: int
    searched_value: FiniteFloat = Field(description="What the search saw, with the trial's own seed.")
    values: tuple[FiniteFloat | None, ...] = Field(
        description="By seed, as far as it was trained with them; null where the run failed. With resplit the smoothed curve at `epochs`, "
        "else the best value of the smoothed curve."
    )
    best_epochs: tuple[int | None, ...] = Field(description="Of each run's own smoothed curve.")
    mean: FiniteFloat | None = Field(description="Over the seeds; with resplit the mean smoothed curve at `epochs`.")
    standard_deviation: FiniteFloat | None = Field(description="Of the sample, n - 1; null for one seed.")
    epochs: int | None = Field(
        None, description="Of its final training: with resplit the best epoch of the mean curve, else the median of best_epochs."
    )


@dataclass(frozen=True)
class Confirmation:
    """A candidate's confirming runs, in the order of the seeds.

    Attributes:
        candidate: its index in the top-k.
        resplit: the seeds held out different pairs, and every run trained all epochs.
    """

    candidate: int
    runs: tuple[TrialRecord, ...]
    resplit: bool

    @property
    def complete(self) -> tuple[TrialRecord, ...]:
        """The runs that did not fail."""
        return tuple(run for run in self.runs if run.state == "complete")

    @property
    def failures(self) -> int:
        """The number of runs that failed."""
        return len(self.runs) - len(self.complete)

    @property
    def epochs(self) -> int:
        """Of the final training: the best epoch of the mean curve, smoothed; without resplits the median of the best epochs."""
        if self.resplit:
            return best_epoch([statistics.fmean(values) for values in zip(*(run.curve for run in self.complete), strict=True)])
        return round(statistics.median(run.best_epoch for run in self.complete))

    def value(self, run: TrialRecord) -> float:
        """What a complete run says of the candidate.

        Smoothing is linear: the mean over the seeds is the mean curve, smoothed, at the chosen epoch.
        """
        return smoothed(run.curve)[self.epochs - 1] if self.resplit else run.value

    @property
    def mean(self) -> float:
        """Over the seeds that did not fail; minus infinity where all did."""
        return statistics.mean(map(self.value, self.complete)) if self.complete else -math.inf

    def answered_epoch(self, run: TrialRecord) -> int:
        """The epoch whose answers count: that of the final training, or without resplits the run's own best."""
        return self.epochs if self.resplit else run.best_epoch

    def answers(self, run: TrialRecord) -> Answers:
        """A complete run's uncalibrated answers to the pairs that its seed held out."""
        return Answers.load(answers_file(run.checkpoint, self.answered_epoch(run)))

    def summary(self, trial: RankedTrial) -> ConfirmedCandidate:
        """As the refit's summary shows it."""
        values = [self.value(run) if run.state == "complete" else None for run in self.runs]
        found = [value for value in values if value is not None]
        return ConfirmedCandidate(
            rank=trial.rank,
            trial=trial.trial,
            searched_value=trial.value,
            values=values,
            best_epochs=[run.best_epoch if run.state == "complete" else None for run in self.runs],
            mean=self.mean if found else None,
            standard_deviation=sample_deviation(found),
            epochs=self.epochs if found else None,
        )


def ranked(confirmations: Sequence[Confirmation]) -> list[Confirmation]:
    """Best first: those of more seeds, then those of fewer failures, then by the mean, then by the rank in the top-k."""
    return sorted(confirmations, key=lambda each: (-len(each.runs), each.failures, -each.mean, each.candidate))


class ConfirmingSchedule:
    """The confirming runs, seed after seed; each seed trains the best candidates so far, as many as the configuration says.

    Successive halving (Jamieson and Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter Optimization", AISTATS 2016)
    over seeds in place of epochs; without `halving` every seed trains all candidates.

    Args:
        n_candidates: number of candidates that the top-k has for the refit.
    """

    def __init__(self, config: RefitConfig, n_candidates: int) -> None:
        self._resplit = config.resplit
        self._n_candidates = n_candidates
        self._rounds: list[tuple[int, list[int]]] = []
        by_seed = zip(config.candidates_by_seed(n_candidates), config.fixed_seeds, strict=True)
        for size, group in itertools.groupby(by_seed, key=lambda each: each[0]):
            self._rounds.append((size, [seed for _, seed in group]))
        self.total = config.confirming_runs(n_candidates)

    def further(self, requested: Sequence[tuple[int, int]], records: Sequence[TrialRecord]) -> list[tuple[int, int]]:
        """The runs (candidate, seed) after those that were requested and have ended; none if those were all."""
        done = 0
        for size, seeds in self._rounds:
            if done == len(requested):
                best = ranked(self.confirmations(requested, records))[:size]
                return [(candidate, seed) for seed in seeds for candidate in sorted(each.candidate for each in best)]
            done += size * len(seeds)
        return []

    def confirmations(self, requested: Sequence[tuple[int, int]], records: Sequence[TrialRecord]) -> list[Confirmation]:
        """What the runs say of each candidate so far."""
        runs: dict[int, list[TrialRecord]] = {candidate: [] for candidate in range(self._n_candidates)}
        for (candidate, _), record in zip(requested, records, strict=True):
            runs[candidate].append(record)
        return [Confirmation(candidate, tuple(each), self._resplit) for candidate, each in runs.items()]

    def is_whole(self, requested: Sequence[tuple[int, int]], records: Sequence[TrialRecord]) -> bool:
        """Whether every complete run still has the files that it is judged by; answers count once all runs have ended."""
        if any(not (run.checkpoint and (run.checkpoint / SPAN_LENGTHS).is_file()) for run in records if run.state == "complete"):
            return False
        kept = self._kept(requested, records) if len(requested) == self.total else ()
        return all(file.is_file() for file in kept)

    def drop_unused(self, requested: Sequence[tuple[int, int]], records: Sequence[TrialRecord]) -> None:
        """Delete the answers of epochs that were not chosen: an evidence agent's take gigabytes."""
        for kept in self._kept(requested, records):
            for file in kept.parent.iterdir():
                if file != kept:
                    file.unlink()

    def _kept(self, requested: Sequence[tuple[int, int]], records: Sequence[TrialRecord]) -> list[Path]:
        """The chosen answers of each complete run."""
        return [
            answers_file(run.checkpoint, each.answered_epoch(run))
            for each in self.confirmations(requested, records)
            for run in each.complete
        ]


def winner_of(confirmations: Sequence[Confirmation], study: str) -> Confirmation:
    """The best of the candidates that were trained with all seeds.

    Raises:
        UserError: all of their runs failed.
    """
    best = ranked(confirmations)[0]
    if not best.complete:
        raise UserError(f"Every confirming run of {study} failed, so there is nothing to refit: look at its trials' reasons.")
    return best
