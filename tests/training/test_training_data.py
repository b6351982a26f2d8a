"""What a worker keeps of its splits: several pairs of splits in one worker give what each gives alone."""

from dataclasses import replace

import numpy as np
import pytest
from support.tiny_agents import SETTINGS, parameters

from psy_agents.training.data import PairData, split_pairs
from psy_agents.training.trainer import TrainingRun
from psy_agents.training.training_data import TrainingData, WorkerCache, split_id


@pytest.fixture
def two(corpus):
    """The corpus, and the same with other posts as validation: as many, so that only their identity tells the splits apart."""
    names = corpus.splits["split"].to_numpy()
    return corpus, replace(corpus, splits=corpus.splits.assign(split=np.roll(names, 1)))


def figures(encoders, data):
    training = TrainingRun(
        "share", parameters(encoders["bert"], frozen_layers=1), SETTINGS, data, seed=5, epochs=2, patience=9, device="cpu"
    )
    assert training.train_frozen is not None and training.validation_frozen is not None
    found = []
    for epoch in training.epochs():
        candidates = [array.tobytes() for array in vars(training.answers.candidates).values()]
        found.append((epoch.losses, epoch.value, training.answers.probabilities_P.tobytes(), candidates))
    return found


def test_two_resplits_in_one_worker_give_what_two_new_workers_give(encoders, two):
    cache = WorkerCache(SETTINGS)
    alone = [figures(encoders, TrainingData(each, "share", SETTINGS)) for each in two]
    assert alone[0] != alone[1]
    for place in (0, 1, 0):
        assert figures(encoders, TrainingData(two[place], "share", SETTINGS, cache=cache)) == alone[place]
    cache.drop_windows()
    assert figures(encoders, TrainingData(two[1], "share", SETTINGS, cache=cache)) == alone[1]


def test_a_split_is_known_by_its_posts_and_by_the_unit_in_which_they_are_read(two):
    ids = {split_id(each, ("validation",), unit) for each in two for unit in ("posts", "sentences")}
    assert len(ids) == 4
    moved = replace(two[0], splits=two[0].splits.sample(frac=1, random_state=0))
    assert split_id(moved, ("validation",), "posts") == split_id(two[0], ("validation",), "posts")


def test_pairs_joined_are_those_of_their_parts_in_turn(corpus):
    train, validation = split_pairs(corpus, "train"), split_pairs(corpus, "validation")
    both = PairData.concatenate([train, validation])
    assert len(both) == len(train) + len(validation)
    assert both.texts == train.texts + validation.texts and both.spans == train.spans + validation.spans
    assert both.labels.tolist() == [*train.labels, *validation.labels]
