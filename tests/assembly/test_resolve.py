"""Origins, order and problems of the configuration; nothing is imported."""

import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smoothop.assembly import schema
from smoothop.assembly.file import ConfigFile
from smoothop.assembly.resolve import Value, load, resolve

W = "smoothop.toml [workers.w]"
AT_LEAST_1 = "a whole number of at least 1"
LIKE = "a duration looks like 2, 0.5, '250ms', '2s', '5m' or '1h'"


def resolved(text="", environ=None, **flags):
    file = ConfigFile(Path("smoothop.toml"), tomllib.loads(text))
    return resolve(file, environ or {}, flags)


def problems(text="", environ=None, **flags):
    return [str(problem) for problem in resolved(text, environ, **flags).problems]


def test_flags_come_before_the_environment_before_the_file_before_defaults():
    text = "[operator]\nname='f'\ngrace='1s'\nlog_format='json'\n"
    environ = {"SMOOTHOP_NAME": "e", "SMOOTHOP_GRACE": "2s"}
    operator = resolved(text, environ, name="flag", grace=None).operator
    assert operator == {
        "name": Value("flag", "--name"),
        "grace": Value(2.0, "SMOOTHOP_GRACE"),
        "log_format": Value("json", "smoothop.toml [operator]"),
        "log_level": Value("info", "default"),
        "pool_size": Value(64, "default"),
    }


def test_the_size_of_the_pool_is_a_number_also_in_a_flag_and_a_variable():
    assert resolved("[operator]\npool_size=8\n").operator["pool_size"].value == 8
    assert resolved(environ={"SMOOTHOP_POOL_SIZE": "9"}).operator["pool_size"].value == 9
    assert resolved(pool_size="10").operator["pool_size"].value == 10
    assert problems(pool_size="0") == ["--pool-size: a whole number of at least 1, not 0"]
    assert problems(environ={"SMOOTHOP_POOL_SIZE": "many"}) == [
        "SMOOTHOP_POOL_SIZE: a whole number of at least 1, not 'many'"
    ]


@pytest.mark.parametrize("text", ["+8", " 8 ", "8.0", "\u0668", "9" * 5000])
def test_what_is_no_number_is_none_as_text_either(text):
    (problem,) = problems(pool_size=text)
    assert problem.startswith(f"--pool-size: {AT_LEAST_1}, not {text[:9]!r}"[:-1])


def test_a_flag_and_a_variable_are_text_but_the_file_has_types():
    found = resolved(environ={"SMOOTHOP_CONTROL": "0", "SMOOTHOP_READ_ONLY": "TRUE"})
    assert (found.control["enabled"].value, found.control["read_only"].value) == (False, True)
    assert problems("[operator]\npool_size = '8'\n[control]\nenabled = 'true'\n") == [
        f"smoothop.toml [operator] pool_size: {AT_LEAST_1}, not '8'",
        "smoothop.toml [control] enabled: true or false, not 'true'",
    ]


@pytest.mark.parametrize("text", ["", " ", "[]", "[1", "8080", "host", "host:port", "host:99999"])
def test_an_address_that_is_none_is_told_what_one_looks_like(text):
    assert problems(http=text) == [
        f"--http: HOST:PORT, such as 127.0.0.1:8080 or [::1]:8080, not {text!r}"
    ]


def test_a_path_is_a_text_that_can_be_one():
    assert problems(token_file="") == ["--token-file: a path as text, not ''"]
    assert problems("[control]\ntoken_file = 'a\\u0000'\n".replace("'", '"')) == [
        r"smoothop.toml [control] token_file: a path as text, not 'a\x00'"
    ]


def test_an_empty_variable_counts_as_not_set():
    found = resolved(environ={"SMOOTHOP_NAME": ""})
    assert found.operator["name"] == Value("default", "default")
    assert found.problems == ()


def test_what_a_flag_overrides_is_checked_all_the_same():
    assert problems("[operator]\ngrace=-1\n", grace="3s") == [
        "smoothop.toml [operator] grace: a duration is finite and not negative, not -1"
    ]


def test_what_is_switched_off_is_added_up():
    found = resolved("[plugins]\ndisable=['a']\n", {"SMOOTHOP_DISABLE_PLUGINS": "b, c,"})
    assert [value.value for value in found.disable] == ["b", "c", "a"]
    assert found.disabled_in_file == ("a",)


def test_a_worker_keeps_its_fields_with_their_origin():
    table = resolved("[workers.w]\nhandler='h@d'\npanic_backoff='2s'\nsettings={a=1}\n").workers[
        "w"
    ]
    place = "smoothop.toml [workers.w]"
    assert table.handler == Value("h@d", place)
    assert table.config == {"panic_backoff": Value(2.0, place)}
    assert table.settings == {"a": 1}


def test_a_worker_keeps_what_was_refused_or_misspelt():
    workers = resolved(
        "[workers.a]\nsetings = {}\nrun_in = 5\nzzz = 1\ncritical = true\n"
        "[workers.b]\nhandlr = 'h'\n"
    ).workers
    assert workers["a"].wrong == {"settings", "run_in"}
    assert list(workers) == ["a"]  # nobody knows which handler the other one runs


