"""What the writer stores is what Optuna's own calls would store, in fewer steps."""

import copy

import optuna
import pytest
import sqlalchemy
from optuna.trial import TrialState
from support.search.search_process import DEFAULTS, SPACE

from psy_agents.errors import UserError
from psy_agents.hpo.space.search_space import SearchSpace
from psy_agents.hpo.study.store import StudyStore, read_study

PARAMS = {"x": 0.25, "loss": "focal", "gamma": 2.0}
DISTRIBUTIONS = SearchSpace.from_config(SPACE, DEFAULTS).distributions(PARAMS)
BEGUN = {"index": 3, "seed": 7, "enqueued": False, "worker": 0}
ENDED = {"seconds": 1.5, "metrics": {"f1": 0.5, "loss": None}, "epochs": {"epoch": [1, 2], "value": [0.5, 0.4]}}
REPORTS = {1: 0.5, 2: 0.4}


def by_the_writer(store, state, value):
    """The study with one trial, and that trial as the writer knows it in the end."""
    study = store.study("written")
    writer = store.writer(study)
    trial = writer.begin(PARAMS, DISTRIBUTIONS, BEGUN)
    assert trial == read_anew(store, study)[-1]
    for epoch, reported in REPORTS.items():
        writer.report(trial, epoch, reported)
    return study, writer.end(trial, state, value, attrs=ENDED, study_attrs={"stage_seconds": 2.5})


def by_optuna(store, state, value):
    study, storage = store.study("by Optuna"), store.storage
    template = optuna.create_trial(state=TrialState.RUNNING, params=PARAMS, distributions=DISTRIBUTIONS, user_attrs=BEGUN)
    trial_id = storage.create_new_trial(study._study_id, template)
    for epoch, reported in REPORTS.items():
        storage.set_trial_intermediate_value(trial_id, epoch, reported)
    for key, attr in ENDED.items():
        storage.set_trial_user_attr(trial_id, key, attr)
    study.set_user_attr("stage_seconds", 2.5)
    study.tell(0, value, state=state) if state is not TrialState.FAIL else study.tell(0, state=state)
    return study


def read_anew(store, study):
    return optuna.load_study(study_name=study.study_name, storage=store.storage._backend).get_trials()


def as_plain(trial):
    """What two trials have in common that were made one after the other."""
    plain = copy.copy(trial.__dict__)
    for name in ("_trial_id", "_datetime_start", "datetime_complete"):
        assert plain.pop(name) is not None
    return plain


@pytest.mark.parametrize(("state", "value"), [(TrialState.COMPLETE, 0.5), (TrialState.PRUNED, None), (TrialState.FAIL, None)])
def test_it_stores_what_optuna_would_and_knows_what_is_read(address, state, value):
    with StudyStore(address) as store:
        study, trial = by_the_writer(store, state, value)
        reference = by_optuna(store, state, value)
        (written,), (wanted,) = read_anew(store, study), read_anew(store, reference)
        assert trial == written
        assert as_plain(written) == as_plain(wanted)
        assert written.state is state and written.value == (0.4 if state is TrialState.PRUNED else value)
        assert abs((written.datetime_complete - wanted.datetime_complete).total_seconds()) < 600  # Of one time zone.
        assert abs((written.datetime_start - wanted.datetime_start).total_seconds()) < 600
        assert study.user_attrs == reference.user_attrs == {"stage_seconds": 2.5}


def test_trials_are_numbered_by_study(address):
    with StudyStore(address) as store:
        one, other = (store.writer(store.study(name)) for name in ("one", "other"))
        numbers = [writer.begin(PARAMS, DISTRIBUTIONS, BEGUN).number for writer in (one, other, one, one, other)]
        assert numbers == [0, 0, 1, 2, 1]
        assert [trial.number for trial in read_study(address, "one").trials] == [0, 1, 2]


def test_an_epoch_that_is_reported_again_counts_once(address):
    with StudyStore(address) as store:
        study = store.study("study")
        writer = store.writer(study)
        trial = writer.begin({}, {}, BEGUN)
        for value in (0.5, 0.75):
            writer.report(trial, 1, value)
        assert trial.intermediate_values == read_anew(store, study)[0].intermediate_values == {1: 0.75}


def test_a_beginning_and_an_end_are_each_stored_whole_or_not_at_all(address):
    """Each takes one transaction, and one that fails leaves nothing."""
    commits = []
    with StudyStore(address) as store:
        study = store.study("study")
        writer = store.writer(study)
        sqlalchemy.event.listen(store.storage._backend.engine, "commit", commits.append)
        trial = writer.begin(PARAMS, DISTRIBUTIONS, BEGUN)
        assert len(commits) == 1
        with pytest.raises(TypeError, match="not JSON"):
            writer.begin(PARAMS, DISTRIBUTIONS, {"index": object()})
        with pytest.raises(TypeError, match="not JSON"):
            writer.end(trial, TrialState.COMPLETE, 0.5, attrs=ENDED, study_attrs={"stage_seconds": object()})
        assert len(commits) == 1
        assert read_anew(store, study) == [trial]
        commits.clear()
        writer.end(trial, TrialState.COMPLETE, 0.5, attrs=ENDED, study_attrs={"stage_seconds": 2.5})
        assert len(commits) == 1


def test_only_a_trials_end_waits_for_the_disk(address):
    asked = {"sqlite": ("PRAGMA synchronous", {1: False, 2: True}), "postgresql": ("SHOW synchronous_commit", {"off": False, "on": True})}
    waits = []
    with StudyStore(address) as store:
        engine = store.storage._backend.engine
        question, answers = asked[engine.dialect.name]
        writer = store.writer(store.study("study"))

        @sqlalchemy.event.listens_for(engine, "commit")
        def note(connection):
            cursor = connection.connection.cursor()
            cursor.execute(question)
            waits.append(answers[cursor.fetchone()[0]])

        for _ in range(2):
            trial = writer.begin(PARAMS, DISTRIBUTIONS, BEGUN)
            writer.report(trial, 1, 0.5)
            writer.end(trial, TrialState.COMPLETE, 0.5, attrs=ENDED)
    assert waits == [False, False, True] * 2


def test_a_trial_that_another_process_has_ended_is_reported_and_kept(address):
    with StudyStore(address) as store:
        study = store.study("study")
        writer = store.writer(study)
        trial = writer.begin(PARAMS, DISTRIBUTIONS, BEGUN)
        study.tell(0, 0.125)
        with pytest.raises(UserError, match="Trial 0 does not run any more"):
            writer.end(trial, TrialState.FAIL, attrs={"failure": "error"})
        (stored,) = read_anew(store, study)
        assert (stored.state, stored.value, stored.user_attrs) == (TrialState.COMPLETE, 0.125, BEGUN)


def test_a_whole_stage_is_the_same_in_either_store(address, search):
    search.store = address
    search.run(n_trials=2)
    result = search.run(n_trials=5, workers=2, mishaps={3: "die"}, sampler={"n_startup_trials": 2})
    assert result.states == {"complete": 5}
    assert search.run(n_trials=5).records == result.records
    assert search.failures() == ["worker died"]
