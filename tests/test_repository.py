"""The repository itself: locks, targets, container files, and nothing that names one machine."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-build.lock")
PACKAGES = ["adapters", "aggregates", "commands", "projections", "queries"]
COME_WITH_A_PARENT = {"click", "psycopg-pool", "pydantic-core", "starlette"}
"""Imported by name, but pinned by what brings them: typer, psycopg[pool], pydantic, fastapi."""
SERVICES = {"api", "projector", "relay", "postgres", "kafka"}

# Written in parts, so that this file does not hold what it looks for.
REGISTRY_HOSTS = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("registry", "npmjs", "org"),
        ("registry", "yarnpkg", "com"),
        ("crates", "io"),
        ("proxy", "golang", "org"),
        ("maven", "org"),
        ("deb", "debian", "org"),
    )
]
MACHINE_PATH = re.compile(
    r"(?<![\w.$}/-])/(?:" + "|".join(("ro" + "ot", "wo" + "rk")) + r")(?![\w-])"
)
HOME_PATH = re.compile(r"(?<![\w.$}/-])/(?:" + "|".join(("ho" + "me", "Us" + "ers")) + r")/\w+/")


def committed() -> list[Path]:
    """Files that are, or are about to be, in the repository."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: nothing says which files are committed")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [path for name in names.split("\0") if name and (path := ROOT / name).is_file()]


