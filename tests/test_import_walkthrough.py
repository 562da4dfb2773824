"""The commands of docs/importing.md, "Over HTTP", do what the page says."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.test_imports_http import CHINESE, ended, until
from tests.importing import read_csv
from tests.service import database, running

PAGE = Path(__file__).parents[1] / "docs" / "importing.md"
SERVICE = "http://127.0.0.1:8000"
ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
NAME = "客户.csv"


def blocks() -> list[list[str]]:
    """The commands of the section, block by block."""
    section = PAGE.read_text(encoding="utf-8").split("\n## Over HTTP\n")[1].split("\n## ")[0]
    return [block.strip().split("\n") for block in re.findall(r"```sh\n(.*?)```", section, re.S)]


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here to type it into")
def test_the_page_can_be_typed_in(postgres_url: str, tmp_path: Path) -> None:
    [first, second] = blocks()
    refused = "王五有限公司,王五,没有电话,零售,网站\n"
    rows = f"{CHINESE}张三有限公司,张三,13800000001,软件业,展会\n{refused}"
    (tmp_path / NAME).write_bytes(rows.encode("gb18030"))
    with database(postgres_url) as url, running(url) as service:
        id = ""

        def typed(line: str) -> str:
            line = ID.sub(id, line.replace(SERVICE, str(service.client.base_url).rstrip("/")))
            done = subprocess.run(
                ["bash", "-c", line], cwd=tmp_path, capture_output=True, timeout=60, check=True
            )
            return done.stdout.decode()

        suggested, rehearsed, imported = map(typed, first)
        assert json.loads(suggested)["to_decide"] == []
        location = f"/v1/imports/rehearsals/{json.loads(rehearsed)['id']}"
        assert ended(service, location)["rows_refused"] == 1
        assert imported.startswith("HTTP/1.1 202")
        [location] = re.findall(r"^location: (\S+)", imported, re.M | re.I)
        id = location.rpartition("/")[2]
        ended(service, location)
        shown: dict[str, Any] = json.loads(typed(second[0]))
        assert (shown["progress"]["rows_created"], shown["progress"]["rows_refused"]) == (1, 1)
        typed(second[1])
        [file] = set(tmp_path.iterdir()) - {tmp_path / NAME}
        assert [row["客户名称"] for row in read_csv(file)] == ["王五有限公司"]
        typed(second[2])
        until(service, location, lambda answer: answer["status"] == "reverted")