def test_the_default_handler_is_the_one_of_the_workers_name():
    assert resolved("[workers.w]\n").workers["w"].handler == Value("w", "default")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[operater]\n", "smoothop.toml: unknown key 'operater'; did you mean 'operator'?"),
        ("operator = 3\n", "smoothop.toml operator: a table, not 3"),
        ("workers = []\n", "smoothop.toml workers: a table, not []"),
        ("[workers]\nw = 1\n", "smoothop.toml [workers.w]: a worker is a table, not 1"),
        ("[workers.w]\nsettings = 1\n", "smoothop.toml [workers.w] settings: a table, not 1"),
        ("[workers.w]\nhandler = 1\n", "smoothop.toml [workers.w] handler: a handler's name"),
        ("[workers.w]\nhandler = 'h@'\n", "smoothop.toml [workers.w] handler: a distribution's"),
        ("[workers.w]\nhandler = '-'\n", "smoothop.toml [workers.w] handler: '-' is not a name"),
        ("[workers.w]\ncritical = 1\n", "smoothop.toml [workers.w] critical: true or false, not 1"),
        ("[operator]\nname = true\n", "smoothop.toml [operator] name: a name as text, not true"),
        ("[workers.w]\nmailbox_size = true\n", f"{W} mailbox_size: {AT_LEAST_1}, not true"),
        (
            "[workers.w]\nmailbox_size = 1979-05-27\n",
            f"{W} mailbox_size: {AT_LEAST_1}, not 1979-05",
        ),
        ("[workers.w]\nstop_grace = [true]\n", f"{W} stop_grace: {LIKE}, not [true]"),
        ("[workers.w]\nstop_grace = {s = 1}\n", f"{W} stop_grace: {LIKE}, not {{s = 1}}"),
        ("[workers.w]\nstop_grace = true\n", f"{W} stop_grace: {LIKE}, not true"),
        ("[workers.w]\nstop_grace = '-5s'\n", f"{W} stop_grace: a duration is finite and not neg"),
        (f"[workers.w]\nmax_memory = '{'9' * 400}'\n", f"{W} max_memory: a size looks like"),
        ("[workers.w]\nzzz = 1\n", "smoothop.toml [workers.w]: unknown key 'zzz'; known here: "),
        ("[workers.'a/b']\n", "smoothop.toml [workers.a/b]: 'a/b' is no name for a worker"),
        (
            '[workers."a\\nb"]\n',
            r"smoothop.toml [workers.'a\nb']: 'a\nb' is no name for a worker: 1",
        ),
        (
            f"[operator]\nname = '{'n' * 9999}'\n",
            f"smoothop.toml [operator] name: '{'n' * 99} is not",
        ),
        ("[plugins]\ndisable = 'a'\n", "smoothop.toml [plugins] disable: a list of names"),
        ("[operator]\ngrace = nan\n", "smoothop.toml [operator] grace: a duration is finite"),
        ("[operator]\nlog_level = 'loud'\n", "smoothop.toml [operator] log_level: one of debug,"),
    ],
)
def test_each_mistake_is_told_with_its_place_and_what_would_be_right(text, said):
    (problem,) = problems(text)
    assert problem.startswith(said)


VALUES = (
    *("true", "0", "-1", "1.5", "1e400", "nan", "-inf", "9" * 400, "1979-05-27", "07:32:00"),
    *("''", "' '", "'zzz'", "'8'", "'-5s'", "'true'", f"'{'9' * 5000}'", '"\\u0000"'),
    *("[]", "[true]", "{}", "{a = true}"),
)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: value[:20])
@pytest.mark.parametrize(
    ("table", "keys"),
    [
        ("operator", schema.OPERATOR),
        ("control", schema.CONTROL),
        ("plugins", schema.PLUGINS),
        ("workers.w", schema.WORKER),
    ],
)
def test_any_value_of_any_key_is_right_or_one_problem_in_the_words_of_the_file(table, keys, value):
    for key in keys:
        found = problems(f"[{table}]\n{key} = {value}\n")
        assert len(found) <= 1
        for problem in found:
            assert problem.startswith(f"smoothop.toml [{table}] {key}: ")
            assert not re.search("True|None|datetime|timedelta", problem)
            assert len(problem) < 300


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "nan", " ", "zzz", "-5s", "[]", "9" * 5000])
def test_any_text_of_any_variable_is_right_or_one_problem_of_its_name(value):
    for kind in schema.SETTLED.values():
        for variable in kind.variables:
            found = problems(environ={variable: value})
            assert len(found) <= 1
            assert all(problem.startswith(f"{variable}: ") for problem in found)
            assert all(len(problem) < 300 for problem in found)


def test_flags_and_variables_are_checked_and_named():
    found = problems(environ={"SMOOTHOP_NAME": "a b"}, grace="soon", log_format="xml")
    assert [problem.split(":")[0] for problem in found] == [
        "SMOOTHOP_NAME",
        "--grace",
        "--log-format",
    ]


def test_an_empty_path_of_a_file_is_a_problem_and_not_the_default(tmp_path):
    (tmp_path / "smoothop.toml").write_text("[operator]\nname = 'other'\n")
    found = load(tmp_path, {}, config="")
    assert [str(problem) for problem in found.problems] == ["configuration file: a path, not ''"]
    assert found.operator["name"].value == "default"


def test_a_file_that_cannot_be_read_does_not_hide_other_problems(tmp_path):
    found = load(tmp_path, {"SMOOTHOP_CONFIG": "no.toml"}, flags={"grace": "x"})
    assert [str(problem).split(":")[0] for problem in found.problems] == ["no.toml", "--grace"]


_keys = st.sampled_from(
    ["operator", "plugins", "workers", "name", "grace", "disable", "handler", "settings", "w", "-"]
) | st.text(max_size=4)
_anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys, inner, max_size=4),
    max_leaves=20,
)


# No deadline: how long an example takes is the business of whoever else uses the machine.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(_keys, _anything, max_size=5))
def test_whatever_stands_in_the_file_is_right_or_a_problem_and_never_an_exception(tables):
    found = resolve(ConfigFile(Path("x.toml"), tables), {}, {})
    assert set(found.operator) == {
        "name",
        "grace",
        "log_format",
        "log_level",
        "pool_size",
    }
    assert all(problem.where and problem.what for problem in found.problems)
