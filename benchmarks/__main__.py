"""``python -m benchmarks [NAME[=SIZE] …]``: run the benchmarks and print their table."""

import platform
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib import import_module
from os import cpu_count

from benchmarks.measure import Result

FIGURES = (
    *("commands_in_process", "commands_http", "projection_lag", "customer_360", "duplicates"),
    *("reads_at_scale", "import_rows", "demo_company"),
)
"""Modules with a ``run()``, in the order of the table."""


def main(names: Iterable[str]) -> int:
    """Answers 0 where every target is met."""
    chosen = list(names) or FIGURES
    today = datetime.now(UTC).date()
    print(
        f"{today} · {platform.machine()}, {cpu_count()} cores, Python {platform.python_version()}\n"
    )
    print("| what | ours | reference | ratio | target | met |\n|---|---:|---:|---:|---|---|")
    results = [r for name in chosen for r in _run(name)]
    return 0 if all(result.is_met for result in results) else 1


def _run(name: str) -> list[Result]:
    name, _, size = name.partition("=")
    module = import_module(f"benchmarks.{name}")
    results: list[Result] = module.run(int(size)) if size else module.run()
    for r in results:
        ours, reference = f"{r.ours:,.4g} {r.unit}", f"{r.reference:,.4g} {r.unit}"
        verdict = "yes" if r.is_met else "**no**"
        print(
            f"| {r.what} | {ours} | {reference} | {r.ratio:.2f} | {r.target} | {verdict} |",
            flush=True,
        )
        if r.note:
            print(f"| | {r.note} | | | | |", flush=True)
    return results


sys.exit(main(sys.argv[1:]))
