"""Many inputs, one engine: tasks that are values, one generator of events, executors, tables.

The command line, a web page and a cluster read the same events. Nothing in this package prints, asks for a callback or
touches signals: ``run`` yields what happens, and whether to stop is a function that ``run`` polls.

>>> from deepdream.batch import run, serial
"""

from deepdream.batch.events import Event, Failed, Finished, Skipped, Started, Stepped, Stopped
from deepdream.batch.executors import Executor, processes, serial
from deepdream.batch.run import RunOutcome, run
from deepdream.batch.task import NetworkSpec, StopRequested, Task

__all__ = [
    "Event",
    "Executor",
    "Failed",
    "Finished",
    "NetworkSpec",
    "RunOutcome",
    "Skipped",
    "Started",
    "Stepped",
    "StopRequested",
    "Stopped",
    "Task",
    "processes",
    "run",
    "serial",
]
