"""Which part of a value keeps it from being pickled."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from functools import partial
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, Final

from smoothop.engine.runners.process.wire import PICKLE, packed
from smoothop.engine.texts import typed_text

_DEEPEST: Final = 20
_WHOLE: Final = (type, FunctionType, BuiltinFunctionType, ModuleType, str, bytes)


def why_not(value: object) -> str | None:
    """Return what keeps `value` from being pickled, or ``None`` when nothing does.

    The text reads on after the name of the value: ``its attribute 'lock' cannot be pickled
    (TypeError: cannot pickle '_thread.lock' object)``. Runs the code of the value's class.
    """
    try:
        packed(value)
    except BaseException as error:  # noqa: BLE001 - as above
        return _blame(value, error)
    return None


def why_not_elsewhere(value: object) -> str | None:
    """Do the same, and object as well to what is defined in ``__main__``.

    That pickles here, by its name, but a child has another ``__main__``.
    """
    try:
        _Elsewhere(_Nowhere(), PICKLE).dump(value)
    except BaseException as error:  # noqa: BLE001 - as above
        return _blame(value, error)
    return None


class _Nowhere:
    def write(self, data: bytes, /) -> int:
        return len(data)


class _Elsewhere(pickle.Pickler):
    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, (type, FunctionType)) and value.__module__ == "__main__":
            raise pickle.PicklingError(
                f"{value.__qualname__} is defined in the program itself (__main__), which a child "
                "process does not run: move it to a module of its own"
            )
        return NotImplemented


def _blame(value: object, error: BaseException) -> str:
    path, culprit = [], error
    for _ in range(_DEEPEST):
        found = _culprit_in(value)
        if found is None:
            break
        step, value, culprit = found
        path.append(step)
    what = f"its {' of '.join(reversed(path))} cannot" if path else "it cannot"
    return f"{what} be pickled ({typed_text(culprit)})"


def _culprit_in(value: object) -> tuple[str, object, BaseException] | None:
    for step, part in _parts(value):
        try:
            _Elsewhere(_Nowhere(), PICKLE).dump(part)
        except BaseException as error:  # noqa: BLE001 - as above
            return step, part, error
    return None


def _parts(value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, _WHOLE):
        return
    if isinstance(value, dict):
        yield from ((_named(key), part) for key, part in value.items())
    elif isinstance(value, (list, tuple, set, frozenset)):
        yield from ((f"item {number}", part) for number, part in enumerate(value))
    elif isinstance(value, partial):
        yield from ((f"argument {number}", part) for number, part in enumerate(value.args))
        yield from ((f"argument {name!r}", part) for name, part in value.keywords.items())
    elif isinstance(value, MethodType):
        yield "object", value.__self__
    else:
        yield from ((f"attribute {name!r}", part) for name, part in _attributes(value))


def _named(key: object) -> str:
    # A key may be part of the payload, which has no place in a log; one like a name is a name.
    return f"item {key!r}" if isinstance(key, str) and key.isidentifier() else "item of some key"


def _attributes(value: object) -> Iterator[tuple[str, object]]:
    yield from getattr(value, "__dict__", {}).items()
    for kind in type(value).__mro__:
        slots = vars(kind).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if hasattr(value, name):
                yield name, getattr(value, name)
