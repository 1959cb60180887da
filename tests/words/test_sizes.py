"""Sizes as they are written in files."""

import pytest

from smoothop._sizes import parse_size


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("1024", 1024),
        ("7B", 7),
        ("1kB", 1_000),
        ("1KiB", 1_024),
        ("512MiB", 512 * 1024**2),
        ("1.5 GB", 1_500_000_000),
        (" 2TiB ", 2 * 1024**4),
        (7, 7),
    ],
)
def test_a_written_size_is_read(text, expected):
    assert parse_size(text, "max_memory") == expected


@pytest.mark.parametrize("value", ["", "x", "-1", "1e3", "1 mb", "GB", -1, 1.5, True, None])
def test_what_is_no_size_is_refused_by_name(value):
    with pytest.raises(ValueError, match=r"\Amax_memory: a size looks like 1048576, '512MiB'"):
        parse_size(value, "max_memory")
