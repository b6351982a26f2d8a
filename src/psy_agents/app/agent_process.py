"""``python -m psy_agents.app.agent_process DESCRIPTOR``: one agent of a command that runs several at once (`parallel_agents`).

The descriptor is that of a pipe to the command: it brings the job, and its end is the command's end.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from psy_agents.app.parallel_agents import AgentJob
    from psy_agents.app.session import AgentSession

signal.signal(signal.SIGINT, signal.SIG_DFL)  # Until there is something to finish, a signal just ends this process.


def main(descriptor: int) -> int:
    """Run the agent's nodes; return the exit status, which is a shell's where a signal ended them."""
    os.set_inheritable(descriptor, False)
    pipe = Connection(descriptor)
    job = pipe.recv()
    threading.Thread(target=_follow, args=(pipe,), daemon=True, name="command watch").start()
    from kedro.runner import SequentialRunner

    from psy_agents.app.parallel_agents import Began, Ended

    try:
        with _session(job) as session:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            pipe.send(Began())
            session.run(
                pipeline_names=list(job.command.pipelines),
                runner=SequentialRunner(is_async=job.command.is_async),
                namespaces=[job.agent],
                node_names=list(job.nodes),
                load_versions=job.command.load_versions,
            )
    except KeyboardInterrupt as error:
        return 128 + getattr(error, "signal", signal.SIGINT)
    except Exception as error:
        from psy_agents.app.error_reporting import told

        pipe.send(Ended(told(error)))
        return 1
    pipe.send(Ended(None))
    return 0


def _follow(pipe: Connection) -> None:
    """Take note of this agent's share of the cluster, and end with the command, with what was started here."""
    from psy_agents.hpo.workers.dask.share import set_share

    try:
        while True:
            set_share(pipe.recv())
    except (EOFError, OSError):
        os.killpg(0, signal.SIGKILL)


def _session(job: AgentJob) -> AgentSession:
    from kedro.framework.project import configure_project

    configure_project("psy_agents")
    from psy_agents.app.session import AgentSession

    return AgentSession.of_agent(job)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
