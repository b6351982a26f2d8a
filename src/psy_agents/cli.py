"""Kedro's command ``run`` in this project: mistakes in its options that Kedro answers with a traceback end in one sentence.

``kedro viz run`` is `psy_agents.app.commands.viz`: Kedro finds kedro-viz's group before a project's, so the command is put into that group.
"""

import copy
from typing import Any

import click
import yaml
from kedro.framework.cli.project import run as kedro_run
from kedro_viz.launchers.cli.main import viz
from omegaconf.errors import OmegaConfBaseException


class _Run(type(kedro_run)):
    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        try:
            return super().make_context(*args, **kwargs)
        except (yaml.YAMLError, OmegaConfBaseException, UnicodeError):  # The last: bytes of the shell that are no UTF-8.
            raise click.UsageError("--params: a value cannot be read: write lists into a file of conf.") from None

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except AttributeError as error:
            if getattr(error, "name", None) != ctx.params.get("runner") or error.name is None:
                raise
            raise click.UsageError(f"--runner {error.name}: there is no such runner: leave --runner out.") from None


@click.group(name="psy_agents")
def cli() -> None:
    """The project's commands, in place of Kedro's of the same name."""


run = copy.copy(kedro_run)
run.__class__ = _Run
cli.add_command(run)
viz.lazy_subcommands["run"] = "psy_agents.app.commands.viz.run"
