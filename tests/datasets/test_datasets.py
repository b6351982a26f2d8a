from __future__ import annotations

import errno
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from kedro.framework.project import pipelines
from kedro.io import DatasetError, Version
from kedro_datasets.plotly import JSONDataset as PlotlyJSONDataset
from pydantic import BaseModel

from psy_agents.agents.registry import AGENTS
from psy_agents.datasets import (
    AtomicCSVDataset,
    AtomicJSONDataset,
    AtomicParquetDataset,
    AtomicTextDataset,
    CheckedJSONDataset,
    EvidencePageDataset,
    ModelFolderDataset,
    PredictionsDataset,
    ResultsFolderDataset,
)
from psy_agents.errors import UserError
from psy_agents.evaluation.predictions import GOLD, predictions_table
from psy_agents.reporting.evidence_page.page import EvidencePage


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


def test_versions_stand_beside_each_other_and_the_latest_is_loaded(tmp_path):
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
    (AtomicParquetDataset, *TABLES),
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


OLDER, NEWER = "2026-01-01T00.00.00.000Z", "2026-01-02T00.00.00.000Z"


@pytest.mark.parametrize(("dataset_class", "old", "new"), WHOLE)
def test_versions_of_other_files_stand_beside_each_other_and_a_torn_one_leaves_none(
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
def test_a_version_that_was_asked_for_must_be_there_even_where_the_file_is_optional(tmp_path, dataset_class, options, data):
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


@pytest.fixture
def model(tmp_path):
    """A folder as a model is saved in."""
    folder = tmp_path / "trial_0000"
    (folder / "encoder").mkdir(parents=True)
    (folder / "encoder" / "model.safetensors").write_bytes(b"weights")
    (folder / "agent.json").write_text("{}")
    return folder


def folder_dataset(tmp_path, load=None, save=None):
    return ModelFolderDataset(filepath=(tmp_path / "models" / "share").as_posix(), version=Version(load, save))


def files_of(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_models_folder_is_linked_into_a_version(tmp_path, model):
    folder_dataset(tmp_path, save=OLDER).save(model)
    folder = folder_dataset(tmp_path).load()
    assert folder == tmp_path / "models" / "share" / OLDER / "share"
    assert files_of(folder) == {"agent.json", "encoder/model.safetensors"}
    weights = "encoder/model.safetensors"
    assert (folder / weights).stat().st_ino == (model / weights).stat().st_ino


def test_a_models_folder_is_copied_where_the_disk_cannot_link_and_outlives_the_original(tmp_path, model, monkeypatch):
    monkeypatch.setattr("os.link", lambda *_: (_ for _ in ()).throw(OSError("another disk")))
    folder_dataset(tmp_path, save=OLDER).save(model)
    (model / "agent.json").write_text("changed")
    assert (folder_dataset(tmp_path).load() / "agent.json").read_text() == "{}"


def test_the_latest_models_folder_is_loaded_and_an_earlier_one_by_its_version(tmp_path, model):
    folder_dataset(tmp_path, save=OLDER).save(model)
    (model / "more.json").write_text("{}")
    folder_dataset(tmp_path, save=NEWER).save(model)
    assert "more.json" in files_of(folder_dataset(tmp_path).load())
    assert "more.json" not in files_of(folder_dataset(tmp_path, load=OLDER).load())
    with pytest.raises(DatasetError):
        folder_dataset(tmp_path, load="2020-01-01T00.00.00.000Z").load()


def test_a_models_folder_that_cannot_be_finished_is_not_there(tmp_path, model, monkeypatch):
    with monkeypatch.context() as patched, pytest.raises(DatasetError, match="no space"):
        patched.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("no space")))
        folder_dataset(tmp_path, save=OLDER).save(model)
    assert files_of(tmp_path / "models") == set()
    assert not folder_dataset(tmp_path).exists()


@pytest.fixture
def repository(tmp_path):
    """A working tree of git with this project's .gitignore."""
    folder = tmp_path / "repository"
    folder.mkdir()
    shutil.copy(Path(__file__).parents[2] / ".gitignore", folder)
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    return folder


def page_dataset(folder, private="data/private/page.html", save=None):
    version = Version(None, save)
    return EvidencePageDataset(filepath=str(folder / "data/page.html"), private={"filepath": str(folder / private)}, version=version)


