"""Twenty thousand rows: under 300 MB in every format, and in time that grows as they do."""

import subprocess
import sys
from pathlib import Path

import pytest

from customers.faq_file.model import FORMATS, FaqRow
from customers.faq_file.reader import parse
from customers.faq_file.writer import export
from tests.growth import TIMES, assert_linear

_ROWS = 20_000
_CHILD = """
import pathlib, re, sys
from customers.faq_file.reader import parse
data = pathlib.Path(sys.argv[1]).read_bytes()
parsed = parse(data, filename=sys.argv[1], locale="en-US", locales=["en-US"])
assert not parsed.errors
# The highest memory of this program alone; ru_maxrss would remember the test run it was forked from.
status = pathlib.Path("/proc/self/status").read_text()
print(len(parsed.rows), int(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1]) / 1024)
"""


@pytest.fixture(scope="module")
def rows() -> list[FaqRow]:
    words = "how can I return the order 返品 refund größe"
    return [
        FaqRow(
            id=f"faq-{number}",
            locale="en-US",
            question=f"{number} {words}?",
            alternates=tuple(f"{words} {number} {variant}" for variant in range(4)),
            answer=f"{words} {number}\n\n" * 6 + words,
            category="Orders",
            tags=("orders", "returns"),
        )
        for number in range(_ROWS)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMATS)
def test_twenty_thousand_rows(form: str, rows: list[FaqRow], tmp_path: Path) -> None:
    path = tmp_path / f"faq.{form}"
    path.write_bytes(export(rows, format=form))
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, str(path)], capture_output=True, text=True, check=True
    )
    count, megabytes = done.stdout.split()
    assert int(count) == _ROWS
    assert float(megabytes) < 300


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMATS)
def test_more_rows_take_more_time_by_as_much(form: str, rows: list[FaqRow]) -> None:
    assert_linear(
        lambda data: parse(data, filename=f"faq.{form}", locale="en-US", locales=["en-US"]),
        make=lambda size: export(rows[:size], format=form),
        size=_ROWS // TIMES,
    )
