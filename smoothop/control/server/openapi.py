"""The OpenAPI document, made from the table of routes and the records that are answered."""

from __future__ import annotations

import types
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from smoothop.control.answers import ActionResult, OperatorInfo, Stacks, WorkerDetails
from smoothop.control.failures import STATUS
from smoothop.control.server.replies import reply
from smoothop.control.wire import MOST_SLOTS
from smoothop.events import KINDS, WorkerSnapshot

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.requests import Request
    from starlette.responses import Response

    from smoothop.control.server.room import Room
    from smoothop.control.server.table import Entry

Schema = dict[str, Any]

RECORDS: Final = (OperatorInfo, WorkerSnapshot, WorkerDetails, ActionResult, Stacks)
_NAME: Final[Schema] = {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"}
_SECONDS: Final[Schema] = {"type": "number", "minimum": 0}
_WAITING: Final = (
    ("wait", {"type": "boolean", "default": True}),
    ("timeout", _SECONDS),
)
_QUERIES: Final[dict[str, tuple[tuple[str, Schema], ...]]] = {
    "start": _WAITING,
    "stop": _WAITING,
    "restart": _WAITING,
    "scale": _WAITING,
    "events": (
        ("worker", _NAME),
        ("kind", {"type": "array", "items": {"enum": list(KINDS)}}),
    ),
}
_BODIES: Final[dict[str, Schema]] = {
    "scale": {
        "type": "object",
        "properties": {"concurrency": {"type": "integer", "minimum": 1, "maximum": MOST_SLOTS}},
        "required": ["concurrency"],
        "additionalProperties": False,
    },
    "send": {
        "type": "object",
        "properties": {
            "message": {},
            "wait": {"type": "boolean", "default": False},
            "timeout": {"anyOf": [_SECONDS, {"type": "null"}]},
        },
        "required": ["message"],
        "additionalProperties": False,
    },
}
_OUTCOME: Final[Schema] = {
    "type": "object",
    "properties": {
        "outcome": {"enum": ["done", "failed", "panicked", "dropped"]},
        "result": {},
        "error": {"type": ["string", "null"]},
    },
    "required": ["outcome", "result", "error"],
}
_HEALTH: Final[Schema] = {
    "type": "object",
    "properties": {
        "ok": {"type": "boolean"},
        "reasons": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["ok", "reasons"],
}
_ACTION: Final[Schema] = {"$ref": "#/components/schemas/ActionResult"}
_ANSWERS: Final[dict[str, dict[int, Schema]]] = {
    "operator": {200: {"$ref": "#/components/schemas/OperatorInfo"}},
    "end": {
        202: {
            "type": "object",
            "properties": {"state": {"const": "stopping"}, "ends": {"type": "boolean"}},
        }
    },
    "workers": {200: {"type": "array", "items": {"$ref": "#/components/schemas/WorkerSnapshot"}}},
    "worker": {200: {"$ref": "#/components/schemas/WorkerDetails"}},
    "start": {200: _ACTION, 202: _ACTION},
    "stop": {200: _ACTION, 202: _ACTION},
    "restart": {200: _ACTION, 202: _ACTION},
    "pause": {200: _ACTION},
    "resume": {200: _ACTION},
    "scale": {200: _ACTION, 202: _ACTION},
    "send": {200: _OUTCOME, 202: {"type": "object", "properties": {"accepted": {"const": True}}}},
    "stacks": {200: {"$ref": "#/components/schemas/Stacks"}},
    "openapi": {200: {"type": "object"}},
    "livez": {200: _HEALTH, 503: _HEALTH},
    "readyz": {200: _HEALTH, 503: _HEALTH},
}
_ERROR: Final[Schema] = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {"code": {"enum": list(STATUS)}, "message": {"type": "string"}},
            "required": ["code", "message"],
        }
    },
    "required": ["error"],
}


async def describe(room: Room, _: Request) -> Response:
    """Tell every route, as an OpenAPI document."""
    return reply(document(room.entries, room.version))


def document(entries: Iterable[Entry], version: str) -> dict[str, Any]:
    """Return the document for these routes."""
    paths: dict[str, Any] = {}
    for entry in entries:
        paths.setdefault(_path(entry), {})[entry.method.lower()] = _operation(entry)
    schemas = {record.__name__: schema_of(record) for record in RECORDS}
    return {
        "openapi": "3.1.0",
        "info": {"title": "smoothop control", "version": version},
        "paths": paths,
        "components": {
            "schemas": {**schemas, "Error": _ERROR},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def schema_of(record: type) -> Schema:
    """Return the schema of a record, from the types of its fields."""
    hints = get_type_hints(record)
    names = [field.name for field in fields(record)]
    properties = {name: _typed(hints[name]) for name in names}
    return {"type": "object", "properties": properties, "required": names}


def _typed(hint: Any) -> Schema:
    origin, arguments = get_origin(hint), get_args(hint)
    if hint in RECORDS:
        return {"$ref": f"#/components/schemas/{hint.__name__}"}
    if origin in (Union, types.UnionType):
        return {"anyOf": [_typed(one) for one in arguments]}
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin is dict:
        return {"type": "object", "additionalProperties": _typed(arguments[1])}
    if origin in (list, tuple):
        return {"type": "array", "items": _typed(arguments[0])}
    return _PLAIN[hint]


_PLAIN: Final[dict[Any, Schema]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    type(None): {"type": "null"},
    Any: {},
}


def _path(entry: Entry) -> str:
    return entry.path.replace(":path}", "}")


def _operation(entry: Entry) -> dict[str, Any]:
    answers = _ANSWERS.get(entry.name)
    operation: dict[str, Any] = {
        "operationId": entry.name,
        "summary": (entry.endpoint.__doc__ or "A route of a plugin.").partition("\n")[0],
        "parameters": _parameters(entry),
        "responses": {
            **{str(status): _answer(schema) for status, schema in (answers or {200: {}}).items()},
            "default": _answer({"$ref": "#/components/schemas/Error"}),
        },
        "security": [] if entry.access == "open" else [{"token": []}],
    }
    if entry.name == "events":
        operation["responses"]["200"] = {
            "description": "server-sent events",
            "content": {"text/event-stream": {}},
        }
    if entry.name in _BODIES:
        content = {"application/json": {"schema": _BODIES[entry.name]}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _parameters(entry: Entry) -> list[dict[str, Any]]:
    in_path = [
        {"name": name, "in": "path", "required": True, "schema": _NAME}
        for name in ("name", "rest")
        if f"{{{name}}}" in _path(entry)
    ]
    in_query = [
        {"name": name, "in": "query", "schema": schema}
        for name, schema in _QUERIES.get(entry.name, ())
    ]
    return in_path + in_query


def _answer(schema: Schema) -> dict[str, Any]:
    return {"description": "", "content": {"application/json": {"schema": schema}}}
