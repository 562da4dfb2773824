"""Paths: ``{id:whole}`` is the whole rest of one, for the ids that other systems give."""

from starlette.convertors import StringConvertor, register_url_convertor


class _Whole(StringConvertor):
    """Whatever is in it: other systems' ids have slashes and worse."""

    regex = "(?s:.*)"


register_url_convertor("whole", _Whole())


def by_external(home: str) -> str:
    """The path of a record by another system's id, under the path of its kind."""
    return f"{home}/by-external/{{system}}/{{id:whole}}"
