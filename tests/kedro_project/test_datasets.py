from __future__ import annotations

import json

import pandas as pd
import pytest
from kedro.framework.project import pipelines
from kedro.io import DatasetError, Version
from kedro_datasets.plotly import JSONDataset as PlotlyJSONDataset
from pydantic import BaseModel

from psy_agents.datasets import (
    CheckedJSONDataset,
    WholeCSVDataset,
    WholeJSONDataset,
    WholeParquetDataset,
    WholeTextDataset,
)


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
    with pytest.raises(DatasetError, match="is not whole JSON"):
        dataset.load()


def test_a_save_that_dies_leaves_the_old_file_and_no_other(dataset, tmp_path, monkeypatch):
    dataset.save({"number": 1})
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("no space")))
    with pytest.raises(DatasetError, match="no space"):
        dataset.save({"number": 2})
    assert [path.name for path in tmp_path.iterdir()] == ["it.json"]
    assert dataset.load() == {"number": 1}


def test_versions_stand_beside_each_other_and_the_latest_is_loaded(tmp_path):
    for version in ("2026-01-01T00.00.00.000Z", "2026-01-02T00.00.00.000Z"):
        CheckedJSONDataset(filepath=str(tmp_path / "it.json"), model=f"{__name__}.Model", version=Version(None, version)).save(
            {"number": int(version[9])}
        )
    latest = CheckedJSONDataset(filepath=str(tmp_path / "it.json"), model=f"{__name__}.Model", version=Version(None, None))
    assert latest.load() == {"number": 2}
    assert len(list(tmp_path.glob("it.json/*/it.json"))) == 2


TABLES = [pd.DataFrame({"a": [1, 2]}), pd.DataFrame({"a": [3]})]
WHOLE = [
    (WholeCSVDataset, *TABLES),
    (WholeParquetDataset, *TABLES),
    (WholeJSONDataset, {"a": 1}, {"a": 2}),
    (WholeTextDataset, "one", "two"),
]


@pytest.mark.parametrize(("dataset_class", "old", "new"), WHOLE)
def test_other_files_are_whole_or_not_there_as_well(tmp_path, monkeypatch, dataset_class, old, new):
    options = {"save_args": {"index": False}} if dataset_class is WholeCSVDataset else {}
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


def test_no_catalog_entry_saves_a_file_that_can_be_left_half_written(session):
    catalog = session().load_context().catalog
    for pipeline in pipelines.values():
        for name in pipeline.all_outputs():
            kind = type(catalog.get(name))
            # A figure can be drawn anew from what is saved whole; kedro-viz knows it by its type.
            assert kind.__module__.startswith("psy_agents.datasets") or kind is PlotlyJSONDataset, name
