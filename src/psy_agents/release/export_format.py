"""Export formats: further files in an exported folder, for other programs that run the model.

Every exported folder holds tokenizer and encoders in the Hugging Face layout, with weights as safetensors. A format is one class in a
module of `psy_agents.release.formats`. The name of the module is its name in ``export.formats``.
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

FOLDER_PLACEHOLDER = "path/of/this/folder"
"""The path of the exported folder in the card's examples."""


@dataclass(frozen=True)
class FormatResult:
    """The result of writing one format.

    Attributes:
        text: text of the card: how to use the file, or why there is none.
        written: whether there is a file.
        deviation: largest absolute difference of a finite logit from torch's. None if the format was not run.
        shapes: shapes (windows, tokens) of the inputs on which it was measured.
    """

    text: str
    written: bool
    deviation: float | None = None
    shapes: tuple[tuple[int, int], ...] = ()


class ExportFormat(ABC):
    """Base class of the export formats.

    Attributes:
        title: name of the format in a sentence, with its article.
        file: name of the file in an agent's folder.
        packages: packages that the format needs in addition to those of the project.
        extra: the extra in pyproject.toml that installs them.
    """

    title: ClassVar[str]
    file: ClassVar[str]
    packages: ClassVar[tuple[str, ...]] = ()
    extra: ClassVar[str] = ""

    @abstractmethod
    def export_agent(self, folder: Path, card_path: str) -> FormatResult:
        """Write the file into an agent's folder, unless the format does not support the agent.

        Args:
            card_path: path of the folder in the card's examples.
        """

    def check_packages(self) -> None:
        """Check that all packages are installed.

        Raises:
            UserError: the message names the missing package.
        """
        missing = [name for name in self.packages if importlib.util.find_spec(name) is None]
        if missing:
            raise UserError(
                f"The export format {self.title} needs the package {missing[0]}: "
                f'pip install -c requirements.lock -e ".[{self.extra}]"'
            )

    def export(self, folder: Path) -> FormatResult:
        """Write the file into an agent's folder, or into the folder of each member of an ensemble.

        If one member is not supported, no member has a file.
        """
        from psy_agents.agents.saved.ensemble import is_ensemble, read_ensemble  # Imports torch.

        self.check_packages()
        if not is_ensemble(folder):
            return self.export_agent(folder, FOLDER_PLACEHOLDER)
        members, _ = read_ensemble(folder)
        results = [self.export_agent(member, f"{FOLDER_PLACEHOLDER}/{member.name}") for member in members]
        failed = [(member, result) for member, result in zip(members, results, strict=True) if not result.written]
        if failed:
            for member in members:
                (member / self.file).unlink(missing_ok=True)
            (member, result), *_ = failed
            reason = f"No member of the ensemble has {self.title}, because {member.name} is not supported. {result.text}"
            return FormatResult(reason, written=False)
        first = (
            f"Each of the {len(members)} members has {self.title}. The files do not combine their predictions: "
            "`psy_agents.inference.predictor` does, as `ensemble.json` describes."
        )
        from psy_agents.release.markdown import code

        texts = [f"{code(member.name)}: {result.text}" for member, result in zip(members, results, strict=True)]
        deviations = [result.deviation for result in results if result.deviation is not None]
        shapes = tuple(shape for result in results for shape in result.shapes)
        return FormatResult("\n\n".join([first, *texts]), True, max(deviations, default=None), shapes)


def format_names() -> list[str]:
    """The names of all formats. Their modules are not imported."""
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


def export_formats(names: Sequence[str], folder: Path) -> dict[str, FormatResult]:
    """Write each format into an agent's folder, and return the results by the names of the files.

    Raises:
        UserError: a package is missing.
    """
    chosen = [export_format(name) for name in names]
    return {each.file: each.export(folder) for each in chosen}


def check_packages(names: Sequence[str]) -> None:
    """Check that the packages of all formats are installed.

    Raises:
        UserError: the message names the missing package.
    """
    for name in names:
        export_format(name).check_packages()


def _check_format_name(name: str) -> str:
    if name not in format_names():
        raise ValueError(f"there is no export format {name} (there are: {', '.join(format_names())})")
    return name


def _split_names(value: Any) -> Any:
    """Split names that are joined by ``+``, as on the command line."""
    return value.split("+") if isinstance(value, str) else value


FormatNames = Annotated[tuple[Annotated[str, AfterValidator(_check_format_name)], ...], BeforeValidator(_split_names)]
