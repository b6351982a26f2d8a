"""Encoders of a search compared, and the Pareto front of value against time."""

import optuna
import pytest
from optuna.distributions import CategoricalDistribution
from optuna.trial import TrialState, create_trial

from psy_agents.reporting.search.backbones import backbone_results, pareto_front, pareto_plot
from psy_agents.training.config import TrainingSettings

ENCODERS = CategoricalDistribution(["hub/bert", "hub/llama"])


def study(*trials):
    """Of trials with encoder, value and milliseconds; without a value they failed."""
    made = optuna.create_study(study_name="share-stage2-x", direction="maximize")
    identity = {"training": TrainingSettings().model_dump(mode="json")}
    for key, value in {"max_retries": 0, "checkpoint_root": "nowhere", "identity": identity}.items():
        made.set_user_attr(key, value)
    for index, (encoder, value, time) in enumerate(trials):
        cost = {} if time is None else {"parameters": 1e6, "trained_parameters": 1e5, "ms_per_post": time}
        state = TrialState.FAIL if value is None else TrialState.COMPLETE
        failure = {"failure": "diverged"} if value is None else {}
        attributes = {"index": index, "seed": 0, "epochs_run": 2, "best_epoch": 1, "cost": cost, **failure}
        made.add_trial(
            create_trial(state=state, value=value, params={"encoder": encoder}, distributions={"encoder": ENCODERS}, user_attrs=attributes)
        )
    return made


SEARCHED = (("hub/bert", 0.5, 10.0), ("hub/llama", 0.7, 90.0), ("hub/bert", 0.6, 12.0), ("hub/llama", 0.6, 95.0), ("hub/llama", None, 99.0))


@pytest.mark.parametrize(
    ("points", "front"),
    [
        ([], []),
        ([(1, 5)], [0]),
        ([(3, 0.9), (1, 0.5), (2, 0.4)], [1, 0]),
        ([(2, 0.5), (1, 0.5)], [1]),
        ([(1, 0.4), (1, 0.5)], [1]),
        ([(1, 0.5), (1, 0.5)], [0]),
    ],
)
def test_no_point_beats_one_of_the_front(points, front):
    assert pareto_front(points) == front


def test_the_figure_has_a_colour_for_each_encoder_and_the_front_as_a_line():
    figure = pareto_plot(study(*SEARCHED))
    bert, llama, front = figure.data
    assert (bert.name, list(bert.x), list(bert.y)) == ("bert (2)", [10, 12], [0.5, 0.6])
    assert (llama.name, list(llama.x)) == ("llama (2)", [90, 95])
    assert (list(front.x), list(front.y)) == ([10, 12, 90], [0.5, 0.6, 0.7])
    assert bert.marker.color != llama.marker.color
    assert "1,000,000 parameters, 100,000 of them trained" in bert.text[0]
    assert figure.layout.xaxis.type == "linear"
    assert pareto_plot(study(("hub/bert", 0.5, 1.0), ("hub/llama", 0.6, 10.0))).layout.xaxis.type == "log"


def test_trials_of_an_earlier_version_have_no_time_and_the_figure_says_so():
    figure = pareto_plot(study(("hub/bert", 0.5, None)))
    assert not figure.data and "measured time" in figure.layout.annotations[0].text.replace("<br>", " ")


def test_each_encoder_of_several_has_a_row_the_best_first():
    llama, bert = backbone_results("share", study(*SEARCHED))
    assert (llama.encoder, llama.trials, llama.complete, llama.best, llama.median) == ("llama", 3, 2, 0.7, pytest.approx(0.65))
    assert (bert.best, bert.ms_per_post, bert.parameters, bert.trained_parameters) == (0.6, 12.0, 1_000_000, 100_000)
    failed = study(("hub/bert", 0.5, 10.0), ("hub/llama", None, 1.0))
    assert [(row.encoder, row.best, row.ms_per_post) for row in backbone_results("share", failed)] == [
        ("bert", 0.5, 10.0),
        ("llama", None, None),
    ]
    assert backbone_results("share", study(("hub/bert", 0.5, 1.0), ("hub/bert", 0.6, 2.0))) == [], "there is nothing to compare"
