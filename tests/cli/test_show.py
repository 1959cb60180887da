"""`smoothop config` and `smoothop inspect` in real processes."""

import json
import tomllib

FILE = """
[operator]
name = "night"
[plugins]
disable = ["plain"]
[workers.voice]
handler = "talker"
panic_backoff_max = "2m"
[workers.voice.settings]
text = "tab\\there"
password = "swordfish"
"""


def test_config_prints_toml_that_says_the_same(acme, tmp_path, write):
    write(FILE)
    ended = acme.smoothop("config", cwd=tmp_path, variables={"SMOOTHOP_GRACE": "1m"})
    assert ended.returncode == 0, ended.stderr
    shown = tomllib.loads(ended.stdout)
    assert shown["operator"] == {
        "name": "night",
        "grace": 60,
        "log_format": "text",
        "log_level": "info",
        "pool_size": 64,
    }
    assert shown["plugins"] == {"disable": ["plain"], "strict": False, "max_failures": 10}
    voice = shown["workers"]["voice"]
    assert (voice["handler"], voice["panic_backoff"], voice["panic_backoff_max"]) == (
        "talker",
        7,
        120,
    )
    assert voice["settings"]["text"] == "tab\there"


def test_show_origin_tells_where_each_value_comes_from(acme, tmp_path, write):
    write(FILE)
    ended = acme.smoothop(
        "config", "--show-origin", "--json", cwd=tmp_path, variables={"SMOOTHOP_GRACE": "1m"}
    )
    shown = json.loads(ended.stdout)
    assert shown["file"] == "smoothop.toml"
    assert shown["operator"]["name"] == {"value": "night", "origin": "smoothop.toml [operator]"}
    assert shown["operator"]["grace"] == {"value": 60.0, "origin": "SMOOTHOP_GRACE"}
    assert shown["operator"]["log_level"] == {"value": "info", "origin": "default"}
    voice = shown["workers"]["voice"]
    place = "smoothop.toml [workers.voice]"
    assert voice["panic_backoff"] == {"value": 7.0, "origin": "handler"}
    assert voice["panic_backoff_max"] == {"value": 120.0, "origin": place}
    assert voice["mailbox_size"] == {"value": 1024, "origin": "default"}
    assert voice["settings"]["text"]["origin"] == place
    assert voice["settings"]["times"] == {"value": 1, "origin": "handler"}
    text = acme.smoothop("config", "--show-origin", cwd=tmp_path).stdout
    assert 'name = "night"  # smoothop.toml [operator]' in text
    assert tomllib.loads(text)


def test_secrets_are_shown_by_no_command(acme, tmp_path, write):
    write(FILE)
    for command in (
        ("config",),
        ("config", "--json", "--show-origin"),
        ("inspect", "voice"),
        ("inspect", "talker", "--json"),
    ):
        ended = acme.smoothop(*command, cwd=tmp_path)
        assert ended.returncode == 0
        assert "password" in ended.stdout
        assert "**********" in ended.stdout
        assert "swordfish" not in ended.stdout + ended.stderr
        assert "hunter2" not in ended.stdout + ended.stderr


def test_config_without_a_file_shows_what_all_would_run(acme, tmp_path):
    shown = json.loads(acme.smoothop("config", "--json", cwd=tmp_path).stdout)
    assert shown["file"] is None
    assert shown["workers"]["ticker"]["handler"] == "ticker@acme-workers"


def test_config_says_what_all_would_leave_out(acme, tmp_path):
    told = acme.smoothop("config", cwd=tmp_path)
    assert told.returncode == 0
    assert "handler 'talker' of acme-workers 1.2: text: required, but not given" in told.stderr


def test_config_tells_problems_and_ends_with_2(acme, tmp_path, write):
    write("[workers.voice]\nhandler='talker'\n[workers.ticker]\n")
    ended = acme.smoothop("config", cwd=tmp_path)
    assert ended.returncode == 2
    assert "[workers.voice] settings: text: required, but not given" in ended.stderr
    assert "ticker" in tomllib.loads(ended.stdout)["workers"]


def test_a_file_that_is_not_there_is_wrong_usage(acme, tmp_path):
    for command in (("config",), ("run", "ticker"), ("list",)):
        ended = acme.smoothop(*command, "--config", "nowhere.toml", cwd=tmp_path)
        assert ended.returncode == 2
        assert "nowhere.toml: cannot be read: No such file or directory" in ended.stderr


def test_inspect_shows_everything_about_a_handler(acme, tmp_path, write):
    write(FILE)
    ended = acme.smoothop("inspect", "talker", "--json", cwd=tmp_path)
    assert ended.returncode == 0
    known = json.loads(ended.stdout)
    assert known["name"] == "talker"
    assert known["state"] == "ok"
    assert (known["kind"], known["runs"]) == ("class", "async")
    assert known["summary"] == "Says what it was given."
    assert known["config"]["panic_backoff"] == 7
    settings = {one["name"]: one for one in known["settings"]}
    assert settings["text"] == {
        "name": "text",
        "type": "str",
        "required": True,
        "default": None,
        "description": None,
    }
    assert settings["times"]["default"] == 1
    assert list(known["workers"]) == ["voice"]
    text = acme.smoothop("inspect", "talker", cwd=tmp_path).stdout
    assert "summary:      Says what it was given." in text
    assert "required" in text


def test_inspect_tells_problems_of_workers_in_the_file_only(acme, tmp_path, write):
    assert acme.smoothop("inspect", "talker", cwd=tmp_path).stderr == ""
    write("[workers.voice]\nhandler = 'talker'\n")
    ended = acme.smoothop("inspect", "talker", cwd=tmp_path)
    assert "[workers.voice] settings: text: required, but not given" in ended.stderr


def test_inspect_of_a_worker_whose_table_is_wrong_tells_what_is_wrong_there(acme, tmp_path, write):
    write("[workers.voice]\nhandler = 5\n")
    ended = acme.smoothop("inspect", "voice", cwd=tmp_path)
    assert ended.returncode == 2
    told = "smoothop.toml [workers.voice] handler: a handler's name as text, not 5"
    assert ended.stderr == f"smoothop: 1 problem\n  {told}\n"


def test_inspect_takes_functions_and_names_of_workers(acme, tmp_path, write):
    write("[workers.mine]\nhandler = 'plain'\n")
    known = json.loads(acme.smoothop("inspect", "mine", "--json", cwd=tmp_path).stdout)
    assert (known["name"], known["kind"], known["runs"]) == ("plain", "function", "sync")


def test_inspect_of_a_broken_handler_shows_its_error_and_ends_with_7(acme, tmp_path):
    ended = acme.smoothop("inspect", "broken", cwd=tmp_path)
    assert ended.returncode == 7
    assert "a_module_that_is_nowhere" in ended.stdout


def test_inspect_of_an_unknown_name_suggests_the_nearest(acme, tmp_path):
    ended = acme.smoothop("inspect", "tickr", cwd=tmp_path)
    assert ended.returncode == 2
    assert "did you mean 'ticker'?" in ended.stderr
    assert ended.stdout == ""


def test_inspect_of_an_unknown_name_speaks_of_workers_too(acme, tmp_path, write):
    write("[workers.incoming]\nhandler = 'ticker'\n")
    ended = acme.smoothop("inspect", "incomming", cwd=tmp_path)
    assert ended.returncode == 2
    assert "no handler 'incomming' is installed" in ended.stderr
    assert "nor is there such a worker, configured or in a running operator" in ended.stderr
    assert "did you mean 'incoming'?" in ended.stderr
