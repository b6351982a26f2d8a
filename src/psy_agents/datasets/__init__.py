"""Datasets of the catalog that no library has."""

from psy_agents.datasets.atomic import WholeCSVDataset, WholeJSONDataset, WholeParquetDataset, WholeTextDataset
from psy_agents.datasets.checked_json import CheckedJSONDataset
from psy_agents.datasets.corpus import CorpusDataset
from psy_agents.datasets.evidence_page import EvidencePageDataset
from psy_agents.datasets.id_salt import IdSaltDataset
from psy_agents.datasets.model_folder import ModelFolderDataset
from psy_agents.datasets.moved_folder import MovedFolderDataset
from psy_agents.datasets.predictions import PredictionsDataset
from psy_agents.datasets.raw_table import RawTableDataset
from psy_agents.datasets.study_store import StudyStoreDataset

__all__ = [
    "CheckedJSONDataset",
    "CorpusDataset",
    "EvidencePageDataset",
    "IdSaltDataset",
    "ModelFolderDataset",
    "MovedFolderDataset",
    "PredictionsDataset",
    "RawTableDataset",
    "StudyStoreDataset",
    "WholeCSVDataset",
    "WholeJSONDataset",
    "WholeParquetDataset",
    "WholeTextDataset",
]
