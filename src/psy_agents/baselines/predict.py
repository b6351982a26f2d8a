"""Tunes, fits and scores the baselines, on the same footing as the agents.

A baseline's setting is the one with the highest objective on validation, fitted on train, as a trial's is. On test, calibration,
thresholds and decoding rule are chosen as the refit chooses an agent's: on the answers to what each of its seeds holds out, by the same
functions. The baseline is then fitted on train + validation.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from functools import cached_property

import pandas as pd

from psy_agents.agents.decoding import SENTENCES, DecodingRule, decode_with_scores
from psy_agents.agents.saved.agent import Decisions
from psy_agents.baselines.registry import baseline_names, systems_of
from psy_agents.baselines.system import Answering, Baseline, BaselineSetup, System
from psy_agents.corpus.corpus import Corpus
from psy_agents.evaluation.classification import classification_metrics
from psy_agents.evaluation.predictions import gold_table, predictions_table
from psy_agents.evaluation.scored_pairs import ScoredPairs
from psy_agents.hpo.refit.config import RefitConfig
from psy_agents.hpo.refit.decisions import decide, held_out_by_seed
from psy_agents.training.data import PairData, split_pairs
from psy_agents.training.scoring import Answers, SplitScorer

VALIDATION = "validation"
FIXED_DECISIONS = Decisions(threshold=0.5, rule=DecodingRule(threshold=0.0, max_spans=1, unit=SENTENCES))
LENGTHS = (1,)  # Candidates are sentences: a rule for spans of tokens has nothing to choose from.


def baseline_table(
    corpus: Corpus, split: str, setup: BaselineSetup, systems: Sequence[System] | None = None
) -> dict[str, dict[str, float]]:
    """The metrics of every baseline on one split, by the name of the baseline.

    Criteria baselines have the keys of `classification_metrics`, evidence baselines the keys of `EvidenceScorer.score`,
    without pairs whose evidence is unknown. For the arguments see `baseline_predictions`.
    """
    predictions, criteria = baseline_predictions(corpus, split, setup, systems), list(corpus.criteria)
    texts = dict(zip(corpus.posts["post_id"], corpus.posts["text"], strict=True))
    scored = {name: ScoredPairs.from_table(table, texts, criteria) for name, table in predictions.items()}
    scorer = next(iter(scored.values())).evidence_scorer()
    return {
        name: classification_metrics(found.labels, found.probabilities, found.predicted, found.criterion, criteria)
        if found.spans is None
        else scorer.score(found.spans)
        for name, found in scored.items()
    }


def baseline_predictions(
    corpus: Corpus, split: str, setup: BaselineSetup, systems: Sequence[System] | None = None
) -> dict[str, pd.DataFrame]:
    """The predictions table (`psy_agents.evaluation.predictions`) of every baseline on one split, by the name of the baseline.

    Criteria baselines predict no spans; evidence baselines predict only spans.

    Args:
        split: validation: baselines are fitted on train, and all choices are made on validation itself, as for a trial of the search.
            Any other: see the module.
        systems: whose baselines; None: all that the configuration asks for.

    Raises:
        UserError: train + validation cannot be divided, or a system's encoder, model or endpoint cannot be used.
    """
    gold, fitting = gold_table(corpus.pairs, corpus.splits, split), _Fitting(corpus, split, setup.refit)
    tables: dict[str, pd.DataFrame] = {}
    systems = systems_of(setup) if systems is None else systems
    for system in systems:
        for baseline in system.baselines:
            answers, decisions = fitting.answers(system, baseline)
            tables[baseline.name] = _table(gold, baseline, fitting.scored, answers, decisions)
        fitting.forget()
    return {name: tables[name] for name in baseline_names(systems)}


class _Fitting:
    """Fits systems to the parts of one corpus."""

    def __init__(self, corpus: Corpus, split: str, refit: RefitConfig) -> None:
        self._corpus, self._on_validation, self._refit = corpus, split == VALIDATION, refit
        self.scored = split_pairs(corpus, split)
        self._train, self._validation = split_pairs(corpus, "train"), split_pairs(corpus, VALIDATION)
        self._fitted: dict[tuple[int | None, Hashable], Answering] = {}

    @cached_property
    def _held_out(self) -> Mapping[int, Corpus]:
        """The corpora of the refit's seeds. Without resplits all are the same, and so are a baseline's answers: one is enough."""
        corpora, _ = held_out_by_seed(self._corpus, self._refit)
        return corpora if self._refit.resplit else dict([next(iter(corpora.items()))])

    @cached_property
    def _parts(self) -> dict[int, tuple[PairData, PairData]]:
        return {seed: (split_pairs(each, "train"), split_pairs(each, VALIDATION)) for seed, each in self._held_out.items()}

    @cached_property
    def _developed(self) -> PairData:
        return split_pairs(self._corpus, "train", VALIDATION)

    def forget(self) -> None:
        """Drop the fitted systems."""
        self._fitted.clear()

    def answers(self, system: System, baseline: Baseline) -> tuple[Answers, Decisions]:
        """The answers to the scored pairs, and the decisions to make of them."""
        setting = self._best_setting(system, baseline)
        developed = self._train if self._on_validation else self._developed
        answers = baseline.answers(self._answering(system, developed, setting)(self.scored))
        if not system.chosen_on_validation:
            return answers, FIXED_DECISIONS
        if self._on_validation:
            return answers, SplitScorer(self.scored, LENGTHS, 1.0).choose(answers)
        held_out = [baseline.answers(self._answering(system, train, setting)(held)) for train, held in self._parts.values()]
        return answers, decide(self._refit, self._held_out, LENGTHS, list(self._parts), held_out)

    def _best_setting(self, system: System, baseline: Baseline) -> Hashable:
        """The first of the settings with the highest value on validation: macro-F1 or token-F1."""
        settings = system.settings(baseline)
        if len(settings) == 1:
            return settings[0]
        scorer = SplitScorer(self._validation, LENGTHS, 1.0)  # Where there is evidence, the objective is token-F1 alone.

        def value(setting: Hashable) -> float:
            answers = baseline.answers(self._answering(system, self._train, setting)(self._validation))
            return scorer.score(answers, scorer.choose(answers))[0]

        return max(settings, key=value)

    def _answering(self, system: System, train: PairData, setting: Hashable) -> Answering:
        key = (id(train), setting)  # The pairs live as long as this object.
        if key not in self._fitted:
            self._fitted[key] = system.fit(train, setting)
        return self._fitted[key]


def _table(gold: pd.DataFrame, baseline: Baseline, data: PairData, answers: Answers, decisions: Decisions) -> pd.DataFrame:
    answers = answers.calibrated(decisions.temperature, decisions.shift)
    if baseline.side == "criteria":
        probabilities = answers.probabilities_P
        met = probabilities >= decisions.thresholds_of(data.criteria)[data.criterion]
        return predictions_table(gold, probabilities=probabilities, predicted=met, spans=None)
    spans = decode_with_scores(answers.candidates, decisions.rule, len(data), answers.criterion_logits_P)
    plain = [[span._replace(score=None) for span in of_pair] for of_pair in spans]
    return predictions_table(gold, probabilities=None, predicted=None, spans=plain)
