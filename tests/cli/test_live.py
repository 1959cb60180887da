"""Why is it not running? The answer of `smoothop inspect`."""

import pytest

from smoothop.cli.live import live_lines, verdict

KNOWN = {
    "name": "mail",
    "status": "running",
    "phase": "idle",
    "time": 1000.0,
    "started_at": 900.0,
    "stopped_at": None,
    "stop_reason": None,
    "starts": 1,
    "handled": 12,
    "panics": 0,
    "panic_attempts": 0,
    "retry_at": None,
    "last_error": None,
    "last_error_at": None,
    "mailbox_depth": 0,
    "mailbox_size": 1024,
    "senders_waiting": 0,
    "handling_since": None,
    "stuck": False,
    "config": {"max_panic_attempts": 5, "message_only": False},
}
STARTING = {"number": 0, "phase": "starting", "handling_since": None}
STOPPED = {"status": "stopped", "phase": "stopped", "stopped_at": 940.0}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "waiting for a message"),
        ({"retry_at": 1002.0}, "nothing to do; looks again in 2s, or when a message comes"),
        (
            {"phase": "backoff", "panic_attempts": 2, "retry_at": 1004.5},
            "backing off after panic 2 of 5; goes on in 4.5s",
        ),
        ({"phase": "backoff", "retry_at": 999.0}, "backing off after a failure; goes on now"),
        ({"phase": "handling", "handling_since": 930.0}, "in handle for 1m10s"),
        (
            {"phase": "handling", "handling_since": 930.0, "stuck": True},
            "stuck in handle for 1m10s",
        ),
        ({"phase": "starting", "slots": [STARTING | {"starting_since": 998.0}]}, "starting for 2s"),
        ({"phase": "starting", "slots": [STARTING | {"starting_since": None}]}, "starting"),
        ({"phase": "starting", "slots": [STARTING]}, "starting"),
        (
            {"phase": "stopping"},
            "stopping: it was asked to, and has not left its handler yet",
        ),
        (STOPPED | {"stop_reason": "requested"}, "stopped 1m00s ago: requested"),
        (STOPPED | {"stopped_at": None}, "not started yet"),
        (
            STOPPED | {"phase": "failed", "stop_reason": "panic limit"},
            "failed 1m00s ago: panic limit; 'smoothop start mail' begins anew",
        ),
        (
            {"paused_since": 970.0, "paused_by": "uid 0"},
            "paused for 30s by uid 0: 'smoothop resume mail' lets it go on",
        ),
    ],
)
def test_the_first_line_says_what_it_does_or_why_it_does_nothing(changes, expected):
    assert verdict(KNOWN | changes) == expected


def live(**changes):
    return {
        "snapshot": KNOWN | changes,
        "stack": 'File "acme.py", line 3, in handle\n    lock.acquire()\n',
        "config_origins": {
            "max_panic_attempts": "smoothop.toml [workers.mail]",
            "message_only": "default",
        },
        "handler": None,
        "operator": {"name": "default", "pid": 7},
    }


def test_everything_else_fits_on_a_screen():
    trouble = {
        "last_error": "ValueError: x",
        "last_error_at": 990.0,
        "last_traceback": "\n".join(f"line {number}" for number in range(40)),
        "history": [{"time": 1.0, "event": "panic", "detail": str(n)} for n in range(32)],
        "rate": 3.0,
        "p95": 0.25,
        "senders_waiting": 2,
        "phase": "handling",
        "panics": 4,
        "panic_attempts": 3,
    }
    lines = list(live_lines(live(**trouble)))
    text = "\n".join(lines)
    assert len(text.splitlines()) <= 40
    assert 'stands at:    File "acme.py", line 3, in handle: lock.acquire()' in lines
    assert "mailbox:      0 of 1024 messages wait; 2 senders wait for room" in lines
    assert "panics:       4, 3 of 5 count now" in lines
    assert (
        "calls:        12 handled, 4 restarts, up for 1m40s, 3 per second, 95 % within 250ms"
        in (lines)
    )
    assert "last error:   ValueError: x (10s ago)" in lines
    assert "line 39" in text
    assert "line 27\n" not in text
    assert "panic: 31" in text
    assert "  max_panic_attempts = 5  # smoothop.toml [workers.mail]" in lines
    assert "message_only" not in text


def test_each_of_several_slots_has_a_line():
    slots = [
        {
            "number": number,
            "phase": "handling",
            "handling_since": 990.0,
            "stuck": number == 1,
            "abandoned": False,
        }
        for number in (0, 1)
    ]
    lines = list(live_lines(live(slots=slots)))
    assert "slot 0:       handling for 10s" in lines
    assert "slot 1:       handling for 10s stuck" in lines


def test_of_several_slots_it_stands_where_the_one_does_that_the_verdict_speaks_of():
    slots = [
        {
            "number": number,
            "phase": "handling",
            "handling_since": since,
            "stuck": False,
            "abandoned": False,
        }
        for number, since in ((0, None), (1, 990.0), (12, 995.0))
    ]
    stacks = "\n".join(
        f"slot {n}:\n  File 'slot.py', line {n}, in f\n    x = {n}" for n in (0, 1, 12)
    )
    handling = live(phase="handling", handling_since=990.0, slots=slots) | {"stack": stacks}
    assert "stands at:    File 'slot.py', line 1, in f: x = 1" in list(live_lines(handling))


def test_a_worker_that_works_again_is_told_from_a_blocked_one_and_where_the_lost_call_stands():
    slots = [
        {"number": 0, "phase": "handling", "handling_since": 600.0, "stuck": True},
        {"number": 1, "phase": "handling", "handling_since": 995.0, "stuck": False},
    ]
    slots = [slot | {"abandoned": slot["stuck"]} for slot in slots]
    stacks = "\n".join(f"slot {n}:\n  File 'slot.py', line {n}, in f\n    x = {n}" for n in (0, 1))
    known = live(phase="handling", handling_since=600.0, stuck=True, slots=slots)
    lines = list(live_lines(known | {"stack": stacks}))
    assert lines[0] == "now:          in handle for 5s"
    assert "stands at:    File 'slot.py', line 1, in f: x = 1" in lines
    assert (
        "slot 0:       handling for 6m40s stuck and abandoned: replaced, but its code still runs, "
        "at File 'slot.py', line 0, in f: x = 0"
    ) in lines


def test_a_worker_without_trouble_takes_few_lines():
    assert len(list(live_lines(live() | {"config_origins": None}))) == 5
