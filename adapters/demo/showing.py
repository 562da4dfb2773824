"""Where to look once the demo's history is told: addresses that answer, and a key that opens."""

from adapters import apikeys
from adapters.bootstrap import Backstory
from adapters.demo.arrival import Arrival
from adapters.demo.diary import Setting
from adapters.demo.staff import DIRECTOR
from adapters.demo.story import Story
from aggregates.user import User
from commands.requests import Caller, Request
from commands.user import AddUserApiKey

KEY_NAME = "demo"
LOOKED_AT = 20
FEWER = (
    "Lists of customers show some three quarters of them: who bought nothing is archived, and\n"
    "a list leaves that out, as it does what was merged."
)


def tour(backstory: Backstory, setting: Setting, address: str) -> str:
    """What to open and what to type."""
    key = demo_key(backstory, setting)
    customer = Arrival.of(setting, _told_most(setting)).customer_id
    middle = setting.begin + (setting.end - setting.begin) / 2
    places = (
        ("what it can do", "/docs"),
        ("customers", "/v1/customers"),
        ("one of them, event by event", f"/v1/customers/{customer}/history"),
        ("all that happened with it", f"/v1/customers/{customer}/timeline"),
        ("who has not been called for a week", "/v1/queries/overdue-customers"),
        ("complaints", "/v1/tickets?kind=complaint"),
        ("the pipeline now", "/v1/queries/pipeline"),
        ("the pipeline as of a past day", f"/v1/queries/pipeline?as_of={middle}"),
    )
    width = max(len(what) for what, _ in places)
    lines = [f"  {what:{width}}  {address}{path}" for what, path in places]
    curl = f"curl -s -H 'Authorization: Bearer {key}' {address}/v1/queries/pipeline"
    return "\n".join(
        ["", "Where to look:", *lines, "", FEWER, "", f"API key: {key}", "", f"  {curl}", ""]
    )


def _told_most(setting: Setting) -> int:
    """Of the first customers, the one of whom there is most to tell."""
    return max(range(min(LOOKED_AT, setting.customers)), key=lambda n: _told(setting, n))


def _told(setting: Setting, number: int) -> int:
    return len(Story(setting, number).steps())


def demo_key(backstory: Backstory, setting: Setting) -> str:
    """The director's API key. It follows from the master key, so that it is the same each time
    and nobody else's."""
    user_id = setting.id(f"staff/{DIRECTOR}")
    halves = (backstory.keyring.lookup("demo-key", f"{user_id}/{half}") for half in range(2))
    key, digest = apikeys.key_of(user_id, b"".join(halves))
    user = backstory.application.repository.get(User, user_id, max_age=0)
    if digest not in dict(user.api_keys).values():
        command = AddUserApiKey(key_name=KEY_NAME, digest=digest)
        backstory.application.dispatch(Request(command, id=user_id), Caller(user_id))
    return key
