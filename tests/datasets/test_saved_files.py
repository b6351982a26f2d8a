"""Files of every kind are whole or not there, in versions, and fit their schema."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from kedro.framework.project import pipelines
from kedro.io import DatasetError, Version
from kedro_datasets.plotly import JSONDataset as PlotlyJSONDataset
from pydantic import BaseModel

from psy_agents.datasets import (
    AtomicCSVDataset,
    AtomicJSONDataset,
    AtomicTextDataset,
    CheckedJSONDataset,
    PredictionsDataset,
    PrivateCSVDataset,
    PrivateParquetDataset,
)
from psy_agents.errors import UserError
from psy_agents.evaluation.predictions import GOLD, predictions_table


class Model(BaseModel):
    number: int


@pytest.fixture
def dataset(tmp_path):
    return CheckedJSONDataset(filepath=str(tmp_path / "it.json"), model=f"{__name__}.Model")


@pytest.fixture(autouse=True)
def findable(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or __import__(__name__))


def test_what_is_saved_is_loaded(dataset):
    dataset.save({"number": 3})
    assert dataset.load() == {"number": 3}


def test_data_that_does_not_fit_is_neither_saved_nor_loaded_nor_quoted(dataset, tmp_path):
    with pytest.raises(DatasetError, match="it.json does not fit its schema: number") as caught:
        dataset.save({"number": "a canary"})
    assert "canary" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "it.json").write_text(json.dumps({"number": "x"}))
    with pytest.raises(DatasetError, match="does not fit its schema"):
        dataset.load()


def test_a_torn_file_is_named(dataset, tmp_path):
    (tmp_path / "it.json").write_text('{"number":')
    with pytest.raises(DatasetError, match="is not valid JSON"):
        dataset.load()


def test_a_save_that_dies_leaves_the_old_file_and_no_other(dataset, tmp_path, monkeypatch):
    dataset.save({"number": 1})
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("no space")))
    with pytest.raises(DatasetError, match="no space"):
        dataset.save({"number": 2})
    assert [path.name for path in tmp_path.iterdir()] == ["it.json"]
    assert dataset.load() == {"number": 1}


def test_versions_are_kept_and_the_latest_is_loaded(tmp_path):
    for version in ("2026-01-01T00.00.00.000Z", "2026-01-02T00.00.00.000Z"):
        CheckedJSONDataset(filepath=str(tmp_path / "it.json"), model=f"{__name__}.Model", version=Version(None, version)).save(
            {"number": int(version[9])}
        )
    latest = CheckedJSONDataset(filepath=str(tmp_path / "it.json"), model=f"{__name__}.Model", version=Version(None, None))
    assert latest.load() == {"number": 2}
    assert len(list(tmp_path.glob("it.json/*/it.json"))) == 2


TABLES = [pd.DataFrame({"a": [1, 2]}), pd.DataFrame({"a": [3]})]
PAIR = pd.DataFrame([["p", "c", 1, "positive", True, []]], columns=GOLD)
PREDICTIONS = [
    predictions_table(PAIR, probabilities=np.array([value]), predicted=np.array([True]), spans=None) for value in (0.25, 0.75)
]
WHOLE = [
    (AtomicCSVDataset, *TABLES),
    (PrivateParquetDataset, *TABLES),
    (PredictionsDataset, *PREDICTIONS),
    (AtomicJSONDataset, {"a": 1}, {"a": 2}),
    (AtomicTextDataset, "one", "two"),
]


@pytest.mark.parametrize(("dataset_class", "old", "new"), WHOLE)
def test_other_files_are_whole_or_not_there_as_well(tmp_path, monkeypatch, dataset_class, old, new):
    options = {"save_args": {"index": False}} if dataset_class is AtomicCSVDataset else {}
    dataset = dataset_class(filepath=(tmp_path / "below" / "it").as_posix(), **options)
    dataset.save(old)

    def torn(*_: object) -> None:
        raise OSError("no space")

    for broken in ("os.replace", "os.fsync"):
        with monkeypatch.context() as patched:
            patched.setattr(broken, torn)
            with pytest.raises(DatasetError, match="no space"):
                dataset.save(new)
        assert [path.name for path in (tmp_path / "below").iterdir()] == ["it"]
        assert str(dataset.load()) == str(old)
    dataset.save(new)
    assert str(dataset.load()) == str(new)


@pytest.mark.parametrize(
    ("dataset_class", "data", "private"),
    [(AtomicCSVDataset, TABLES[0], False), (PrivateCSVDataset, TABLES[0], True), (PrivateParquetDataset, TABLES[0], True),
     (PredictionsDataset, PREDICTIONS[0], True)],
)  # fmt: skip
def test_files_of_texts_labels_and_predictions_are_readable_by_their_owner_alone(tmp_path, dataset_class, data, private):
    before = os.umask(0o022)
    try:
        dataset_class(filepath=(tmp_path / "it").as_posix()).save(data)
    finally:
        os.umask(before)
    assert (tmp_path / "it").stat().st_mode & 0o777 == (0o600 if private else 0o644)


OLDER, NEWER = "2026-01-01T00.00.00.000Z", "2026-01-02T00.00.00.000Z"


@pytest.mark.parametrize(("dataset_class", "old", "new"), WHOLE)
def test_versions_of_other_files_are_kept_and_a_torn_one_leaves_none(
    tmp_path, monkeypatch, dataset_class, old, new
):
    options = {"save_args": {"index": False}} if dataset_class is AtomicCSVDataset else {}

    def version(load, save=None):
        return dataset_class(filepath=(tmp_path / "it").as_posix(), version=Version(load, save), **options)

    version(None, OLDER).save(old)
    with monkeypatch.context() as patched, pytest.raises(DatasetError, match="no space"):
        patched.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("no space")))
        version(None, NEWER).save(new)
    assert str(version(None).load()) == str(old)
    version(None, NEWER).save(new)
    assert str(version(None).load()) == str(new)
    assert str(version(OLDER).load()) == str(old)
    assert [path.name for path in sorted(tmp_path.glob("it/*/*"))] == ["it", "it"]
    with pytest.raises(DatasetError):  # A version is written once.
        version(None, NEWER).save(old)


OPTIONAL = [
    (CheckedJSONDataset, {"model": f"{__name__}.Model"}, {"number": 1}),
    (PredictionsDataset, {}, PREDICTIONS[0]),
]


@pytest.mark.parametrize(("dataset_class", "options", "data"), OPTIONAL)
@pytest.mark.parametrize("versioned", [True, False])
def test_an_optional_file_that_is_not_there_is_loaded_as_none_and_any_other_as_it_is(
    tmp_path, dataset_class, options, data, versioned
):
    place = {"filepath": (tmp_path / "it").as_posix(), **options}
    version = {"version": Version(None, OLDER)} if versioned else {}
    optional = dataset_class(**place, **version, optional=True)
    assert not optional.exists()
    assert optional.load() is None
    with pytest.raises(DatasetError):
        dataset_class(**place, **version).load()
    optional.save(data)
    again = dataset_class(**place, **({"version": Version(None, None)} if versioned else {}), optional=True)
    assert str(again.load()) == str(data)


@pytest.mark.parametrize(("dataset_class", "options", "data"), OPTIONAL)
def test_a_requested_version_must_be_there_even_where_the_file_is_optional(tmp_path, dataset_class, options, data):
    place = {"filepath": (tmp_path / "it").as_posix(), **options, "optional": True}
    dataset_class(**place, version=Version(None, NEWER)).save(data)
    with pytest.raises(DatasetError):
        dataset_class(**place, version=Version(OLDER, None)).load()


def test_predictions_of_another_schema_are_refused_in_one_sentence(tmp_path):
    """As a refit of version 0.1.0 left them: lists of starts and ends, and whole numbers for decisions."""
    old = PREDICTIONS[0].drop(columns=["spans", "gold_spans"]).assign(predicted=1, starts=None, ends=None, gold_starts=[[]], gold_ends=[[]])
    file = tmp_path / "share_test_predictions.parquet"
    old.to_parquet(file, index=False)
    with pytest.raises(DatasetError, match=r"share_test_predictions\.parquet does not fit the schema of predictions") as caught:
        PredictionsDataset(filepath=str(file)).load()
    assert isinstance(caught.value.__cause__, UserError)


def test_no_catalog_entry_saves_a_file_that_can_be_left_half_written(session):
    catalog = session().load_context().catalog
    for pipeline in pipelines.values():
        for name in pipeline.all_outputs():
            kind = type(catalog.get(name))
            # A figure can be drawn again from other saved data; kedro-viz knows it by its type.
            assert kind.__module__.startswith("psy_agents.datasets") or kind is PlotlyJSONDataset, name


def test_the_package_imports_no_library_until_a_dataset_is_used():
    code = "import sys, psy_agents.datasets; print('kedro_datasets' in sys.modules); psy_agents.datasets.AtomicCSVDataset"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
