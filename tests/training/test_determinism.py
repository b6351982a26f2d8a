"""What each setting of determinism asks of torch, on a CPU and on a GPU, whose name is all it takes."""

import pytest
import torch

from psy_agents.training.determinism import deterministic

AS_IT_IS = (False, False)
WARNS, RAISES = (True, True), (True, False)


@pytest.mark.parametrize(
    ("device", "setting", "asked"),
    [
        ("cuda", "off", AS_IT_IS), ("cuda", "warn", WARNS), ("cuda", "strict", RAISES),
        ("cpu", "off", AS_IT_IS), ("cpu", "warn", AS_IT_IS), ("cpu", "strict", RAISES),
    ],
)  # fmt: skip
def test_a_setting_asks_for_deterministic_operations_until_its_context_ends(device, setting, asked):
    def asks():
        return torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()

    with deterministic(torch.device(device), setting):
        assert asks() == asked
        assert torch.utils.deterministic.fill_uninitialized_memory == (asked == AS_IT_IS)
    assert asks() == AS_IT_IS and torch.utils.deterministic.fill_uninitialized_memory
