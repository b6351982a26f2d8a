"""The command ``kedro viz run`` in this project: it opens a pipeline of all agents so that it can be read."""

from __future__ import annotations

import copy
import webbrowser
from importlib import import_module
from typing import Any

import click
from kedro.framework.project import pipelines
from kedro_viz.launchers.cli.run import run as kedro_run

from psy_agents.agents.registry import AGENTS

LOCAL_HOSTS = ("127.0.0.1", "localhost", "0.0.0.0")
"""For which kedro-viz opens a browser."""


def run_viz(*, host: str, pipeline: str | None, browser: bool, **others: Any) -> None:
    """Run kedro-viz; print and open the address of a pipeline's boxes if it has every agent.

    kedro-viz opens a pipeline with all datasets. Those of four agents make the graph so wide that no name can be read.
    """
    boxes = pipeline in pipelines and {node.namespace for node in pipelines[pipeline].nodes} >= set(AGENTS)
    kedro_run.callback(host=host, pipeline=pipeline, browser=browser and not boxes, **others)
    ports = list(import_module(kedro_run.callback.__module__)._VIZ_PROCESSES)  # Another than asked for if that is in use.
    if boxes and ports:
        address = f"http://{host}:{ports[-1]}/?pid={pipeline}&types=nodes&expandAllPipelines=false"
        click.secho(f"Its boxes, without their datasets, are at \n {address}", fg="green")
        if browser and host in LOCAL_HOSTS:
            webbrowser.open_new(address)


run = copy.copy(kedro_run)
run.callback = run_viz
