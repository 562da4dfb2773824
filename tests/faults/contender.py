"""A process that wants what others want: ``python -m tests.faults.contender URL FILE SEED COUNT``.

Leaves a pickled list of (unit, outcome): everything it asked for and what it was told.
"""

import pickle
import random
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid4, uuid5

from adapters.postgres.log.store import PostgresLog
from commands.ports import Append, Outcome
from tests.adapters.log_units import command, event, unit

THREADS = 8
STREAMS = [uuid5(NAMESPACE_OID, f"stream {n}") for n in range(24)]
KEYS = [bytes([n]) * 16 for n in range(40)]
SUBJECTS = [uuid5(NAMESPACE_OID, f"subject {n}") for n in range(400)]
COMMANDS = [uuid5(NAMESPACE_OID, f"command {n}") for n in range(400)]


class Contender:
    def __init__(self, log: PostgresLog, chance: random.Random) -> None:
        self._log, self._chance = log, chance

    def ask(self) -> tuple[Append, Outcome]:
        kinds = (self._create, self._create, self._change, self._rename, self._swap, self._twin)
        given = self._chance.choice(kinds)()
        return given, self._log.submit(given).result(60)

    def _create(self) -> Append:
        """A new stream, now and then with a name or a data subject that others want."""
        stream = uuid4()
        wanted: dict[str, Any] = {}
        if self._chance.random() < 0.3:
            keys = self._chance.sample(KEYS, 2)
            wanted["reserve"] = tuple((key, stream) for key in keys)
        if self._chance.random() < 0.3:
            wanted["subject_keys"] = ((self._chance.choice(SUBJECTS), b"wrapped"),)
        return unit(stream, events=self._chance.randint(1, 3), **wanted)

    def _change(self) -> Append:
        stream = self._chance.choice(STREAMS)
        return unit(stream, self._version(stream) + 1)

    def _rename(self) -> Append:
        """Give up whatever key the stream holds for another one."""
        stream = self._chance.choice(STREAMS)
        version = self._version(stream)
        held = [key for key, holder in self._log.holders(KEYS).items() if holder == stream]
        self._chance.shuffle(held)
        return unit(
            stream,
            version + 1,
            release=tuple((key, stream) for key in held),
            reserve=((self._chance.choice(KEYS), stream),),
        )

    def _swap(self) -> Append:
        """Two streams change in one unit, named in any order."""
        one, two = self._chance.sample(STREAMS, 2)
        first, second = self._version(one) + 1, self._version(two) + 1
        commands = (command(one, first), command(two, second))
        return Append(commands, (event(one, first, 0), event(two, second, 1)))

    def _twin(self) -> Append:
        """A command id that another process may use as well."""
        return unit(command_id=self._chance.choice(COMMANDS))

    def _version(self, stream: UUID) -> int:
        events = self._log.stream(stream)
        return events[-1].version if events else 0


def main() -> None:
    url, file, seed, count = sys.argv[1:]
    with PostgresLog(url) as log, ThreadPoolExecutor(THREADS) as threads:
        contenders = [Contender(log, random.Random(f"{seed}/{n}")) for n in range(THREADS)]
        asked = list(threads.map(lambda n: contenders[n % THREADS].ask(), range(int(count))))
    Path(file).write_bytes(pickle.dumps(asked))


if __name__ == "__main__":
    main()
