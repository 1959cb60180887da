"""Exceptions on their way from one process to another."""

import dataclasses
import pickle
import threading

import pytest
from support.obedient import EXCEPTIONS, PlainError

from smoothop.engine.runners.process.carried import LONGEST, ForeignError, arrived, carry


def sent(error):
    return arrived(pickle.loads(pickle.dumps(carry(error))))


def raised(error, cause=None):
    try:
        raise error from cause
    except BaseException as caught:
        return caught


@pytest.mark.parametrize("name", EXCEPTIONS)
def test_every_exception_arrives_under_its_name(name):
    error = EXCEPTIONS[name]()
    assert type(sent(error)).__name__ == type(error).__name__


def test_one_that_can_be_pickled_arrives_as_what_it_was():
    arrived_one = sent(raised(PlainError("x")))
    assert type(arrived_one) is PlainError
    assert arrived_one.args == ("x",)


def test_one_that_cannot_has_its_text():
    error = PlainError("held")
    error.lock = threading.Lock()
    arrived_one = sent(raised(error))
    assert isinstance(arrived_one, ForeignError)
    assert (type(arrived_one).__name__, str(arrived_one)) == ("PlainError", "held")


def test_the_traceback_is_the_cause_as_text():
    cause = sent(raised(PlainError("x"))).__cause__
    assert "in raised\n    raise error from cause" in str(cause)
    assert "PlainError: x" in str(cause)
    assert str(cause).startswith("in process ")


def test_one_that_was_never_raised_has_no_traceback():
    assert sent(PlainError("x")).__cause__ is None


def test_causes_come_along_and_the_last_one_has_the_traceback():
    error = sent(raised(PlainError("effect"), raised(KeyError("cause"))))
    assert isinstance(error.__cause__, KeyError)
    assert "The above exception was the direct cause" in str(error.__cause__.__cause__)


def test_one_that_goes_on_to_a_third_process_does_not_gather_tracebacks():
    once = sent(raised(PlainError("x")))
    twice = sent(raised(once, once.__cause__))
    assert type(twice.__cause__).__name__ == "RemoteTracebackError"
    assert twice.__cause__.__cause__ is None


def test_a_traceback_of_any_length_is_cut_to_its_end():
    error = raised(PlainError("x" * 10 * LONGEST + "the end"))
    text = str(sent(error).__cause__)
    assert len(text) < LONGEST + 200
    assert text.endswith("the end")


@dataclasses.dataclass(frozen=True)
class FrozenError(Exception):
    pass


def test_one_whose_class_lets_nothing_be_set_arrives_with_its_cause():
    error = FrozenError()
    BaseException.__dict__["__cause__"].__set__(error, KeyError("cause"))
    came = sent(error)
    assert type(came) is FrozenError
    assert isinstance(came.__cause__, KeyError)
