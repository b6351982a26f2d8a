"""The project's datasets for the Kedro catalog."""

from psy_agents.datasets.atomic import AtomicCSVDataset, AtomicJSONDataset, AtomicParquetDataset, AtomicTextDataset
from psy_agents.datasets.checked_json import CheckedJSONDataset
from psy_agents.datasets.corpus import CorpusDataset
from psy_agents.datasets.evidence_page import EvidencePageDataset
from psy_agents.datasets.id_salt import IdSaltDataset
from psy_agents.datasets.model_folder import ModelFolderDataset
from psy_agents.datasets.predictions import PredictionsDataset
from psy_agents.datasets.raw_table import RawTableDataset
from psy_agents.datasets.results_folder import ResultsFolderDataset
from psy_agents.datasets.study_store import StudyStoreDataset

__all__ = [
    "AtomicCSVDataset",
    "AtomicJSONDataset",
    "AtomicParquetDataset",
    "AtomicTextDataset",
    "CheckedJSONDataset",
    "CorpusDataset",
    "EvidencePageDataset",
    "IdSaltDataset",
    "ModelFolderDataset",
    "PredictionsDataset",
    "RawTableDataset",
    "ResultsFolderDataset",
    "StudyStoreDataset",
]
