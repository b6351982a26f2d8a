"""``python -m psy_agents``: shows what there is; with options it runs this project as ``kedro run`` does; ``predict`` reads a text."""

import sys
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

            print(overview(Path.cwd()))
        case ["predict", *rest]:
            from psy_agents.app.commands.predict import predict

            predict(rest)
        case _:
            main(arguments)


if __name__ == "__main__":
    command(sys.argv[1:])
