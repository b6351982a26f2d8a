"""What a search times before its first trial, on a device: an epoch, and how many trials run at a time."""

import pytest
import torch
from support import tiny_agents

from psy_agents.hpo.search_setup import SearchSetup
from psy_agents.hpo.trials_per_gpu import GpuMeter
from psy_agents.hpo.workers.resources import visible_gpus
from psy_agents.training.config import TrainingSettings
from psy_agents.training.timing import steps_per_second, time_epoch
from psy_agents.training.trainer import TrainingData, TrainingRun

pytestmark = pytest.mark.usefixtures("cuda")


def test_an_epoch_is_timed_after_each_shape_was_prepared(encoders, corpus):
    settings = TrainingSettings(precision="bfloat16")
    data, config = TrainingData(corpus, "share", settings), tiny_agents.parameters(encoders["bert"])
    run = TrainingRun("share", config, settings, data, seed=3, epochs=1, patience=1, device="cuda")
    epoch = time_epoch(run, 1.0)
    assert epoch.training > 0 and epoch.evaluation > 0 and epoch.timed >= 1.0 and epoch.prepared > 0
    assert steps_per_second(run, 0.5) > 0


def test_one_and_two_trials_at_a_time_are_timed_without_touching_the_device_here(encoders, corpus, tmp_path):
    before = torch.cuda.is_initialized()
    settings = TrainingSettings(precision="bfloat16", fixed={"encoder": encoders["bert"], "max_length": 40})
    trial = {"batch_size": 6}
    rates = GpuMeter(SearchSetup("share", settings, corpus), trial, trial, tmp_path, startup=120).rates(visible_gpus()[0], 2)
    assert set(rates) == {1, 2} and all(rate > 0 for rate in rates.values())
    assert torch.cuda.is_initialized() == before
