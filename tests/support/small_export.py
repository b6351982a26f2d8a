"""An agent that was trained, saved and tested as a refit does it, in this process, with all that an export is given."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from support.small_search import SETTINGS, prepared, training_settings

from psy_agents.agents.saved.agent import Decisions
from psy_agents.baselines.config import BaselinesConfig
from psy_agents.baselines.system import BaselineSetup
from psy_agents.corpus.corpus import Corpus
from psy_agents.corpus.quality import Windowing, describe_quality
from psy_agents.hpo.protocol import TrialSpec
from psy_agents.hpo.refit.config import RefitConfig
from psy_agents.hpo.refit.objectives import MODEL, PREDICTIONS, Final, FinalObjective, RefitSetup
from psy_agents.hpo.refit.run_refit import RefitSummary
from psy_agents.hpo.study.identity import settings_hash
from psy_agents.release.config import ExportConfig
from psy_agents.release.facts import ReleaseFacts, gather_facts
from psy_agents.reporting.config import ReportConfig

QUICK_BASELINES = BaselinesConfig.model_validate({"tfidf": {"c": [1.0], "ngrams": [1]}, "embedding": {"use": False}})
REFIT = RefitConfig(seeds=(11, 23), min_support=2)
AGREEMENT = {"name": "Meadow agreement", "url": "https://example.org/agreement"}
ABOUT = {
    "meadow": {
        "labels": "Two nurses.",
        "languages": ["en"],
        "safety_critical": ["SLEEP"],
        "statement": {"speech_situation": "A forum."},
    }
}
CONFIG = ExportConfig.model_validate(
    {"environment": "local", "corpus": "meadow", "corpora": ABOUT, "agreement": AGREEMENT, "licence": "cc-by-4.0"}
)


@dataclass(frozen=True)
class Trained:
    """One agent's refit: its folder, its summary, its predictions on test, and what else an export is given."""

    agent: str
    model: Path
    summary: dict
    predictions: pd.DataFrame
    given: dict

    @property
    def quality(self) -> dict:
        return self.given["quality"]

    def facts(self, config: ExportConfig = CONFIG, **changes) -> ReleaseFacts:
        given = {**self.given, "summary": self.summary, "predictions": self.predictions, "config": config, **changes}
        return gather_facts(agent=self.agent, **given)


def small_export(agent: str, encoder: Path, root: Path) -> Trained:
    """Train it in this process, save it, and predict the test split with what was saved."""
    made, splits = prepared()
    corpus = Corpus(made.posts, made.pairs, made.sentences, splits, made.criteria)
    reading = Windowing("tiny", 32, 8, 0.25, lambda texts: (np.arange(1, 1 + len(text.split())) for text in texts))
    quality = describe_quality(made.account, corpus, SETTINGS, reading).model_dump(mode="json")
    settings, params = training_settings(encoder), {"learning_rate": 5e-3}
    setup = RefitSetup(agent, settings, corpus, (params,), {0: Final(epochs=2, decisions=Decisions(0.4))})
    root.mkdir()
    outcome = FinalObjective(setup)(TrialSpec(0, {"candidate": 0}, seed=11, epochs=3, patience=3, checkpoint=root), lambda _: True)
    confirmed = {
        "rank": 1, "trial": 4, "searched_value": 0.5, "values": [0.4, 0.6], "best_epochs": [2, 2], "mean": 0.5,
        "standard_deviation": 0.1414,
    }  # fmt: skip
    summary = RefitSummary.model_validate({
        "agent": agent, "from_study": f"{agent}-stage2-fine-0", "from_stage": "stage2", "study": f"{agent}-stage3-refit-0",
        "final_study": f"{agent}-stage3-final-0", "seeds": [11, 23], "candidates": [confirmed], "winner": 1, "params": params,
        "hyperparameters": settings.hyperparameters(params).model_dump(), "epochs": 2, "seed": 11, "temperature": 1.0,
        "shift": 0.0, "threshold": 0.4, "thresholds": {}, "validation_positives": {}, "ensemble": None, "decoding": {},
        "test_value": outcome.value, "test_metrics": dict(outcome.metrics), "data_hash": corpus.fingerprint,
        "settings_hash": settings_hash(settings), "versions": {"torch": "2"},
    })  # fmt: skip
    given = {
        "corpus": corpus, "quality": quality, "store": root / "studies.db", "git_commit": "abc123",
        "reporting": ReportConfig(resamples=100, permutations=100), "baselines": BaselineSetup(QUICK_BASELINES, REFIT, settings),
    }  # fmt: skip
    return Trained(agent, root / MODEL, summary.model_dump(mode="json"), pd.read_parquet(root / PREDICTIONS), given)
