"""What may be asked of users."""

from typing import Annotated

from aggregates.user import KeyDigest, Login, User, UserDetails
from aggregates.values import Personal, Text, left_out
from commands.base import Changes, Creates, Known
from commands.known import above


class AddUser(UserDetails, Creates[User]):
    """Enter somebody who will work with Backstory."""

    login: Login
    name: Annotated[Text, Personal()]

    def handle(self, user: User, /) -> None:
        user.add(**self.given())


class ChangeUserDetails(UserDetails, Changes[User]):
    """Correct or complete what is known of a user."""

    MERGES = True
    name: Annotated[Text, Personal()] = left_out()

    def gather(self, user: User, known: Known, /) -> bool:
        return user.id in above(self.superior_id, known)

    def handle(self, user: User, /) -> None:
        user.change_details(is_above=self.gathered, **self.given())


class DisableUser(Changes[User]):
    """Lock a user out; the user's keys stop working at once."""

    def handle(self, user: User, /) -> None:
        user.disable()


class AddUserApiKey(Changes[User]):
    """Let a program act in the user's name with a key, of which only the hash is kept."""

    # Who holds a key of another user is that user: until roles say who may, only operators do.
    IS_REMOTE = False
    key_name: Text
    digest: KeyDigest

    def handle(self, user: User, /) -> None:
        user.add_api_key(self.key_name, self.digest)


class RevokeUserApiKey(Changes[User]):
    """Make an API key useless."""

    key_name: Text

    def handle(self, user: User, /) -> None:
        user.revoke_api_key(self.key_name)
