"""The baselines' scores on validation, computed once and stored for the next run by everything on which they depend."""

from __future__ import annotations

import logging
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import ConfigDict

from psy_agents.baselines.predict import VALIDATION, baseline_table
from psy_agents.baselines.registry import baseline_names, systems_of
from psy_agents.baselines.system import BaselineSetup, System
from psy_agents.corpus.corpus import Corpus
from psy_agents.files.checksums import code_checksum
from psy_agents.files.schema import Schema
from psy_agents.hpo.kept import keep, kept
from psy_agents.hpo.study.store import digest

log = logging.getLogger(__name__)

PACKAGES = ("numpy", "scipy", "scikit-learn", "torch", "transformers")


class StoredScores(Schema):
    """The scores of one system's baselines, and what they depend on."""

    model_config = ConfigDict(ser_json_inf_nan="constants")  # A metric of nothing is NaN.

    depends_on: dict[str, Any]
    scores: dict[str, dict[str, float]]


def validation_scores(corpus: Corpus, setup: BaselineSetup) -> dict[str, dict[str, float]]:
    """`baseline_table` of all baselines on validation. Only what `BaselinesConfig.stored` does not hold is computed, and then stored there.

    Scores depend on the corpus, the system's settings and the files of its model, the code and its packages. On validation nothing is
    held out, so the refit's seeds and rules of thresholds decide nothing.

    Raises:
        UserError: a system's encoder, model or endpoint cannot be used.
    """
    shared = {"corpus": corpus.fingerprint, "code": code_checksum(), "packages": {name: version(name) for name in PACKAGES}}
    systems, found, read = systems_of(setup), dict[str, dict[str, float]](), []
    for system in systems:
        scores, stored_before = _scores(system, corpus, setup, shared)
        found |= scores
        read += [_name(system)] if stored_before else []
    if read:
        log.info("scores on validation that were stored before: %s", ", ".join(read))
    return {name: found[name] for name in baseline_names(systems)}


def _name(system: System) -> str:
    return type(system).__module__.rpartition(".")[2]


def _scores(system: System, corpus: Corpus, setup: BaselineSetup, shared: dict[str, Any]) -> tuple[dict[str, dict[str, float]], bool]:
    """The scores of a system's baselines, and whether they were stored before."""
    name, own = _name(system), system.depends_on()
    if setup.config.stored is None or own is None:
        return baseline_table(corpus, VALIDATION, setup, [system]), False
    depends_on = {"system": name, **shared, "own": dict(own)}
    file = Path(setup.config.stored) / f"{name}-{digest(depends_on)[:8]}.json"
    before = kept(file, StoredScores)
    if before is not None and before.depends_on == depends_on and list(before.scores) == baseline_names([system]):
        return before.scores, True
    scores = baseline_table(corpus, VALIDATION, setup, [system])
    keep(file, StoredScores(depends_on=depends_on, scores=scores))
    return scores, False
