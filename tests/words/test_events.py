"""Events, phases and snapshots (API, section 5)."""

import copy
import inspect
import json
import pickle

import pytest

from smoothop import (
    DispatchEvent,
    HandleEvent,
    HandleStatus,
    LifecycleEvent,
    PanicEvent,
    Phase,
    Status,
    StuckEvent,
    WorkerSnapshot,
)
from smoothop.events import event_dict

EVENTS = [
    (HandleEvent("w", 1.0, HandleStatus.FAIL, 0.5, True, "x"), "handle"),
    (PanicEvent("w", 1.0, 2, "ValueError: x"), "panic"),
    (DispatchEvent("w", 1.0, True), "dispatch"),
    (StuckEvent("w", 1.0, 3.0, "File ..."), "stuck"),
    (LifecycleEvent("w", 1.0, "stopped", "requested"), "lifecycle"),
]
FIELDS = {
    HandleEvent: ["status", "duration", "had_message", "error"],
    PanicEvent: ["attempt", "error"],
    DispatchEvent: ["ok", "error"],
    StuckEvent: ["duration", "stack"],
    LifecycleEvent: ["event", "reason"],
}


@pytest.mark.parametrize(("event", "kind"), EVENTS)
def test_an_event_has_the_fields_of_the_contract(event, kind):
    assert event.kind == kind
    assert (event.worker, event.time) == ("w", 1.0)
    fields = FIELDS[type(event)]
    first, *others = inspect.signature(type(event)).parameters.values()
    assert [first.name, *(field.name for field in others)][: 2 + len(fields)] == [
        *("worker", "time", *fields),
    ]
    # What is added since comes after them and may be left out.
    assert all(field.default is None for field in others[1 + len(fields) :])
    for field in FIELDS[type(event)]:
        getattr(event, field)


@pytest.mark.parametrize(("event", "kind"), EVENTS)
def test_an_event_is_immutable(event, kind):
    for field in ("worker", "time", "other", *FIELDS[type(event)]):
        with pytest.raises(AttributeError):
            setattr(event, field, 1)
        with pytest.raises(AttributeError):
            delattr(event, field)


@pytest.mark.parametrize(("event", "kind"), EVENTS)
def test_an_event_is_a_plain_value(event, kind):
    twin = pickle.loads(pickle.dumps(event))
    assert twin == event == copy.deepcopy(event)
    assert hash(twin) == hash(event)
    assert json.loads(json.dumps(event_dict(event)))["kind"] == kind
    assert type(event).__name__ in repr(event)


def test_events_of_different_classes_are_not_equal():
    assert DispatchEvent("w", 1.0, True) != PanicEvent("w", 1.0, 1, "x")


def test_the_statuses_and_phases_are_those_of_the_contract():
    assert {status.value for status in Status} == {"running", "stopped"}
    assert [phase.value for phase in Phase] == [
        *("stopped", "starting", "handling", "idle", "backoff", "stopping", "failed"),
    ]


def test_a_snapshot_is_immutable():
    fields = list(inspect.signature(WorkerSnapshot).parameters)
    snapshot = WorkerSnapshot(**dict.fromkeys(fields))
    for field in fields:
        with pytest.raises(AttributeError):
            setattr(snapshot, field, 1)
    assert list(snapshot.to_dict()) == fields
