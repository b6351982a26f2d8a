"""Hyper-parameters that had other names in version 0.1, and their names of today, which are those of Hugging Face's Trainer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

NEW_NAMES = {
    "schedule": "lr_scheduler_type",
    "schedule_cycles": "lr_num_cycles",
    "schedule_power": "lr_power",
    "warmup_fraction": "warmup_ratio",
    "accumulation_steps": "gradient_accumulation_steps",
    "label_smoothing": "label_smoothing_factor",
}
NEW_VALUES = {"lr_scheduler_type": {"cosine_restarts": "cosine_with_restarts", "constant": "constant_with_warmup"}}
"""By today's name of the hyper-parameter: a value's name in version 0.1, and its name of today."""


def new_name(name: str, value: Any = None) -> str | None:
    """What an old name, or an old value of a hyper-parameter, is called today; None where nothing was renamed."""
    if name in NEW_NAMES:
        return NEW_NAMES[name]
    return NEW_VALUES.get(name, {}).get(value) if isinstance(value, str) else None


def renamings(names: Iterable[str]) -> str:
    """The old ones of the names with their new ones, such as "schedule is now lr_scheduler_type"; empty where none is old."""
    return ", ".join(f"{name} is now {NEW_NAMES[name]}" for name in names if name in NEW_NAMES)


def with_new_names(hyperparameters: Mapping[str, Any]) -> dict[str, Any]:
    """Hyper-parameters that a model saved by version 0.1 holds, under today's names."""
    renamed = {}
    for old, value in hyperparameters.items():
        name = NEW_NAMES.get(old, old)
        renamed[name] = value if name == old else NEW_VALUES.get(name, {}).get(value, value)
    return renamed
