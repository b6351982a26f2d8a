"""Predictions tables of systems with a given skill on random posts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from psy_agents.evaluation.predictions import GOLD, predictions_table
from psy_agents.evaluation.spans import Span, sentence_spans

CRITERIA = ["sleep", "mood", "rare", "macro", "never"]
PREVALENCE = dict(zip(CRITERIA, [0.4, 0.25, 0.06, 0.15, 0.0], strict=True))


@dataclass(frozen=True)
class RandomCorpus:
    texts: dict[str, str]
    gold: pd.DataFrame
    criteria: list[str]

    def system(self, skill: float, seed: int = 0, probabilities: bool = True, spans: bool = True) -> pd.DataFrame:
        """Predictions that are right about a pair with probability ``skill``, else random."""
        rng = np.random.default_rng(seed)
        labels, n = self.gold["label"].to_numpy(), len(self.gold)
        signal = np.where(rng.random(n) < skill, labels, rng.random(n) < 0.3)
        values = np.clip(rng.normal(0.3 + 0.4 * signal, 0.15), 0, 1).round(2)  # Two decimals make ties.
        decisions = values >= 0.5
        found = []
        for row, decision in zip(self.gold.itertuples(), decisions, strict=True):
            sentences = sentence_spans(self.texts[row.post_id])
            right = [Span(**span) for span in row.gold_spans]
            guess = [Span(*sentences[rng.integers(len(sentences))])]
            found.append((right if right and rng.random() < skill else guess) if decision else [])
        return predictions_table(
            self.gold,
            probabilities=values if probabilities else None,
            predicted=decisions if probabilities else None,
            spans=found if spans else None,
        )


@pytest.fixture(scope="session")
def random_corpus():
    """Makes a corpus with some pairs left out and some with unknown evidence."""

    def make(posts: int, seed: int = 0) -> RandomCorpus:
        rng = np.random.default_rng(seed)
        texts, rows = {}, []
        for number in range(posts):
            lengths = rng.integers(2, 9, rng.integers(2, 7))
            texts[f"p{number}"] = " ".join(" ".join(rng.choice(["low", "bed", "eat", "grey"], n)) + "." for n in lengths)
            sentences = sentence_spans(texts[f"p{number}"])
            for criterion in CRITERIA:
                if rng.random() < 0.1:
                    continue
                label = int(rng.random() < PREVALENCE[criterion])
                known = not label or rng.random() < 0.9
                start, end = sentences[rng.integers(len(sentences))] if label and known else (0, 0)
                origin = "positive" if label else rng.choice(["explicit_negative", "implicit_negative"])
                spans = [{"start": start, "end": end}] if end else []
                rows.append((f"p{number}", criterion, label, origin, known, spans))
        return RandomCorpus(texts, pd.DataFrame(rows, columns=GOLD), CRITERIA)

    return make
