"""JSON that a pydantic model checks when it is saved and when it is loaded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kedro.io import Version
from kedro.utils import load_obj

from psy_agents.datasets.local import LocalVersionedDataset
from psy_agents.errors import UserError
from psy_agents.files.atomic import atomic_write


class CheckedJSONDataset(LocalVersionedDataset[dict[str, Any], dict[str, Any] | None]):
    """JSON of a pydantic model, saved with an atomic write.

    Args:
        filepath: relative to the project.
        model: dotted name of the pydantic model that validates the data.
        optional: load None if there is no file yet. A requested version must exist.
    """

    def __init__(
        self,
        *,
        filepath: str,
        model: str,
        optional: bool = False,
        version: Version | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(filepath=filepath, is_saved=Path.is_file, optional=optional, version=version, metadata=metadata)
        self._model = model

    def _check(self, data: Any) -> dict[str, Any]:
        from pydantic import ValidationError

        try:
            return load_obj(self._model).model_validate(data).model_dump(mode="json")
        except ValidationError as error:
            first = error.errors(include_input=False)[0]
            place = ".".join(map(str, first["loc"])) or "the file"
            raise UserError(f"{self._filepath.name} does not fit its schema: {place}: {first['msg']}.") from None

    def load(self) -> dict[str, Any] | None:
        if self._is_optional_and_missing():
            return None
        path = Path(self._get_load_path())
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except json.JSONDecodeError as error:
            raise UserError(f"{path} is not valid JSON (line {error.lineno}): delete it and run its stage again.") from None
        except (ValueError, RecursionError):  # Bytes that are no UTF-8, numbers of thousands of digits, or nesting without end.
            raise UserError(f"{path} is not valid JSON: delete it and run its stage again.") from None
        return self._check(data)

    def save(self, data: dict[str, Any]) -> None:
        path = Path(self._get_save_path())
        text = json.dumps(self._check(data), indent=2, ensure_ascii=False) + "\n"
        with atomic_write(path) as part:
            part.write_text(text, encoding="utf-8")

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "model": self._model, "version": self._version}
