"""In place of an agent's process: does what the names of its nodes say, and nothing else."""

import os
import signal
import sys
import time
from multiprocessing.connection import Connection

import psutil

from psy_agents.app.parallel_agents import Finished, Started


def _is_stand_in(process: psutil.Process) -> bool:
    """Whether the process runs this file; one that has just ended does not."""
    try:
        return any("agent_stand_in" in word for word in process.cmdline())
    except (psutil.ZombieProcess, psutil.NoSuchProcess):
        return False


pipe = Connection(int(sys.argv[1]))
job = pipe.recv()
for step in job.nodes:
    match step.split(" ", 1):
        case ["say", text]:
            sys.stdout.write(text)
            sys.stdout.flush()
        case ["die", number]:
            os.kill(os.getpid(), int(number))
        case ["deafen", file]:
            pipe.send(Started())
            signal.signal(signal.SIGTERM, lambda *_, heard=file: open(heard, "x").close())
        case ["exit", code]:
            sys.exit(int(code))
        case ["fail", why]:
            pipe.send(Finished(why))
            sys.exit(1)
        case ["shares", count]:
            print([(share.rank, share.of) for share in (pipe.recv() for _ in range(int(count)))])
        case ["wait", file]:
            while not os.path.exists(file):
                time.sleep(0.02)
        case ["make", file]:
            open(file, "x").close()
        case ["count", _]:
            print(sum(map(_is_stand_in, psutil.Process(os.getppid()).children())), "at once")
pipe.send(Finished(None))
