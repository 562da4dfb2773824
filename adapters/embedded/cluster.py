"""The cluster folder, which Postgres calls PGDATA: making it, and knowing whose it is."""

import os
import shutil
import tempfile
from pathlib import Path
from signal import SIGKILL

from adapters.embedded.account import Account, ended_within
from adapters.embedded.binaries import major_version
from adapters.embedded.errors import MajorVersionMismatch, StartFailed

SUPERUSER = "postgres"
_INITDB_SECONDS = 300.0
_ENCODING = ("-E", "UTF8", "--locale=C.UTF-8")
# Byte order, yet full Unicode case and trigrams, and no index to rebuild after an OS upgrade.
_BUILTIN = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8")
# Who can enter the socket's folder is the owner; over TCP nobody gets in, whatever is switched on.
_ACCESS = ("-U", SUPERUSER, "--auth-local=trust", "--auth-host=reject")


def make_cluster(cluster: Path, binaries: Path, account: Account, *, durable: bool) -> None:
    """Make a new cluster beside its place and move it there, so that half a one is never seen.

    Raises StartFailed with what initdb said.
    """
    for abandoned in cluster.parent.glob("cluster.new-*"):
        shutil.rmtree(abandoned, ignore_errors=True)
    draft = Path(tempfile.mkdtemp(prefix="cluster.new-", dir=cluster.parent))
    account.give(draft)
    try:
        _initdb(draft, binaries, account, durable=durable)
        draft.rename(cluster)
    except OSError as error:
        raise StartFailed(f"no cluster could be made in {cluster}: {error}") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    _sync(cluster.parent)


def check_version(cluster: Path, binaries: Path) -> None:
    """Raise MajorVersionMismatch, saying what to do, unless the binaries fit the cluster."""
    try:
        written_by = int((cluster / "PG_VERSION").read_text())
    except (OSError, ValueError) as error:
        raise StartFailed(f"{cluster} is not a Postgres cluster ({error}): move it away") from error
    ours = major_version(binaries)
    if written_by != ours:
        raise MajorVersionMismatch(_way_out(cluster, written_by, binaries, ours))


def _initdb(draft: Path, binaries: Path, account: Account, *, durable: bool) -> None:
    locale = (*_ENCODING, *(_BUILTIN if major_version(binaries) >= 17 else ()))
    care = ("--data-checksums", "--no-instructions", *(() if durable else ("--no-sync",)))
    command = [binaries / "initdb", "-D", draft, *_ACCESS, *locale, *care]
    with tempfile.TemporaryFile() as output:
        # Tied to us by the strongest signal: a half-made cluster is of no use to anybody.
        code = ended_within(account.spawn(command, output, tie=SIGKILL), _INITDB_SECONDS)
        output.seek(0)
        said = output.read().decode(errors="replace").strip()
    if code != 0:
        fate = "took too long" if code is None else f"ended with {code}"
        raise StartFailed(f"initdb for {draft.parent} {fate}:\n{said}")


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _way_out(cluster: Path, written_by: int, binaries: Path, ours: int) -> str:
    return (
        f"{cluster} was written by Postgres {written_by}, but {binaries} is Postgres {ours}. "
        f"Either go on with Postgres {written_by}: install its binaries and let Backstory use "
        f"them. Or migrate: dump with the Postgres {written_by} binaries (pg_dump), move the "
        f"folder away, start Backstory once and load the dump (pg_restore or psql); or run "
        f"pg_upgrade of Postgres {ours}, which needs both sets of binaries, into a new cluster "
        f"and move that to {cluster}. Nothing was changed."
    )
