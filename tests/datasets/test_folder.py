"""Folders of models and of results: linked or moved into a version, whole or not at all."""

from __future__ import annotations

import errno

import pytest
from kedro.io import DatasetError, Version

from psy_agents.datasets import ModelFolderDataset, ResultsFolderDataset

OLDER, NEWER = "2026-01-01T00.00.00.000Z", "2026-01-02T00.00.00.000Z"


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
