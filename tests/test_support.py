"""The shared test support: what it builds is real."""

from support.environments import Environment
from support.wheels import build_wheel

REPORT = """
import importlib.metadata, json, sys
import acme_good, smoothop
(entry,) = importlib.metadata.entry_points(group="acme.group")
print(json.dumps([sys.prefix, entry.name, entry.load()(), entry.dist.name, sys.argv[1:]]))
"""


def test_a_wheel_installs_into_an_environment_of_its_own_and_runs_there(tmp_path):
    wheel = build_wheel(
        tmp_path / "wheels",
        "Acme.Good",
        "1.2",
        files={"acme_good/__init__.py": "def answer():\n    return 42\n"},
        entry_points={"acme.group": {"answer": "acme_good:answer"}},
        requires=["a-package-that-is-nowhere>=2"],
    )
    environment = Environment.create(tmp_path / "env")
    environment.install(wheel)
    assert environment.run_json(REPORT, "an argument") == [
        str(environment.path),
        "answer",
        42,
        "Acme.Good",
        ["an argument"],
    ]
    assert (environment.site_packages / "acme_good-1.2.dist-info" / "INSTALLER").is_file()
