"""What may be asked of every record that has tags."""

from typing import Annotated

from pydantic import Field

from aggregates.tag import Taggable
from aggregates.values import Tag as TagText
from commands.base import Changes

SomeTags = Annotated[tuple[TagText, ...], Field(min_length=1, max_length=100)]


class Tag(Changes[Taggable]):
    """Put tags on a record."""

    MERGES = True
    ADDS = frozenset({"tags"})
    tags: SomeTags

    def handle(self, record: Taggable, /) -> None:
        record.tag(self.tags)


class Untag(Changes[Taggable]):
    """Take tags off a record."""

    MERGES = True
    REMOVES = frozenset({"tags"})
    tags: SomeTags

    def handle(self, record: Taggable, /) -> None:
        record.untag(self.tags)
