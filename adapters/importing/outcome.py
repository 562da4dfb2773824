"""The outcome of an import, line by line, as a person is told it."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from adapters.importing.pace import pace
from adapters.importing.report import Noted, Report
from adapters.remarks import Remark


def progressing(report: Report, share: float | None) -> Remark:
    """How far it is; ``share``: how much of the file was read, from 0 to 1, if that is known."""
    refused = f"{report.outcomes['refused']:,}"
    at = pace(report, share).said
    return Remark("report.progress", read=f"{report.read:,}", refused=refused, pace=at)


def outcome(
    report: Report,
    refused: Path | None,
    noted: Path | None = None,
    *,
    dry_run: bool,
    most: int,
) -> Iterator[Remark]:
    """The counts and what was noticed, of each thing at most so many rows; ``refused``: the file of
    the refused rows; ``noted``: the file of all others of which there is something to say."""
    yield Remark("report.rehearsed", sum=report.sum) if dry_run else report.sum
    if report.sum_in_all is not None:
        yield Remark("report.in-all", sum=report.sum_in_all)
    if report.incomplete:
        yield Remark("report.incomplete", count=f"{report.incomplete:,}")
    yield from _listed("dangling", report.dangling_in_order(), most)
    if report.parts:
        many = ((f"{count:,}", kind) for kind, count in sorted(report.parts.items()))
        parts = tuple(Remark("report.part", count=count, plural=kind) for count, kind in many)
        yield Remark("report.parts", parts=parts)
    yield from _listed("suspicious", report.suspicious_in_order(), most)
    changed = "would-replace" if dry_run else "replaced"
    yield from _listed(changed, report.overwritten_in_order(), most)
    if noted is not None:
        yield Remark("report.noted", path=str(noted))
    yield from _refusals(report, refused, most)
    if report.import_id is not None:
        yield Remark("report.import", id=str(report.import_id))


def _listed(key: str, noted: Sequence[Noted], most: int) -> Iterator[Remark]:
    for line, said in noted[:most]:
        yield Remark(f"report.{key}", line=line.number, said=said)
    if len(noted) > most:
        yield Remark(f"report.more-{key}", more=f"{len(noted) - most:,}")


def _refusals(report: Report, refused: Path | None, most: int) -> Iterator[Remark]:
    """The first that was refused and where all are, or where no file was written, why each was."""
    if refused is None:
        yield from _listed("refused", report.in_order(), most)
        if report.unwritten is not None:
            yield Remark("report.unwritten", said=report.unwritten)
        return
    (line, said), *others = report.in_order()
    count = f"{len(report.refusals):,}" if others else None
    key = "report.refused-first" if others else "report.refused-only"
    yield Remark(key, count=count, line=line.number, said=said)
    yield Remark("report.written", path=str(refused))
