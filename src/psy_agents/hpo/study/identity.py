"""The identity of a study: everything on which its values depend. Another identity is another study."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import optuna

from psy_agents.hpo.study.store import digest
from psy_agents.training.config import TrainingSettings

SHOWN = 8

Identity = Mapping[str, Any]
"""Plain JSON data. Its digest is in the study's name; the study stores it, to show later what has changed."""


def study_name(agent: str, stage: str, label: str, identity: Identity) -> str:
    """``{agent}-{stage}-{label}-{hash8}``; a stage without a label has none."""
    return "-".join([agent, stage, *([label] if label else []), digest(identity)[:8]])


def settings_hash(settings: TrainingSettings) -> str:
    """Digest of the training settings that all trials of a study share."""
    return digest(settings.model_dump(mode="json"))


def previous_study(studies: Sequence[optuna.Study], name: str) -> optuna.Study | None:
    """The newest study of the same agent, stage and label that has another name."""
    kind = name.rpartition("-")[0]
    found = [study for study in studies if study.study_name != name and study.study_name.rpartition("-")[0] == kind]
    return max(found, key=lambda study: study._study_id, default=None)


def changes(before: Identity, now: Identity) -> list[str]:
    """Dotted names of what differs."""
    old, new = dict(_flat(before)), dict(_flat(now))
    return sorted(name for name in {*old, *new} if old.get(name) != new.get(name))


def describe_changes(before: Identity, now: Identity) -> str:
    """The names of the changes, shortened where there are many."""
    names = changes(before, now)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}" if name else str(key))
    else:
        yield name, value
