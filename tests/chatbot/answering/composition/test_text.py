"""Taking an approved answer apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.answering.composition.text import BLOCK, HEADER, HEADING, ITEM, ROW, plain, sentences, units_of
from tests.growth import assert_linear

PIECES = [
    *(
        "One. ",
        "Two! ",
        "返品できます。",
        "「はい。」",
        "हाँ। ",
        "نعم؟ ",
        "\n",
        "\n\n",
        "- item\n",
        "  - inner\n",
        "1. step\n",
    ),
    *("2) step\n", "# Title\n", "Title\n---\n", "| a | b |\n|---|---|\n| 1 | 2 |\n", "> quote. More.\n"),
    *(
        "```\ncode. x\n```\n",
        "**bold. x** ",
        "[link. x](https://a.example/b.c) ",
        "![p](https://a.example/p.png)\n",
    ),
    *("To do:\n", "\t", "\r\n", "\r", "z. B. ", "\\", "`", "*", "(", "\u2028", "\x0b", "\x00", "    code\n"),
    *("[a]: https://a.example\n", "<b>\n", "***\n"),
]
MARKDOWN = st.lists(st.sampled_from(PIECES), max_size=25).map("".join)


@given(st.text() | MARKDOWN)
def test_units_joined_are_the_answer(text: str) -> None:
    units = units_of(text)
    assert "".join(unit.markdown for unit in units) == text
    assert [unit.place for unit in units] == list(range(len(units)))
    assert all(unit.markdown for unit in units)
    assert all(unit.leads is None or 0 <= unit.leads < unit.place for unit in units)


@given(st.text() | st.text(alphabet="a. 。!？\n「」\t؟।(*`1"))
def test_sentences_joined_are_the_text(text: str) -> None:
    found = sentences(text)
    assert "".join(found) == text
    assert all(found)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", []),
        ("One. Two!  Three", ["One. ", "Two!  ", "Three"]),
        ("It costs $6.95 at tidepine.example. Yes.", ["It costs $6.95 at tidepine.example. ", "Yes."]),
        ("See https://a.example/b. Then call.", ["See https://a.example/b. ", "Then call."]),
        ("Write to a.b@c.example. We reply.", ["Write to a.b@c.example. ", "We reply."]),
        ("Ask Dr. Lee, e.g. by phone. Thanks.", ["Ask Dr. Lee, e.g. by phone. ", "Thanks."]),
        ("Das gilt z. B. für Bücher. Ende.", ["Das gilt z. B. für Bücher. ", "Ende."]),
        ("Bis zum 3. Mai. Danach nicht.", ["Bis zum 3. Mai. ", "Danach nicht."]),
        ("It began in 2009. It goes on.", ["It began in 2009. ", "It goes on."]),
        ("It costs $30. We ship.", ["It costs $30. ", "We ship."]),
        ("Offen ab 3. Mai. Danach nicht.", ["Offen ab 3. Mai. ", "Danach nicht."]),
        ("1. Print it. 2. Send it.", ["1. Print it. ", "2. Send it."]),
        ("Vea el n.º 5. Después llame.", ["Vea el n.º 5. ", "Después llame."]),
        ("In the U.S. Army too. End.", ["In the U.S. Army too. ", "End."]),
        ("Press **Send. Now** twice. Done.", ["Press **Send. Now** twice. ", "Done."]),
        ("[A. B](https://a.example/x. y) (no. Yes). End.", ["[A. B](https://a.example/x. y) (no. Yes). ", "End."]),
        ("He said “Go. Now.” Then left.", ["He said “Go. Now.” ", "Then left."]),
        ("返品できます。送料は無料です！", ["返品できます。", "送料は無料です！"]),
        ("「はい。」と答えた。次。", ["「はい。」と答えた。", "次。"]),
        ("可以退货。运费由我们承担。", ["可以退货。", "运费由我们承担。"]),
        ("환불됩니다. 3일 걸려요.", ["환불됩니다. ", "3일 걸려요."]),
        ("هل وصل؟ نعم.", ["هل وصل؟ ", "نعم."]),
        ("यह मुफ़्त है। हाँ।", ["यह मुफ़्त है। ", "हाँ।"]),
        ("¿Llegó? Sí. ¡Bien!", ["¿Llegó? ", "Sí. ", "¡Bien!"]),
        ("Oui… Enfin ! Bon.", ["Oui… ", "Enfin ! ", "Bon."]),
        ("first line\nSecond line\nwraps on", ["first line\n", "Second line\nwraps on"]),
    ],
)  # fmt: skip
def test_a_sentence_ends_where_its_script_says(text: str, parts: list[str]) -> None:
    assert sentences(text) == parts


def test_lists_tables_and_headings_are_units_with_their_context() -> None:
    units = units_of(
        "Free in Europe.\n\n## How to return\n\nTo return an item:\n\n1. Print the label. It is free.\n"
        "   - Twice.\n2. Send it.\n\n## Fees\n\n| Country | Fee |\n|---|---|\n| France | 5 |\n| Spain | 6 |\n"
    )
    said = [(unit.kind, unit.text, unit.leads, unit.headings) for unit in units]
    assert said == [
        ("sentence", "Free in Europe.", None, ()),
        (HEADING, "How to return", None, ()),
        ("sentence", "To return an item:", None, (1,)),
        (ITEM, "Print the label. It is free.", 2, (1,)),
        (ITEM, "Twice.", 3, (1,)),
        (ITEM, "Send it.", 2, (1,)),
        (HEADING, "Fees", None, ()),
        (HEADER, "| Country | Fee | |---|---|", None, (6,)),
        (ROW, "Country: France, Fee: 5", 7, (6,)),
        (ROW, "Country: Spain, Fee: 6", 7, (6,)),
    ]
    assert len({unit.steps for unit in units if unit.kind == ITEM}) == 1


def test_a_line_in_bold_is_a_heading_and_a_picture_or_code_no_sentence() -> None:
    units = units_of(
        "**Abroad**\n\nTwo weeks. Run:\n\n```\ncode. x\n```\n\n![a map](https://a.example/m.png)\n"
    )
    assert [(unit.kind, unit.leads) for unit in units] == [
        (HEADING, None), ("sentence", None), ("sentence", None), (BLOCK, 2), (BLOCK, 3),
    ]  # fmt: skip
    assert units[1].headings == (0,)


def test_a_line_in_bold_with_a_colon_leads_to_the_next_block_alone() -> None:
    units = units_of("**You need:**\n\n- a form\n- a stamp\n\nIt is free.\n")
    assert [(unit.kind, unit.leads, unit.headings) for unit in units] == [
        ("sentence", None, ()), (ITEM, 0, ()), (ITEM, 0, ()), ("sentence", None, ()),
    ]  # fmt: skip


def test_steps_written_in_a_line_are_one_list_until_they_begin_again() -> None:
    units = units_of("Do this. 1. Open it. 2. Close it. Well done. 1. Or not. 2. Really.")
    steps = [unit.steps for unit in units]
    assert steps == [-1, 1, 1, -1, 2, 2]


def test_plain_text_has_no_marks() -> None:
    assert plain("- **Call** [us](https://a.example) at `9:00`\n") == "Call us at 9:00"


@pytest.mark.parametrize(
    "piece",
    ["a", ".", "\n", "。", ". ", " ", "(", "[", "“", "*", "`a`. B", "a@", "1. ", "https://"],
)
def test_hostile_texts_are_split_in_linear_time(piece: str) -> None:
    def made(size: int) -> str:
        return piece * (size // len(piece))

    text = made(40_000)
    assert "".join(sentences(text)) == text
    assert_linear(sentences, make=made, size=5_000)
