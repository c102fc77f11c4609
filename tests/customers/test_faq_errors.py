"""Every error code of the FAQ reader has a sentence that its data fills."""

import re
from pathlib import Path
from string import Formatter

import pytest
from django.utils.translation import override

from customers.faq_errors import REFUSALS, ROW_SENTENCES, error_sentence, refusal_sentence
from customers.faq_file.model import FileRefused, RowError
from customers.faq_file.reader import parse

_SOURCE = "".join(
    path.read_text() for path in (Path(__file__).parents[2] / "customers" / "faq_file").glob("*.py")
)
_ROW_CODE = re.compile(r'(?:_(?:report|finding)\(|code=|code = \{Formula: |BadCell: )\s*"([a-z_]+)"')
_REFUSAL_CODE = re.compile(r'FileRefused\(\s*"([a-z_]+)"(?: if [^)]* else "([a-z_]+)")?')


def test_every_row_code_has_a_sentence_and_every_sentence_a_code() -> None:
    used = set(_ROW_CODE.findall(_SOURCE))
    assert used == {code for code in ROW_SENTENCES if not code.endswith("_in_sheet")}


def test_every_refusal_has_a_sentence_and_every_sentence_a_refusal() -> None:
    used = {code for codes in _REFUSAL_CODE.findall(_SOURCE) for code in codes if code}
    assert used == set(REFUSALS)


@pytest.mark.parametrize("sentence", [*ROW_SENTENCES.values(), *REFUSALS.values()])
def test_sentences_use_plain_names_only(sentence: str) -> None:
    """A placeholder that reached into an object could show what it should not."""
    for _, name, spec, conversion in Formatter().parse(str(sentence)):
        assert name is None or name.isidentifier()
        assert not spec
        assert not conversion


def test_the_sentences_of_a_bad_file() -> None:
    data = (
        "id,locale,question,valid_from,valid_until,active,answer,tags\n"
        f"1,xx-XX,,31.12.2026,,perhaps,{'x' * 20_001},{'; '.join('abcdefgh' * 10)}\n"
        "1,en-US,a?,2026-02-01,2026-01-01,,\ufffd,\n1,en-US,A,,,,\x01,\n"
        '"x,y",en-US,b,,,,,,,more\nz,en-US,a?,,,,,\nw,en-US,"c,,,,,\n'
    )
    parsed = parse(data.encode(), filename="faq.csv", locale="en-US", locales=["en-US", "de-DE"])
    with override("en"):
        sentences = [error_sentence(error) for error in parsed.errors]
    assert "“xx-XX” is none of your locales. Use one of these: en-US, de-DE." in sentences
    assert "“31.12.2026” is not a date that reads only one way. Write it like 2026-01-31." in sentences
    assert "The text has 20001 characters and the limit is 20000. Shorten it." in sentences
    assert "“2026-01-01” is before the first day, 2026-02-01. Correct one of the two dates." in sentences
    assert (
        "The row has 10 cells and the header 8. Look for a missing or unquoted separator in it." in sentences
    )
    assert not [sentence for sentence in sentences if "{" in sentence]


def test_another_sheet_is_named() -> None:
    error = RowError(sheet="B", row=3, value="7", code="duplicate_id", data={"sheet": "A", "row": 2})
    assert error_sentence(error).startswith("The id “7” is already used in row 2 of the sheet “A”.")


def test_values_are_never_read_as_placeholders() -> None:
    error = RowError(row=2, value="{sheet.__class__} %s", code="bad_boolean")
    assert error_sentence(error).startswith("“{sheet.__class__} %s” is neither")


def test_sizes_read_as_sizes() -> None:
    with override("en"):
        assert "28.6\xa0MB and the limit is 23.8\xa0MB" in refusal_sentence(
            FileRefused("too_large", size=30_000_000, limit=25_000_000)
        )
