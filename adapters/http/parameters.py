"""What reads say of themselves in the OpenAPI document: parameters, rows, pages."""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, create_model

from adapters.http import openapi
from adapters.http.asking import MOST_VALUES
from adapters.postgres.reads.filters import filterable, sortable
from adapters.postgres.reads.imported import PARAMETER as IMPORTED
from adapters.postgres.reads.kinds import CURRENCY_KIND, Kind
from adapters.postgres.views.columns import bare
from aggregates.base import markers
from aggregates.values import Personal
from projections.base import Row
from queries.base import Query

Schema = dict[str, Any]

_BOOLEAN: Schema = {"type": "boolean"}
_POSITION: Schema = {"type": "integer", "format": "int64", "minimum": 0, "maximum": 2**63 - 1}
_UUID: Schema = {"type": "string", "format": "uuid"}
_TEXT: Schema = {"type": "string", "pattern": "^[^\\x00]*$"}
_SAID = {
    "": "equal to it; repeated: to any of them",
    "ne": "not equal to it; repeated: to none of them",
    "gte": "at least this",
    "gt": "more than this",
    "lte": "at most this",
    "lt": "less than this",
    "contains": "containing this text, whatever its case; repeated: any of them",
    "null": "true: without a value; false: with one",
    "currency": "in this currency; repeated: in any of them",
}


def query(name: str, schema: Schema, description: str, *, required: bool = False) -> Schema:
    return {
        "name": name,
        "in": "query",
        "required": required,
        "description": description,
        "schema": schema,
    }


def path(name: str, schema: Schema) -> Schema:
    return {"name": name, "in": "path", "required": True, "schema": schema}


_CLOCK = "By when things happened, or by when Backstory learned of them."
_OF_HISTORIES = (
    " Other reads are by when things happened: a history that is to show what a record shows as of"
    " a day is asked for with `occurred`."
)


def moment(default: str = "occurred") -> list[Schema]:
    """``as_of`` and ``clock``."""
    forms = [{"type": "string", "format": f} for f in ("date-time", "date")]
    as_of: Schema = {"anyOf": [*forms, _POSITION]}
    clock: Schema = {"type": "string", "enum": ["occurred", "recorded"], "default": default}
    return [
        query(
            "as_of",
            as_of,
            "As of this instant, this date's end in the organisation's zone, or this position"
            " (recorded clock). A day or an instant that lies ahead means now; a position beyond"
            " the log's head is refused.",
        ),
        query("clock", clock, _CLOCK + (_OF_HISTORIES if default == "recorded" else "")),
    ]


def after(what: str = "view") -> Schema:
    said = f"Wait until the {what} has come up to this position; 503 if it does not."
    return query("after", _POSITION, said)


def limit(default: int, most: int = 1_000) -> Schema:
    schema = {"type": "integer", "minimum": 1, "maximum": most, "default": default}
    return query("limit", schema, "At most so many.")


def cursor() -> Schema:
    return query("cursor", {"type": "string"}, "`next` of the page before this one.")


def of_list(row: type[Row]) -> list[Schema]:
    """Every parameter of a list."""
    columns = sortable(row)
    orders = [*columns, *(f"-{name}" for name in columns)]
    return [
        limit(50),
        cursor(),
        query(
            "sort",
            {"type": "string", "enum": orders, "default": "id"},
            "By this column, or with a minus in descending order; ties by id.",
        ),
        query("count", {"type": "string", "enum": ["exact"]}, "Count all rows of the list."),
        query(
            "archived",
            {"type": "string", "enum": ["any"]},
            "List archived, merged and withdrawn rows too.",
        ),
        query(
            IMPORTED,
            {"type": "array", "items": _UUID, "minItems": 1, "maxItems": MOST_VALUES},
            "What this import, or a policy because of it, has entered or changed; repeated: any.",
        ),
        *moment(),
        after(),
        *(p for field, kind in filterable(row).items() for p in _filters(field, kind)),
    ]


def _filters(field: str, kind: Kind) -> Iterator[Schema]:
    if kind.is_open:
        return  # any code may follow: said in the route's description
    for operator in kind.operators:
        name = f"{field}.{operator}" if operator else field
        schema = {"null": _BOOLEAN, "currency": dict(CURRENCY_KIND.schema)}.get(operator)
        schema = schema or dict(kind.schema)
        if operator in ("", "ne", "contains", "currency"):
            schema = {"type": "array", "items": schema, "minItems": 1, "maxItems": MOST_VALUES}
        yield query(name, schema, f"`{field}` is {_SAID[operator]}.")


def of_query(asked: type[Query[Any]], schemas: openapi.Schemas) -> list[Schema]:
    """The parameters of a named question."""
    schema = schemas.of(asked)
    required = schema.get("required", ())
    return [
        query(name, _given(part), part.get("description", ""), required=name in required)
        for name, part in schema.get("properties", {}).items()
    ]


def _given(schema: Schema) -> Schema:
    """The schema of a parameter where there is one: null cannot be sent, and NUL is refused."""
    options = [o for o in schema.get("anyOf", [schema]) if o.get("type") != "null"]
    found = dict(options[0]) if len(options) == 1 else {"anyOf": options}
    if found.get("type") == "string" and not found.keys() & {"format", "pattern", "enum"}:
        found |= _TEXT
    default = schema.get("default")
    return found | ({} if default is None else {"default": default})


def row(kind: type[Row], schemas: openapi.Schemas) -> Schema:
    """A row: its fields; personal ones are null once erased."""
    fields = {name: (_answered(annotation), ...) for name, annotation in kind.fields.items()}
    model = create_model(kind.__name__, __doc__=(kind.__doc__ or "").split("\n")[0], **fields)  # type: ignore[call-overload]
    return schemas.named(kind.__name__, schemas.of(model, mode="serialization"))


def _answered(annotation: Any) -> Any:
    plain = bare(annotation)
    is_erasable = any(True for _ in markers(annotation, Personal))
    is_text = plain is str
    kept = plain if is_text else annotation
    is_nullable = annotation is not None and _takes_none(annotation)
    return kept | None if is_erasable or is_nullable else kept


def _takes_none(annotation: Any) -> bool:
    arguments = getattr(annotation, "__args__", ())
    return type(None) in arguments or any(map(_takes_none, arguments))


def page(items: Schema, **more: Schema) -> Schema:
    """Some items, and the cursor of the next ones."""
    return {
        "type": "object",
        "required": ["items", *more],
        "properties": {"items": {"type": "array", "items": items}, **more},
    }


PLACE: Schema = _POSITION
NEXT: Schema = {"type": ["string", "null"], "description": "Cursor of the next page."}
POSITION: Schema = _POSITION | {"description": "How far the view has read."}


def line(model: type[BaseModel], schemas: openapi.Schemas) -> Schema:
    """One line of a query's answer."""
    return schemas.named(model.__name__, schemas.of(model, mode="serialization"))
