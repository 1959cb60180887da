"""Finding and reading the configuration file."""

import pytest

from smoothop.assembly.file import find_file
from smoothop.assembly.problems import ProblemsError


def problem(directory, explicit=None):
    with pytest.raises(ProblemsError) as caught:
        find_file(directory, explicit)
    return str(caught.value)


def test_without_a_file_there_is_an_empty_configuration(tmp_path):
    found = find_file(tmp_path)
    assert (found.path, found.tables) == (None, {})


def test_the_own_file_comes_before_the_project_file(tmp_path):
    (tmp_path / "smoothop.toml").write_text("[operator]\nname='own'\n")
    (tmp_path / "pyproject.toml").write_text("[tool.smoothop.operator]\nname='project'\n")
    assert find_file(tmp_path).tables == {"operator": {"name": "own"}}
    found = find_file(tmp_path, "pyproject.toml")
    assert found.tables == {"operator": {"name": "project"}}
    assert found.place("operator") == "pyproject.toml [tool.smoothop.operator]"


def test_a_project_file_without_our_table_is_none_of_ours(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.other]\nx=1\n")
    assert find_file(tmp_path).path is None
    assert problem(tmp_path, "pyproject.toml") == (
        "pyproject.toml: it has no table [tool.smoothop]"
    )


def test_our_part_of_a_project_file_is_a_table(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool]\nsmoothop = 3\n")
    for explicit in (None, "pyproject.toml"):
        told = problem(tmp_path, explicit)
        assert told == "pyproject.toml: [tool.smoothop] is a table, not 3"


def test_a_byte_order_mark_and_windows_line_ends_are_no_problem(tmp_path):
    (tmp_path / "smoothop.toml").write_bytes(b"\xef\xbb\xbf[operator]\r\nname = 'x'\r\n")
    assert find_file(tmp_path).tables == {"operator": {"name": "x"}}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[operator]\nname = \n", "smoothop.toml:2:8: Invalid value"),
        (b"a = " + b"9" * 5000, "smoothop.toml: a number in it has thousands of digits"),
        (b"[operator]\nname = '\xff'\n", "smoothop.toml:2: not valid UTF-8"),
        (b"a = " + b"[" * 100_000, "smoothop.toml: nested too deeply"),
    ],
)
def test_a_file_that_is_not_toml_is_told_with_its_line(tmp_path, content, said):
    (tmp_path / "smoothop.toml").write_bytes(content)
    assert problem(tmp_path).startswith(said)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[operator]\nname = 1\nname = 2\n", "3: name is given twice, first in line 2"),
        ("[w]\ns = [\n1]\nt = 1\ns = [\n2,\n3,\n]\n", "5: s is given twice, first in line 2"),
        ("[w]\ns = {a = 1}\ns = {b = 'c=d'}\n", "3: s is given twice, first in line 2"),
        ("[a]\nk = 1\n'k' = 1\n", "3: 'k' collides with what is given before it"),
        ("[a.b]\nx = 1\n[c]\n[a.b] # again\n", "4: [a.b] is given twice, first in line 1"),
        ("a = {b = {}}\n[a.c]\n", "2: [a.c] collides with what is given before it"),
        ("a.b = 1\n[a]\n", "2: [a] collides with what is given before it"),
        ("a.b = 1\r\na.b = 2\r\n", "2: a.b is given twice, first in line 1"),
        ("x = 1\na = {b = 1, b.c = 2}\n", "2:20: Cannot overwrite a value"),
        ("x = 1\na = {b = 1, b = 2}\n", "2:18: Duplicate inline table key 'b'"),
    ],
)
def test_what_is_given_twice_is_told_by_its_name(tmp_path, content, said):
    (tmp_path / "smoothop.toml").write_text(content, newline="")
    assert problem(tmp_path).startswith(f"smoothop.toml:{said}")


@pytest.mark.parametrize("name", ["smoothop.toml", "pyproject.toml"])
def test_a_link_to_nowhere_is_told_and_not_passed_over(tmp_path, name):
    (tmp_path / name).symlink_to("nowhere")
    assert problem(tmp_path) == f"{name}: cannot be read: No such file or directory"


def test_a_directory_is_told_as_what_cannot_be_read(tmp_path):
    (tmp_path / "smoothop.toml").mkdir()
    assert "smoothop.toml: cannot be read: Is a directory" in problem(tmp_path)
