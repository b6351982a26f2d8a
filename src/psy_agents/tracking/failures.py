"""What happens when MLflow does not answer: one warning, and the search continues."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)


def warn_of_failure(error: Exception, consequence: str) -> None:
    """Log the kind of an MLflow error; its message may hold parameters."""
    log.warning("MLflow failed (%s): %s", type(error).__name__, consequence)


@contextmanager
def mlflow_may_fail(consequence: str) -> Iterator[None]:
    """Turn an error of MLflow within the block into a warning.

    Args:
        consequence: what is missing now, for the warning.
    """
    try:
        yield
    except Exception as error:
        warn_of_failure(error, consequence)
