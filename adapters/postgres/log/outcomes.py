"""What the append function answered, as one outcome for each unit."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from adapters.postgres.log.units import Unit
from commands.ports import (
    Committed,
    Known,
    Moved,
    Outcome,
    StoredReceipt,
    SubjectTaken,
    Taken,
)

Refusal = Mapping[str, Any]
Reply = tuple[int | None, list[Refusal] | None, Mapping[str, int] | None]
"""First position, refusals, positions of receipts; see ``backstory.append``."""


def outcomes(units: Sequence[Unit], reply: Reply) -> list[Outcome]:
    """One outcome for each unit, in their order."""
    first_position, refused, looked_up = reply
    refusals = {refusal["unit"]: refusal for refusal in refused or ()}
    position = first_position or 0
    found: list[Outcome] = []
    for number, unit in enumerate(units):
        if number in refusals:
            found.append(_refused(unit, refusals[number]))
        else:
            found.append(_committed(unit, position, looked_up or {}))
            position += len(unit.append.events)
    return found


def _committed(unit: Unit, first_position: int, looked_up: Mapping[str, int]) -> Committed:
    return Committed(
        tuple(
            [
                StoredReceipt(
                    row.command_id,
                    row.stream_id,
                    row.version,
                    looked_up.get(str(row.command_id), 0)
                    if place is None
                    else first_position + place,
                    row.status,
                    row.fingerprint,
                )
                for row, place in zip(unit.append.commands, unit.places, strict=True)
            ]
        )
    )


def _refused(unit: Unit, refusal: Refusal) -> Outcome:
    if "known" in refusal:
        return _known(unit, refusal["known"])
    if "moved" in refusal:
        moved = refusal["moved"]
        return Moved(UUID(moved["stream_id"]), moved["version"])
    if "taken" in refusal:
        taken = refusal["taken"]
        return Taken(bytes.fromhex(taken["key"]), UUID(taken["holder"]))
    return SubjectTaken(UUID(refusal["subject"]))


def _known(unit: Unit, stored: Sequence[Refusal]) -> Outcome:
    """Known, or Committed where what is stored is this very submission, whose reply was lost."""
    receipts = {UUID(row["command_id"]): _receipt(row) for row in stored}
    ordered = tuple(
        receipts[command.command_id]
        for command in unit.append.commands
        if command.command_id in receipts
    )
    ours = all(row["submission"] == unit.submission for row in stored)
    return Committed(ordered) if ours else Known(ordered)


def _receipt(row: Refusal) -> StoredReceipt:
    fingerprint = row["fingerprint"]
    return StoredReceipt(
        UUID(row["command_id"]),
        UUID(row["stream_id"]),
        row["version"],
        row["position"],
        row["status"],
        None if fingerprint is None else bytes.fromhex(fingerprint),
    )
