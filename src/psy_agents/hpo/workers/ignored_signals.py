"""Makes the process that imports it, the fork server or a worker, ignore what asks a search to stop.

A terminal or Slurm may send a signal to every process of a job. The search alone decides: it ends the workers in order.
"""

import signal

for _number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
    signal.signal(_number, signal.SIG_IGN)
