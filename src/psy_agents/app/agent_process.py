"""``python -m psy_agents.app.agent_process DESCRIPTOR``: the process of one agent (see `parallel_agents`).

The descriptor is a pipe to the command. The command sends the job over it; the process ends when the pipe closes.
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

signal.signal(signal.SIGINT, signal.SIG_DFL)  # Until the session exists, a signal ends the process at once.


def main(descriptor: int) -> int:
    """Run the agent's nodes; return the exit status: 128 plus the signal's number after a signal."""
    os.set_inheritable(descriptor, False)
    pipe = Connection(descriptor)
    job = pipe.recv()
    threading.Thread(target=_receive_shares, args=(pipe,), daemon=True, name="command watch").start()
    from kedro.runner import SequentialRunner

    from psy_agents.app.parallel_agents import Finished, Started

    try:
        with _session(job) as session:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            pipe.send(Started())
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
        from psy_agents.app.error_reporting import error_line

        pipe.send(Finished(error_line(error)))
        return 1
    pipe.send(Finished(None))
    return 0


def _receive_shares(pipe: Connection) -> None:
    """Receive the agent's share of the cluster; kill the process group when the command has ended."""
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

    return AgentSession.for_job(job)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
