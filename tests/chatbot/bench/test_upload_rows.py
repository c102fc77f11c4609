"""The large file that uploads are measured with."""

from chatbot.bench.upload_rows import PARTS, csv_file
from customers.faq_file.reader import parse
from customers.text_language import other_language

ROWS = dict.fromkeys(PARTS, 40)


def test_the_same_numbers_give_the_same_bytes() -> None:
    assert csv_file(ROWS) == csv_file(ROWS)


def test_every_row_is_good_and_in_its_locale_s_language() -> None:
    parsed = parse(csv_file(ROWS), filename="bench.csv", locale=None, locales=list(PARTS))
    assert (len(parsed.rows), parsed.errors, parsed.warnings) == (sum(ROWS.values()), (), ())
    languages = {locale.split("-")[0] for locale in PARTS}
    for row in parsed.rows:
        expected = row.locale.split("-")[0]
        assert other_language(f"{row.question}\n{row.answer}", expected=expected, languages=languages) is None
