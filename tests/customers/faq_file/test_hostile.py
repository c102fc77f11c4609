"""Files made to break the reader: refused with a code, in little memory; what is read takes time as it is long."""

import io
import struct
import tracemalloc
import zipfile

import pytest

from customers.faq_file import documents, model, packages
from customers.faq_file.error_file import with_error_column
from customers.faq_file.model import FileRefused
from customers.faq_file.writer import export
from tests.growth import assert_linear

from .fuzz import fuzz
from .samples import ROWS, codes, read, unzipped, zipped

_LOL = (
    '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d SYSTEM "file:///etc/passwd">]>'
)


def _refusal(data: bytes, name: str = "faq.xlsx") -> str:
    with pytest.raises(FileRefused) as refused:
        read(data, name)
    return refused.value.code


def _refusal_unread(data: bytes, name: str = "faq.xlsx") -> str:
    """The code of a refusal for which nothing of what the file holds was unpacked or decoded."""
    tracemalloc.start()
    try:
        code = _refusal(data, name)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000
    return code


def _changed(form: str, part: str, old: str, new: str) -> bytes:
    parts = unzipped(export(ROWS, format=form))
    text = parts[part].decode()
    assert old in text
    return zipped(parts | {part: text.replace(old, new, 1).encode()})


@pytest.mark.parametrize(
    ("form", "part", "before"),
    [
        ("xlsx", "xl/worksheets/sheet1.xml", "<worksheet"), ("xlsx", "xl/workbook.xml", "<workbook"),
        ("xlsx", "xl/styles.xml", "<styleSheet"), ("xlsx", "_rels/.rels", "<Relationships"),
        ("ods", "content.xml", "<office:document-content"), ("ods", "META-INF/manifest.xml", "<manifest:manifest"),
    ],
)  # fmt: skip
def test_xml_bombs(form: str, part: str, before: str) -> None:
    assert _refusal(_changed(form, part, before, _LOL + before), f"faq.{form}") == "xml_doctype"


def test_an_xml_bomb_in_a_document() -> None:
    body = '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body/></w:document>'
    assert _refusal(zipped({"word/document.xml": _LOL + body}), "faq.docx") == "xml_doctype"


def test_xml_nested_deeply() -> None:
    body = (
        '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">'
        + "<w:p>" * 100_000
    )
    assert _refusal(zipped({"word/document.xml": body}), "faq.docx") == "too_deep"
    assert (
        _refusal(_changed("xlsx", "xl/worksheets/sheet1.xml", "<sheetData>", "<x>" * 10_000), "faq.xlsx")
        == "too_deep"
    )


def test_zip_bombs() -> None:
    assert _refusal_unread(zipped({"xl/workbook.xml": b" " * 6_000_000})) == "zip_bomb"
    many = {f"xl/{number}": b"" for number in range(packages.MAX_ENTRIES + 1)}
    assert _refusal(zipped(many)) == "zip_bomb"


def test_many_entries_that_unpack_to_too_much_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "MAX_UNPACKED_BYTES", 1_000_000)
    assert _refusal(zipped({f"xl/{number}": b" " * 200_000 for number in range(6)})) == "zip_bomb"


def test_a_directory_that_lies_about_sizes() -> None:
    """An entry that unpacks to more than it declares is cut off at the declared size and fails its checksum."""
    data = bytearray(zipped({"xl/workbook.xml": b"<a>" + b" " * 3_000_000 + b"</a>"}))
    central = data.rindex(b"PK\x01\x02")
    data[central + 24 : central + 28] = struct.pack("<I", 100)
    assert _refusal(bytes(data)) in ("broken_zip", "broken_xml")


def test_encrypted_files() -> None:
    compound = bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 500
    assert _refusal(compound + "EncryptedPackage".encode("utf-16-le")) == "encrypted"
    assert _refusal(compound, "faq.xls") == "old_office"
    locked = bytearray(zipped({"xl/workbook.xml": b"x"}))
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        locked[locked.index(magic) + offset] |= 1
    assert _refusal(bytes(locked)) == "encrypted"
    manifest = _changed(
        "ods",
        "META-INF/manifest.xml",
        "<manifest:file-entry",
        "<manifest:encryption-data/><manifest:file-entry",
    )
    assert _refusal(manifest, "faq.ods") == "encrypted"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_file"), (b" \r\n\t ", "empty_file"), (b"\xef\xbb\xbf\n", "empty_file"),
        (b"%PDF-1.7 ...", "unsupported_format"),
        (b"\x89PNG\r\n\x1a\n", "unsupported_format"), (bytes(range(256)) * 40, "unsupported_format"),
        (b"PK\x03\x04 cut off", "broken_zip"), (zipped({"a.txt": b"x"}), "unsupported_format"),
        (zipped({"xl/workbook.bin": b"x"}), "unsupported_format"), (zipped({"xl/other.xml": b"x"}), "broken_workbook"),
        (zipped({"mimetype": b"application/vnd.oasis.opendocument.text", "content.xml": b"x"}), "unsupported_format"),
    ],
)  # fmt: skip
def test_files_that_are_no_faq(data: bytes, code: str) -> None:
    assert _refusal(data, "faq.csv") == code


