"""Writes a study's trials to the store, with one transaction for each step of a trial.

Optuna's own calls store a parameter, an attribute or a state at a time, each with queries of its own: some 90 statements and 16
transactions for a trial of nine parameters and three epochs, most of the engine's time. Here a trial's start is one transaction,
and so is its end: a kill leaves a trial either running or ended.

This is the only module that knows Optuna's tables. Everything is read by Optuna's own calls; tests compare what this module writes
with what Optuna writes.
"""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import sqlalchemy
from optuna.distributions import BaseDistribution, distribution_to_json
from optuna.storages._rdb import models
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.dialects import postgresql, sqlite

from psy_agents.errors import UserError

TRIALS = models.TrialModel.__table__
PARAMS = models.TrialParamModel.__table__
VALUES = models.TrialValueModel.__table__
EPOCHS = models.TrialIntermediateValueModel.__table__
TRIAL_ATTRS = models.TrialUserAttributeModel.__table__
STUDY_ATTRS = models.StudyUserAttributeModel.__table__
UNIQUE = {
    VALUES: ("trial_id", "objective"),
    EPOCHS: ("trial_id", "step"),
    TRIAL_ATTRS: ("trial_id", "key"),
    STUDY_ATTRS: ("study_id", "key"),
}
INSERTS = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
DURABILITY = {
    ("sqlite", "durable"): "PRAGMA synchronous=FULL",
    ("sqlite", "quick"): "PRAGMA synchronous=NORMAL",
    ("postgresql", "quick"): "SET LOCAL synchronous_commit TO off",  # Else as the server is set up.
}


