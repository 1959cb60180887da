"""`Config` (API, section 3)."""

import copy
import dataclasses
import inspect
import math
import pickle
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from smoothop import Config

DEFAULTS = {
    "max_panic_attempts": 0,
    "panic_backoff": 0,
    "panic_backoff_max": 0,
    "panic_window": 0,
    "message_only": False,
    "mailbox_size": 1024,
    "max_dispatch_timeout": 0,
    "stop_grace": 10,
    "run_in": "thread",
    "stuck_after": 0,
    "concurrency": 1,
    "critical": False,
    "on_stuck": "report",
    "max_memory": 0,
    "max_handles": 0,
}
DURATIONS = [
    "panic_backoff",
    "panic_backoff_max",
    "panic_window",
    "max_dispatch_timeout",
    "stop_grace",
    "stuck_after",
]
BAD_DURATIONS = [-1, -0.5, math.nan, math.inf, -math.inf, "2s", None, True, timedelta(-1), 10**400]


def test_the_defaults_are_those_of_the_contract():
    assert dataclasses.asdict(Config()) == DEFAULTS


def test_it_is_keyword_only():
    with pytest.raises(TypeError, match="takes its fields by name"):
        Config(3)


@pytest.mark.parametrize("field", DEFAULTS)
def test_it_is_frozen(field):
    config = Config()
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(config, field, 1)


@pytest.mark.parametrize("field", DURATIONS)
@pytest.mark.parametrize(("given", "seconds"), [(2, 2.0), (0.5, 0.5), (timedelta(hours=1), 3600.0)])
def test_a_duration_is_a_number_of_seconds_or_a_timedelta(field, given, seconds):
    assert getattr(Config(**{field: given}), field) == seconds


@pytest.mark.parametrize("field", DURATIONS)
@pytest.mark.parametrize("value", BAD_DURATIONS)
def test_what_is_no_duration_is_refused_by_name(field, value):
    with pytest.raises(ValueError, match=rf"\A{field}: "):
        Config(**{field: value})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_panic_attempts", -1),
        ("max_panic_attempts", 1.5),
        ("max_panic_attempts", "3"),
        ("max_panic_attempts", True),
        ("mailbox_size", 0),
        ("mailbox_size", -5),
        ("mailbox_size", 2.0),
        ("mailbox_size", None),
        ("concurrency", 0),
        ("concurrency", True),
        ("message_only", 1),
        ("message_only", "yes"),
        ("critical", None),
        ("run_in", "fiber"),
        ("run_in", None),
        ("run_in", ["thread"]),
        ("on_stuck", "kill"),
        ("max_memory", -1),
        ("max_memory", "1GB"),
        ("max_handles", 1.0),
    ],
)
def test_a_bad_value_is_refused_by_name(field, value):
    with pytest.raises(ValueError, match=rf"\A{field}: ") as caught:
        Config(**{field: value})
    assert repr(value) in str(caught.value)


def test_an_unknown_field_is_refused_with_the_nearest_or_all_that_there_are():
    with pytest.raises(TypeError, match=r"\Aretries: Config has no such field, only max_panic_a"):
        Config(retries=3)
    for wrong in (partial(Config, mailboxsize=3), partial(replace, Config(), mailboxsize=3)):
        with pytest.raises(TypeError, match=r"\Amailboxsize: .*; did you mean 'mailbox_size'\?\Z"):
            wrong()


def test_its_fields_can_be_looked_up_and_it_can_be_copied_and_pickled():
    assert list(inspect.signature(Config).parameters) == list(DEFAULTS)
    config = Config(panic_backoff=2)
    assert pickle.loads(pickle.dumps(config)) == copy.deepcopy(config) == config


def test_a_longest_backoff_below_the_first_is_refused():
    with pytest.raises(ValueError, match=r"\Apanic_backoff_max: 1 s is less than panic_backoff"):
        Config(panic_backoff=2, panic_backoff_max=1)


@pytest.mark.parametrize("reaction", ["replace", "exit"])
def test_a_reaction_to_what_is_stuck_needs_to_know_when_that_is(reaction):
    with pytest.raises(ValueError, match=rf"\Aon_stuck: '{reaction}' needs stuck_after"):
        Config(on_stuck=reaction)
    assert Config(on_stuck=reaction, stuck_after=1).on_stuck == reaction


@pytest.mark.parametrize("field", ["max_memory", "max_handles"])
@pytest.mark.parametrize("run_in", ["thread", "pool"])
def test_limits_of_a_child_process_are_refused_where_there_is_none(field, run_in):
    with pytest.raises(ValueError, match=rf"\A{field}: needs run_in='process'"):
        Config(run_in=run_in, **{field: 5})
    assert getattr(Config(run_in="process", **{field: 5}), field) == 5


def test_equal_configs_are_equal():
    assert Config(panic_backoff=timedelta(seconds=2)) == Config(panic_backoff=2)
    assert hash(Config(stop_grace=1)) == hash(Config(stop_grace=1.0))
