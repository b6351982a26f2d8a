"""Every hyper-parameter is live: changing it alone changes what a run does."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from support.tiny_agents import SETTINGS, parameters

from psy_agents.agents.registry import AGENTS, spec
from psy_agents.training.config import HyperParameters
from psy_agents.training.scoring import answer
from psy_agents.training.trainer import TrainingData, TrainingRun


@dataclass(frozen=True)
class Case:
    """The value that a field changes to, the base in which it is live, and what must differ."""

    name: str
    value: object
    base: dict = field(default_factory=dict)
    agent: str = "share"
    shows: str = "losses"


CASES = [
    Case("encoder", "other"),
    Case("attention", "causal", {"encoder": "llama"}),
    Case("max_length", 32, shows="windows"),
    Case("window_overlap", 0.6, shows="windows"),
    Case("window_pooling", "mean", agent="criteria"),
    Case("window_pooling", "logsumexp", agent="criteria"),
    *(Case("pooling", kind, agent="criteria") for kind in ("cls", "last", "max", "attention")),
    Case("similarity", "none"),
    Case("similarity", "none", agent="criteria"),
    Case("similarity", "none", agent="evidence"),
    Case("similarity", "none", agent="joint"),
    Case("head_depth", 0),
    Case("head_depth", 2),
    Case("head_width", 24),
    *(Case("head_activation", kind) for kind in ("relu", "tanh", "silu")),
    Case("head_dropout", 0.5),
    Case("encoder_dropout", 0.4),
    Case("frozen_layers", 1),
    Case("reinitialised_layers", 1),
    Case("lora_rank", 4),
    Case("lora_rank", 2, {"lora_rank": 4}),
    Case("lora_alpha", 64.0, {"lora_rank": 4}),
    Case("lora_dropout", 0.5, {"lora_rank": 4}),
    Case("lora_targets", "attention", {"lora_rank": 4}),
    Case("fusion", "add", agent="joint"),
    Case("fusion", "concat", agent="joint"),
    Case("loss", "label_smoothing"),
    Case("loss", "focal"),
    Case("label_smoothing_factor", 0.3, {"loss": "label_smoothing"}),
    Case("focal_gamma", 0.5, {"loss": "focal"}),
    Case("class_weighting", "balanced"),
    Case("class_weighting", "sqrt_balanced"),
    Case("span_loss", "marginal", agent="evidence"),
    Case("no_answer_weight", 1.0, agent="evidence"),
    Case("evidence_loss_weight", 0.9),
    Case("evidence_loss_weight", 0.9, agent="joint"),
    Case("learning_rate", 5e-3),
    Case("head_lr_factor", 10.0),
    Case("layer_lr_decay", 0.3),
    Case("weight_decay", 0.5),
    Case("adam_beta2", 0.9),
    Case("adam_epsilon", 1e-2),
    *(Case("lr_scheduler_type", kind) for kind in ("cosine", "cosine_with_restarts", "polynomial", "constant_with_warmup", "one_cycle")),
    Case("warmup_ratio", 0.0),
    Case("lr_num_cycles", 4, {"lr_scheduler_type": "cosine_with_restarts"}),
    Case("lr_power", 0.5, {"lr_scheduler_type": "polynomial"}),
    Case("max_grad_norm", 0.01),
    Case("batch_size", 4, shows="batches"),
    Case("gradient_accumulation_steps", 2, shows="steps"),
    Case("negative_ratio", 0.5, shows="batches"),
]


def test_every_field_has_a_case():
    assert {case.name for case in CASES} == set(HyperParameters.model_fields)


@pytest.fixture(scope="module")
def results(encoders, corpus):
    """Run a configuration once: what it read, in which batches, its losses, weights and answers."""
    known, training_data_of = {}, {}

    def result(agent, changes):
        key = (agent, *sorted(changes.items()))
        if key not in known:
            training_data = training_data_of.setdefault(agent, TrainingData(corpus, agent, SETTINGS))
            changes = {"encoder": "bert", "encoder_dropout": 0.1} | changes
            config = parameters(**changes | {"encoder": encoders[changes["encoder"]]})
            run = TrainingRun(agent, config, SETTINGS, training_data, seed=3, epochs=2, patience=2, device="cpu")
            steps, step = [], run.training_step

            def recorded(batches):
                steps.append(tuple(tuple(pairs.tolist()) for pairs in batches))
                return step(batches)

            run.training_step = recorded
            losses = tuple(loss for epoch in run.epochs() for loss in epoch.losses)
            answers = answer(run.agent, run.validation_tables, budget=4096, precision=torch.float32)
            known[key] = {
                "windows": (run.train_windows.ids.tobytes(), run.validation_windows.ids.tobytes()),
                "steps": tuple(steps),
                "batches": tuple(batch for batches in steps for batch in batches),
                "losses": losses,
                "weights": torch.cat([value.flatten() for value in run.agent.state_dict().values()]).numpy(),
                "answers": np.concatenate(
                    [
                        np.empty(0) if answers.probabilities_P is None else answers.probabilities_P,
                        np.empty(0) if answers.candidates is None else answers.candidates.margin,
                    ]
                ),
            }
        return known[key]

    return result


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.agent}-{case.name}-{case.value}")
def test_field_is_live(results, case):
    base = results(case.agent, case.base)
    changed = results(case.agent, case.base | {case.name: case.value})
    assert base[case.shows] != changed[case.shows]
    if case.shows not in ("windows", "batches"):
        assert base["windows"] == changed["windows"]
    if case.shows == "losses":
        assert base["steps"] == changed["steps"], "the same pairs were read, so the losses can be compared"
        assert any(abs(a - b) > 1e-6 for a, b in zip(base["losses"], changed["losses"], strict=True))
    assert not np.array_equal(base["weights"], changed["weights"])
    assert not np.array_equal(base["answers"], changed["answers"])


OTHER_VALUES = {case.name: case.value for case in CASES}


@pytest.mark.parametrize(
    ("agent", "name"), [(agent, name) for agent in AGENTS for name in HyperParameters.model_fields if not spec(agent).reads(name)]
)
def test_field_that_no_search_may_name_is_dead(results, agent, name):
    base, changed = results(agent, {}), results(agent, {name: OTHER_VALUES[name]})
    assert base["steps"] == changed["steps"]
    assert base["losses"] == changed["losses"]
    if name != "window_pooling":
        np.testing.assert_array_equal(base["weights"], changed["weights"])
