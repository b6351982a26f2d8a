from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy

MLFLOWS = "busy_timeout = 20000"


@pytest.fixture
def soon_given_up() -> Iterator[None]:
    """MLflow waits 0.2 s for a locked sqlite file, where it waits 20."""

    def shorter(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> tuple[str, Any]:
        return statement.replace(MLFLOWS, "busy_timeout = 200"), parameters

    event = (sqlalchemy.Engine, "before_cursor_execute", shorter)
    sqlalchemy.event.listen(*event, retval=True)
    yield
    sqlalchemy.event.remove(*event)
