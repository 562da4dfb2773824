"""Commands: what callers may ask for, as a registry that routes, docs and tools loop over."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any, ClassVar, Generic, Protocol, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, create_model

from aggregates.base import Aggregate, Trait, having, markers
from aggregates.errors import kebab
from aggregates.events import Event
from aggregates.merge import Made
from aggregates.values import Code, CodeEntry, CodeText, FreeText, Instant, Ref, Referred

A = TypeVar("A", bound=Aggregate)
B = TypeVar("B", bound=Aggregate)


class Known(Protocol):
    """What a command may find out about other records before it is handled."""

    @property
    def is_import(self) -> bool:
        """Whether an import asks: it records what was, whether or not it should have been."""
        ...

    def get(self, kind: type[B], id: UUID) -> B:
        """The record as it is now. Raises NotFound."""
        ...

    def new(self, kind: type[B], id: UUID) -> B:
        """A record to which nothing has happened yet, with a number where its kind has some."""
        ...

    def at(self, kind: type[B], id: UUID, version: int) -> B:
        """The record as it was at a version. Raises NotFound."""
        ...

    def is_retired(self, dictionary: str, code: str) -> bool:
        """Whether the dictionary's entry of this code is retired, or is there no more."""
        ...

    def events(self, id: UUID) -> Sequence[Event]:
        """What has happened to the record, as it was recorded."""
        ...

    def newest(self, customer_ids: Sequence[UUID], topics: Sequence[str]) -> Iterator[Event]:
        """Events of these topics that were recorded of these customers, and whatever belonged to
        them then, what happened last first."""
        ...

    def made_since(self, customer_ids: Sequence[UUID], id: UUID, topic: str) -> Sequence[Made]:
        """Records created for these customers since the newest event of a topic in a stream."""
        ...


