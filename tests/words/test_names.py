"""Names of workers and handlers."""

import pytest

from smoothop import Operator, done
from smoothop._names import is_name

GOOD = ["a", "A", "7", "inbox", "acme-inbox_2.1", "a" * 64, "run", "list", "0..--__"]
BAD = [
    *("", " ", ".", "..", "a/b", "a\\b", "a b", " a", "a ", "-a", "_a", ".a", "a" * 65, "a" * 256),
    *("naïve", "\N{PILE OF POO}", "a\N{RIGHT-TO-LEFT MARK}", "a\n", "a\0", "٣", "a:b", "a@b"),
    *(None, 3, b"a", ["a"]),
]


def handle(ctx):
    return done()


@pytest.mark.parametrize("name", GOOD)
def test_a_good_name_is_taken(name):
    assert is_name(name)
    with Operator() as op:
        assert op.add_handler(name, handle).name == name


@pytest.mark.parametrize("name", BAD)
def test_a_malformed_name_is_refused_and_the_error_says_what_is_right(name):
    assert not is_name(name)
    with Operator() as op:
        with pytest.raises(ValueError, match="1 to 64 of the characters"):
            op.add_handler(name, handle)
        assert op.workers() == []
