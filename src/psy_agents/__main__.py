"""``python -m psy_agents``: shows what there is; with options it runs this project as ``kedro run`` does; ``predict`` reads a text."""

import sys
import warnings
from pathlib import Path


def main(*args, **kwargs):
    """Run the project's ``run`` command."""
    from kedro.framework.cli.utils import find_run_command
    from kedro.framework.project import configure_project

    package_name = Path(__file__).parent.name
    configure_project(package_name)
    return find_run_command(package_name)(*args, **kwargs)


def command(arguments: list[str]) -> None:
    """Run what the arguments ask for."""
    match arguments:
        case []:
            from psy_agents.app.commands.overview import overview
            from psy_agents.pipeline_registry import register_pipelines

            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # Kedro's, on the dots in names of parameters.
                pipelines = register_pipelines()
            print(overview(pipelines, Path.cwd()))
        case ["predict", *rest]:
            from psy_agents.app.commands.predict import predict

            predict(rest)
        case _:
            main(arguments)


if __name__ == "__main__":
    command(sys.argv[1:])
