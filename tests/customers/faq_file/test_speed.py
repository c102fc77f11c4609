"""Twenty thousand rows: well under five seconds and 300 MB in every format."""

import subprocess
import sys
from pathlib import Path

import pytest

from customers.faq_file.model import FORMATS, FaqRow
from customers.faq_file.writer import export

_ROWS = 20_000
_CHILD = """
import pathlib, re, sys, time
from customers.faq_file.reader import parse
data = pathlib.Path(sys.argv[1]).read_bytes()
began = time.process_time()
parsed = parse(data, filename=sys.argv[1], locale="en-US", locales=["en-US"])
seconds = time.process_time() - began
assert not parsed.errors
# The highest memory of this program alone; ru_maxrss would remember the test run it was forked from.
status = pathlib.Path("/proc/self/status").read_text()
print(len(parsed.rows), seconds, int(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1]) / 1024)
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
    count, seconds, megabytes = done.stdout.split()
    assert int(count) == _ROWS
    assert float(seconds) < 5
    assert float(megabytes) < 300
