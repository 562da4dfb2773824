"""The whole way on every Postgres of this machine: commands, views, as of, history, rebuild."""

from pathlib import Path

import httpx
import pytest

from adapters.embedded.server import EmbeddedPostgres
from tests.adapters.conditions import every_postgres
from tests.service import registering, running


@every_postgres
@pytest.mark.timeout(180)
def test_the_floor_is_enough(binaries: Path, tmp_path: Path) -> None:
    with (
        EmbeddedPostgres(tmp_path / "postgres", durable=False, binaries=binaries) as server,
        running(server.url) as service,
    ):
        customer = service.customer()
        opportunity = service.opportunity(customer)
        service.made(f"opportunities/{opportunity}/advance", {"stage": "proposal"})
        won = service.made(f"opportunities/{opportunity}/win", {"won_on": "2026-01-05"})
        refused = service.post(f"opportunities/{opportunity}/advance", {"stage": "lead"})
        assert refused.status_code == 409
        body = registering()
        service.made("customers/register", body)
        twin = service.post("customers/register", body)
        assert twin.json()["type"].endswith("duplicate-customer-name")
        assert read(service.client, won["position"], opportunity) == ("won", 3, 1)
        service.backstory.rebuild()
        assert read(service.client, won["position"], opportunity) == ("won", 3, 1)


def read(client: httpx.Client, position: int, id: str) -> tuple[str, int, int]:
    """Stage in the list, length of the history, and how many are won on the board."""
    [row] = client.get("/v1/opportunities", params={"after": position}).json()["items"]
    history = client.get(f"/v1/opportunities/{id}/history").json()["items"]
    earlier = client.get(f"/v1/opportunities/{id}", params={"as_of": position - 1}).json()
    assert earlier["stage"] == "proposal"
    board = client.get("/v1/queries/pipeline", params={"as_of": position}).json()["items"]
    return row["stage"], len(history), sum(line["opportunities"] for line in board)
