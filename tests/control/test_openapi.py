"""The OpenAPI document: made from the table, and true of what is answered."""

import http.client
import json
import re

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from smoothop import Registry, hookimpl
from smoothop.control.server.openapi import _ANSWERS, _BODIES, _QUERIES
from smoothop.control.server.table import ENTRIES

WITH_BODY = {"scale": {"concurrency": 1}, "send": {"message": 1, "wait": True}}


def asked(one, method, path, body=None):
    connection = http.client.HTTPConnection(one.server.url.removeprefix("http://"), timeout=10)
    headers = {"Authorization": f"Bearer {one.token}"}
    connection.request(method, path, None if body is None else json.dumps(body), headers)
    response = connection.getresponse()
    found = response.status, response.read()
    connection.close()
    return found


@pytest.fixture
def served(running, tmp_path):
    class Guest:
        @hookimpl
        def smoothop_http(self, app):
            def page(request):
                return PlainTextResponse(f"{request.method} {request.url.path}")

            app.add_route("/page/{id}", page)
            inner = Starlette(routes=[Route("/deep", page, methods=["GET", "POST"])])
            app.router.routes.append(Mount("/mounted", inner))

    class Broken:
        @hookimpl
        def smoothop_http(self, app):
            raise RuntimeError("no")

    registry = Registry()
    registry.hooks.register(Guest(), "guest")
    registry.hooks.register(Broken(), "broken")
    one = running(http="127.0.0.1:0", token_file=tmp_path / "token", registry=registry)
    one.token = (tmp_path / "token").read_text().strip()
    return one


def test_every_route_is_described_and_nothing_else(served):
    status, text = asked(served, "GET", "/openapi.json")
    described = json.loads(text)
    operations = {
        (method.upper(), path) for path, methods in described["paths"].items() for method in methods
    }
    assert status == 200
    assert operations >= {(entry.method, entry.path) for entry in ENTRIES}
    assert {path for _, path in operations if path.startswith("/plugins")} == {
        "/plugins/guest/page/{id}",
        "/plugins/guest/mounted/{rest}",
    }
    names = {entry.name for entry in ENTRIES}
    assert names - {"events"} == set(_ANSWERS)
    assert names >= {*_BODIES, *_QUERIES}
    for entry in ENTRIES:
        assert entry.endpoint.__doc__


def test_what_is_answered_fits_the_description(served):
    described = json.loads(asked(served, "GET", "/openapi.json")[1])
    for entry in ENTRIES:
        if entry.name in ("events", "end"):
            continue
        path = entry.path.replace("{name}", "echo")
        status, text = asked(served, entry.method, path, WITH_BODY.get(entry.name))
        operation = described["paths"][entry.path][entry.method.lower()]
        schema = operation["responses"][str(status)]["content"]["application/json"]["schema"]
        assert misfits(json.loads(text), schema, described) == [], entry.name


def test_what_is_refused_fits_the_description(served):
    described = json.loads(asked(served, "GET", "/openapi.json")[1])
    error = described["components"]["schemas"]["Error"]
    for method, path, status in (
        ("GET", "/nowhere", 404),
        ("GET", "/workers/nobody", 404),
        ("DELETE", "/workers", 405),
        ("POST", "/workers/echo/stop?wait=maybe", 400),
        ("POST", "/workers/echo/stop?timeout=-1", 400),
        ("POST", "/workers/echo/stop?other=1", 400),
        ("PUT", "/workers/echo/concurrency", 400),
        ("GET", "/events?kind=nope", 400),
        ("GET", "/events?worker=nobody", 404),
    ):
        found, text = asked(served, method, path)
        assert found == status, (method, path, text)
        assert misfits(json.loads(text), error, described) == []


def test_routes_of_a_plugin_are_below_its_name(served):
    assert asked(served, "GET", "/plugins/guest/page/7") == (200, b"GET /plugins/guest/page/7")
    assert asked(served, "POST", "/plugins/guest/page/7")[0] == 405
    assert asked(served, "POST", "/plugins/guest/mounted/deep")[0] == 200
    assert asked(served, "GET", "/plugins/guest/mounted/nowhere")[0] == 404
    assert asked(served, "GET", "/page/7")[0] == 404
    assert asked(served, "GET", "/plugins/broken/page")[0] == 404


def misfits(value, schema, document, where="$"):
    """Return where a value is not as a schema says; as much of JSON Schema as is used."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return misfits(value, document["components"]["schemas"][name], document, where)
    if "anyOf" in schema:
        found = [misfits(value, one, document, where) for one in schema["anyOf"]]
        return [] if [] in found else [f"{where}: none of {schema['anyOf']}"]
    if "enum" in schema and value not in schema["enum"]:
        return [f"{where}: {value!r} is none of {schema['enum']}"]
    if not is_of(value, schema.get("type")):
        return [f"{where}: {value!r} is no {schema['type']}"]
    problems = []
    if isinstance(value, dict):
        known = schema.get("properties", {})
        problems += [
            f"{where}: no {name}" for name in schema.get("required", ()) if name not in value
        ]
        for key, one in value.items():
            inner = known.get(key, schema.get("additionalProperties", {}))
            problems += misfits(one, inner, document, f"{where}.{key}")
    if isinstance(value, list):
        for one in value:
            problems += misfits(one, schema.get("items", {}), document, f"{where}[]")
    if "pattern" in schema and not re.search(schema["pattern"], value):
        problems.append(f"{where}: {value!r} is not {schema['pattern']}")
    return problems


def is_of(value, kinds):
    types = {
        "string": str,
        "integer": int,
        "number": (int, float),
        "boolean": bool,
        "null": type(None),
        "object": dict,
        "array": list,
    }
    wanted = [kinds] if isinstance(kinds, str) else kinds
    return wanted is None or any(isinstance(value, types[kind]) for kind in wanted)
