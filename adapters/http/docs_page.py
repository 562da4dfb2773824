"""The page of every route, made of the OpenAPI document; it loads nothing from anywhere else."""

from collections import defaultdict
from html import escape
from typing import Any

from fastapi import FastAPI, Request, Response

PATH = "/docs"
_HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
_INFO = ("title", "version", "description")
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title} {version}: every route</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; padding: 0 1rem }}
body {{ max-width: 72rem }}
table {{ border-collapse: collapse; width: 100% }}
td {{ border-top: 1px solid #ddd; padding: .3rem .6rem .3rem 0; vertical-align: top }}
td:first-child {{ width: 4rem; font-weight: 600 }}
td:nth-child(2) {{ width: 50% }}
code {{ overflow-wrap: anywhere }}
</style>
<h1>{title} {version}</h1>
<p>{description}</p>
<p>Parameters, bodies and answers are described in <a href="{document}">{document}</a>.</p>
{tags}
</html>
"""
_TAG = "<h2>{tag}</h2>\n<table>\n{operations}\n</table>"
_OPERATION = "<tr><td>{method}</td><td><code>{path}</code></td><td>{summary}</td></tr>"


def install(app: FastAPI) -> None:
    """Serve the page."""

    async def page(request: Request) -> Response:
        return Response(html(app.openapi(), app.openapi_url or ""), 200, _HEADERS, "text/html")

    app.add_route(PATH, page, methods=["GET"], include_in_schema=False)


def html(document: dict[str, Any], url: str) -> str:
    by_tag: dict[str, list[str]] = defaultdict(list)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            tag = operation.get("tags", ["other"])[0]
            by_tag[tag].append(_operation(method, path, operation))
    tags = (
        _TAG.format(tag=escape(tag), operations="\n".join(operations))
        for tag, operations in sorted(by_tag.items())
    )
    info = {name: escape(document["info"].get(name, "")) for name in _INFO}
    return _PAGE.format(**info, document=escape(url), tags="\n".join(tags))


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    return _OPERATION.format(
        method=method.upper(),
        path=escape(path),
        summary=escape(operation.get("summary", "")),
    )
