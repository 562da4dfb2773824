"""``backstory demo``."""

import sys
from contextlib import ExitStack
from datetime import date, datetime, timedelta
from time import monotonic
from typing import Annotated

import typer

from adapters.bootstrap import Backstory
from adapters.cli.failures import REFUSED, Failure
from adapters.cli.opening import Data, opened, settings
from adapters.cli.serve import address, listen, run
from adapters.cli.signals import goes_on_later, stop_on_sigterm
from adapters.demo.diary import Setting
from adapters.demo.showing import tour
from adapters.demo.teller import Telling
from adapters.demo.telling import Demo, OtherDemo, tell
from adapters.demo.workers import worth_having
from adapters.settings import Settings


def register(app: typer.Typer) -> None:
    app.command("demo")(demo)


def demo(
    customers: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many.")] = 120,
    years: Annotated[int, typer.Option(min=1, max=50, help="How many years of history.")] = 3,
    seed: Annotated[int, typer.Option(min=1, max=999, help="Another seed, another company.")] = 1,
    until: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Day before which the history ends."),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=64,
            show_default="one for each core but one, fewer where there is little to tell",
            help="In how many processes.",
        ),
    ] = None,
    serve: Annotated[bool, typer.Option("--serve", help="Run the service afterwards.")] = False,
    port: Annotated[
        int | None, typer.Option(help="Port of the service; 0 takes a free one.")
    ] = None,
    data: Data = None,
) -> None:
    """Tell a simulated equipment maker's history by ordinary commands.

    The same arguments tell the same history; telling it again changes nothing.
    """
    wanted = Demo(customers, years, seed, None if until is None else until.date())
    workers = workers or worth_having(customers)
    if serve:
        _serve(wanted, workers, settings(data, port=port))
        return
    with goes_on_later(), opened(data) as backstory:
        setting = _tell(backstory, wanted, workers)
        print(tour(backstory, setting, _address(settings(data, port=port))))
        at = "" if port is None else f" --port {port}"
        print(f"If nothing answers there yet, start the service: backstory serve{at}")


def _serve(wanted: Demo, workers: int, chosen: Settings) -> None:
    stop_on_sigterm()
    with ExitStack() as stack:
        listening = stack.enter_context(listen(chosen.host, chosen.port))
        backstory = stack.enter_context(Backstory(chosen))
        setting = _tell(backstory, wanted, workers)
        run(backstory, listening, tour(backstory, setting, address(listening)))


def _address(chosen: Settings) -> str:
    return f"http://{chosen.host}:{chosen.port}"


def _tell(backstory: Backstory, wanted: Demo, workers: int) -> Setting:
    try:
        setting, telling = tell(backstory, wanted, Progress(wanted), workers)
    except OtherDemo as error:
        raise Failure(str(error), REFUSED) from error
    span = f"{setting.begin} to {_before(setting.end)}"
    print(f"demo: {telling.commands:,} commands, {telling.new:,} of them new, {span}")
    return setting


def _before(day: date) -> date:
    return date.fromordinal(day.toordinal() - 1)


class Progress:
    """A line on stderr: rewritten in a terminal, else a new one now and then."""

    def __init__(self, wanted: Demo) -> None:
        self._wanted = wanted
        self._is_terminal = sys.stderr.isatty()
        self._pause = 0.2 if self._is_terminal else 10.0
        self._begun_at = self._told_at = monotonic()

    def __call__(self, telling: Telling) -> None:
        now = monotonic()
        if now - self._told_at < self._pause:
            return
        self._told_at = now
        end = "\r" if self._is_terminal else "\n"
        said = progress_line(self._wanted, telling, now - self._begun_at)
        print(said, file=sys.stderr, end=end, flush=True)


def progress_line(wanted: Demo, telling: Telling, seconds: float) -> str:
    """How far it has come after so many seconds, and for how long it may go on."""
    parts = [
        f"{telling.customers:,} of {wanted.customers:,} customers",
        f"{telling.events:,} events",
        f"{telling.events / seconds:,.0f} events/s",
    ]
    if telling.customers:
        left = seconds * (wanted.customers / telling.customers - 1)
        parts.append(f"{timedelta(seconds=round(left))} left")
    return ", ".join(parts)
