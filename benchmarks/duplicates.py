"""Duplicates: hints before entry among a million customers, the rate of pairing, and febrl.

Rows are put into the views as they would be folded, as what is measured begins there: customers
with a name of place, brand, trade and form, one contact each; of a hundred, two are there twice.
References are the limits of docs/performance.md, and for febrl the F1 that is asked for.
"""

import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
from psycopg_pool import ConnectionPool

from adapters.bootstrap import Backstory
from adapters.postgres.pairing.rebuild import rebuild_pairs
from adapters.postgres.reads.asof import NOW
from adapters.postgres.reads.reader import RowReader
from adapters.postgres.reads.scope import Scope
from adapters.settings import Settings
from benchmarks.measure import Result, fresh_database, percentile, server
from projections.matching import pairs
from projections.matching.profiles import person
from queries.duplicates import SimilarCustomers
from tests.febrl import FEBRL, persons, true_pairs

ASKED = 500
LIMIT_MS, LEAST_F1 = 100.0, 0.9
PLACES = ("杭州", "上海", "北京", "深圳市", "广州", "宁波", "成都", "武汉市", "苏州", "")
TRADES = ("科技", "商贸", "信息技术", "电子", "实业", "机械设备", "建材", "物流", "餐饮管理", "")
FORMS = ("有限公司", "有限责任公司", "股份有限公司", "集团有限公司")
FAMILY, GIVEN = "王李张刘陈杨黄赵吴周徐孙马朱胡", "伟芳娜敏静秀丽强磊军洋勇艳杰娟涛明超兰霞平刚"
LETTERS = "".join(chr(0x4E00 + 7 * n) for n in range(1_200))
_CUSTOMERS = (
    "COPY views.customers (id, number, version, position, incomplete, name, tags, absorbed,"
    " distinct_from, address) FROM STDIN"
)
_CONTACTS = (
    "COPY views.contacts (id, version, position, incomplete, customer_id, name, phone, email,"
    ' "primary", tags, retired, distinct_from) FROM STDIN'
)
_PAIRS = "SELECT count(*) FILTER (WHERE kind = 'customer'), count(*) FROM matching.pairs"


class Business:
    """A customer about to be written down: the same number gives the same one."""

    def __init__(self, number: int) -> None:
        chance = random.Random(number)
        brand = "".join(chance.choices(LETTERS, k=chance.choice((2, 2, 3, 4))))
        self.number, parts = number, (chance.choice(TRADES), chance.choice(FORMS))
        self.name = chance.choice(PLACES) + brand + "".join(parts)
        self.person = chance.choice(FAMILY) + "".join(chance.choices(GIVEN, k=2))
        self.phone = f"+8613{chance.randrange(10**9):09d}"
        self.address = f"解放路{chance.randrange(2_000)}号{chance.randrange(30)}楼"

    @property
    def again(self) -> str:
        """The name as somebody else would enter it."""
        return self.name.removesuffix("有限公司") + "股份有限公司"


def fill(url: str, customers: int) -> None:
    """Rows of so many customers; number 7 of a hundred and 57 are number 6 and 56 again."""
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        with cursor.copy(_CUSTOMERS) as copy:
            for number in range(customers):
                one = _told(number)
                name = one.again if one.number != number else one.name
                copy.write_row(
                    (UUID(int=number), f"KH-{number}", 1, 1, [], name, [], [], [], one.address)
                )
        with cursor.copy(_CONTACTS) as copy:
            for number in range(customers):
                one, id = _told(number), UUID(int=number)
                of = UUID(int=number + 2**64)
                copy.write_row((of, 1, 1, [], id, one.person, one.phone, None, True, [], False, []))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE views.customers, views.contacts")


def _told(number: int) -> Business:
    return Business(number - 1 if number % 50 == 7 else number)


def questions(customers: int) -> Iterator[SimilarCustomers]:
    """What people enter: a name in another form, a short name, a number, or all at once."""
    chance = random.Random(1)
    for n in range(ASKED):
        one = _told(chance.randrange(customers))
        asked = {"name": one.again, "phone": one.phone}
        yield SimilarCustomers.model_validate(
            [asked, {"name": one.name[:6]}, {"phone": one.phone}, {"name": one.again}][n % 4]
        )


def hints(url: str, customers: int) -> Result:
    """The 99th percentile of a question, in process, one after the other."""
    times: list[float] = []
    lines = 0
    with ConnectionPool(url, min_size=1, max_size=1, kwargs={"autocommit": True}) as pool:
        rows = RowReader(pool, ZoneInfo("Asia/Shanghai"))
        for question in questions(customers):
            begin = time.perf_counter()
            lines += len(rows.answer(question, Scope(UUID(int=1)), NOW))
            times.append((time.perf_counter() - begin) * 1_000)
    p99 = percentile(times, 0.99)
    note = f"p50 {percentile(times, 0.5):.1f} ms; {lines / ASKED:.1f} customers in an answer"
    what = f"similar-customers among {customers:,}: p99"
    return Result(what, p99, LIMIT_MS, "ms", f"< {LIMIT_MS:g} ms", p99 < LIMIT_MS, note)


def pairing(url: str, customers: int) -> Result:
    """Customers and contacts compared anew per second, and what that compares and finds."""
    rebuilt = rebuild_pairs(url)
    with psycopg.connect(url) as connection:
        row = connection.execute(_PAIRS).fetchone()
    assert row is not None
    twice, all_pairs = row
    rate = 2 * customers / rebuilt.seconds
    note = (
        f"{2 * customers:,} records in {rebuilt.seconds:.0f} s; {twice:,} pairs of customers, where"
        f" {customers // 50:,} are there twice; {all_pairs - twice:,} of contacts"
    )
    return Result("pairing: records compared anew", rate, 1_000, "records/s", "–", True, note)


def febrl(dataset: str) -> Result:
    """Pairwise F1 of the whole way, at its defaults."""
    profiles = {record: person(**known) for record, known in persons(dataset).items()}
    compared, true = pairs.candidates(profiles), true_pairs(profiles)
    found = {pair for pair, _ in pairs.pairs(profiles)}
    precision, recall = len(found & true) / len(found), len(found & true) / len(true)
    f1 = 2 * precision * recall / (precision + recall)
    note = (
        f"precision {precision:.3f}, recall {recall:.3f}; {len(compared) / len(profiles):.1f} pairs"
        f" compared per record"
    )
    return Result(f"febrl {dataset}: F1", f1, LEAST_F1, "", f"≥ {LEAST_F1}", f1 >= LEAST_F1, note)


def run(customers: int = 1_000_000) -> list[Result]:
    """Pairing of all, hints among them, and febrl where it is here."""
    with server() as url, tempfile.TemporaryDirectory() as folder:
        database = fresh_database(url, "duplicates")
        with Backstory(Settings(database_url=database, data=Path(folder))) as opened:
            opened.project()
        fill(database, customers)
        results = [pairing(database, customers), hints(database, customers)]
    sets = ("dataset1.csv", "dataset2.csv") if FEBRL.exists() else ()
    return [*results, *map(febrl, sets)]
