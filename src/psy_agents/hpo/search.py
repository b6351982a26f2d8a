"""A stage of the search for one agent: from the preprocessed corpus to its best trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psy_agents.agents.encoder import locate_encoder
from psy_agents.agents.licences import log_licence
from psy_agents.corpus.fingerprint import data_hash
from psy_agents.corpus.leakage import audit_leakage
from psy_agents.hpo.config import StageConfig
from psy_agents.hpo.objective import SearchSetup
from psy_agents.hpo.records import Listener, StageResult
from psy_agents.hpo.space_config import SearchSpaceConfig
from psy_agents.hpo.stage import StageRunner
from psy_agents.hpo.store import StudyStore, digest, study_name
from psy_agents.hpo.topk import top_k
from psy_agents.training.config import TrainingSettings
from psy_agents.training.data import Corpus


@dataclass(frozen=True)
class StageOutput:
    """The top-k as plain data and the stage's records."""

    top_k: dict[str, Any]
    result: StageResult


def _audit(corpus: Corpus) -> None:
    """Splits may lie beside newer posts, where a preprocessing failed between the two."""
    clusters = corpus.splits.drop_duplicates("post_id").set_index("post_id")["cluster"]
    audit_leakage(corpus.posts, corpus.splits, corpus.posts["post_id"].map(clusters).to_numpy())


def run_stage(
    agent: str,
    corpus: Corpus,
    stage: StageConfig,
    settings: TrainingSettings,
    spaces: SearchSpaceConfig,
    *,
    size: str,
    store: Path,
    checkpoints: Path,
    logs: Path | None = None,
    listeners: Sequence[Listener] = (),
    attributes: Mapping[str, Any] | None = None,
) -> StageOutput:
    """Search, or go on with, one stage; afterwards exactly ``stage.n_trials`` trials are settled.

    Args:
        size: small or large search space.
        store: the sqlite file of all studies. checkpoints, logs: parents of this study's folder of weights, and of its trials' logs.

    Raises:
        UserError: an encoder is missing, the space or a baseline does not fit the agent, or the splits are not
            those of the posts.
    """
    _audit(corpus)
    space = spaces.space(agent, size, settings)
    for encoder in spaces.encoders(agent, size, settings):
        log_licence(encoder, locate_encoder(encoder))
    fingerprint = data_hash(corpus.posts, corpus.pairs, corpus.sentences, corpus.splits, corpus.criteria)
    baselines = spaces.baselines.get(agent, [])
    identity = {
        "space": space.canonical(),
        "baselines": baselines,
        "data": fingerprint,
        "settings": settings.model_dump(mode="json"),
        "stage": stage.model_dump(mode="json", include={"epochs", "patience", "seed", "sampler", "pruner"}),
    }
    name = study_name(agent, stage.name, stage.label, identity)
    with StudyStore(store) as opened:
        runner = StageRunner(
            stage,
            space,
            baselines,
            opened,
            name,
            objective="psy_agents.hpo.objective:AgentObjective",
            setup=SearchSetup(agent, settings, corpus),
            checkpoint_root=checkpoints / name,
            listeners=listeners,
            attributes={
                "agent": agent,
                "space_hash": digest(space.canonical()),
                "data_hash": fingerprint,
                **(attributes or {}),
            },
            log_dir=None if logs is None else logs / name,
        )
        result = runner.run()
        return StageOutput(top_k(opened.study(name), stage.top_k), result)
