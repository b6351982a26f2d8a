"""Hyper-parameters of version 0.1 that were renamed to the names of Hugging Face's `TrainingArguments`."""

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
"""By new name of the hyper-parameter: old values and their new names."""


def new_name(name: str, value: Any = None) -> str | None:
    """The new name of a hyper-parameter, or of its value; None if neither was renamed."""
    if name in NEW_NAMES:
        return NEW_NAMES[name]
    return NEW_VALUES.get(name, {}).get(value) if isinstance(value, str) else None


def renamings(names: Iterable[str]) -> str:
    """The renamed ones of the names, such as "schedule is now lr_scheduler_type"; empty if there are none."""
    return ", ".join(f"{name} is now {NEW_NAMES[name]}" for name in names if name in NEW_NAMES)


def with_new_names(hyperparameters: Mapping[str, Any]) -> dict[str, Any]:
    """Hyper-parameters of a model that version 0.1 saved, under their new names."""
    renamed = {}
    for old, value in hyperparameters.items():
        name = NEW_NAMES.get(old, old)
        renamed[name] = value if name == old else NEW_VALUES.get(name, {}).get(value, value)
    return renamed
