"""Memory that ran out is recognised behind the error that hides it."""

import pytest
import torch

from psy_agents.hpo.study.records import Failure
from psy_agents.hpo.workers.worker_process import _classify
from psy_agents.training.step.memory import is_out_of_memory


def raised(first, second):
    """The second error, raised while the first is handled, as on leaving a CUDA graph."""
    try:
        try:
            raise first
        finally:
            raise second
    except BaseException as error:
        return error


@pytest.mark.parametrize("hidden", [torch.OutOfMemoryError("CUDA out of memory"), MemoryError(), RuntimeError("can't allocate memory")])
def test_memory_that_ran_out_in_a_capture_is_no_device_error(hidden):
    error = raised(hidden, torch.AcceleratorError("CUDA error: operation failed due to a previous error during capture"))
    assert is_out_of_memory(error) and is_out_of_memory(hidden)
    assert _classify(error)[0] is Failure.OUT_OF_MEMORY


def test_other_errors_of_a_device_stay_what_they_are():
    error = raised(ValueError("something else"), torch.AcceleratorError("CUDA error: device-side assert triggered"))
    assert not is_out_of_memory(error)
    assert _classify(error)[0] is Failure.DEVICE
