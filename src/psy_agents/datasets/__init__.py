"""The project's datasets for the Kedro catalog. Each is imported when it is first used: listing the pipelines stays fast."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_MODULES = {
    "AtomicCSVDataset": "atomic",
    "AtomicJSONDataset": "atomic",
    "AtomicTextDataset": "atomic",
    "CheckedJSONDataset": "checked_json",
    "CorpusDataset": "corpus",
    "EvidencePageDataset": "evidence_page",
    "FilesDataset": "files",
    "IdSaltDataset": "id_salt",
    "ModelFolderDataset": "model_folder",
    "PredictionsDataset": "predictions",
    "PrivateCSVDataset": "atomic",
    "PrivateParquetDataset": "atomic",
    "RawTableDataset": "raw_table",
    "ResultsFolderDataset": "results_folder",
    "StudyStoreDataset": "study_store",
    "TopKDataset": "topk",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
