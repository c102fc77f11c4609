"""The same fact in any form is one fact; another one is not."""

import pytest

from chatbot.answering.guard.facts import facts_of, known_words, names_of
from chatbot.answering.guard.lexicon import lexicon_for
from chatbot.answering.guard.quantities import parse_number

SAME = [
    ("ja-JP", "３日以内", "3日以内"),
    ("ja-JP", "三日以内", "3日間"),
    ("ja-JP", "午後6時まで", "18:00まで"),
    ("ja-JP", "1万円", "10,000円"),
    ("zh-CN", "三天内", "3天内"),
    ("zh-CN", "百分之二十", "20%"),
    ("zh-CN", "下午2点", "14:00"),
    ("zh-CN", "1.5万元", "15000元"),
    ("zh-CN", "周三发货", "星期三发货"),
    ("ko-KR", "사흘 안에", "3일 안에"),
    ("ko-KR", "5만 원", "50,000원"),
    ("ko-KR", "삼 일", "3일"),
    ("ko-KR", "오후 2시", "14:00"),
    ("ar-SA", "٣ أيام", "3 أيام"),
    ("ar-SA", "ثلاثة أيام", "3 أيام"),
    ("ar-SA", "يومين", "2 أيام"),
    ("ar-SA", "١٬٢٣٤٫٥٠ ريال", "1,234.50 ريال"),
    ("hi-IN", "१५ दिन", "15 दिन"),
    ("hi-IN", "तीन दिन", "3 दिन"),
    ("hi-IN", "₹1,00,000", "1 लाख रुपये"),
    ("hi-IN", "शाम 6 बजे", "18:00"),
    ("en-US", "three days", "3 days"),
    ("en-US", "twenty-five days", "25 days"),
    ("en-US", "$1,234.50", "USD 1234.5"),
    ("en-US", "6 p.m.", "18:00"),
    ("en-US", "December 24, 2026", "2026-12-24"),
    ("en-US", "https://www.shop.example/a/", "shop.example/a"),
    ("en-US", "+1 (800) 555-0142", "800-555-0142"),
    ("de-DE", "1.234,50 €", "1234,5 Euro"),
    ("de-DE", "fünfundzwanzig Tage", "25 Tage"),
    ("de-DE", "24. Dezember", "24.12.2026"),
    ("de-DE", "14 Uhr", "14:00 Uhr"),
    ("fr-FR", "1 234,50 €", "1234,50 euros"),
    ("fr-FR", "18h30", "18:30"),
    ("fr-FR", "quatorze jours", "14 jours"),
    ("es-MX", "$1,299.00", "1299 pesos"),
    ("es-MX", "treinta y cinco días", "35 días"),
    ("pt-BR", "R$ 1.299,90", "1299,90 reais"),
    ("pt-BR", "dez dias úteis", "10 dias úteis"),
]
OTHER = [
    ("en-US", "24 days", "24 hours"),
    ("en-US", "5 days", "5 business days"),
    ("en-US", "€49", "$49"),
    ("en-US", "6 p.m.", "6 a.m."),
    ("en-US", "Tuesday", "Monday to Friday"),
    ("en-US", "in a day", "in an hour"),
    ("en-US", "SAVE20", "SAVE10"),
    ("en-US", "shop.example/b", "https://shop.example/a"),
    ("en-US", "help@other.example", "help@shop.example"),
    ("de-DE", "1.234 €", "1,234 €"),
    ("de-DE", "25. Dezember", "24. Dezember"),
    ("ja-JP", "3時間", "3日"),
    ("zh-CN", "三个小时", "三天"),
    ("ko-KR", "3시간", "3일"),
    ("ar-SA", "3 ساعات", "3 أيام"),
    ("hi-IN", "3 घंटे", "3 दिन"),
    ("fr-FR", "14 heures", "14 jours"),
    ("es-MX", "4 días", "3 días"),
    ("pt-BR", "10 dias", "10 dias úteis"),
]


def bears_out(locale: str, source: str, claim: str) -> bool:
    lexicon = lexicon_for(locale)
    claims = [fact for fact in facts_of(claim, lexicon) if fact.is_claim]
    assert claims, f"no fact is found in {claim!r}"
    grounds = {ground for fact in facts_of(source, lexicon) for ground in fact.grounds}
    return all(fact.claims & grounds for fact in claims)


@pytest.mark.parametrize(("locale", "claim", "source"), SAME)
def test_a_fact_in_another_form_is_borne_out(locale: str, claim: str, source: str) -> None:
    assert bears_out(locale, source, claim)


@pytest.mark.parametrize(("locale", "claim", "source"), OTHER)
def test_another_fact_is_not(locale: str, claim: str, source: str) -> None:
    assert not bears_out(locale, source, claim)


@pytest.mark.parametrize(
    ("locale", "text", "value"),
    [
        ("de-DE", "1.234", 1234),
        ("en-US", "1.234", 1.234),
        ("en-US", "1,234", 1234),
        ("hi-IN", "12,34,567", 1234567),
    ],
)
def test_separators_are_those_of_the_locale(locale: str, text: str, value: float) -> None:
    assert float(parse_number(text, lexicon_for(locale)) or 0) == value


def test_ends_of_a_range_have_its_unit() -> None:
    facts = facts_of("It takes 3–5 business days.", lexicon_for("en-US"))
    assert [fact.group for fact in facts] == ["business_day", "business_day"]


@pytest.mark.parametrize(
    ("locale", "sentence", "source", "unknown"),
    [
        ("en-US", "It is sent by Hermes.", "It is sent by UPS.", "Hermes"),
        ("de-DE", "Ihr Paket kommt mit Hermes.", "Ihr Paket kommt mit DHL.", "Hermes"),
        ("ja-JP", "コロッセ運輸で届きます。", "ヤマト運輸で届きます。", "コロッセ"),
        ("zh-CN", "由DHL配送。", "由顺丰配送。", "DHL"),
        ("hi-IN", "Bluedart से आएगा।", "Delhivery से आएगा।", "Bluedart"),
    ],
)
def test_a_name_that_no_source_has_is_found(locale: str, sentence: str, source: str, unknown: str) -> None:
    lexicon = lexicon_for(locale)
    known = known_words([source])
    assert [name for name in names_of(sentence, lexicon) if not known.holds(name, lexicon)] == [unknown]


def test_german_nouns_of_the_sources_in_other_forms_are_known() -> None:
    lexicon = lexicon_for("de-DE")
    known = known_words(["Rücksendungen kosten nichts, wenn das Rücksendeetikett benutzt wird."])
    assert all(known.holds(name, lexicon) for name in ("Rücksendung", "Etikett", "Tage"))