def test_a_truncated_workbook() -> None:
    data = export(ROWS, format="xlsx")
    assert _refusal(data[: len(data) // 2]) == "broken_zip"
    assert _refusal(_changed("xlsx", "xl/worksheets/sheet1.xml", "</sheetData>", "")) == "broken_xml"


def test_a_file_beyond_the_size_limit() -> None:
    assert _refusal_unread(b"x" * 100_000_000, "faq.csv") == "too_large"


def test_cells_beyond_any_sheet() -> None:
    row = '<row r="99999999999999999999"><c r="A1"><v>1</v></c></row>'
    far = _changed(
        "xlsx",
        "xl/worksheets/sheet1.xml",
        "<sheetData>",
        '<sheetData><row r="1048577"><c r="A1"><v>1</v></c></row>',
    )
    assert _refusal(far) == "too_many_rows"
    assert read(
        _changed("xlsx", "xl/worksheets/sheet1.xml", "</sheetData>", row + "</sheetData>"), "faq.xlsx"
    ).rows
    wide = '<row r="9"><c r="XFD9" t="str"><v>x</v></c></row></sheetData>'
    assert _refusal(_changed("xlsx", "xl/worksheets/sheet1.xml", "</sheetData>", wide)) == "too_many_columns"
    cell = '<table:table-cell office:value-type="string"{}><text:p>x</text:p></table:table-cell>'
    row = "<table:table-row{}>" + cell + "</table:table-row></table:table>"
    columns = row.format("", ' table:number-columns-repeated="16384"')
    assert (
        _refusal(_changed("ods", "content.xml", "</table:table>", columns), "faq.ods") == "too_many_columns"
    )
    rows = row.format(' table:number-rows-repeated="1000000"', "")
    assert _refusal(_changed("ods", "content.xml", "</table:table>", rows), "faq.ods") == "too_many_rows"


def test_wrong_extensions_are_read_by_content_and_said() -> None:
    for form, name in [
        ("xlsx", "faq.csv"),
        ("ods", "faq.xlsx"),
        ("csv", "faq.xlsx"),
        ("json", "faq.csv"),
        ("jsonl", "faq.xlsx"),
    ]:
        parsed = read(export(ROWS, format=form), name, locale=None)
        assert parsed.format == form
        assert parsed.rows == ROWS
        assert [warning.code for warning in parsed.warnings] == ["wrong_extension"]
    assert read(export(ROWS, format="jsonl"), "faq.json").warnings == ()
    assert read(export(ROWS, format="tsv"), "FAQ.TXT").rows == ROWS


def test_nul_bytes_are_row_errors() -> None:
    assert codes(read(b"question,answer\na\x00?,b\nc?,d\n")) == [(2, "question", "control_character")]


def test_a_hundred_thousand_bad_rows_are_all_listed() -> None:
    parsed = read(_bad_rows(model.MAX_ROWS - 1))
    assert len(parsed.errors) == model.MAX_ROWS - 1
    assert_linear(read, make=_bad_rows, size=2_000)


def _bad_rows(count: int) -> str:
    return "question,answer\n" + ",x\n" * count


@pytest.mark.parametrize(
    "piece",
    [
        "<!--",
        '<a x="',
        "<![",
        "<!",
        "<?",
        "</",
        "<b>",
        "<div>",
        "<dl><dt>",
        "<ul><li>",
        "<script>",
        "<h1>",
        "<",
        "&",
        "<nav",
        "</b",
    ],
)
def test_html_that_is_quadratic_for_other_parsers(piece: str) -> None:
    def work(page: str) -> None:
        parsed = read(page, "faq.html")
        assert parsed.rows or codes(parsed) == [(1, "answer", "too_long")]

    assert_linear(work, make=lambda size: "<h1>Q?</h1>" + piece * (size // len(piece)), size=20_000)


@pytest.mark.parametrize(
    "piece", ["> ", "- ", "[", "[a]: b\n", "*a **a ", "# x\n", "a\n", "- - - - a\n", "```\n", "<a\n"]
)
def test_markdown_made_to_be_slow(piece: str) -> None:
    assert_linear(
        lambda page: read(page, "faq.md"),
        make=lambda size: "# Q?\n\n" + piece * (size // len(piece)),
        size=12_500,
    )


def test_documents_beyond_their_limit() -> None:
    assert _refusal(b"# Q\n" + b"x" * documents.MAX_CHARACTERS, "faq.md") == "document_too_long"


def test_one_text_named_a_million_times() -> None:
    """Shared strings make a small workbook stand for gigabytes of text."""
    text = f"<si><t>{'x' * 30_000}</t></si>"
    row = "".join('<c t="s"><v>0</v></c>' for _ in range(100))
    rows = "".join(f"<row>{row}</row>" for _ in range(100))
    namespace = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    parts = unzipped(export(ROWS, format="xlsx"))
    relations = (
        parts["xl/_rels/workbook.xml.rels"]
        .decode()
        .replace(
            "</Relationships>", '<Relationship Id="s" Type="x/sharedStrings" Target="s.xml"/></Relationships>'
        )
    )
    data = zipped(
        parts
        | {
            "xl/_rels/workbook.xml.rels": relations.encode(),
            "xl/s.xml": f"<sst {namespace}>{text}</sst>".encode(),
            "xl/worksheets/sheet1.xml": f"<worksheet {namespace}><sheetData>{rows}</sheetData></worksheet>".encode(),
        }
    )
    assert _refusal(data) == "too_much_text"
    spaces = '<table:table-cell office:value-type="string"><text:p>' + '<text:s text:c="32767"/>' * 4_000
    assert (
        _refusal(
            _changed(
                "ods",
                "content.xml",
                "<table:table-cell",
                spaces + "</text:p></table:table-cell><table:table-cell",
            ),
            "f.ods",
        )
        == "too_much_text"
    )
    merged = "<mergeCells>" + '<mergeCell ref="A1:B2"/>' * 10_001 + "</mergeCells></worksheet>"
    assert _refusal(_changed("xlsx", "xl/worksheets/sheet1.xml", "</worksheet>", merged)) == "too_many_merged"
    styles = "<cellXfs>" + "<xf/>" * 100_001 + "</cellXfs></styleSheet>"
    assert _refusal(_changed("xlsx", "xl/styles.xml", "</styleSheet>", styles)) == "broken_workbook"


@pytest.mark.parametrize("name", ["faq.csv", "faq.jsonl"])
def test_millions_of_blank_lines(name: str) -> None:
    assert _refusal(b"question\n" + b"\n" * 10_000_000, name) == "too_many_rows"


def test_values_nested_beyond_showing() -> None:
    deep = "[" * 900 + "]" * 900
    text = '{"question": "a", "alternates": ' + deep + '}\n{"question": "b"}\n'
    parsed = read(text, "faq.jsonl")
    assert codes(parsed) == [(1, "", "too_deep_line")]
    assert len(parsed.rows) == 1
    written = with_error_column(
        text.encode(), filename="f.jsonl", errors=parsed.errors, sentence=lambda error: error.code
    )
    assert b"too_deep_line" in written.data


def test_long_runs_of_white_space() -> None:
    assert_linear(
        lambda text: read(text, "faq.json"),
        make=lambda size: '[{"question": "q", "category": "a' + " " * size + "b" + "\\n" * size + 'c"}]',
        size=25_000,
    )


def test_yaml_handles_are_refused() -> None:
    def work(data: bytes) -> None:
        assert _refusal(data, "f.yaml") == "yaml_tag"

    def made(size: int) -> bytes:
        return "".join(f"%TAG !a{number}! x\n" for number in range(size)).encode() + b"---\n- q"

    assert_linear(work, make=made, size=6_250)


def test_overlapping_entries() -> None:
    """Many directory entries over one packed body (David Fifield, 'A better zip bomb') share no free ride."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b"<a/>" + b" " * 4_000_000)
        archive.filelist.extend(archive.filelist * 50)
    assert _refusal_unread(buffer.getvalue()) == "zip_bomb"


def test_fuzzing_finds_no_crash() -> None:
    outcome = fuzz(seed=20260131, executions=1_500)
    assert outcome.crashes == []
    assert outcome.parsed > 300
    assert outcome.refused > 300


def test_the_error_file_of_a_hostile_table_runs_nothing() -> None:
    data = b"question,answer\n\"=cmd|' /C calc'!A0\",=1+1\n,@SUM(A1)\n"
    parsed = read(data)
    written = with_error_column(
        data, filename="faq.csv", errors=parsed.errors, sentence=lambda error: "=" + error.code
    )
    assert written.data.decode("utf-8-sig").splitlines()[1:] == [
        "'=cmd|' /C calc'!A0,'=1+1,",
        ",'@SUM(A1),'=missing_question",
    ]
