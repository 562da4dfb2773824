"""What every organisation begins with: the user ``local`` and the default dictionaries.

They are entered by ordinary commands whose ids follow from their names, so that starting again,
or two processes starting at once, enters each exactly once; what an organisation has renamed,
retired or deleted since stays so.
"""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import aggregates
from commands.application import Application
from commands.dictionary_entry import AddDictionaryEntry
from commands.ports import EventLog
from commands.requests import Caller, Request
from commands.user import AddUser

NAMESPACE = UUID("5b1f0e39-5d1a-5c39-9d0f-0b6f6bb5c9f2")
LOCAL = uuid5(NAMESPACE, "user/local")
"""The user in whose name a laptop without sign-in works."""
SYSTEM = Caller(actor=LOCAL, origin="policy")
SHARED_DICTIONARIES = Path(__file__).with_name("dictionaries.toml")
_BESIDE_AGGREGATES = Path(aggregates.__file__).parent


def seed(application: Application, log: EventLog) -> int:
    """Enter what is missing; answers how many commands it took."""
    requests = list(_requests())
    ids = {r.command_id(SYSTEM): r for r in requests}
    known = log.receipts([i for i in ids if i is not None])
    missing = [request for id, request in ids.items() if id not in known]
    for request in missing:
        application.dispatch(request, SYSTEM)
    return len(missing)


def dictionaries() -> Mapping[str, Mapping[str, dict[str, Any]]]:
    """Dictionary → code → its names and the rest of its entry, in order."""
    found: dict[str, dict[str, Any]] = {}
    own = sorted(_BESIDE_AGGREGATES.glob("*.dictionaries.toml"))
    for path in (SHARED_DICTIONARIES, *own):
        declared = tomllib.loads(path.read_text(encoding="utf-8"))
        if doubled := declared.keys() & found.keys():
            raise ValueError(f"{path} declares again: {', '.join(sorted(doubled))}")
        found |= declared
    return found


def _requests() -> Iterator[Request]:
    local = AddUser(login="local", name="Local user")
    yield Request(local, id=LOCAL, idempotency_key="seed/user/local")
    for dictionary, entries in dictionaries().items():
        for order, (code, entry) in enumerate(entries.items(), start=1):
            command = AddDictionaryEntry(
                dictionary=dictionary, code=code, order=entry.pop("order", order), **entry
            )
            key = f"seed/{dictionary}/{code}"
            yield Request(command, id=uuid5(NAMESPACE, key), idempotency_key=key)
