"""The ways in which a Postgres of our own can fail to start."""


class EmbeddedPostgresError(RuntimeError):
    """The embedded Postgres could not do what was asked; the message says what to do about it."""


class NoBinaries(EmbeddedPostgresError):
    """There is no Postgres on this machine that could be started."""


class DataFolderInUse(EmbeddedPostgresError):
    """A living process owns the data folder."""


class NoFolder(EmbeddedPostgresError):
    """What is named as the data folder is no folder, and none can be made there."""


class MajorVersionMismatch(EmbeddedPostgresError):
    """The data was written by another major version of Postgres than the binaries are."""


class StartFailed(EmbeddedPostgresError):
    """Postgres, or the making of its cluster, ended early or never accepted connections."""
