"""An export format: a further file in an exported folder, in which other programs read the model.

The folder itself holds tokenizer and encoders in the Hugging Face layout, with weights as safetensors. A format is one class in a file
of `psy_agents.release.formats`; the file's name is the name that ``export.formats`` takes.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BeforeValidator

from psy_agents.errors import UserError
from psy_agents.release import formats
from psy_agents.release.markdown import code

HERE = "path/of/this/folder"
"""What the card calls the exported folder."""


@dataclass(frozen=True)
class Exported:
    """Result of an export.

    Attributes:
        text: for the card: how to use the file, or why there is none.
        written: whether there is a file.
        deviation: largest absolute difference of a finite logit from torch's, where the format was run.
        shapes: (windows, tokens) on which it was measured.
    """

    text: str
    written: bool
    deviation: float | None = None
    shapes: tuple[tuple[int, int], ...] = ()


class ExportFormat(ABC):
    """One format.

    Attributes:
        title: in sentences.
        file: name of the file that it writes into an agent's folder.
        packages: that it needs beyond those of the project.
        extra: the extra in pyproject.toml with these packages.
    """

    title: ClassVar[str]
    file: ClassVar[str]
    packages: ClassVar[tuple[str, ...]] = ()
    extra: ClassVar[str] = ""

    @abstractmethod
    def export_agent(self, folder: Path, place: str) -> Exported:
        """Write the file into the folder of one agent, or write nothing; ``place`` is what the card calls the folder."""

    def check_packages(self) -> None:
        """Refuse to begin without a package.

        Raises:
            UserError: names the missing one.
        """
        missing = [name for name in self.packages if importlib.util.find_spec(name) is None]
        if missing:
            raise UserError(
                f"The export format {self.title} needs the package {missing[0]}: "
                f'pip install -c requirements.lock -e ".[{self.extra}]"'
            )

    def export(self, folder: Path) -> Exported:
        """Write the file of an agent's folder. An ensemble has one in each member's folder, or none if one member can have none."""
        from psy_agents.agents.saved.ensemble import is_ensemble, read_ensemble  # They import torch.

        self.check_packages()
        if not is_ensemble(folder):
            return self.export_agent(folder, HERE)
        members, _ = read_ensemble(folder)
        results = [self.export_agent(member, f"{HERE}/{member.name}") for member in members]
        failed = [(member, result) for member, result in zip(members, results, strict=True) if not result.written]
        if failed:
            for member in members:
                (member / self.file).unlink(missing_ok=True)
            (member, result), *_ = failed
            reason = f"No member of the ensemble has {self.title}, because {member.name} can have none. {result.text}"
            return Exported(reason, written=False)
        first = (
            f"Each of the {len(members)} members has {self.title} of its own. The file does not combine their answers: "
            "`psy_agents.inference.predictor` does, as `ensemble.json` describes."
        )
        texts = [f"{code(member.name)}: {result.text}" for member, result in zip(members, results, strict=True)]
        deviations = [result.deviation for result in results if result.deviation is not None]
        shapes = tuple(shape for result in results for shape in result.shapes)
        return Exported("\n\n".join([first, *texts]), True, max(deviations, default=None), shapes)


def format_names() -> list[str]:
    """The names of all formats; their modules are not imported."""
    return sorted(module.name for module in pkgutil.iter_modules(formats.__path__))


def export_format(name: str) -> ExportFormat:
    """The format in the module of this name."""
    module = importlib.import_module(f"{formats.__name__}.{name}")
    (found,) = (
        each
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, ExportFormat) and each.__module__ == module.__name__
    )
    return found()


def export_formats(names: Sequence[str], folder: Path) -> dict[str, Exported]:
    """Write each format into an agent's folder; by the name of the file.

    Raises:
        UserError: a package is missing.
    """
    chosen = [export_format(name) for name in names]
    return {each.file: each.export(folder) for each in chosen}


def check_packages(names: Sequence[str]) -> None:
    """Refuse to begin without a package of one of the formats.

    Raises:
        UserError: names the missing one.
    """
    for name in names:
        export_format(name).check_packages()


def _known(name: str) -> str:
    if name not in format_names():
        raise ValueError(f"there is no export format {name} (there are: {', '.join(format_names())})")
    return name


def _list_of(value: Any) -> Any:
    """A list, also of names that the command line joins by ``+``."""
    return value.split("+") if isinstance(value, str) else value


FormatNames = Annotated[tuple[Annotated[str, AfterValidator(_known)], ...], BeforeValidator(_list_of)]
