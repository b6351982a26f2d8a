"""The project's context: Kedro's, with the bundles of parameters."""

from __future__ import annotations

from typing import Any

from kedro.framework.context import KedroContext

from psy_agents.pipelines.bundles import BUNDLES, PARAMETERS


class ProjectContext(KedroContext):
    """Makes each bundle from its sections, as they are after ``--params``: for runs, notebooks and kedro viz alike.

    A hook would not do: kedro viz calls none.
    """

    def _get_parameters(self) -> dict[str, Any]:
        sections = super()._get_parameters()
        return sections | {PARAMETERS + name: bundle.of(sections) for name, bundle in BUNDLES.items()}