class TrialWriter:
    """Stores the start, the epochs and the end of trials; only the study's owner may have one.

    The database waits for its disk only at a trial's end, which may be worth hours. A power failure may lose what was stored since
    the last end, and that trial is started again; a process that dies loses nothing. Every transaction starts with a write:
    sqlite refuses to write after a read if another program wrote in between.
    """

    def __init__(self, engine: sqlalchemy.Engine, study_id: int) -> None:
        self._engine, self._study_id = engine, study_id
        # Made once: to make a statement takes as long as to execute it.
        self._upserts = {table: _upsert(INSERTS[engine.dialect.name](table), unique) for table, unique in UNIQUE.items()}

    def begin(self, params: Mapping[str, Any], distributions: Mapping[str, BaseDistribution], attrs: Mapping[str, Any]) -> FrozenTrial:
        """Store a new running trial with its parameters and attributes."""
        stored = {name: distributions[name].to_internal_repr(value) for name, value in params.items()}
        now = datetime.now(UTC)
        earlier = sqlalchemy.select(sqlalchemy.func.count()).where(TRIALS.c.study_id == self._study_id)
        with self._transaction("quick") as connection:
            row = connection.execute(
                TRIALS.insert().values(
                    study_id=self._study_id,
                    number=earlier.scalar_subquery(),
                    state=TrialState.RUNNING,
                    datetime_start=now.replace(tzinfo=None),
                )
            )
            (trial_id,) = row.inserted_primary_key
            if stored:
                connection.execute(
                    PARAMS.insert(),
                    [
                        {
                            "trial_id": trial_id,
                            "param_name": name,
                            "param_value": value,
                            "distribution_json": distribution_to_json(distributions[name]),
                        }
                        for name, value in stored.items()
                    ],
                )
            attrs = self._set(connection, TRIAL_ATTRS, {"trial_id": trial_id}, attrs)
            number = connection.scalar(sqlalchemy.select(TRIALS.c.number).where(TRIALS.c.trial_id == trial_id))
        return FrozenTrial(
            number=number,
            trial_id=trial_id,
            state=TrialState.RUNNING,
            value=None,
            datetime_start=now.astimezone().replace(tzinfo=None),
            datetime_complete=None,
            params={name: distributions[name].to_external_repr(value) for name, value in stored.items()},
            distributions={name: distributions[name] for name in stored},
            user_attrs=attrs,
            system_attrs={},
            intermediate_values={},
        )

    def report(self, trial: FrozenTrial, epoch: int, value: float) -> None:
        """Store an epoch's value, and add it to the trial."""
        number, kind = models.TrialIntermediateValueModel.intermediate_value_to_stored_repr(value)
        row = {"intermediate_value": number, "intermediate_value_type": kind}
        with self._transaction("quick") as connection:
            connection.execute(self._upserts[EPOCHS], {"trial_id": trial._trial_id, "step": epoch, **row})
        trial.intermediate_values[epoch] = value

    def end(
        self,
        trial: FrozenTrial,
        state: TrialState,
        value: float | None = None,
        *,
        attrs: Mapping[str, Any],
        study_attrs: Mapping[str, Any] | None = None,
    ) -> FrozenTrial:
        """Store a trial's end with its value. A pruned trial without one has that of its last epoch, as Optuna stores it.

        Raises:
            UserError: the trial is not running: another program writes to the study.
        """
        if state is TrialState.PRUNED and value is None and trial.intermediate_values:
            value = trial.intermediate_values[max(trial.intermediate_values)]
        now = datetime.now(UTC)
        with self._transaction("durable") as connection:
            ended = connection.execute(
                TRIALS.update()
                .where(TRIALS.c.trial_id == trial._trial_id, TRIALS.c.state.in_((TrialState.RUNNING, TrialState.WAITING)))
                .values(state=state, datetime_complete=now.replace(tzinfo=None))
            )
            if ended.rowcount != 1:
                raise UserError(f"Trial {trial.number} does not run any more: does another program change the study? End it first.")
            if value is not None:
                number, kind = models.TrialValueModel.value_to_stored_repr(value)
                row = {"trial_id": trial._trial_id, "objective": 0, "value": number, "value_type": kind}
                connection.execute(self._upserts[VALUES], row)
            attrs = self._set(connection, TRIAL_ATTRS, {"trial_id": trial._trial_id}, attrs)
            self._set(connection, STUDY_ATTRS, {"study_id": self._study_id}, study_attrs or {})
        done = copy.copy(trial)
        done.state, done.datetime_complete = state, now.astimezone().replace(tzinfo=None)
        done.values = None if value is None else [value]
        done.user_attrs = {**trial.user_attrs, **attrs}
        return done

    def discard(self, trials: Sequence[FrozenTrial], attrs: Mapping[str, Any]) -> list[FrozenTrial]:
        """Store ended trials as failed, all or none: their values, if they have any, say nothing. Returns them as they are now."""
        stored: dict[str, Any] = {}
        with self._transaction("durable") as connection:
            for trial in trials:
                connection.execute(TRIALS.update().where(TRIALS.c.trial_id == trial._trial_id).values(state=TrialState.FAIL))
                connection.execute(VALUES.delete().where(VALUES.c.trial_id == trial._trial_id))
                stored = self._set(connection, TRIAL_ATTRS, {"trial_id": trial._trial_id}, attrs)
        failed = [copy.copy(trial) for trial in trials]
        for trial in failed:
            trial.state, trial.values, trial.user_attrs = TrialState.FAIL, None, {**trial.user_attrs, **stored}
        return failed

    @contextlib.contextmanager
    def _transaction(self, kind: Literal["quick", "durable"]) -> Iterator[sqlalchemy.Connection]:
        with self._engine.begin() as connection:
            if (setting := DURABILITY.get((connection.dialect.name, kind))) is not None:
                connection.exec_driver_sql(setting)
            yield connection

    def _set(
        self, connection: sqlalchemy.Connection, table: sqlalchemy.Table, owner: Mapping[str, int], attrs: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Store attributes; returns them as a reader gets them."""
        texts = {key: json.dumps(value) for key, value in attrs.items()}
        if texts:
            rows = [{**owner, "key": key, "value_json": text} for key, text in texts.items()]
            connection.execute(self._upserts[table], rows)
        return {key: json.loads(text) for key, text in texts.items()}


def _upsert(insert: sqlite.Insert | postgresql.Insert, unique: tuple[str, ...]) -> sqlite.Insert | postgresql.Insert:
    """Insert rows, or replace those with the same key."""
    new = {c.name: insert.excluded[c.name] for c in insert.table.columns if not c.primary_key and c.name not in unique}
    return insert.on_conflict_do_update(index_elements=unique, set_=new)
