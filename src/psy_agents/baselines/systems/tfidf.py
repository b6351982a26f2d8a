"""TF-IDF: logistic regression on posts, and the sentences nearest to the criterion's wording."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from itertools import product
from typing import Any

from psy_agents.baselines.sentences import TextModel, distinct
from psy_agents.baselines.system import Answering, Baseline, System
from psy_agents.training.data import PairData


class Tfidf(System):
    """``tfidf_logistic``; ``tfidf_sentence``, by cosine alone; ``tfidf_logistic_sentence``, by cosine and regression."""

    baselines = (
        Baseline("tfidf_logistic", "criteria", ("criteria",)),
        Baseline("tfidf_sentence", "evidence", ("evidence",)),
        Baseline("tfidf_logistic_sentence", "evidence", ("criteria", "evidence")),
    )

    def settings(self, baseline: Baseline) -> Sequence[Hashable]:
        """The longest run of words, and C where the regression is used."""
        config = self.setup.config.tfidf
        return tuple(product(config.ngrams, config.c if "criteria" in baseline.uses else (None,)))

    def depends_on(self) -> Mapping[str, Any]:
        """The settings that are tried."""
        return self.setup.config.tfidf.model_dump(mode="json")

    def fit(self, train: PairData, setting: tuple[int, float | None]) -> Answering:
        """Fit vocabulary, weights and regressions."""
        from sklearn.feature_extraction.text import TfidfVectorizer

        longest, c = setting
        vectorizer = TfidfVectorizer(token_pattern=r"(?u)\b\w+\b", ngram_range=(1, longest), sublinear_tf=True)
        vectorizer.fit(distinct(train.texts)[0])
        return TextModel(train, vectorizer.transform, vectorizer.transform, c)


SYSTEM = Tfidf
