"""Several processes that serve from one database: one keeps the views, each of them listens."""

from time import monotonic

from adapters.bootstrap import FIRST_VIEWS_SECONDS
from tests.importing import opened


def test_a_second_process_serves_at_once_and_takes_over_when_the_first_ends(
    database_url: str,
) -> None:
    with opened(database_url) as second:
        with opened(database_url) as first:
            first.project()
            began_at = monotonic()
            second.project()
            assert monotonic() - began_at < FIRST_VIEWS_SECONDS / 2
            assert second.is_standing_by
        assert second.runner.wait_ready(FIRST_VIEWS_SECONDS)
        assert not second.is_standing_by
