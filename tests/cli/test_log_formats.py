"""Log records as lines of text and of JSON."""

import json
import logging

from smoothop.cli.log_formats import JsonFormatter, TextFormatter


def record(message, level=logging.INFO, **fields):
    made = logging.LogRecord("smoothop", level, "x.py", 1, message, None, None)
    vars(made).update(fields)
    return made


def test_every_line_of_a_record_has_the_name_of_its_worker():
    lines = TextFormatter(6, colour=False).format(record("one\ntwo\x07", worker="w")).splitlines()
    assert [line[9:] for line in lines] == ["w      | one", r"w      | two\x07"]


def test_details_of_the_record_are_added_once():
    formatter = TextFormatter(1, colour=False)
    line = formatter.format(record("handle error: bad", logging.ERROR, worker="w", error="bad"))
    assert line.endswith("w | ERROR handle error: bad")


def test_a_huge_text_keeps_its_head_and_its_tail():
    text = TextFormatter(1, colour=False).format(record("a" * 10_000_000 + "z"))
    assert len(text) < 17_000
    assert text.endswith("z")
    assert "characters left out]" in text


def test_json_is_one_ascii_line_and_leaves_out_what_does_not_apply():
    line = JsonFormatter().format(record("ä\n\udcff", worker="w", duration=0.5))
    assert line.isascii()
    assert "\n" not in line
    assert json.loads(line)["duration"] == 0.5
    assert "attempt" not in json.loads(line)


def test_an_error_whose_text_cannot_be_had_is_still_logged():
    class BadError(Exception):
        def __str__(self):
            raise RuntimeError

    made = record("panic recovered")
    made.exc_info = (BadError, BadError(), None)
    assert "BadError" in JsonFormatter().format(made)
    assert "BadError" in TextFormatter(1, colour=True).format(made)


def test_a_line_of_json_has_the_event_apart_from_its_values():
    made = record("handle error: %s", logging.ERROR, worker="w", error="bad", duration=0.25)
    made.args = ("bad",)
    made.created = 0.5
    assert json.loads(JsonFormatter().format(made)) == {
        "time": "1970-01-01T00:00:00.500Z",
        "level": "error",
        "logger": "smoothop",
        "event": "handle error: %s",
        "message": "handle error: bad",
        "worker": "w",
        "duration": 0.25,
        "error": "bad",
    }


def test_an_exception_is_type_message_and_traceback():
    made = record("panic recovered")
    try:
        json.loads("nonsense")
    except ValueError as error:
        made.exc_info = (type(error), error, error.__traceback__)
    exception = json.loads(JsonFormatter().format(made))["exception"]
    assert exception["type"] == "json.decoder.JSONDecodeError"
    assert exception["message"] == "Expecting value: line 1 column 1 (char 0)"
    assert exception["traceback"].splitlines()[0] == "Traceback (most recent call last):"
    assert exception["traceback"].endswith(exception["message"])


def test_what_json_does_not_know_becomes_text():
    line = JsonFormatter().format(record("x", duration=float("nan"), error=object, attempt={1: 2}))
    entry = json.loads(line, parse_constant=lambda name: f"not JSON: {name}")
    assert (entry["duration"], entry["error"], entry["attempt"]) == ("nan", str(object), "{1: 2}")


def test_how_many_were_left_out_is_told_in_both_formats():
    made = record("panic recovered", logging.WARNING, error="bad", attempt=9, left_out=3)
    assert json.loads(JsonFormatter().format(made))["left_out"] == 3
    text = TextFormatter(1, colour=False).format(made)
    assert text.endswith("WARNING panic recovered: bad (attempt 9, 3 before it left out)")
