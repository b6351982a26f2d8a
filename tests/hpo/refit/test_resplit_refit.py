"""A refit on resplits: every pair is answered by a model that did not train on it, test stays untouched, and halving continues."""

import pickle
from dataclasses import replace
from unittest import mock

import numpy as np
import pytest
from support.search.dying_process import run_killed
from support.search.refits import CONFIG, PARAMS, paths_in, trials_of
from support.small_search import best_trials, training_settings

from psy_agents.hpo.protocol import TrialSpec
from psy_agents.hpo.refit import runs as runs_module
from psy_agents.hpo.refit.decisions import decide, held_out_by_seed, held_out_positives
from psy_agents.hpo.refit.objectives import ANSWERS, ConfirmingObjective, RefitSetup, answers_file
from psy_agents.hpo.refit.run_refit import RefitSummary, run_refit
from psy_agents.hpo.refit.runs import RefitRuns
from psy_agents.training.data import split_pairs
from psy_agents.training.scoring import Answers


@pytest.fixture(scope="module")
def setup(corpus, encoder):
    """Two candidates, one of them with a frozen layer, and two seeds."""
    corpora, folds = held_out_by_seed(corpus, CONFIG)
    assert folds == 2
    candidates = ({"learning_rate": 1e-3, "frozen_layers": 1}, {"learning_rate": 5e-3})
    return RefitSetup("share", training_settings(encoder), corpora[11], candidates, corpora=corpora)


def answers_of(objective, seed, folder, candidate=0):
    spec = TrialSpec(0, {"candidate": candidate}, seed=seed, epochs=2, patience=2, checkpoint=folder)
    objective(spec, lambda _: True)
    assert sorted(path.name for path in (folder / ANSWERS).iterdir()) == ["epoch_001.npz", "epoch_002.npz"]
    return [Answers.load(answers_file(folder, epoch)) for epoch in (1, 2)]


def bits(answers):
    return [(each.probabilities_P.tobytes(), [array.tobytes() for array in vars(each.candidates).values()]) for each in answers]


def test_two_resplits_in_one_worker_are_answered_as_in_two_and_no_model_saw_its_pairs(setup, corpus, tmp_path):
    worker, held_out = ConfirmingObjective(setup), []
    for seed in (11, 23):
        found = answers_of(worker, seed, tmp_path / f"{seed}")
        assert bits(found) == bits(answers_of(ConfirmingObjective(setup), seed, tmp_path / f"{seed}_alone"))
        assert len(found[0].probabilities_P) == len(worker.data.validation)
        assert not set(worker.data.train.texts) & set(worker.data.validation.texts)
        held_out += worker.data.validation.texts
    developed = split_pairs(corpus, "train", "validation").texts
    assert sorted(held_out) == sorted(developed), "every pair once"


def test_answers_to_a_pair_weigh_one_together_and_its_positives_count_once(setup):
    """A second answer to the pairs of one seed alone, equal to the first, changes no decision."""
    rng = np.random.default_rng(0)
    answers = [Answers(rng.random(len(split_pairs(setup.corpora[seed], "validation"))), None) for seed in (11, 23)]
    once = decide(CONFIG, setup.corpora, [1, 3], [11, 23], answers)
    twice = decide(CONFIG, setup.corpora, [1, 3], [11, 23, 23], [*answers, answers[1]])
    assert (twice.temperature, twice.shift) == pytest.approx((once.temperature, once.shift), rel=1e-4)
    assert twice.threshold == pytest.approx(once.threshold, rel=1e-4) and twice.thresholds == pytest.approx(once.thresholds, rel=1e-4)
    whole = split_pairs(setup.corpora[11], "train", "validation")
    positives = held_out_positives(setup.corpora, [11, 23, 23])
    assert sum(positives.values()) == whole.labels.sum() > sum(held_out_positives(setup.corpora, [11]).values()) > 0


def test_confirming_runs_are_not_given_a_test_post(refits, corpus):
    """A tripwire in every study of the refit: its workers' data are searched for the test posts before they start."""
    refit = refits.single("evidence")
    texts = corpus.part("test").posts["text"]
    seen = {}

    class Tripwire(runs_module.StageRunner):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            sent = pickle.dumps(options["setup"])
            seen[self.config.label] = [text.encode() in sent for text in texts]

    with mock.patch.object(runs_module, "StageRunner", Tripwire):
        run_refit(**refit.given)
    assert not any(seen["refit"]) and all(seen["final"])


class Asked(Exception):
    """The identity of the first study."""


def test_another_resplit_is_another_study_and_other_decisions_are_not(corpus, encoder, tmp_path, caplog):
    settings = training_settings(encoder)
    top = best_trials("criteria", corpus, settings, *PARAMS)

    def identity(corpus=corpus, **changes):
        def run(self, label, identity, *_):
            raise Asked(identity)

        given = best_trials("criteria", corpus, settings, *PARAMS) if corpus.fingerprint != top.data_hash else top
        with mock.patch.object(RefitRuns, "run", run), pytest.raises(Asked) as asked:
            run_refit("criteria", corpus, CONFIG.model_copy(update=changes), settings, given, paths_in(tmp_path))
        return asked.value.args[0]

    moved = replace(corpus, splits=corpus.splits.assign(split=corpus.splits["split"].map(lambda name: name).to_numpy()[::-1]))
    found = [identity(), identity(resplit=False), identity(halving=(2, 1)), identity(n_seeds=3), identity(seeds=(23, 11))]
    found.append(identity(corpus=moved))
    assert all(each != other for i, each in enumerate(found) for other in found[:i])
    halves = [message for message in caplog.messages if "each seed holds out half of train + validation" in message]
    assert len(halves) == 4, "two seeds, not three, and not without resplits"
    assert found[0]["resplit"]["folds"] == 2 and found[1]["resplit"]["folds"] is None and found[3]["resplit"]["folds"] == 3
    assert len(set(found[0]["resplit"]["held_out"].values())) == 2
    assert identity(calibration="none", min_support=None, ensemble="top_k") == found[0]
    assert (found[0]["patience"], found[1]["patience"]) == (None, 3)


def test_halving_killed_between_its_rounds_continues_with_the_better_candidate(corpus, encoder, tmp_path):
    settings = training_settings(encoder)
    given = {
        "agent": "criteria", "corpus": corpus, "config": CONFIG.model_copy(update={"halving": (4, 1)}), "settings": settings,
        "top": best_trials("criteria", corpus, settings, *PARAMS, epochs=2), "paths": paths_in(tmp_path),
    }  # fmt: skip
    run_killed(run_refit, given, tmp_path, 2)
    summary = RefitSummary.model_validate(run_refit(**given).summary)
    trials = trials_of(tmp_path, summary.study)
    first = [trial.value for trial in trials[:2]]
    better = int(np.argmax(first))
    assert [(t.params["candidate"], t.user_attrs["seed"]) for t in trials] == [(0, 11), (1, 11), (better, 23)]
    assert [len(trial.user_attrs["epochs"]["epoch"]) for trial in trials] == [2, 2, 2], "without patience"
    assert summary.winner == better + 1 and summary.halving == (2, 1)
    assert [len(each.values) for each in summary.candidates] == [2 if i == better else 1 for i in range(2)]
    assert run_refit(**given).summary == summary.model_dump(mode="json")
    assert len(trials_of(tmp_path, summary.study)) == 3, "nothing is trained again"
