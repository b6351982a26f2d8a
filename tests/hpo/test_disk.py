"""Room on the disk: checked before a stage begins, and no more weights at a time than configured."""

from pathlib import Path

import pytest

from psy_agents.errors import UserError
from psy_agents.hpo import disk
from psy_agents.hpo import run_stage as searching
from psy_agents.hpo.config import StageConfig
from psy_agents.hpo.disk import size_of, trial_bytes

STAGE = {"name": "stage0", "label": "test", "n_trials": 8, "epochs": 3, "patience": 3, "workers": {"count": 2}, "keep_checkpoints": 3}
ATTRIBUTES = {"data_hash": "d", "settings_hash": "s"}


class CountingWeights:
    """Counts the folders of weights whenever the stage says something."""

    def __init__(self, folder):
        self.folder, self.most = folder, 0

    def __getattr__(self, event):
        def hear(*_):
            if self.folder.is_dir():
                self.most = max(self.most, sum(entry.name.startswith("trial_") for entry in self.folder.iterdir()))

        return hear


def test_no_more_weights_lie_there_at_a_time_than_workers_and_kept_ones_need(search):
    weights = CountingWeights(search.weights)
    baselines = [{"x": x} for x in (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)]  # Each is better than all before it.
    search.run(n_trials=6, baselines=baselines, workers=2, keep_checkpoints=1, callbacks=[weights])
    assert 1 <= weights.most <= 2 + 1 + 1


def test_a_partial_folder_of_a_finished_study_is_deleted_when_it_is_run_again(search):
    search.run(n_trials=1)
    for name in ("trial_0003.partial", ".trial_0003.partial.4242.tmp", ".trial_0003.partial.old.4242.tmp"):
        (search.weights / name / "deeper").mkdir(parents=True)
    search.run(n_trials=1)
    assert [entry.name for entry in search.weights.iterdir()] == ["trial_0000"]


def test_the_encoders_give_the_size_of_weights_that_were_never_measured(tmp_path):
    small, large = (str(tmp_path / name) for name in ("small", "large"))
    for name, size in ((small, 98), (large, 298)):
        Path(name).mkdir()
        (Path(name) / "config.json").write_text("{}")
        (Path(name) / "blob").write_bytes(b"0" * size)
    assert (trial_bytes("criteria", [(small, 0), (large, 0)]), trial_bytes("joint", [(small, 0), (large, 0)])) == (300, 600)
    assert trial_bytes("joint", [(large, 64), (large, 16)]) == 60, "adapters are saved without their encoder"
    assert trial_bytes("criteria", [(small, 0), (large, 64)]) == 100, "trials of the small one save it as a whole"
    with pytest.raises(UserError, match="was not found"):
        trial_bytes("criteria", [("no/such-encoder", 0)], download=False)


def test_a_link_counts_as_the_file_that_it_leads_to(tmp_path):
    (tmp_path / "blob").write_bytes(b"0" * 1000)
    (tmp_path / "snapshot").mkdir()
    (tmp_path / "snapshot" / "model.safetensors").symlink_to(tmp_path / "blob")
    assert size_of(tmp_path / "snapshot") == 1000
    assert size_of(tmp_path / "none") == 0


@pytest.mark.parametrize("free", [599, 600])
def test_a_stage_needs_room_for_its_workers_its_kept_weights_and_one_more(tmp_path, monkeypatch, free):
    monkeypatch.setattr(disk, "free_bytes", lambda _: free)

    def begin():
        searching._log_estimate([], "criteria", StageConfig(**STAGE), "study", ATTRIBUTES, tmp_path, 100, None)

    if free == 600:
        begin()
        return
    with pytest.raises(UserError, match="has 599 bytes free, but 600 bytes may be needed"):
        begin()


def test_a_stage_that_is_done_needs_no_room(tmp_path, monkeypatch, search):
    search.run(n_trials=2, workers=1)
    monkeypatch.setattr(disk, "free_bytes", lambda _: 0)
    stage = StageConfig(**{**STAGE, "n_trials": 2})
    searching._log_estimate([search.study()], "criteria", stage, "study", ATTRIBUTES, tmp_path, 100, None)
    with pytest.raises(UserError, match="free some space"):
        searching._log_estimate([], "criteria", stage, "study", ATTRIBUTES, tmp_path, 100, None)
