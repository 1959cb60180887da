"""The walks themselves: a document that is not true fails."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from support.walks import Command, File, Walk, steps

DOCUMENT = """
# A title

```{code-block} python
:caption: package/module.py

print("one")
print("two at 12:34")
```

```python
not a step
```

```console
$ python package/module.py
one
two at ...
$ true
```
"""


@pytest.fixture
def walk(tmp_path):
    return Walk(tmp_path, Path(sys.executable).parent)


def test_a_document_is_a_list_of_files_and_commands():
    assert list(steps(DOCUMENT)) == [
        File("package/module.py", 'print("one")\nprint("two at 12:34")\n'),
        Command("python package/module.py", "one\ntwo at ...\n"),
        Command("true", ""),
    ]


def test_a_document_that_is_true_passes(walk):
    for step in steps(DOCUMENT):
        walk.take(step)


@pytest.mark.parametrize("output", ["", "one\n", "one\nthree\n", "one\ntwo\nthree\n", "two\n...\n"])
def test_output_that_differs_is_shown(walk, output):
    with pytest.raises(AssertionError, match=r"but printed\none\ntwo"):
        walk.take(Command("printf 'one\\ntwo\\n'", output))


@pytest.mark.parametrize("output", ["one\n...\n", "...\n", "...\ntwo\n", "o...e\ntwo\n"])
def test_dots_stand_for_any_text_or_lines(walk, output):
    walk.take(Command("printf 'one\\ntwo\\n'", output))


def test_a_time_of_day_stands_for_any_time(walk):
    walk.take(Command("date +%H:%M:%S", "12:34:56\n"))


def test_a_command_runs_on_a_terminal(walk):
    walk.take(Command("test -t 0 && test -t 1 && test -t 2 && echo yes", "yes\n"))


STOPPABLE = """python -c "
import signal
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
print('ready', flush=True)
signal.sigwait([signal.SIGINT])
print('b', 'a', sep=chr(10))
"
"""


def test_a_command_is_interrupted_when_it_has_printed_what_comes_before(walk):
    walk.take(Command(STOPPABLE, "ready\n^C\na\nb\n"))
    walk.take(Command(STOPPABLE, "ready\n^C\n...\na\n"))


@pytest.mark.parametrize("after", ["", "a\n", "a\nb\nc\n", "...\nc\n"])
def test_what_a_command_prints_after_the_interrupt_is_compared(walk, after):
    with pytest.raises(AssertionError, match=r"but printed\nready\nb\na"):
        walk.take(Command(STOPPABLE, "ready\n^C\n" + after))
