"""The same seed gives the same trial on the same GPU.

cuBLAS needs ``CUBLAS_WORKSPACE_CONFIG=:4096:8`` in the environment before a process starts CUDA: else its sums may differ from stream to
stream. Workers set it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch

from psy_agents.errors import UserError

NO_SUCH_FORM = re.compile(r"^(\S+)[^.]* does not have a deterministic implementation")  # What torch says.


@contextmanager
def deterministic(device: torch.device, setting: Literal["off", "warn", "strict"]) -> Iterator[None]:
    """In this context operations use their deterministic form, unless the setting is off.

    New memory is not filled: that is a guard against reading what was never written, and takes a kernel for every tensor.

    Args:
        setting: `TrainingSettings.determinism`.

    Raises:
        UserError: an operation has no such form, and the setting is strict.
    """
    strict = setting == "strict"
    if setting == "off" or (device.type != "cuda" and not strict):
        yield
        return
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    filled = torch.utils.deterministic.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True, warn_only=not strict)
    torch.utils.deterministic.fill_uninitialized_memory = False
    try:
        yield
    except RuntimeError as error:
        found = NO_SUCH_FORM.match(str(error))
        if found is None:
            raise
        raise UserError(
            f"training.determinism is strict, but the encoder needs {found[1]}, which has no deterministic form on {device.type}: set it "
            f"to warn, or use another encoder."
        ) from None
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        torch.utils.deterministic.fill_uninitialized_memory = filled
