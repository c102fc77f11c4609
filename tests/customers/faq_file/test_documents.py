"""Markdown, HTML and Word documents: headings become proposed questions."""

import pytest

from customers.faq_file.error_file import with_error_column
from customers.faq_file.model import FileRefused

from .samples import codes, read, zipped

_W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def test_markdown() -> None:
    parsed = read(
        "# Help\n\nWelcome.\n\n## Returns\n\n### Can I **return** it?\n\nYes:\n\n- unused\n\n```\n# "
        "not a heading\n```\n\n"
        "### How long?\n## Hours\n\n9–18\n\nContact\n-------\n[Mail](mailto:a@example.org)\n",
        "faq.md",
    )
    assert parsed.proposed
    assert [(row.row, row.question, row.answer, row.category) for row in parsed.rows] == [
        (7, "Can I **return** it?", "Yes:\n\n- unused\n\n```\n# not a heading\n```", "Returns"),
        (17, "How long?", "", "Returns"),
        (18, "Hours", "9–18", "Help"),
        (22, "Contact", "[Mail](mailto:a@example.org)", "Help"),
    ]
    assert [(warning.row, warning.value, warning.code) for warning in parsed.warnings] == [
        (1, "Welcome.", "text_without_question")
    ]


def test_a_question_with_subheadings_is_still_a_question() -> None:
    parsed = read("# Can I return it?\n\nMostly.\n\n## Abroad\n\nNo.\n", "faq.md")
    assert [(row.question, row.answer) for row in parsed.rows] == [
        ("Can I return it?", "Mostly."),
        ("Abroad", "No."),
    ]


def test_html() -> None:
    parsed = read(
        "<!doctype html><html lang=de-AT><head><title>Titel</title><script>alert('# h')</script><style>h1{}</style>"
        "<body><nav><h2>Menü</h2></nav><h1>Hilfe</h1>\n<h2>Kann ich <em>alles</em> zurückgeben?</h2>\n"
        "<p>Ja, <b>fast</b>&nbsp;alles &amp; mehr.<br>Außer:</p><ul><li>Eis<li>Käse<ol><li>jung</ol></ul>"
        '<p>Mehr <a href="https://example.org/a_b">hier</a> oder <a href="javascript:alert(1)">'
        "dort</a>, *nicht* fett.</p>"
        "<details><summary>Wann?</summary>- 9 Uhr</details><dl><dt>Wo?<dd>In <code>Wien</code></dl></html>",
        "faq.html",
        locale=None,
    )
    assert [(row.locale, row.question, row.category) for row in parsed.rows] == [
        ("de-AT", "Kann ich alles zurückgeben?", "Hilfe"), ("de-AT", "Wann?", "Kann ich alles zurückgeben?"),
        ("de-AT", "Wo?", "Kann ich alles zurückgeben?"),
    ]  # fmt: skip
    assert parsed.rows[0].answer == (
        "Ja, **fast**\xa0alles & mehr.\\\nAußer:\n\n- Eis\n- Käse\n   1. jung\n\n"
        "Mehr [hier](https://example.org/a_b) oder dort, \\*nicht\\* fett."
    )
    assert [row.answer for row in parsed.rows[1:]] == ["\\- 9 Uhr", "In `Wien`"]


def _docx() -> bytes:
    def paragraph(text: str, style: str = "") -> str:
        properties = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
        return f"<w:p>{properties}<w:r><w:t>{text}</w:t></w:r></w:p>"

    body = (
        paragraph("Hilfe", "berschrift1") + paragraph("Kann ich zurückgeben?", "berschrift2")
        + paragraph("Ja.")
        + "<w:p><w:r><w:rPr><w:b/></w:rPr><w:t>Fast</w:t></w:r><w:r><w:t> alles &amp; mehr</w:t></w:r></w:p>"
        + paragraph("Wann?", "berschrift2") + paragraph("Um neun.")
    )  # fmt: skip
    styles = "".join(
        f'<w:style w:type="paragraph" w:styleId="berschrift{level}"><w:name w:val="heading {level}"/></w:style>'
        for level in (1, 2)
    )
    return zipped(
        {
            "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
            '<Default Extension="xml" ContentType="application/xml"/></Types>',
            "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}"><Relationship Id="r" Target="word/document.xml"'
            f' Type="{_OFFICE}/officeDocument"/></Relationships>',
            "word/_rels/document.xml.rels": f'<Relationships xmlns="{_PACKAGE}">'
            '<Relationship Id="s" Target="styles.xml"'
            f' Type="{_OFFICE}/styles"/></Relationships>',
            "word/styles.xml": f"<w:styles {_W}>{styles}</w:styles>",
            "word/document.xml": f"<w:document {_W}><w:body>{body}</w:body></w:document>",
        }
    )


