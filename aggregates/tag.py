"""Tags: short words of one's own by which records are sorted and found."""

from collections.abc import Iterable

from aggregates.base import Trait
from aggregates.events import Event
from aggregates.values import MOST_TAGS, Tags


class Taggable(Trait):
    """Has tags, each once, in the order in which they were first given."""

    tags: tuple[str, ...] = ()

    class Tagged(Event):
        """Tags were added; those that were there stay."""

        ADDS = frozenset({"tags"})
        tags: Tags

        def apply(self, aggregate: "Taggable") -> None:
            aggregate.tags = tagged(aggregate.tags, self.tags)

    class Untagged(Event):
        """Tags were taken off; the others stay."""

        REMOVES = frozenset({"tags"})
        tags: Tags

        def apply(self, aggregate: "Taggable") -> None:
            aggregate.tags = untagged(aggregate.tags, self.tags)

    def tag(self, tags: Iterable[str]) -> None:
        """Add tags, keeping the order in which they were first given."""
        added = untagged(tuple(dict.fromkeys(tags)), self.tags)
        self.require_at_most("tags", len(self.tags) + len(added), MOST_TAGS)
        if added:
            self.record(self.Tagged(tags=added))

    def untag(self, tags: Iterable[str]) -> None:
        """Take tags off; those that are not there do not matter."""
        gone = set(tags)
        removed = tuple(t for t in self.tags if t in gone)
        if removed:
            self.record(self.Untagged(tags=removed))


def tagged(tags: tuple[str, ...], added: tuple[str, ...]) -> tuple[str, ...]:
    """The tags with these, each once, in the order in which they were first given."""
    return tuple(dict.fromkeys((*tags, *added)))


def untagged(tags: tuple[str, ...], removed: tuple[str, ...]) -> tuple[str, ...]:
    """The tags without these."""
    return tuple(tag for tag in tags if tag not in removed)
