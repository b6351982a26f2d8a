"""The best trials of a stage, with a table for kedro-viz."""
# kedro-viz reads the type of a preview from the annotation itself, so it must not be a string.

from typing import Any

from kedro.io import Version
from kedro_datasets._typing import TablePreview

from psy_agents.datasets.checked_json import CheckedJSONDataset


class TopKDataset(CheckedJSONDataset):
    """JSON of `psy_agents.hpo.study.topk.TopK`; None if the stage has not run.

    Args:
        filepath: relative to the project.
    """

    def __init__(self, *, filepath: str, version: Version | None = None, metadata: dict[str, Any] | None = None) -> None:
        model = "psy_agents.hpo.study.topk.TopK"
        super().__init__(filepath=filepath, model=model, optional=True, version=version, metadata=metadata)

    def preview(self) -> TablePreview:
        """Rank, number, value, epochs, metrics and hyper-parameters of each trial, a trial a row."""
        top = self.load() or {"trials": []}
        names = {kind: list(dict.fromkeys(name for each in top["trials"] for name in each[kind])) for kind in ("metrics", "params")}
        columns = ["rank", "trial", "value", "best_epoch", "epochs_run", *names["metrics"], *names["params"]]
        rows = [{**each["params"], **each["metrics"], **each} for each in top["trials"]]
        data = [[_rounded(row.get(name)) for name in columns] for row in rows]
        return TablePreview({"index": list(range(len(data))), "columns": columns, "data": data})


def _rounded(value: Any) -> Any:
    """Four digits of a number: a table of floats is unreadable."""
    return float(f"{value:.4g}") if isinstance(value, float) else value