def test_docx() -> None:
    parsed = read(_docx(), "faq.docx", locale="de-DE")
    assert (parsed.format, parsed.proposed) == ("docx", True)
    assert [(row.row, row.question, row.answer, row.category) for row in parsed.rows] == [
        (2, "Kann ich zurückgeben?", "Ja.\n\n**Fast** alles & mehr", "Hilfe"), (3, "Wann?", "Um neun.", "Hilfe"),
    ]  # fmt: skip


def test_lists_links_and_tables_of_word() -> None:
    def item(text: str, number: int, level: int = 0, style: str = "") -> str:
        named = f'<w:pStyle w:val="{style}"/>' if style else ""
        listed = f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{number}"/></w:numPr>' if number else ""
        return f"<w:p><w:pPr>{named}{listed}</w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>"

    body = (
        '<w:p><w:pPr><w:outlineLvl w:val="0"/></w:pPr><w:r><w:t>Wie?</w:t></w:r></w:p>'
        + item("So:", 0)
        + item("eins", 1)
        + item("a", 1, 1)
        + item("Punkt", 0, style="Liste")
        + '<w:p><w:r><w:t>Mehr: </w:t></w:r><w:hyperlink r:id="l"><w:r><w:t>hier</w:t></w:r></w:hyperlink>'
        '<w:hyperlink r:id="x"><w:r><w:t>, dort</w:t></w:r></w:hyperlink><w:del><w:r><w:t>weg</w:t></w:r></w:del></w:p>'
        "<w:tbl><w:tr><w:tc><w:p><w:r><w:t>1</w:t></w:r></w:p></w:tc><w:tc><w:p/><w:p><w:r><w:t>2</w:t></w:r></w:p></w:tc>"
        "</w:tr><w:tr><w:tc><w:p><w:r><w:t>3</w:t></w:r></w:p></w:tc></w:tr></w:tbl>"
    )
    data = zipped(
        {
            "word/document.xml": f'<w:document {_W} xmlns:r="{_OFFICE}"><w:body>{body}</w:body></w:document>',
            "word/styles.xml": f'<w:styles {_W}><w:style w:styleId="Basis"><w:pPr><w:numPr><w:numId w:val="2"/>'
            '</w:numPr></w:pPr></w:style><w:style w:styleId="Liste"><w:basedOn w:val="Basis"/></w:style></w:styles>',
            "word/numbering.xml": f'<w:numbering {_W}><w:abstractNum w:abstractNumId="7"><w:lvl w:ilvl="0">'
            '<w:numFmt w:val="decimal"/></w:lvl><w:lvl w:ilvl="1"><w:numFmt w:val="bullet"/></w:lvl></w:abstractNum>'
            '<w:num w:numId="1"><w:abstractNumId w:val="7"/></w:num></w:numbering>',
            "word/_rels/document.xml.rels": f'<Relationships xmlns="{_PACKAGE}">'
            f'<Relationship Id="l" Type="{_OFFICE}/hyperlink" Target="https://example.org/"/>'
            f'<Relationship Id="x" Type="{_OFFICE}/hyperlink" Target="javascript:alert(1)"/></Relationships>',
        }
    )
    assert read(data, "faq.docx").rows[0].answer == (
        "So:\n\n1. eins\n   - a\n- Punkt\n\nMehr: [hier](https://example.org/), dort\n\n1 | 2\n3"
    )


def test_a_document_comes_back_as_a_workbook_of_its_rows() -> None:
    data = b"# Same?\n\na\n\n# Same?\n\nb\n"
    parsed = read(data, "faq.md")
    written = with_error_column(
        data, filename="faq.md", errors=parsed.errors, sentence=lambda error: error.code
    )
    assert written.filename == "faq-errors.xlsx"
    again = read(written.data, written.filename)
    assert [(row.row, row.question, row.answer) for row in again.rows] == [(2, "Same?", "a")]
    assert [(error.row, error.code) for error in again.errors] == [(3, "duplicate_question")]


def test_a_document_is_no_spreadsheet() -> None:
    """Nothing is escaped in a document, so nothing is unescaped."""
    assert read("# Q?\n\n'=1+1\n", "faq.md").rows[0].answer == "'=1+1"
    assert codes(read("# Q?\n\n" + "x" * 40_000, "faq.md")) == [(1, "answer", "too_long")]


@pytest.mark.parametrize("name", ["faq.md", "faq.html"])
def test_a_document_without_headings_is_refused(name: str) -> None:
    with pytest.raises(FileRefused) as refused:
        read("Just text, and more text.", name)
    assert refused.value.code == "no_headings"
