"""The objectives of a refit: confirm a candidate, train a final model, and combine models into an ensemble."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from psy_agents.agents.saved.agent import Decisions
from psy_agents.agents.saved.ensemble import save_ensemble
from psy_agents.corpus.corpus import Corpus
from psy_agents.evaluation.predictions import gold_table, predictions_table, write_predictions
from psy_agents.hpo.objective import best_outcome, new_run, report_each, scored_epochs
from psy_agents.hpo.protocol import EpochReport, Report, TrialOutcome, TrialSpec
from psy_agents.hpo.search_setup import SearchSetup
from psy_agents.inference.predictor import Predictor
from psy_agents.training.data import split_pairs, unlabelled_pairs
from psy_agents.training.scoring import SplitScorer
from psy_agents.training.training_data import WorkerCache

ANSWERS = "answers"  # A folder with one file for each epoch.
SPAN_LENGTHS = "span_lengths.json"
MODEL = "model"
PREDICTIONS = "test_predictions.parquet"  # Next to the model, not in it: it holds ids of posts, and models are shared.
TEST_SECONDS = "test_seconds.json"
TEST = "test"


@dataclass(frozen=True)
class Final:
    """The epochs of a candidate's final training, and its decisions."""

    epochs: int
    decisions: Decisions


@dataclass(frozen=True)
class RefitSetup(SearchSetup):
    """The part that all runs of a refit share.

    Attributes:
        candidates: their hyper-parameters, best first.
        finals: by the candidate's index.
        corpora: for confirming runs, the posts outside test by the run's seed: train, and as validation what the seed holds out.
    """

    candidates: tuple[Mapping[str, Any], ...]
    finals: Mapping[int, Final] = field(default_factory=dict)
    corpora: Mapping[int, Corpus] = field(default_factory=dict)

    def params(self, spec: TrialSpec) -> dict[str, Any]:
        """The hyper-parameters of the candidate of a run."""
        return dict(self.candidates[spec.params["candidate"]])


class ConfirmingObjective:
    """Trains a candidate with a run's seed, as the search did, on what the seed does not hold out.

    It keeps the answers of every epoch to the held-out pairs, since only the curves of all seeds tell which epoch is to be used, and
    no weights.
    """

    def __init__(self, setup: RefitSetup) -> None:
        self.setup = setup
        self.cache = WorkerCache(setup.settings)
        self.corpus: Corpus | None = None

    def __call__(self, spec: TrialSpec, report: Report) -> TrialOutcome:
        if self.corpus is not self.setup.corpora[spec.seed]:
            self.cache.drop_windows()
            self.corpus = self.setup.corpora[spec.seed]
            self.data = self.setup.new_training_data(self.corpus, cache=self.cache)
        run = new_run(self.setup, self.setup.params(spec), self.data, spec, keep_weights=False)
        (spec.checkpoint / ANSWERS).mkdir(parents=True, exist_ok=True)
        (spec.checkpoint / SPAN_LENGTHS).write_text(json.dumps(run.scorer.span_lengths), encoding="utf-8")

        def epochs() -> Iterator[EpochReport]:
            for epoch in scored_epochs(run):
                run.answers.save(answers_file(spec.checkpoint, epoch.epoch))
                yield epoch

        return best_outcome(run, report_each(epochs(), report))


def answers_file(checkpoint: Path, epoch: int) -> Path:
    """Where a confirming run keeps an epoch's answers."""
    return checkpoint / ANSWERS / f"epoch_{epoch:03d}.npz"


class MemberObjective:
    """Trains a candidate on train + validation and saves it, as a member of an ensemble.

    The value of a report, and of the run, is the negative training loss: no split is left to score an epoch on.
    """

    def __init__(self, setup: RefitSetup) -> None:
        self.setup = setup
        self.data = setup.new_training_data(train=("train", "validation"), scored=None)

    def __call__(self, spec: TrialSpec, report: Report) -> TrialOutcome:
        final = self.setup.finals[spec.params["candidate"]]
        run = new_run(self.setup, self.setup.params(spec), self.data, spec)
        losses: list[float] = []

        def epochs() -> Iterator[EpochReport]:
            for number, loss in enumerate(run.fit(final.epochs), start=1):
                losses.append(loss)
                yield EpochReport(number, -loss, {"train_loss": loss})

        report_each(epochs(), report)
        run.save(spec.checkpoint / MODEL, final.decisions)
        return TrialOutcome(-losses[-1], final.epochs, final.epochs, {"train_loss": losses[-1]})


class FinalObjective(MemberObjective):
    """Trains the winner and predicts the test split once, with the saved model. The run's value is the objective on test."""

    def __call__(self, spec: TrialSpec, report: Report) -> TrialOutcome:
        trained = super().__call__(spec, report)
        value, metrics = test_once(spec.checkpoint, self.setup)
        return replace(trained, value=value, metrics=metrics)


@dataclass(frozen=True)
class EnsembleSetup(SearchSetup):
    """The saved members of an ensemble, and its decisions."""

    members: tuple[Path, ...]
    decisions: Decisions


class EnsembleObjective:
    """Saves the members as one ensemble, and predicts the test split once. Nothing is trained."""

    def __init__(self, setup: EnsembleSetup) -> None:
        self.setup = setup

    def __call__(self, spec: TrialSpec, report: Report) -> TrialOutcome:
        save_ensemble(spec.checkpoint / MODEL, self.setup.members, self.setup.decisions)
        value, metrics = test_once(spec.checkpoint, self.setup)
        report_each([EpochReport(1, value, metrics)], report)
        return TrialOutcome(value, 1, 1, metrics)


def test_once(folder: Path, setup: SearchSetup) -> tuple[float, dict[str, float]]:
    """Predict the test split with the saved model and write the predictions next to it; returns the objective and the metrics."""
    corpus = setup.corpus
    texts = corpus.posts.set_index("post_id")["text"]
    members = corpus.posts.loc[corpus.posts["post_id"].isin(corpus.members(TEST)), "post_id"].tolist()
    # Every criterion of every test post is predicted, as a user predicts; pairs that were set aside are dropped afterwards.
    predictor = Predictor(folder / MODEL, cuda_graphs=setup.settings.cuda_graphs)
    begun = time.perf_counter()
    everything = predictor.predict_pairs(unlabelled_pairs(corpus.criteria, [texts[post] for post in members]))
    (folder / TEST_SECONDS).write_text(json.dumps(round(time.perf_counter() - begun, 3)), encoding="utf-8")
    gold = gold_table(corpus.pairs, corpus.splits, TEST)
    row = {(post, criterion): i for i, (post, criterion) in enumerate((p, c) for p in members for c in corpus.criteria)}
    kept = [row[pair] for pair in zip(gold["post_id"], gold["criterion"], strict=True)]
    spans = None if everything.spans is None else [everything.spans[i] for i in kept]
    probabilities, uncalibrated, thresholds = (
        None if each is None else each[kept] for each in (everything.probabilities, everything.uncalibrated, everything.thresholds)
    )
    table = predictions_table(
        gold,
        probabilities=probabilities,
        predicted=everything.predicted[kept],
        spans=spans,
        uncalibrated=uncalibrated,
        thresholds=thresholds,
        pooled_threshold=None if thresholds is None else predictor.decisions.threshold,
    )
    write_predictions(table, folder / PREDICTIONS)
    scorer = SplitScorer(split_pairs(corpus, TEST), [1], setup.settings.objective_evidence_weight)
    offsets = None if spans is None else [[span.offsets for span in each] for each in spans]
    return scorer.score_predictions(probabilities, None if probabilities is None else everything.predicted[kept], offsets)
