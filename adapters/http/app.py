"""The HTTP application: every route, and what a process does while it serves."""

from importlib.metadata import version

from fastapi import FastAPI

from adapters.bootstrap import Backstory
from adapters.http import (
    attaching,
    batches,
    commands,
    contents,
    docs_page,
    exports,
    feed,
    health,
    history,
    imports,
    openapi,
    policies,
    reads,
    search,
    timeline,
    upserts,
    whole,
)
from adapters.http.addresses import Addresses
from adapters.http.context import Context
from adapters.http.shortcut import ShortCut

PARTS = (
    *(health, commands, attaching, batches, upserts, history, timeline, whole),
    *(imports, feed, policies, exports, contents, reads, search),
)
DESCRIPTION = """
A CRM whose record is its event log. Commands go in as `POST /v1/{aggregates}/{verb}`; lists,
records and questions come out as `GET`, now or as of any day; `GET …/history` tells how it came
about. Every failure is an RFC 9457 problem.
"""


def create_app(backstory: Backstory) -> FastAPI:
    """The application of one opened process. The caller closes the process afterwards."""
    app = FastAPI(
        title="Backstory",
        version=version("backstory"),
        description=DESCRIPTION.strip(),
        separate_input_output_schemas=False,
        docs_url=None,  # The framework's pages load scripts from elsewhere: blank without it.
        redoc_url=None,
    )
    context, schemas = Context(backstory), openapi.Schemas()
    app.state.context = context
    context.problems.install(app)
    for part in PARTS:
        app.include_router(part.router(context, schemas))
    app.add_middleware(ShortCut, context=context)
    app.add_middleware(Addresses, context=context)
    openapi.install(app, schemas, wants_keys=backstory.settings.auth == "on")
    docs_page.install(app)
    app.router.on_shutdown.append(context.close)
    return app
