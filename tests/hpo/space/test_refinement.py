"""What a stage takes over: its parent's trials as observations, or the box around the best, by hand and at its corners."""

import math
import warnings

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from psy_agents.hpo.config import BoundingBox, CarryOver, NoRefinement, StageConfig
from psy_agents.hpo.space.refinement import carry_over, refine
from psy_agents.hpo.space.search_space import SearchSpace
from psy_agents.hpo.study.observations import Observation
from psy_agents.hpo.study.topk import TopK

BOX = BoundingBox()
RATE = {"rate": {"type": "float", "low": 1e-5, "high": 1e-1, "log": True}}


def best(*params):
    """The top-k of a study whose best trials have these parameters, best first."""
    trials = [
        {"rank": rank, "trial": 10 + rank, "value": 1 - rank / 100, "metrics": {}, "params": each, "best_epoch": 1,
         "epochs_run": 2, "seconds": 1.0, "seed": 0, "checkpoint": None}
        for rank, each in enumerate(params, start=1)
    ]  # fmt: skip
    return TopK(
        study="parent", stage="stage0", label="sanity", agent="criteria", space_hash="s", data_hash="d", settings_hash="t",
        refined_from=None, epochs=2, patience=2, versions={}, n_trials=len(params),
        epochs_trained=2 * len(params), states={"complete": len(params)}, trials=trials,
    )  # fmt: skip


def space(mapping, **defaults):
    return SearchSpace.from_config(mapping, {name: defaults.get(name) for name in mapping})


def box_of(mapping, *params, config=BOX, **defaults):
    return refine(space(mapping, **defaults), best(*params), config)


def test_a_log_range_is_narrowed_in_logarithms():
    found = box_of(RATE, *({"rate": rate} for rate in (1e-3, 1e-4, 3e-4)), rate=1e-3)
    low, high = found.box["rate"]
    # The whole range is four decades, so a tenth of it is 0.4 of one.
    assert math.log10(low) == pytest.approx(-4.4) and math.log10(high) == pytest.approx(-2.6)
    assert found.whole == {"rate": (1e-5, 1e-1)}
    (refined,) = found.space.parameters
    assert (refined.distribution.low, refined.distribution.high, refined.distribution.log) == (low, high, True)
    assert found.trials == (11, 12, 13) and found.parent == "parent"
    assert found.sentence() == (
        "refines parent (trials 11, 12, 13): rate 3.98e-05 to 0.00251 (of 1e-05 to 0.1); 3 of its trials go first"
    )


def test_a_linear_range_is_narrowed_and_clipped_to_what_it_was():
    mapping = {"x": {"type": "float", "low": 2.0, "high": 12.0}}
    assert box_of(mapping, {"x": 5.0}, {"x": 7.0}, x=5.0).box == {"x": (4.0, 8.0)}
    assert box_of(mapping, {"x": 2.5}, {"x": 7.0}, x=5.0).box == {"x": (2.0, 8.0)}
    assert box_of(mapping, {"x": 2.0}, {"x": 12.0}, x=5.0).box == {}


def test_whole_numbers_and_steps_are_widened_to_values_that_can_be_drawn():
    counts = {"n": {"type": "int", "low": 0, "high": 95, "step": 5}}
    found = box_of(counts, {"n": 40}, {"n": 60}, n=50)
    assert found.box == {"n": (30, 70)}, "9.5 on either side, to the next step"
    assert all(type(bound) is int for bound in found.box["n"])
    tenths = {"x": {"type": "float", "low": 0.0, "high": 1.0, "step": 0.1}}
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Optuna's, where a range does not fit its step.
        found = box_of(tenths, {"x": 0.4}, {"x": 0.6}, x=0.5)
    assert found.box["x"] == pytest.approx((0.3, 0.7))
    assert sorted(drawn(found.space, "x")) == pytest.approx([0.3, 0.4, 0.5, 0.6, 0.7])
    logs = {"n": {"type": "int", "low": 1, "high": 1024, "log": True}}
    assert box_of(logs, {"n": 16}, {"n": 64}, n=16).box == {"n": (8, 128)}