def test_a_page_of_evidence_lies_where_its_text_lets_it(repository):
    dataset = page_dataset(repository, save=OLDER)
    dataset.save(EvidencePage("<p>bars", reveals_text=False))
    assert dataset.load() == "<p>bars"
    other = page_dataset(repository, save=OLDER)
    other.save(EvidencePage("<p>text", reveals_text=True))
    assert other.load() == "<p>text" and page_dataset(repository).load() == "<p>bars"
    private = f"private/page.html/{OLDER}/page.html"
    assert files_of(repository / "data") == {f"page.html/{OLDER}/page.html", private}
    assert (repository / "data" / private).stat().st_mode & 0o077 == 0, "nobody else reads it"


@pytest.mark.parametrize("made", [False, True])
def test_a_page_with_text_is_refused_where_git_would_commit_it(repository, made):
    if made:
        (repository / "reports").mkdir()
    dataset = page_dataset(repository, "reports/page.html", save=OLDER)
    with pytest.raises(DatasetError, match=r"would hold the text of posts, and git does not ignore it: add its folder to \.gitignore"):
        dataset.save(EvidencePage("<p>text", reveals_text=True))
    assert not list(repository.rglob("*.html"))
    (repository / ".gitignore").write_text("reports/\n")
    page_dataset(repository, "reports/page.html", save=OLDER).save(EvidencePage("<p>text", reveals_text=True))
    assert len(list(repository.rglob("*.html/*/*.html"))) == 1


def test_a_page_with_text_is_refused_where_git_cannot_be_asked(repository, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(DatasetError, match="git is not on the PATH"):
        page_dataset(repository, save=OLDER).save(EvidencePage("<p>text", reveals_text=True))
    assert not list(repository.rglob("*.html"))


def test_a_page_with_text_may_lie_where_no_repository_is(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    page_dataset(tmp_path, save=OLDER).save(EvidencePage("<p>text", reveals_text=True))
    assert len(list(tmp_path.rglob("*.html/*/*.html"))) == 1


@pytest.mark.parametrize("env", [None, "test", "redsm5", "contract_nli"])
def test_git_ignores_the_pages_with_text_of_every_agent_in_every_environment(session, project, repository, env):
    catalog = session(env=env).load_context().catalog
    for agent in AGENTS:
        path = Path(catalog.get(f"{agent}.evidence_page")._private).relative_to(project) / OLDER / "page.html"
        assert path.parts[0] == "data" and "private" in path.parts
        assert subprocess.run(["git", "check-ignore", "--quiet", str(path)], cwd=repository).returncode == 0, path


@pytest.mark.parametrize("another_disk", [False, True])
def test_a_folder_of_results_is_moved_into_a_version_whole_or_stays_where_it_is(tmp_path, model, monkeypatch, another_disk):
    def elsewhere(*_):
        raise OSError(errno.EXDEV, "another disk")

    def dataset(save=None):
        return ResultsFolderDataset(filepath=(tmp_path / "results" / "share").as_posix(), version=Version(None, save))

    if another_disk:
        monkeypatch.setattr("os.rename", elsewhere)
    with monkeypatch.context() as patched, pytest.raises(DatasetError, match="no space"):
        patched.setattr("os.replace" if another_disk else "os.rename", lambda *_: (_ for _ in ()).throw(OSError(28, "no space")))
        dataset(OLDER).save(model)
    assert not dataset().exists() and files_of(model) == {"agent.json", "encoder/model.safetensors"}
    dataset(NEWER).save(model)
    assert not model.exists()
    assert files_of(dataset().load()) == {"agent.json", "encoder/model.safetensors"}
    assert files_of(tmp_path / "results") == {f"share/{NEWER}/share/{name}" for name in ("agent.json", "encoder/model.safetensors")}


def test_no_catalog_entry_saves_a_file_that_can_be_left_half_written(session):
    catalog = session().load_context().catalog
    for pipeline in pipelines.values():
        for name in pipeline.all_outputs():
            kind = type(catalog.get(name))
            # A figure can be drawn anew from what is saved whole; kedro-viz knows it by its type.
            assert kind.__module__.startswith("psy_agents.datasets") or kind is PlotlyJSONDataset, name
