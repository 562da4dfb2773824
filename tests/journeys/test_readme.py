"""The README's tour, command by command: what it prints is what a reader will see."""

import os
import re
import subprocess
from datetime import date
from pathlib import Path

import pytest

from tests.faults.test_kill_service import serving

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
VISIT = ("2026-11-26T", "{}-11-26T"), ("2026年11月26日", "{}年11月26日")
"""The afternoon's visit, which must lie ahead: read a year later it would be overdue."""
for _said, _ahead in VISIT:
    README = README.replace(_said, _ahead.format(date.today().year + 1))
MARK = "--8<--"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
UNTIL_LEVEL = (
    "sleep 0.1; for i in $(seq 200); do curl -s ADDRESS/metrics"
    " | grep -q '^backstory_projection_lag_events.* [1-9]' || break; sleep 0.05; done"
)
"""Who types takes longer than the views to follow."""
NUMBER = re.compile(r"KH-\d{4}-\d{6}")
POSITION = re.compile(r'"position":\d+')


def tour() -> list[tuple[str, str]]:
    """(command, what the README says it prints), in order."""
    blocks = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
    parts = [part for block in blocks for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]]
    return [(command, said) for command, _, said in (part.partition("\n") for part in parts)]


def plain(text: str) -> str:
    """The text without what differs from run to run."""
    lines = (line.rstrip() for line in text.strip().splitlines())
    said = POSITION.sub('"position":N', UUID.sub("ID", "\n".join(lines)))
    return NUMBER.sub("KH-N", said)


def printed(steps: list[tuple[str, str]], address: str) -> list[str]:
    """What one shell prints for each command."""
    found = re.search(r"^api\(\).*$", README, re.MULTILINE)
    assert found is not None
    lines = ["export KEY=unused", found[0]]
    for command, _ in steps:
        lines += [command.replace("127.0.0.1:8000", address), f"echo '{MARK}'"]
        lines.append(UNTIL_LEVEL.replace("ADDRESS", address))
    shell = subprocess.run(
        ["bash"],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        timeout=150,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
    return shell.stdout.split(MARK)


@pytest.mark.timeout(180)
def test_the_tour_prints_what_the_readme_says(tmp_path: Path) -> None:
    steps = tour()
    with serving(tmp_path / "data") as service:
        answers = printed(steps, service.url.removeprefix("http://"))
    assert len(steps) > 10
    for (command, said), answer in zip(steps, answers, strict=False):
        assert plain(answer) == plain(said), command
