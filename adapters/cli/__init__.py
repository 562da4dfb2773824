"""Driving adapter: the ``backstory`` command.

Promises: what a user did wrong is said in a line on stderr, never as a traceback. Exit codes:
0 done, 1 refused (a command, or rows of an import), 2 called wrongly or given what cannot be
read, 3 the database or the data folder cannot be used now; 128 and its number after a signal.
"""

from adapters.cli.main import main

__all__ = ["main"]
