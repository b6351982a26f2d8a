"""Names of version 0.1: what they are today, and who refuses them."""

from __future__ import annotations

import pytest
from transformers import TrainingArguments
from transformers.trainer_utils import SchedulerType

from psy_agents.agents.renamed import NEW_NAMES, NEW_VALUES, new_name, renamings, with_new_names
from psy_agents.training.config import HyperParameters


def test_every_new_name_is_a_hyper_parameter_and_no_old_one_is():
    assert set(NEW_NAMES.values()) <= set(HyperParameters.model_fields)
    assert not set(NEW_NAMES) & set(HyperParameters.model_fields)
    for name, values in NEW_VALUES.items():
        for value in values.values():
            HyperParameters(**{name: value})


def test_the_trainers_words_are_used_for_the_trainers_things():
    known = {field for field in TrainingArguments.__dataclass_fields__}
    same = {"lr_scheduler_type", "gradient_accumulation_steps", "label_smoothing_factor", "learning_rate", "weight_decay"}
    assert same | {"adam_beta2", "adam_epsilon", "max_grad_norm"} <= known & set(HyperParameters.model_fields)
    assert set(NEW_VALUES["lr_scheduler_type"].values()) <= {kind.value for kind in SchedulerType}


def test_what_a_saved_model_holds_is_read_under_the_new_names():
    old = {"schedule": "constant", "warmup_fraction": 0.2, "pooling": "mean", "loss": "label_smoothing", "label_smoothing": 0.1}
    new = {
        "lr_scheduler_type": "constant_with_warmup", "warmup_ratio": 0.2, "pooling": "mean",
        "loss": "label_smoothing", "label_smoothing_factor": 0.1,
    }  # fmt: skip
    assert with_new_names(old) == new == with_new_names(new)


@pytest.mark.parametrize(
    ("name", "value", "new"),
    [
        ("schedule", "linear", "lr_scheduler_type"),
        ("lr_scheduler_type", "constant", "constant_with_warmup"),
        ("lr_scheduler_type", "linear", None),
        ("loss", "label_smoothing", None),
        ("learning_rate", 1e-3, None),
    ],
)
def test_an_old_name_or_value_has_a_new_one(name, value, new):
    assert new_name(name, value) == new


def test_renamings_are_words():
    assert renamings(["schedule", "pooling", "accumulation_steps"]) == (
        "schedule is now lr_scheduler_type, accumulation_steps is now gradient_accumulation_steps"
    )
    assert renamings(["pooling"]) == ""
