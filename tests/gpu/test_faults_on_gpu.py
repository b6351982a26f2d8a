"""Faults of a real GPU in real workers: an asserting kernel, memory that is too small, and trials side by side."""

import json

import pytest
import torch
from support import tiny_agents

from psy_agents.hpo.config import StageConfig
from psy_agents.hpo.engine.stage_runner import StageRunner
from psy_agents.hpo.search_setup import SearchSetup
from psy_agents.hpo.space.search_space import SearchSpace
from psy_agents.hpo.study.store import StudyStore
from psy_agents.training.config import TrainingSettings

N = 4


pytestmark = pytest.mark.usefixtures("cuda")


def stage(search, objective, setup, workers=None, n_trials=N):
    """Run small trials."""
    given = {"name": "stage0", "label": "gpu", "n_trials": n_trials, "epochs": 1, "patience": 1}
    with StudyStore(search.store) as store:
        runner = StageRunner(
            StageConfig(**given, workers=workers or {"count": 1, "threads": 1}),
            SearchSpace.from_config({"learning_rate": {"type": "float", "low": 1e-4, "high": 1e-3}}, {"learning_rate": 1e-3}),
            (), store, "study", objective=f"support.search.gpu_objectives:{objective}", setup={"diary": str(search.diary), **setup},
            checkpoint_root=search.weights,
        )  # fmt: skip
        return runner.run()


@pytest.mark.parametrize("captured", [False, True])
def test_a_kernel_that_asserts_costs_an_attempt_and_a_fresh_process_but_no_trial(search, captured):
    stage(search, "Asserting", {"mishaps": [1], "captured": captured})
    assert search.failures() == ["device error"]
    assert [record.state for record in search.records()] == ["complete"] * N
    process = {number: pid for number, pid, _ in search.diary_lines()}
    assert process[0] == process[1] != process[2] == process[3]
    assert not torch.cuda.is_initialized() or torch.ones(1, device="cuda").item() == 1


def test_too_little_memory_for_a_graph_is_met_with_half_the_micro_batch_in_a_fresh_process(search):
    stage(search, "TooLargeForAGraph", {}, n_trials=1)
    assert search.failures() == ["out of memory"]
    assert [record.state for record in search.records()] == ["complete"]
    (_, first, before), (_, second, after) = search.diary_lines()
    assert (before, after) == (1, 2) and first != second


@pytest.fixture
def large(tmp_path):
    """A training whose memory is its batch's, and a way to run one trial of it under a cap."""
    encoder = tmp_path / "encoder"
    encoder.mkdir()
    tiny_agents.build_encoder("bert", encoder)
    settings = TrainingSettings(
        precision="float32", packing=False, cuda_graphs="off",  # A graph keeps memory of its own beside an uncaptured step's.
        fixed={"encoder": str(encoder), "max_length": 64, "batch_size": 512, "negative_ratio": 100.0, "head_width": 4096, "head_depth": 4},
    )  # fmt: skip
    return {"search": SearchSetup("share", settings, tiny_agents.build_corpus(n_posts=600)), "peak": str(tmp_path / "peak")}


def test_too_little_memory_is_met_with_half_the_micro_batch_in_a_fresh_process(search, large, tmp_path):
    peaks = []
    for divisor in (1, 2):  # How much a trial takes as it is, and at half the micro-batch.
        settings = large["search"].settings
        batches = {"batch_size": 512 // divisor, "gradient_accumulation_steps": divisor}
        halved = settings.model_copy(update={"fixed": {**settings.fixed, **batches}})
        setup = {**large, "search": SearchSetup("share", halved, large["search"].corpus), "cap": None}
        other = type(search)(tmp_path / str(divisor))
        other.store.parent.mkdir()
        stage(other, "Capped", setup, n_trials=1)
        peaks.append(json.loads((tmp_path / "peak").read_text()))
    whole, half = peaks
    # The allocator gives back what it only keeps in reserve before it fails.
    cap = (whole["allocated"] + half["reserved"]) // 2
    assert half["reserved"] < 0.95 * cap < 0.9 * whole["allocated"], peaks
    stage(search, "Capped", {**large, "cap": cap}, n_trials=1)
    assert search.failures() == ["out of memory"]
    (record,) = search.records()
    assert record.state == "complete"
    (_, first, before), (_, second, after) = search.diary_lines()
    assert (before, after) == (1, 2) and first != second
    values = [other_search.records()[0].value for other_search in (search, type(search)(tmp_path / "1"))]
    assert values[0] == pytest.approx(values[1], abs=0.05)  # The same effective batch.


def test_two_trials_share_a_gpu_and_the_engine_never_touches_it(search, tmp_path):
    before = torch.cuda.is_initialized()
    side_by_side = {"count": "auto", "threads": 1, "per_gpu": 2 // torch.cuda.device_count() or 1}
    stage(search, "Side", {"times": str(tmp_path / "times")}, side_by_side)
    assert [record.state for record in search.records()] == ["complete"] * N
    assert len({process for _, process, _ in search.diary_lines()}) == 2
    times = sorted(tuple(map(float, line.split()[:2])) for line in (tmp_path / "times").read_text().splitlines())
    assert any(later[0] < earlier[1] for earlier, later in zip(times, times[1:], strict=False))
    assert torch.cuda.is_initialized() == before
