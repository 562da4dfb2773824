"""The people of the simulated company: a director, managers, and those who sell."""

from collections.abc import Iterator
from dataclasses import dataclass

from adapters.demo import names

DEPARTMENTS = ("华东销售部", "华南销售部", "海外销售部")
SELLERS_EACH = 3


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody of the staff. ``role`` tells the id: director, manager/0, seller/0/2."""

    role: str
    name: str
    login: str
    department: str
    superior: str | None


def staff(seed: int) -> Iterator[Member]:
    """Everybody, superiors first."""
    people = (names.person(seed * 1_000 + number) for number in range(100))
    suffix = "" if seed == 1 else f".{seed}"

    def member(role: str, department: str, superior: str | None) -> Member:
        person = next(people)
        return Member(role, person.name, f"{person.login}{suffix}", department, superior)

    yield member("director", "总经办", None)
    for index, department in enumerate(DEPARTMENTS):
        manager = f"manager/{index}"
        yield member(manager, department, "director")
        for place in range(SELLERS_EACH):
            yield member(f"seller/{index}/{place}", department, manager)
