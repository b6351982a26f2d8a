"""Hook that logs where results are saved."""

from __future__ import annotations

import logging

from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol

from psy_agents.datasets.project import shown_path

log = logging.getLogger(__name__)


class OutputHooks:
    """Logs the path of each saved dataset."""

    def __init__(self) -> None:
        self._catalog: CatalogProtocol | None = None

    @hook_impl
    def after_catalog_created(self, catalog: CatalogProtocol) -> None:
        self._catalog = catalog

    @hook_impl
    def after_dataset_saved(self, dataset_name: str) -> None:
        file = getattr(self._catalog.get(dataset_name), "_filepath", None)
        if file is not None:
            log.info("saved %s: %s", dataset_name, shown_path(file))
