"""The two kinds of runs of a refit: confirming a candidate over seeds, and training the winner for good."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psy_agents.agents.saving import Decisions
from psy_agents.evaluation.predictions import gold_table, predictions_table
from psy_agents.hpo.objective import SearchSetup, best_outcome, new_run, report_each, scored_epochs
from psy_agents.hpo.protocol import EpochReport, Report, TrialOutcome, TrialSpec
from psy_agents.training.data import unlabelled
from psy_agents.training.predictor import Predictor
from psy_agents.training.scoring import SplitScorer
from psy_agents.training.trainer import Reader

ANSWERS = "answers.npz"
SPAN_LENGTHS = "span_lengths.json"
MODEL = "model"
PREDICTIONS = "test_predictions.parquet"  # Beside the model, not in it: it names posts, and a model is given away.
TEST = "test"


@dataclass(frozen=True)
class RefitSetup(SearchSetup):
    """What all runs of a refit share: the candidates, best first, and of the final run how long and how it decides."""

    candidates: tuple[Mapping[str, Any], ...]
    epochs: int | None = None
    decisions: Decisions | None = None

    def params(self, spec: TrialSpec) -> dict[str, Any]:
        """Those of the candidate that a run names."""
        return dict(self.candidates[spec.params["candidate"]])


class ConfirmingObjective:
    """Trains a candidate on train with a run's seed, as the search did; keeps its answers on validation, not its weights."""

    def __init__(self, setup: RefitSetup) -> None:
        self.setup = setup
        self.reader = Reader(setup.corpus, setup.agent, setup.settings)

    def __call__(self, spec: TrialSpec, report: Report) -> TrialOutcome:
        run = new_run(self.setup, self.setup.params(spec), self.reader, spec)
        epochs_run = report_each(scored_epochs(run), report)
        spec.checkpoint.mkdir(parents=True, exist_ok=True)
        run.best_answers.save(spec.checkpoint / ANSWERS)
        (spec.checkpoint / SPAN_LENGTHS).write_text(json.dumps(run.scorer.span_lengths), encoding="utf-8")
        return best_outcome(run, epochs_run)


class FinalObjective:
    """Trains the winner on train + validation, saves it, and predicts the test split with what was saved: once.

    A report's value is the negative training loss, because nothing is left to score an epoch on; the run's value is
    the objective on test.
    """

    def __init__(self, setup: RefitSetup) -> None:
        self.setup = setup
        self.reader = Reader(setup.corpus, setup.agent, setup.settings, train=("train", "validation"), scored=None)

    def __call__(self, spec: TrialSpec, report: Report) -> TrialOutcome:
        setup = self.setup
        run = new_run(setup, setup.params(spec), self.reader, spec)
        losses = enumerate(run.fit(setup.epochs), start=1)
        report_each((EpochReport(number, -loss, {"train_loss": loss}) for number, loss in losses), report)
        run.save(spec.checkpoint / MODEL, setup.decisions)
        value, metrics = test_once(spec.checkpoint, setup)
        return TrialOutcome(value, setup.epochs, setup.epochs, metrics)


def test_once(folder: Path, setup: RefitSetup) -> tuple[float, dict[str, float]]:
    """Load the agent saved in the folder, predict the test split, write the predictions beside it; the objective and every metric."""
    corpus = setup.corpus
    texts = corpus.posts.set_index("post_id")["text"]
    members = corpus.posts.loc[corpus.posts["post_id"].isin(corpus.members(TEST)), "post_id"].tolist()
    # Every criterion of every test post is asked for, as a user asks; pairs that were set aside are dropped after.
    predictor = Predictor(folder / MODEL)
    everything = predictor.predict_pairs(unlabelled(corpus.criteria, [texts[post] for post in members]))
    gold = gold_table(corpus.pairs, corpus.splits, TEST)
    row = {(post, criterion): i for i, (post, criterion) in enumerate((p, c) for p in members for c in corpus.criteria)}
    kept = [row[pair] for pair in zip(gold["post_id"], gold["criterion"], strict=True)]
    found = None if everything.evidence is None else [everything.evidence[i] for i in kept]
    spans = None if found is None else [[(start, end) for start, end, _ in each] for each in found]
    probabilities, uncalibrated, thresholds = (
        None if each is None else each[kept] for each in (everything.probabilities, everything.uncalibrated, everything.thresholds)
    )
    table = predictions_table(
        gold,
        probabilities=probabilities,
        predicted=everything.met[kept],
        spans=spans,
        scores=None if found is None else [[score for _, _, score in each] for each in found],
        uncalibrated=uncalibrated,
        thresholds=thresholds,
        pooled_threshold=None if thresholds is None else predictor.decisions.threshold,
    )
    table.to_parquet(folder / PREDICTIONS, index=False)
    scorer = SplitScorer(corpus.split(TEST), [1], setup.settings.objective_evidence_weight)
    return scorer.score_predictions(probabilities, None if probabilities is None else everything.met[kept], spans)