class Meta(BaseModel):
    """What a caller may say about a command beside its fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reason: FreeText | None = None
    """Why; kept with the events, sealed."""
    occurred_at: Instant | None = None
    """When it happened, if not now: 1900-01-01 to five minutes from now."""
    correlation_id: UUID | None = None
    incomplete: Annotated[tuple[CodeText, ...], Field(max_length=50)] = ()
    """Only in an import: required fields for which there is no value."""


class Marked:
    """A field of a command that dispatch resolves: its path in the body, and what it must be."""

    __slots__ = ("marker", "name")

    def __init__(self, name: str, marker: Ref | Code) -> None:
        self.name, self.marker = name, marker


def kind_of(cls: type[BaseModel]) -> type[Aggregate] | None:
    """The kind of aggregate, or the trait, that a command is declared for."""
    for base in cls.__mro__:
        arguments = getattr(base, "__pydantic_generic_metadata__", {}).get("args", ())
        if arguments and isinstance(arguments[0], type):
            return arguments[0]
    return None


def _verb(command: str, kind: str) -> str:
    """``RegisterCustomer`` of ``Customer`` → ``register``."""
    return kebab(command.replace(kind, "", 1))


def _marked(model: type[BaseModel], prefix: str = "") -> Iterator[Marked]:
    for name, field in model.model_fields.items():
        annotation = field.rebuild_annotation()
        for kind in (Ref, Code):
            for marker in markers(annotation, kind):
                yield Marked(prefix + name, marker)


class Command(BaseModel, Generic[A]):
    """One thing a caller may ask of one aggregate. The docstring is its summary everywhere."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    __slots__ = ("gathered", "referred", "resolved")

    AGGREGATE: ClassVar[type[Aggregate]]
    NAME: ClassVar[str]
    """Name in the registry and in routes, ``customers/register``."""
    VERB: ClassVar[str] = ""
    """The name's second half; from the class's name unless given."""
    CREATES: ClassVar[bool]
    MERGES: ClassVar[bool] = False
    """Whether a stale If-Match is accepted where nobody else wrote the same fields."""
    ADDS: ClassVar[frozenset[str]] = frozenset()
    """Fields that name members which are added to a list: they conflict with their removal only."""
    REMOVES: ClassVar[frozenset[str]] = frozenset()
    """Fields that name members which are taken out of a list."""
    IMPORT_ONLY: ClassVar[bool] = False
    """Whether it is for imports only."""
    POLICY_ONLY: ClassVar[bool] = False
    """Whether only policies ask it."""
    NOW_ONLY: ClassVar[bool] = False
    """Whether it can only happen now: what it undoes or joins is as it is known now."""
    IS_REMOTE: ClassVar[bool] = True
    """Whether it can be sent over the network; else it is for the machine's own operators."""
    UPLOADED: ClassVar[str | None] = None
    """The field that comes as a file; such a command has a form of its own, and no JSON."""

    resolved: ClassVar[dict[str, CodeEntry]]
    """A slot, filled by dispatch: field → the dictionary entry that it names."""
    referred: ClassVar[dict[str, Referred]]
    """A slot, filled by dispatch: field → the record that it names."""
    gathered: ClassVar[Any]
    """A slot, filled by dispatch with what ``gather`` found."""

    def __init_subclass__(cls, *, relaxes: bool = False, of: Any = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)

    @classmethod
    def __pydantic_init_subclass__(
        cls, *, relaxes: bool = False, of: type[Aggregate] | None = None, **kwargs: Any
    ) -> None:
        kind = of or kind_of(cls)
        if kind is None or relaxes or "[" in cls.__name__:
            return
        if kind in Trait.TRAITS:
            OF_TRAITS.append(cls)
            return
        cls.AGGREGATE = kind
        cls.VERB = cls.__dict__.get("VERB") or _verb(cls.__name__, kind.KIND)
        cls.NAME = f"{kind.PLURAL}/{cls.VERB}"
        if cls.NAME in COMMANDS:
            raise TypeError(f"two commands are called {cls.NAME}")
        COMMANDS[cls.NAME] = cls

    def handle(self, aggregate: A, /) -> Iterable[Aggregate] | None:
        """Hand the request to the aggregate; return child aggregates created with it, if any."""
        raise NotImplementedError

    def gather(self, aggregate: A, known: Known, /) -> Any:
        """What the rules must know of other records; ``handle`` finds it in ``gathered``.

        Raises DomainError where that cannot be had.
        """
        return None

    @property
    def part_id(self) -> UUID | None:
        """The part of the aggregate that the command is about; None: the whole."""
        return None

    def given(self, *without: str) -> dict[str, Any]:
        """The fields that the caller set."""
        return {n: getattr(self, n) for n in self.model_fields_set if n not in without}

    @classmethod
    def is_for_people(cls) -> bool:
        """Whether people and their programs may ask it."""
        return not (cls.IMPORT_ONLY or cls.POLICY_ONLY)

    @classmethod
    def marked(cls) -> tuple[Marked, ...]:
        """Fields that name dictionary entries or other records."""
        cached: tuple[Marked, ...] | None = cls.__dict__.get("_marked")
        if cached is None:
            cached = tuple(_marked(cls))
            cls._marked = cached  # type: ignore[attr-defined]
        return cached


COMMANDS: dict[str, type[Command[Any]]] = {}
"""The registry: ``customers/register`` → command class."""


class Creates(Command[A]):
    """A command that begins a stream."""

    CREATES = True


class Changes(Command[A]):
    """A command to an existing stream."""

    CREATES = False


def addressable_commands() -> dict[str, type[Command[Any]]]:
    """Those that have an address, be it that dispatch refuses them to whoever uses it."""
    return {n: c for n, c in COMMANDS.items() if c.IS_REMOTE and c.UPLOADED is None}


OF_TRAITS: list[type[Command[Any]]] = []
"""Commands declared for a trait, ``Changes[Archivable]``."""


def bind_traits() -> None:
    """Give every kind of aggregate the commands of its traits: ``customers/archive`` and so on."""
    for command in OF_TRAITS:
        trait = kind_of(command)
        assert trait is not None
        for kind in having(trait):
            verb = command.VERB or kebab(command.__name__)
            if f"{kind.PLURAL}/{verb}" not in COMMANDS:
                create_model(
                    command.__name__ + kind.KIND,
                    __base__=command,
                    __module__=command.__module__,
                    __doc__=command.__doc__,
                    __cls_kwargs__={"of": kind},
                )


def remote_commands() -> dict[str, type[Command[Any]]]:
    """Those of the registry that can be sent over the network."""
    return {n: c for n, c in addressable_commands().items() if c.is_for_people()}
