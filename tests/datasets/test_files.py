"""Several files are one entry of the catalog, each with its versions; a preview of best trials is a table."""

import inspect

import pandas as pd
from kedro.io import AbstractDataset

from psy_agents.datasets.topk import TopKDataset


def test_each_name_is_a_versioned_file_and_private_ones_are_their_owners(tmp_path):
    entry = {
        "type": "psy_agents.datasets.FilesDataset", "path": str(tmp_path / "report"), "suffix": ".csv", "save_args": {"index": False},
        "dataset": "psy_agents.datasets.AtomicCSVDataset", "private": ["errors"], "versioned": True,
        "private_dataset": "psy_agents.datasets.PrivateCSVDataset",
    }  # fmt: skip
    dataset = AbstractDataset.from_config("report.tables", entry, save_version="v1")
    assert not dataset.exists()
    tables = {name: pd.DataFrame({"value": [number]}) for number, name in enumerate(("summary", "errors"))}
    dataset.save(tables)
    files = {name: tmp_path / "report" / f"{name}.csv" / "v1" / f"{name}.csv" for name in tables}
    assert {name: file.read_text() for name, file in files.items()} == {"summary": "value\n0\n", "errors": "value\n1\n"}
    assert files["errors"].stat().st_mode & 0o077 == 0
    loaded = AbstractDataset.from_config("report.tables", entry).load()
    assert {name: table["value"].tolist() for name, table in loaded.items()} == {"summary": [0], "errors": [1]}


def test_best_trials_are_a_table_for_kedro_viz(tmp_path, monkeypatch):
    first = {"rank": 1, "trial": 7, "value": 0.51234567, "best_epoch": 2, "epochs_run": 3, "metrics": {"token_f1": 0.5}}
    second = {"rank": 2, "trial": 3, "value": 0.4, "best_epoch": 1, "epochs_run": 3, "metrics": {"token_f1": None}}
    trials = [{**first, "params": {"dropout": 0.1}}, {**second, "params": {"focal_gamma": 2}}]
    dataset = TopKDataset(filepath=str(tmp_path / "topk.json"))
    assert dataset.preview()["data"] == [], "the stage has not run"
    monkeypatch.setattr(dataset, "load", lambda: {"trials": trials})
    assert dataset.preview() == {
        "index": [0, 1],
        "columns": ["rank", "trial", "value", "best_epoch", "epochs_run", "token_f1", "dropout", "focal_gamma"],
        "data": [[1, 7, 0.5123, 2, 3, 0.5, 0.1, None], [2, 3, 0.4, 1, 3, None, None, 2]],
    }
    assert inspect.signature(dataset.preview).return_annotation.__name__ == "TablePreview"
