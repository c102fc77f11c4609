"""What comes along with a chosen unit."""

import numpy as np
import pytest

from chatbot.answering.composition.conditions import Companions, cues_for
from chatbot.answering.composition.text import Unit, units_of

LANGUAGES = ("ar", "de", "en", "es", "fr", "hi", "ja", "ko", "pt", "zh")


def along(text: str, chosen: str, *, language: str = "en", question: str = "") -> str:
    """Return what is kept of a text whose units are all unlike one another, where the unit with `chosen` is chosen."""
    units = units_of(text)
    found = Companions(units, np.eye(len(units), dtype=np.float32), language=language, question=question)
    kept = found.of({unit.place for unit in units if chosen in unit.text and unit.may_be_chosen})
    return "".join(unit.markdown for unit in units if unit.place in kept)


@pytest.mark.parametrize(
    ("language", "text", "chosen"),
    [
        ("en", "Returns are free. However, furniture costs $30. We ship daily.", "free"),
        ("en", "Returns are free. This does not apply to furniture. We ship daily.", "free"),
        ("en", "Returns are free. Except furniture. We ship daily.", "free"),
        ("de", "Die Rückgabe ist kostenlos. Ausgenommen sind Möbel. Wir liefern täglich.", "kostenlos"),
        ("de", "Die Rückgabe ist kostenlos. Dies gilt nicht für Möbel. Wir liefern täglich.", "kostenlos"),
        ("es", "La devolución es gratis. Sin embargo, los muebles no. Enviamos a diario.", "gratis"),
        ("fr", "Le retour est gratuit. Toutefois, les meubles sont exclus. Nous expédions.", "gratuit"),
        ("pt", "A devolução é grátis. Porém, móveis têm custo. Enviamos todo dia.", "grátis"),
        ("zh", "退货免费。但家具除外。我们每天发货。", "免费"),
        ("ja", "返品は無料です。ただし、家具は対象外です。毎日発送します。", "無料"),
        ("ko", "반품은 무료입니다. 다만, 가구는 제외됩니다. 매일 발송합니다.", "무료"),
        ("ar", "الإرجاع مجاني. ولكن الأثاث مستثنى. نشحن يوميا.", "مجاني"),
        ("hi", "वापसी मुफ़्त है। लेकिन फ़र्नीचर नहीं। हम रोज़ भेजते हैं।", "मुफ़्त"),
    ],
)
def test_what_takes_a_sentence_back_comes_along(language: str, text: str, chosen: str) -> None:
    first, second, _third = units_of(text)
    assert along(text, chosen, language=language) == first.markdown + second.markdown


@pytest.mark.parametrize(
    ("language", "text", "chosen"),
    [
        ("en", "We ship daily. You get a label. It is valid for a week.", "valid"),
        ("de", "Wir liefern. Sie erhalten ein Etikett. Dieses gilt eine Woche.", "Woche"),
        ("es", "Enviamos. Recibe una etiqueta. Esta vale una semana.", "semana"),
        ("zh", "每天发货。您会收到标签。该标签一周有效。", "一周"),
        ("ja", "毎日発送します。ラベルをお送りします。これは一週間有効です。", "一週間"),
        ("ar", "نشحن يوميا. ستصلك بطاقة. هذه البطاقة صالحة لأسبوع.", "لأسبوع"),
    ],
)
def test_a_sentence_that_refers_back_brings_the_one_before(language: str, text: str, chosen: str) -> None:
    _first, second, third = units_of(text)
    assert along(text, chosen, language=language) == second.markdown + third.markdown


def test_a_condition_elsewhere_comes_along_where_it_speaks_of_the_chosen() -> None:
    units = units_of(
        "Returns are free. We ship daily. Parcels are insured. Furniture is excluded from free returns."
    )
    vectors = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.9, 0, 0.1]], np.float32)
    found = Companions(units, vectors, language="en", question="")
    assert found.of({0}) == {0, 3}
    assert found.of({1}) == {1}


def test_a_list_comes_with_its_lead_and_its_heading_and_a_row_with_its_header() -> None:
    text = "We help.\n\n## Abroad\n\nYou need:\n\n- a form\n- a stamp\n\n| A | B |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n"
    assert along(text, "a stamp") == "## Abroad\n\nYou need:\n\n- a stamp\n\n"
    assert along(text, "You need") == "## Abroad\n\nYou need:\n\n- a form\n- a stamp\n\n"
    assert along(text, "3") == "## Abroad\n\n| A | B |\n|---|---|\n| 3 | 4 |\n"


def test_steps_come_whole_where_the_way_is_asked_for() -> None:
    text = "Returns:\n\n1. Print it.\n2. Pack it.\n3. Send it.\n"
    assert along(text, "Pack", question="How do I return it?") == text
    assert along(text, "Pack", question="Is packing needed?") == "Returns:\n\n2. Pack it.\n"


def test_code_and_pictures_come_with_what_is_said_before_them() -> None:
    text = "Skip.\n\nRun this:\n\n```\nls\n```\n\nDone.\n"
    assert along(text, "Run") == "Run this:\n\n```\nls\n```\n\n"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_its_cues(language: str) -> None:
    cues = cues_for(language)
    assert all(
        len(part.pattern) > 30 for part in (cues.anaphora, cues.contrast, cues.restrict, cues.procedural)
    )


def test_a_language_without_cues_has_none() -> None:
    cues = cues_for("xx")
    assert not cues.contrast.match("However")


def test_units_are_compared_within_their_part_of_the_answer_only() -> None:
    units: tuple[Unit, ...] = units_of("Free here.\n\n## Abroad\n\nExcept on Sundays.\n")
    found = Companions(units, np.ones((len(units), 2), np.float32), language="en", question="")
    assert found.of({0}) == {0}
