"""Forty posts with every outcome among their pairs, for the evidence page."""

from __future__ import annotations

import numpy as np
import pandas as pd

from psy_agents.evaluation.predictions import predictions_table
from psy_agents.evaluation.spans import Span

CANARY, ID = "zanzibarpost", "wombatid"
CRITERIA = {"SLEEP": "Sleeps badly.", "APPETITE": "Eats little.", "A<b>&_x": "</script><script>alert(1)</script>"}
SENTENCES = ["😀 I lie awake, says {canary} {n}.", "Nothing tastes <b>&amp;</b> good.", "The bus was late </script>.\nThen home."]
# By post number: (criterion, gold sentences, predicted sentences); every pair that is not here has neither.
PAIRS = {
    0: [("SLEEP", [0], [0])],  # right
    1: [("SLEEP", [0], [])],  # missed
    2: [("SLEEP", [], [2]), ("APPETITE", [1], [1])],  # wrong; right
    3: [("APPETITE", [1], [2])],  # missed and wrong
    4: [("SLEEP", None, [0])],  # place not known
    5: [("A<b>&_x", [0, 1], [1, 2])],  # right, missed and wrong
}
POSTS = 40


def predictions_and_texts(spans: bool = True, probabilities: bool = True) -> tuple[pd.DataFrame, dict[str, str]]:
    """Predictions of an agent, and the posts' texts."""
    texts, rows, found = {}, [], []
    for number in range(POSTS):
        sentences = [sentence.format(canary=CANARY, n=number) for sentence in SENTENCES]
        text = texts[f"{ID}-{number}"] = " ".join(sentences)
        places = [(text.index(sentence), text.index(sentence) + len(sentence)) for sentence in sentences]
        given = {criterion: rest for criterion, *rest in PAIRS.get(number % 10, [])}
        for criterion in CRITERIA:
            gold, predicted = given.get(criterion, ([], []))
            gold_spans = [places[i] for i in gold or []]
            rows.append(
                {
                    "post_id": f"{ID}-{number}", "criterion": criterion, "label": int(gold != []),
                    "origin": "implicit_negative" if gold == [] else "positive", "evidence_known": gold is not None,
                    "gold_spans": [{"start": start, "end": end} for start, end in gold_spans],
                }
            )  # fmt: skip
            found.append([Span(*places[i], 1.5) for i in predicted])
    gold = pd.DataFrame(rows)
    return (
        predictions_table(
            gold,
            probabilities=np.linspace(0, 1, len(gold)) if probabilities else None,
            predicted=np.array([len(each) > 0 for each in found]) if probabilities else None,
            spans=found if spans else None,
        ),
        texts,
    )