def test_only_the_top_trials_span_the_box():
    params = [{"rate": rate} for rate in (1e-3, 2e-3, 1e-3, 2e-3, 1e-3, 1e-5)]
    assert box_of(RATE, *params, rate=1e-3).box == box_of(RATE, *params[:5], rate=1e-3).box
    assert "rate" not in box_of(RATE, *params[:5], {"rate": 0.09}, config=BoundingBox(top=6, padding=1.0), rate=1e-3).box


CONDITIONAL = {
    "loss": {"type": "categorical", "choices": ["plain", "focal"]},
    "gamma": {"type": "float", "low": 0.0, "high": 10.0, "when": {"loss": ["focal"]}},
}
DEFAULTS = {"loss": "plain", "gamma": 2.0}


def test_a_parameter_that_one_trial_has_keeps_its_range_and_choices_are_all_kept():
    found = box_of(CONDITIONAL, {"loss": "focal", "gamma": 3.0}, {"loss": "focal", "gamma": 4.0}, {"loss": "plain"}, **DEFAULTS)
    assert found.box == {"gamma": (2.0, 5.0)}
    loss, gamma = found.space.parameters
    assert loss.distribution.choices == ("plain", "focal") and gamma.when == {"loss": ("focal",)}
    assert box_of(CONDITIONAL, {"loss": "focal", "gamma": 3.0}, {"loss": "plain"}, {"loss": "plain"}, **DEFAULTS).box == {}


def test_the_best_trials_go_first_once_each():
    params = [{"rate": rate} for rate in (1e-3, 1e-3, 2e-3, 3e-3, 4e-3)]
    assert box_of(RATE, *params, rate=1e-3).first == ({"rate": 1e-3}, {"rate": 2e-3})
    assert box_of(RATE, *params, rate=1e-3, config=BoundingBox(enqueue=0)).first == ()


def test_the_first_trials_are_those_of_the_new_space():
    larger = {"n": {"type": "int", "low": 1, "high": 8}, **RATE, **CONDITIONAL}
    parent = best(
        {"rate": 1e-3, "gone": 4, "loss": "focal", "gamma": 3.0},
        {"rate": 5.0, "loss": "plain"},
        {"rate": 1e-2, "loss": "focal", "gamma": 99.0},
    )
    defaults = {"n": 2, "rate": 2e-3, **DEFAULTS}
    first = refine(space(larger, **defaults), parent, BOX).first
    assert first == (
        {"n": 2, "rate": 1e-3, "loss": "focal", "gamma": 3.0},
        {"n": 2, "rate": 2e-3, "loss": "plain"},
        {"n": 2, "rate": 1e-2, "loss": "focal", "gamma": 2.0},
    )
    # Without a default that the new space allows, a trial cannot be made of it.
    assert refine(space(larger, **defaults | {"n": 99}), parent, BOX).first == ()
    assert len(refine(space(larger, **defaults | {"rate": 1.0}), parent, BOX).first) == 2


OBSERVED = (
    Observation(study="stage0", params={"rate": 1e-2}, score=0.5),
    Observation(study="parent", params={"rate": 1e-4}, score=1.0),
    Observation(study="parent", params={"rate": 1e-5}, score=-1.0),
)


def test_carried_over_the_whole_space_stays_and_every_earlier_stage_loses_the_margin_once():
    whole = space(RATE, rate=1e-3)
    found = carry_over(whole, best(*({"rate": rate} for rate in (1e-4, 1e-5, 1e-3))), OBSERVED, CarryOver(enqueue=2, margin=0.25))
    assert found.space is whole and found.box == {} and found.first == ({"rate": 1e-4}, {"rate": 1e-5})
    assert [(each.study, each.params, each.score) for each in found.earlier] == [
        ("stage0", {"rate": 1e-2}, 0.25),
        ("parent", {"rate": 1e-4}, 0.75),
        ("parent", {"rate": 1e-5}, -1.25),
    ]
    assert found.observations == OBSERVED, "the next stage takes its own margin off"
    assert found.describe() == {
        "study": "parent", "trials": [11, 12], "box": {}, "whole": {}, "enqueued": 2, "observed": {"stage0": 1, "parent": 2},
    }  # fmt: skip
    assert found.sentence() == "carries over from parent: the sampler observes 1 of stage0, 2 of parent; 2 of its trials go first"


