"""Examples of replies are read with their faults named."""

from pathlib import Path

import pytest

from chatbot.learning.rewriting.examples import SHIPPED, ExampleError, read_examples

LOCALES = {"ar-SA", "de-DE", "en-US", "es-MX", "fr-FR", "hi-IN", "ja-JP", "ko-KR", "pt-BR", "zh-CN"}


def test_every_demo_locale_has_at_least_sixty_with_some_unknown() -> None:
    examples = read_examples(SHIPPED)
    by_locale = {
        locale: [one for one in examples if one.locale == locale] for locale in {e.locale for e in examples}
    }
    assert by_locale.keys() == LOCALES
    for locale, own in by_locale.items():
        assert len(own) >= 60, locale
        assert sum(not one.reply for one in own) >= 5, locale
        assert len({(one.sources, one.question) for one in own}) == len(own), locale
        assert 0 < sum(one.is_held_out for one in own) < len(own) / 2, locale


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        ('{"sources": [], "question": "q", "reply": "r"}', "no sources"),
        ('{"sources": ["s"], "question": "", "reply": "r"}', '"question"'),
        ('{"sources": ["s"], "question": "q"}', '"reply"'),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, line: str, fault: str) -> None:
    good = '{"sources": ["s"], "question": "q", "reply": ""}'
    (tmp_path / "de-DE.jsonl").write_text(f"{good}\n{line}\n")
    with pytest.raises(ExampleError, match=r"de-DE\.jsonl line 2") as raised:
        read_examples(tmp_path)
    assert fault in str(raised.value)


def test_a_locale_without_examples_is_refused(tmp_path: Path) -> None:
    (tmp_path / "de-DE.jsonl").write_text('{"sources": ["s"], "question": "q", "reply": "r"}\n')
    with pytest.raises(ExampleError, match=r"ja-JP.*It has: de-DE"):
        read_examples(tmp_path, locales=("ja-JP",))
    (only,) = read_examples(tmp_path, locales=("de-DE",))
    assert (only.locale, only.sources, only.question, only.reply) == ("de-DE", ("s",), "q", "r")
