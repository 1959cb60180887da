"""The tree of errors (API, section 7)."""

import copy
import pickle

import pytest

import smoothop
from smoothop import errors

PARENTS = {
    "SmoothopError": {Exception},
    "WorkerExistsError": {errors.SmoothopError},
    "WorkerNotFoundError": {errors.SmoothopError, LookupError},
    "InvalidHandlerError": {errors.SmoothopError, TypeError},
    "DispatchTimeoutError": {errors.SmoothopError, TimeoutError},
    "MailboxFullError": {errors.SmoothopError},
    "MessageDroppedError": {errors.SmoothopError},
    "HandlerFailedError": {errors.SmoothopError},
    "HandlerPanickedError": {errors.SmoothopError},
    "StopTimeoutError": {errors.SmoothopError, TimeoutError},
    "OperatorClosedError": {errors.SmoothopError},
    "PluginError": {errors.SmoothopError},
    "PluginLoadError": {errors.PluginError},
    "ConfigError": {errors.PluginError},
}


@pytest.mark.parametrize("name", PARENTS)
def test_each_error_has_the_parents_of_the_contract_and_is_at_the_top_level(name):
    error = getattr(errors, name)
    assert set(error.__bases__) == PARENTS[name]
    assert getattr(smoothop, name) is error
    assert name in smoothop.__all__


def test_there_are_no_others():
    found = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, BaseException)
    }
    assert found == set(PARENTS)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (errors.WorkerExistsError("inbox"), "worker inbox already exists"),
        (errors.WorkerNotFoundError("inbox"), "worker inbox not found"),
        (errors.StopTimeoutError("1 worker did not stop", {"inbox": "File ..."}), None),
    ],
)
def test_an_error_with_data_survives_a_copy(error, text):
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert str(twin) == (text or str(error))
        assert vars(twin) == vars(error)
