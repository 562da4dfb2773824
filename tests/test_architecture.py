"""The import contracts hold, and each of them catches what it is there for."""

import ast
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("adapters", "aggregates", "commands", "projections", "queries")
LINTER = Path(sysconfig.get_path("scripts")) / "lint-imports"

A_CLEAN_TREE = {
    "aggregates/base.py": "import eventsourcing.domain\nimport aggregates.events",
    "aggregates/events.py": "import eventsourcing.domain\nimport aggregates.values",
    "aggregates/errors.py": "",
    "aggregates/values.py": "import pydantic",
    "aggregates/names.py": "from aggregates.errors import *",
    "aggregates/customer.py": (
        "from aggregates.base import Aggregate\nimport aggregates.names\n"
        "class Customer(Aggregate): ..."
    ),
    "aggregates/opportunity.py": (
        "from aggregates import base, values\nclass Opportunity(base.Aggregate): ..."
    ),
    "commands/application.py": "import eventsourcing.application\nimport aggregates.customer",
    "projections/customer.py": "import aggregates.customer",
    "projections/overview.py": "import aggregates.customer, aggregates.opportunity",
    "queries/pipeline.py": "import projections.customer",
    "adapters/http/routes.py": "import fastapi\nimport commands.application, queries.pipeline",
    "adapters/postgres/store.py": "import psycopg\nimport eventsourcing.persistence",
    "adapters/duckdb/lake.py": "import duckdb",
}

PLANTED = {
    "a floor that stands on a ceiling": ("aggregates/customer.py", "import commands.application"),
    "a fold that calls a command": ("projections/customer.py", "import commands.application"),
    "a command that reads a view": ("commands/customer.py", "import projections.customer"),
    "a command that asks a query": ("commands/customer.py", "import queries.pipeline"),
    "a query that reads an aggregate": ("queries/pipeline.py", "import aggregates.customer"),
    "a query that calls a command": ("queries/pipeline.py", "import commands.application"),
    "a route beside a command": ("commands/customer.py", "import fastapi"),
    "a request object in an aggregate": (
        "aggregates/customer.py",
        "from starlette import requests",
    ),
    "SQL by hand in a query": ("queries/pipeline.py", "import psycopg"),
    "a broker in a projection": ("projections/customer.py", "import kafka"),
    "the lake in a query": ("queries/churn.py", "import duckdb"),
    "a library base class in an aggregate": (
        "aggregates/customer.py",
        "from eventsourcing.domain import Aggregate",
    ),
    "the library in the web": ("adapters/http/routes.py", "import eventsourcing.domain"),
    "the library in a projection": ("projections/customer.py", "import eventsourcing.projection"),
}


ANOTHER_AGGREGATE = {
    "by its module": ("aggregates/ticket.py", "import aggregates.opportunity"),
    "by its class": ("aggregates/ticket.py", "from aggregates.opportunity import Opportunity"),
    "from the package": ("aggregates/ticket.py", "from aggregates import values, opportunity"),
    "as a neighbour": ("aggregates/ticket.py", "from . import opportunity"),
    "by a neighbour's class": ("aggregates/ticket.py", "from .opportunity import Opportunity"),
    "for types only": (
        "aggregates/ticket.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import aggregates.opportunity",
    ),
    "late": ("aggregates/ticket.py", "def f() -> None:\n    import aggregates.opportunity"),
    "from the shared floor": ("aggregates/base.py", "import aggregates.opportunity"),
    "through a helper": ("aggregates/names.py", "import aggregates.opportunity"),
}


def lint_imports(tree: Path) -> subprocess.CompletedProcess[str]:
    command = [str(LINTER), "--no-cache", "--config", str(ROOT / "pyproject.toml")]
    return subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)


def write(tree: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        for package in [*path.relative_to(tree).parents][:-1]:
            (tree / package / "__init__.py").touch()
        path.write_text(f"{text}\n", encoding="utf-8")


def defines_an_aggregate(module: ast.Module) -> bool:
    bases = (
        ast.unparse(base)
        for node in module.body
        if isinstance(node, ast.ClassDef) and not node.keywords  # is_trait=True
        for base in node.bases
    )
    return any(base.split(".")[-1] == "Aggregate" for base in bases)


def imported(module: ast.Module) -> set[str]:
    """Dotted names that a module of `aggregates` imports, as far as names alone can tell."""
    names: set[str] = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            origin = ".".join(filter(None, ["aggregates" if node.level else "", node.module]))
            names |= {origin, *(f"{origin}.{alias.name}" for alias in node.names)}
    return names


def acquaintances(tree: Path) -> list[str]:
    """Who in `aggregates` imports a module that defines an aggregate."""
    parsed = {
        f"aggregates.{path.stem}": ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted((tree / "aggregates").glob("*.py"))
    }
    aggregates = {name for name, module in parsed.items() if defines_an_aggregate(module)}
    assert aggregates or not parsed.keys() - {"aggregates.__init__"}, "no aggregate was recognised"
    return [
        f"{name} -> {other}"
        for name, module in parsed.items()
        for other in sorted(imported(module) & aggregates - {name})
    ]


def modules() -> list[Path]:
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def test_this_code_keeps_every_contract() -> None:
    report = lint_imports(ROOT)
    assert report.returncode == 0, report.stdout + report.stderr


def test_a_tree_as_it_should_be_is_accepted(tmp_path: Path) -> None:
    write(tmp_path, A_CLEAN_TREE)
    report = lint_imports(tmp_path)
    assert report.returncode == 0, report.stdout + report.stderr


@pytest.mark.parametrize("violation", PLANTED)
def test_a_planted_violation_is_caught(violation: str, tmp_path: Path) -> None:
    name, line = PLANTED[violation]
    write(tmp_path, A_CLEAN_TREE | {name: f"{A_CLEAN_TREE.get(name, '')}\n{line}"})
    report = lint_imports(tmp_path)
    assert report.returncode == 1, report.stdout + report.stderr
    assert "BROKEN" in report.stdout


def test_aggregates_know_each_other_by_id_only() -> None:
    assert acquaintances(ROOT) == []


@pytest.mark.parametrize("how", ANOTHER_AGGREGATE)
def test_an_aggregate_that_imports_another_is_caught(how: str, tmp_path: Path) -> None:
    write(tmp_path, A_CLEAN_TREE)
    assert acquaintances(tmp_path) == []
    name, line = ANOTHER_AGGREGATE[how]
    write(tmp_path, {name: f"{A_CLEAN_TREE.get(name, '')}\n{line}"})
    assert acquaintances(tmp_path) == [f"{name[:-3].replace('/', '.')} -> aggregates.opportunity"]


def test_no_module_is_a_grab_bag() -> None:
    refused = {"utils", "util", "common", "helpers", "services", "managers", "misc"}
    names = {path: {path.stem, *path.relative_to(ROOT).parts} for path in modules()}
    assert [str(path) for path, parts in names.items() if parts & refused] == []


def test_every_module_opens_by_saying_what_it_is() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in modules()
        if (tree := ast.parse(path.read_text(encoding="utf-8"))).body
        and not ast.get_docstring(tree)
    ]
    assert silent == []


def test_the_linter_is_the_locked_one() -> None:
    assert LINTER.exists(), f"run `make setup`: no lint-imports beside {sys.executable}"
