"""Which part of a value cannot be pickled."""

import threading
from functools import partial

import pytest
from support.obedient import Obedient

from smoothop.engine.runners.process.blame import why_not, why_not_elsewhere


class Holder:
    def __init__(self, **attributes):
        vars(self).update(attributes)

    def method(self):
        pass


class Slotted:
    __slots__ = ("lock",)


class Raising:
    def __reduce__(self):
        raise SystemExit("no")


def slotted():
    value = Slotted()
    value.lock = threading.Lock()
    return value


def test_nothing_stands_in_the_way_of_what_can_be_pickled():
    for value in (1, "x", {"a": [1, (2,)]}, Obedient(), partial(len, []), threading.Thread):
        assert why_not(value) is None
        assert why_not_elsewhere(value) is None


@pytest.mark.parametrize(
    ("value", "names"),
    [
        (threading.Lock(), "it cannot be pickled (TypeError: cannot pickle '_thread.lock' object)"),
        (Holder(good=1, lock=threading.Lock()), "its attribute 'lock' cannot"),
        (Holder(inner=Holder(lock=threading.Lock())), "its attribute 'lock' of attribute 'inner' "),
        ({"a": [1, threading.Lock()]}, "its item 1 of item 'a' cannot"),
        (Holder(call=lambda: 1), "its attribute 'call' cannot"),
        (slotted(), "its attribute 'lock' cannot"),
        (Holder(lock=threading.Lock()).method, "its attribute 'lock' of object cannot"),
        (partial(print, threading.Lock()), "its argument 0 cannot"),
        (partial(print, end=threading.Lock()), "its argument 'end' cannot"),
        (Raising(), "it cannot be pickled (SystemExit: no)"),
    ],
)
def test_the_part_is_named(value, names):
    assert why_not(value).startswith(names)


def test_what_holds_itself_is_no_endless_search():
    value = Holder(lock=threading.Lock())
    value.itself = value
    assert "attribute 'lock'" in why_not(value)


def test_a_key_that_is_no_name_is_not_repeated():
    assert why_not({"mail@example.org": threading.Lock()}).startswith("its item of some key cannot")
