"""The texts of stacks."""

from smoothop.engine.texts import last_line

BOOTSTRAP = """\
  File "/lib/threading.py", line 3, in _bootstrap
    self.run()
"""
ENGINE = """\
  File "/lib/smoothop/engine/runners/steps.py", line 4, in handle
    result = call(context)
"""
HANDLER = """\
  File "/home/me/acme.py", line 7, in handle
    receipt.result()
"""
WAIT = """\
  File "C:\\lib\\smoothop\\engine\\waiting.py", line 5, in wait
    self._gate.acquire()"""


def test_where_a_stack_stands_is_one_line():
    stack = '  File "a.py", line 1, in f\n    g()\n  File "b.py", line 2, in g\n    x = 1\n'
    assert last_line(stack) == 'File "b.py", line 2, in g: x = 1'
    assert last_line("no stack") == "no stack"


def test_a_handler_that_waits_in_the_engine_stands_at_its_own_line():
    where = last_line(BOOTSTRAP + ENGINE + HANDLER + WAIT)
    assert where == 'File "/home/me/acme.py", line 7, in handle: receipt.result()'


def test_where_no_handler_is_called_it_is_the_innermost_line():
    where = 'File "C:\\lib\\smoothop\\engine\\waiting.py", line 5, in wait: self._gate.acquire()'
    assert last_line(BOOTSTRAP + ENGINE + WAIT) == where
