"""What a caller gets of an aggregate that was added a moment ago. Run by the test beside it."""

import subprocess
import sys
from uuid import UUID, uuid4

from tests.service import running


def main(url: str) -> None:
    with running(url) as service:
        client = service.client
        paths = client.get("/openapi.json").json()["paths"]
        assert {"/v1/parcels/send", "/v1/parcels/{id}/deliver", "/v1/parcels"} <= set(paths)
        assert {"/v1/parcels/{id}", "/v1/parcels/{id}/history"} <= set(paths)
        customer = service.customer()
        unknown = service.post("parcels/send", {"title": "样品", "customer_id": str(uuid4())})
        assert [e["field"] for e in unknown.json()["errors"]] == ["customer_id"]
        worth = {"amount": "12.50", "currency": "CNY"}
        said = {"title": "样品", "customer_id": customer, "contents": "给王芳", "worth": worth}
        parcel = service.made("parcels/send", said)["id"]
        delivered = service.made(f"parcels/{parcel}/deliver", {"delivered_on": "2026-03-01"})
        again = service.post(f"parcels/{parcel}/deliver", {"delivered_on": "2026-03-01"})
        assert (again.status_code, again.json()["title"]) == (409, "包裹已送达")
        wanted = {"customer_id": customer, "after": delivered["position"]}
        [row] = client.get("/v1/parcels", params=wanted).json()["items"]
        assert {n: row[n] for n in said} == said
        assert (row["delivered_on"], row["number"][:3]) == ("2026-03-01", "BG-")
        whole = client.get(f"/v1/customers/{customer}/360").json()
        assert whole["parcels"]["items"] == [row]
        history = client.get(f"/v1/parcels/{parcel}/history").json()["items"]
        sentences = [item["sentence"] for item in history]
        assert sentences[0] == "寄出了“样品”"
        assert sentences[1].startswith("于 2026")
        assert "给王芳".encode() not in service.backstory.log.stream(UUID(parcel))[0].payload
    listed = subprocess.run(
        [sys.executable, "-m", "adapters.cli", "do"], capture_output=True, text=True, check=True
    )
    assert "parcels/send" in listed.stdout


if __name__ == "__main__":
    main(sys.argv[1])
