"""Export, then import: the same rows, byte for byte, in every format."""

from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customers.faq_file import model
from customers.faq_file.headers import display_headers
from customers.faq_file.model import FORMATS, FaqRow
from customers.faq_file.reader import parse
from customers.faq_file.text import clean, has_separator, question_key, single_line
from customers.faq_file.writer import export

from .samples import ROWS

_AWKWARD = ["=1+1", "+", "-", "@x", "'=a", "''-b", "＝", "\t", "\n", "\r\n", '"', "'", ",", ";", "_x000D_",
"_x", "  ", "\u3000",
            "\u200f", "\u202e", "\u2028", "\ufeff", "é", "e\u0301", "\U0001f600", "null", "~", "no", "- a",
            "# b", "]]>", "&amp;",
            "<b>", "|", ": ", "{", "\\", "%", "*a", "!!x", "...", "---", "1e5", "007", "\xa0", "ﬁ"]  # fmt: skip
_TEXT = st.lists(
    st.one_of(
        st.sampled_from(_AWKWARD),
        st.text(
            st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffd\ufffe\uffff"),
            max_size=8,
        ),
    ),
    max_size=8,
).map("".join)
_CLEAN = _TEXT.map(clean)
_LINE = _TEXT.map(single_line)
_NAME = _LINE.filter(lambda text: bool(text) and not has_separator(text))
_DATES = st.none() | st.dates(date(1, 1, 1), date(9998, 12, 31))


@st.composite
def _rows(draw: st.DrawFn) -> list[FaqRow]:
    """Rows as the importer would have stored them: clean text, unique ids and questions per locale."""
    rows, ids, questions = [], set[tuple[str, str]](), set[tuple[str, str]]()
    for _ in range(draw(st.integers(1, 4))):
        locale = draw(st.sampled_from(["en-US", "ar-SA", "zh-CN"]))
        row_id, question = draw(_NAME), draw(_CLEAN.filter(bool))
        if (locale, row_id) in ids or (locale, question_key(question)) in questions:
            continue
        ids.add((locale, row_id))
        questions.add((locale, question_key(question)))
        start = draw(_DATES)
        end = draw(st.none() | st.dates(start or date(1, 1, 1), date(9999, 1, 1)))
        rows.append(
            FaqRow(
                id=row_id,
                locale=locale,
                question=question,
                alternates=tuple(draw(st.lists(_LINE.filter(bool), max_size=3))),
                answer=draw(_CLEAN),
                category=draw(_LINE),
                tags=tuple(draw(st.lists(_NAME, max_size=3))),
                follow_ups=tuple(draw(st.lists(_NAME, max_size=3))),
                valid_from=start,
                valid_until=end,
                active=draw(st.booleans()),
            )
        )
    return rows


@pytest.mark.parametrize("form", FORMATS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rows=_rows(), header_locale=st.sampled_from(["en", "ja-JP", "ar-SA", "de"]))
def test_any_accepted_text_survives(form: str, rows: list[FaqRow], header_locale: str) -> None:
    parsed = parse(
        export(rows, format=form, header_locale=header_locale), filename=f"faq.{form}", locale=None
    )
    assert parsed.errors == ()
    assert parsed.warnings == ()
    assert parsed.rows == tuple(rows)


@settings(max_examples=100, deadline=None)
@given(text=_TEXT)
def test_import_settles_a_text_once(text: str) -> None:
    """What one import stores, another import stores again: normalisation is idempotent through a file."""
    raw = export([FaqRow(id="1", locale="en-US", question="Q", answer=text)], format="jsonl")
    once = parse(raw, filename="faq.jsonl", locale=None)
    for form in FORMATS:
        assert parse(export(once.rows, format=form), filename=f"faq.{form}", locale=None).rows == once.rows


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("header_locale", ["en", "zh", "ja", "ko", "es", "pt", "fr", "de", "ar", "hi", "it"])
def test_sample_rows_under_headers_of_any_language(form: str, header_locale: str) -> None:
    parsed = parse(
        export(ROWS, format=form, header_locale=header_locale), filename=f"faq.{form}", locale=None
    )
    assert parsed.rows == ROWS
    assert parsed.errors == ()


@pytest.mark.parametrize("form", FORMATS)
def test_rows_at_every_limit(form: str) -> None:
    """200 alternates of 1,000 characters fill seven cells; no cell passes what a spreadsheet holds."""
    row = FaqRow(
        id="i" * model.NAME_LIMIT,
        locale="en-US",
        question="q" * model.QUESTION_LIMIT,
        alternates=tuple(f"{number:03}" + "ä" * 997 for number in range(model.ALTERNATES_LIMIT)),
        answer="\U0001f600" * 16_000,
        tags=tuple(f"{number:03}" + "t" * 197 for number in range(model.NAMES_LIMIT)),
    )
    parsed = parse(export([row], format=form), filename=f"faq.{form}", locale=None)
    assert parsed.errors == ()
    assert parsed.rows == (row,)


@pytest.mark.parametrize("form", ["xlsx", "ods"])
def test_interleaved_locales_keep_their_order(form: str) -> None:
    rows = tuple(
        FaqRow(id=str(number), locale=("en-US", "de-DE")[number % 2], question=f"Question {number}")
        for number in range(6)
    )
    assert parse(export(rows, format=form), filename=f"faq.{form}", locale=None).rows == rows


@pytest.mark.parametrize("form", [form for form in FORMATS if form != "jsonl"])
def test_no_rows(form: str) -> None:
    parsed = parse(export([], format=form), filename=f"faq.{form}", locale="en-US")
    assert (parsed.rows, parsed.errors, parsed.missing) == ((), (), ())


def test_unknown_format_is_named() -> None:
    with pytest.raises(ValueError, match="cannot export to 'xls'"):
        export([], format="xls")


def test_display_headers_fall_back_to_english() -> None:
    assert display_headers("it-IT") == display_headers("en")
    assert display_headers("pt_BR")["answer"] == "Resposta"
