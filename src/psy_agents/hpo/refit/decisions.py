"""Calibration, thresholds and decoding rule, from answers to what each of the refit's seeds held out."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from psy_agents.agents.saved.agent import Decisions
from psy_agents.corpus.corpus import Corpus
from psy_agents.corpus.splitting.resplits import resplit
from psy_agents.evaluation.calibration import MAX_TEMPERATURE
from psy_agents.hpo.refit.config import RefitConfig
from psy_agents.hpo.refit.confirming import Confirmation
from psy_agents.hpo.refit.objectives import SPAN_LENGTHS, Final
from psy_agents.hpo.study.records import TrialRecord
from psy_agents.training.data import PairData, split_pairs
from psy_agents.training.scoring import Answers, choose_decisions

log = logging.getLogger(__name__)

VALIDATION = "validation"


def held_out_by_seed(corpus: Corpus, config: RefitConfig) -> tuple[dict[int, Corpus], int | None]:
    """The corpora of confirming runs by seed, without the test posts, and the number of parts that seeds hold out in turn.

    Without resplits all seeds have one corpus, with the splits as they are, and there are no parts.
    """
    if config.resplit:
        return resplit(corpus, config.fixed_seeds)
    return dict.fromkeys(config.fixed_seeds, corpus.part("train", "validation")), None


def decide(
    config: RefitConfig, corpora: Mapping[int, Corpus], lengths: Sequence[int], seeds: Sequence[int], answers: Sequence[Answers]
) -> Decisions:
    """Choose temperature, thresholds and decoding rule on held-out answers, each by a model that did not train on its pair.

    Several answers to a pair weigh one together. They are not averaged: a mean of models is surer and better than the one model that
    gets these decisions.

    Args:
        corpora: by seed, as `held_out_by_seed` returns them.
        lengths: of training spans, in tokens; the maximum span length is chosen from them.
        seeds: by answers, the seed that held out their pairs.
    """
    parts = [split_pairs(corpora[seed], VALIDATION) for seed in seeds]
    together = PairData.concatenate(parts), Answers.concatenate(answers, [len(part) for part in parts])
    rows = [np.flatnonzero(corpora[seed].pairs["post_id"].isin(corpora[seed].members(VALIDATION))) for seed in seeds]
    every = np.concatenate(rows)
    weights_P = 1 / np.bincount(every)[every]
    options = {"calibration": config.calibration, "min_support": config.min_support}
    return choose_decisions(*together, lengths, **options, weights_P=weights_P)


def held_out_positives(corpora: Mapping[int, Corpus], seeds: Iterable[int]) -> dict[str, int]:
    """The positive pairs of each criterion among those that the seeds held out, each counted once."""
    corpus = corpora[next(iter(corpora))]
    posts = {post for seed in seeds for post in corpora[seed].members(VALIDATION)}
    positive = corpus.pairs[corpus.pairs["post_id"].isin(posts) & (corpus.pairs["label"] == 1)]
    counts = positive["criterion"].value_counts()
    return {criterion: int(counts.get(criterion, 0)) for criterion in corpus.criteria}


def final_of(config: RefitConfig, corpora: Mapping[int, Corpus], confirmation: Confirmation) -> Final:
    """The epochs of a candidate's final training and its decisions, from its confirming runs."""
    runs = confirmation.complete
    answers = [confirmation.answers(run) for run in runs]
    return Final(confirmation.epochs, decide(config, corpora, span_lengths_of(runs[0]), [run.seed for run in runs], answers))


def span_lengths_of(run: TrialRecord) -> list[int]:
    """The lengths of training spans that a confirming run kept."""
    return json.loads((run.checkpoint / SPAN_LENGTHS).read_text(encoding="utf-8"))


def warn_of_halves(agent: str, folds: int | None) -> None:
    """Warn where each confirming run trains on half of what the final model trains on.

    Args:
        folds: parts of train + validation that seeds hold out in turn; None without resplits.
    """
    if folds == 2:
        log.warning(
            "%s: each seed holds out half of train + validation, so calibration, thresholds and decoding rule come from models that were "
            "trained on half as many posts as the final one, and may not suit it: use more seeds (hpo.refit.n_seeds)", agent,
        )  # fmt: skip


def warn_of_flat_probabilities(agent: str, decisions: Decisions) -> None:
    """Warn where no temperature calibrates the log odds, and the best one makes all probabilities nearly one half."""
    if decisions.temperature == MAX_TEMPERATURE and not decisions.shift:
        log.warning(
            "%s: its temperature is %g, the highest there is, so that its probabilities are all near one half: too few pairs are "
            "in order, or all log odds are too high, which hpo.refit.calibration=platt corrects",
            agent, decisions.temperature,
        )  # fmt: skip