def committed_texts() -> list[tuple[str, str]]:
    texts = []
    for path in committed():
        try:
            texts.append((str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")))
        except UnicodeDecodeError:
            continue
    return texts


def found(patterns: list[re.Pattern[str]]) -> list[str]:
    return [
        f"{name}:{number}: {line.strip()[:120]}"
        for name, text in committed_texts()
        for number, line in enumerate(text.splitlines(), start=1)
        if any(pattern.search(line) for pattern in patterns)
    ]


def pins(lock: str) -> dict[str, str]:
    lines = (ROOT / lock).read_text(encoding="utf-8").splitlines()
    return {
        canonicalize_name(name): version
        for line in lines
        if not line.startswith((" ", "#")) and "==" in line
        for name, version in [re.split(r"==| ", line)[:2]]
    }


def declared() -> dict[str, list[Requirement]]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    runtime = project["dependencies"]
    both = [*runtime, *project["optional-dependencies"]["dev"]]
    return {
        "requirements.lock": [Requirement(line) for line in runtime],
        "requirements-dev.lock": [Requirement(line) for line in both],
    }


def imported_names(folders: list[str]) -> set[str]:
    """First parts of the absolute imports in these folders."""
    names: set[str] = set()
    for path in (path for folder in folders for path in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module)
    return {name.partition(".")[0] for name in names}


def compose() -> dict[str, Any]:
    document = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    assert isinstance(document, dict)
    return document


def docker_compose(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("docker-compose")
    if program is None and os.environ.get("CI"):
        pytest.fail("docker-compose is missing, and CI has to install it")
    if program is None:
        pytest.skip("docker-compose is not installed (Debian: apt-get install docker-compose)")
    quiet = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    command = [program, "--project-directory", str(ROOT), *arguments]
    return subprocess.run(command, cwd=ROOT, env=quiet, capture_output=True, text=True, check=False)


class TestLocks:
    @pytest.mark.parametrize("lock", LOCKS)
    def test_every_pin_has_a_hash_and_no_address(self, lock: str) -> None:
        text = (ROOT / lock).read_text(encoding="utf-8")
        entries = re.split(r"\n(?=\S)", text.strip())
        assert entries
        assert [entry for entry in entries if "--hash=sha256:" not in entry] == []
        assert "://" not in text
        assert "@" not in text

    @pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
    def test_the_lock_satisfies_what_the_project_declares(self, lock: str) -> None:
        locked = pins(lock)
        unmet = [
            str(need)
            for need in declared()[lock]
            if (version := locked.get(canonicalize_name(need.name))) is None
            or not need.specifier.contains(version, prereleases=True)
        ]
        assert unmet == [], "run `make lock`"

    @pytest.mark.parametrize(
        ("lock", "folders"),
        [("requirements.lock", PACKAGES), ("requirements-dev.lock", ["tests", "benchmarks"])],
    )
    def test_whatever_is_imported_is_declared(self, lock: str, folders: list[str]) -> None:
        ours = {*PACKAGES, "tests", "benchmarks", *sys.stdlib_module_names}
        origin = packages_distributions()
        known = {canonicalize_name(need.name) for need in declared()[lock]} | COME_WITH_A_PARENT
        strangers = {
            name
            for name in imported_names(folders) - ours
            if not known & {canonicalize_name(package) for package in origin.get(name, [])}
        }
        assert strangers == set(), "add it to pyproject.toml and run `make lock`"

    @pytest.mark.parametrize("lock", ["requirements.lock", "requirements-build.lock"])
    def test_what_is_tested_is_what_is_shipped(self, lock: str) -> None:
        assert pins(lock).items() <= pins("requirements-dev.lock").items()


class TestNothingNamesOneMachine:
    def test_no_file_names_a_package_registry(self) -> None:
        host = "|".join(re.escape(name) for name in REGISTRY_HOSTS)
        assert found([re.compile(rf"(?<![\w-])(?:{host})(?![\w-])")]) == []

    def test_no_file_holds_an_absolute_path_of_a_machine(self) -> None:
        assert found([MACHINE_PATH, HOME_PATH]) == []

    def test_the_resolver_s_own_lock_is_not_committed(self) -> None:
        assert [path for path in committed() if path.name == "uv.lock"] == []

    def test_no_committed_file_is_larger_than_a_megabyte(self) -> None:
        assert [str(path) for path in committed() if path.stat().st_size > 1_000_000] == []


class TestMake:
    def targets(self) -> set[str]:
        text = (ROOT / "Makefile").read_text(encoding="utf-8")
        return set(re.findall(r"^([a-z][\w-]*):(?!=)", text, flags=re.MULTILINE))

    def test_every_target_is_documented(self) -> None:
        command = ["make", "--no-print-directory", "help"]
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        assert set(re.findall(r"^  make (\S+) +\S", listed.stdout, re.MULTILINE)) == self.targets()

    def test_every_target_is_phony(self) -> None:
        text = (ROOT / "Makefile").read_text(encoding="utf-8")
        phony = re.search(r"^\.PHONY: (.*)$", text, flags=re.MULTILINE)
        assert phony
        assert set(phony.group(1).split()) == self.targets()

    @pytest.mark.parametrize(
        "target", ["setup", "demo", "test", "check", "bench", "soak", "serve", "help"]
    )
    def test_what_people_were_promised_is_there(self, target: str) -> None:
        assert target in self.targets()


class TestContainers:
    def test_docker_compose_accepts_the_file(self, tmp_path: Path) -> None:
        filled_in = tmp_path / "env"
        example = (ROOT / ".env.example").read_text(encoding="utf-8")
        filled_in.write_text(re.sub(r"=$", "=0123abcd", example, flags=re.MULTILINE))
        report = docker_compose("--env-file", str(filled_in), "config", "--services")
        assert report.returncode == 0, report.stderr
        assert set(report.stdout.split()) == SERVICES

    def test_without_secrets_it_refuses_and_says_what_to_do(self) -> None:
        report = docker_compose("--env-file", ".env.example", "config", "--quiet")
        assert report.returncode != 0
        assert "copy .env.example to .env" in report.stderr

    def test_ports_are_published_on_loopback_only(self) -> None:
        ports = [
            port for service in compose()["services"].values() for port in service.get("ports", [])
        ]
        assert ports
        assert [port for port in ports if not str(port).startswith("127.0.0.1:")] == []

    def test_no_secret_has_a_default(self) -> None:
        text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
        uses = re.findall(r"\$\{(\w*(?:PASSWORD|SECRET|KEY)\w*)([^}]*)\}", text)
        assert uses
        assert [name for name, rest in uses if not rest.startswith(":?")] == []

    def test_every_setting_has_an_example(self) -> None:
        text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
        example = (ROOT / ".env.example").read_text(encoding="utf-8")
        shown = set(re.findall(r"^(\w+)=", example, flags=re.MULTILINE))
        assert set(re.findall(r"\$\{(\w+)", text)) == shown

    def test_the_image_copies_what_exists_and_is_not_ignored(self) -> None:
        dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
        ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        copies = re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile, flags=re.MULTILINE)
        sources = {source for line in copies for source in line.split()}
        assert sources
        assert [source for source in sources if not (ROOT / source).exists()] == []
        assert [source for source in sources if f"!{source}" not in ignored] == []

    def test_the_image_holds_every_package(self) -> None:
        build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
            "hatch"
        ]
        packages = build["build"]["targets"]["wheel"]["packages"]
        dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
        assert [name for name in packages if f"COPY {name} {name}\n" not in dockerfile] == []

    def test_the_image_runs_as_an_ordinary_user_and_says_when_it_is_well(self) -> None:
        dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
        assert re.search(r"^USER (?!root|0\b)\w+$", dockerfile, flags=re.MULTILINE)
        assert "/healthz" in dockerfile
        assert dockerfile.count("--require-hashes") == 2