def test_what_is_observed_is_in_the_identity_and_a_box_observes_nothing():
    def identity(observed=OBSERVED, **config):
        return carry_over(space(RATE, rate=1e-3), best({"rate": 1e-4}), observed, CarryOver(**config)).identity()

    assert identity() == identity(enqueue=0), "what goes first is in the identity by itself"
    assert len({str(identity()), str(identity(margin=0.1)), str(identity(OBSERVED[1:])), str(identity(OBSERVED[::-1]))}) == 4
    assert box_of(RATE, {"rate": 1e-4}, rate=1e-3).identity() is None


def drawn(space, name, n=200):
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    return {params[name] for params in (space.suggest(study.ask()) for _ in range(n)) if name in params}


def test_what_is_drawn_lies_in_the_box():
    mapping = {**RATE, **CONDITIONAL, "n": {"type": "int", "low": 1, "high": 40}}
    params = [{"rate": rate, "loss": "focal", "gamma": g, "n": n} for rate, g, n in ((1e-3, 3.0, 20), (2e-3, 4.0, 22))]
    found = box_of(mapping, *params, rate=1e-3, n=2, **DEFAULTS)
    assert set(found.box) == {"rate", "gamma", "n"}
    for name, (low, high) in found.box.items():
        values = drawn(found.space, name)
        assert low <= min(values) and max(values) <= high
        assert max(values) - min(values) > 0.7 * (high - low)
    assert drawn(found.space, "loss") == {"plain", "focal"}


@st.composite
def narrowings(draw):
    """A numeric parameter's specification, some of its values, and a padding."""
    kind, log = draw(st.sampled_from(["float", "int"])), draw(st.booleans())
    step = None
    if kind == "int":
        low = draw(st.integers(1 if log else -1000, 1000))
        step = None if log else draw(st.integers(1, 7))
        high = low + (step or 1) * draw(st.integers(1, 500))
        values = st.integers(low, high) if log else st.integers(0, (high - low) // step).map(lambda k: low + k * step)
    else:
        low = draw(st.floats(1e-8, 1e3) if log else st.floats(-1e3, 1e3))
        step = None if log else draw(st.sampled_from([None, 0.1, 0.05, 0.25, 0.3]))
        if step is None:
            high = low + draw(st.floats(1e-3, 1e3))
            values = st.one_of(st.floats(low, high), st.sampled_from([low, high]))
        else:
            low = round(low, 2)
            n = draw(st.integers(1, 60))
            high = round(low + n * step, 2)
            values = st.integers(0, n).map(lambda k: round(low + k * step, 2))
    spec = {"type": kind, "low": low, "high": high, "log": log} | ({} if step is None else {"step": step})
    return spec, draw(st.lists(values, min_size=2, max_size=5)), draw(st.sampled_from([0.0, 0.1, 0.5]))


@given(narrowings())
@settings(max_examples=300, deadline=None)
def test_every_top_value_is_in_the_box_and_the_box_in_the_range(narrowing):
    spec, values, padding = narrowing
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = box_of({"p": spec}, *({"p": v} for v in values), config=BoundingBox(padding=padding), p=spec["low"])
    (parameter,) = found.space.parameters
    low, high = parameter.distribution.low, parameter.distribution.high
    slack = 1e-9 if "step" in spec and spec["type"] == "float" else 0.0
    assert spec["low"] <= low <= min(values) + slack and max(values) - slack <= high <= spec["high"]
    assert all(parameter.allows(value) for value in values)
    assert list(found.first) == [{"p": value} for value in dict.fromkeys(values[:3])]


def test_a_method_may_stand_for_its_settings_and_a_box_of_one_trial_is_refused():
    stage = {"name": "stage1", "label": "coarse", "n_trials": 2, "epochs": 1, "patience": 1}
    assert StageConfig(**stage, refine="none").refine == NoRefinement()
    assert StageConfig(**stage, refine="bounding_box").refine == BOX
    assert StageConfig(**stage, refine={"name": "bounding_box", "top": 3}).refine.top == 3
    assert StageConfig(**stage, refine="carry_over").refine == CarryOver(enqueue=3, margin=0.3)
    box, carried = {"name": "bounding_box"}, {"name": "carry_over"}
    for wrong in ("box", {**box, "top": 1}, {**box, "padding": -0.1}, {"tops": 3}, {**carried, "margin": -1}, {**carried, "top": 5}):
        with pytest.raises(ValueError, match="refine"):
            StageConfig(**stage, refine=wrong)
