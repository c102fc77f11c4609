"""Encodings told from evidence, and reported as open where there is none."""

import pytest

from customers.faq_file.model import FileRefused

from .samples import read

_ZH = (
    "编号,问题,答案\n1,可以退货吗？,您可以在三十天内退货，请保留购物凭证。\n2,怎么修改密码？,"
    "登录后在账户设置里修改密码。\n"
)
_TW = (
    "id,question,answer\n1,可以退貨嗎？,您可以在三十天內退貨，請保留購物憑證。\n2,怎麼修改密碼？,"
    "登入後在帳戶設定裡修改密碼。\n"
)
_JA = (
    "id,question,answer\n1,返品はできますか？,はい、三十日以内であれば返品を承ります。\n2,"
    "営業時間を教えてください,月曜日から金曜日までです。\n"
)
_KO = (
    "id,question,answer\n1,반품할 수 있나요?,네 삼십일 이내에 반품하실 수 있습니다.\n2,영업시간이 "
    "어떻게 되나요?,월요일부터 금요일까지입니다.\n"
)
_RU = "id,question,answer\n1,Можно вернуть товар?,Да. Вы можете вернуть его в течение месяца.\n"
_AR = "id,question,answer\n1,هل يمكنني إرجاع منتج؟,نعم. يمكنك إرجاعه خلال شهر واحد من الشراء.\n"
_DE = "id,question,answer\n1,Kann ich Artikel zurückgeben?,Größere Stücke holen wir für Sie ab – natürlich „gratis“.\n"
_FR = (
    "id,question,answer\n1,Où êtes-vous situés ?,Près de la gare ; l’accès est fléché dès "
    "l’entrée et à côté du café.\n"
)
_PL = (
    "id,question,answer\n1,Czy mogę zwrócić towar?,Tak w ciągu trzydziestu dni jeśli towar jest "
    "nieużywany i ma metkę.\n"
)


@pytest.mark.parametrize(
    ("text", "codec", "reported", "locale"),
    [
        (_ZH, "gb18030", "gb18030", "zh-CN"), (_ZH, "gb18030", "gb18030", None), (_TW, "big5", "big5", "zh-TW"),
        (_TW, "cp950", "big5", None), (_JA, "cp932", "shift_jis", "ja-JP"), (_JA, "cp932", "shift_jis", None),
        (_JA, "euc_jp", "euc-jp", "ja-JP"), (_JA, "iso2022_jp", "iso-2022-jp", "ja-JP"),
        (_KO, "euc_kr", "euc-kr", "ko-KR"),
        (_KO, "cp949", "euc-kr", None), (_RU, "cp1251", "windows-1251", "ru-RU"),
        (_AR, "cp1256", "windows-1256", "ar-SA"),
        (_AR, "cp1256", "windows-1256", None), (_DE, "cp1252", "windows-1252", "de-DE"),
        (_FR, "cp1252", "windows-1252", "fr-FR"),
        (_PL, "cp1250", "windows-1250", "pl-PL"), (_DE, "utf-8", "utf-8", None), (_DE, "utf-8-sig", "utf-8", None),
        (_JA, "utf-16", "utf-16", None), (_ZH, "utf-16-le", "utf-16-le", None), (_KO, "utf-16-be", "utf-16-be", None),
        (_DE, "utf-32", "utf-32", None),
    ],
)  # fmt: skip
def test_encodings_are_told_and_reported(text: str, codec: str, reported: str, locale: str | None) -> None:
    parsed = read(text.encode(codec), locale=locale or "en-US")
    expected = read(text, locale=locale or "en-US")
    assert parsed.encoding == reported
    assert parsed.rows == expected.rows
    assert parsed.rows
    assert parsed.errors == ()


def test_a_reading_is_the_same_whichever_locale_it_is_uploaded_for() -> None:
    """The file's own evidence outweighs the upload's locale: nothing is misread as that language."""
    assert read(_KO.encode("cp949"), locale="zh-CN").encoding == "euc-kr"
    assert read(_ZH.encode("gb18030"), locale="ko-KR").encoding == "gb18030"


def test_an_open_encoding_is_asked_about() -> None:
    data = "question,answer\nGdzie?,\xb1\xe6\xea\n".encode("latin-1")
    parsed = read(data, locale=None)
    assert parsed.needs_encoding
    assert (parsed.encoding, parsed.rows, parsed.errors, parsed.missing) == ("", (), (), ())
    previews = {candidate.encoding: candidate.preview for candidate in parsed.encoding_candidates}
    assert len(previews) > 1
    assert previews["windows-1250"] == "Gdzie?,±ćę"
    assert len(set(previews.values())) == len(previews)
    chosen = read(data, encoding="windows-1250")
    assert (chosen.encoding, chosen.rows[0].answer) == ("windows-1250", "±ćę")


def test_a_short_file_without_evidence_is_not_guessed() -> None:
    assert read("question\n的\n".encode("gb18030"), locale=None).needs_encoding


def test_the_files_own_locale_column_is_evidence() -> None:
    text = "locale,question,answer\nfr-FR,Où ?,Là-bas\nfr-FR,Déjà ?,Dès l'été à côté\n"
    parsed = read(text.encode("cp1252"), locale=None)
    assert (parsed.encoding, parsed.rows[1].answer) == ("windows-1252", "Dès l'été à côté")


def test_broken_utf_8_is_read_and_each_broken_cell_listed() -> None:
    data = "question,answer\nGröße?,Für Äpfel schön\nÖl?,Übel größer\n".encode().replace(
        "ßer".encode(), b"\xff\xfeer"
    )
    parsed = read(data)
    assert parsed.encoding == "utf-8"
    assert [(error.row, error.code) for error in parsed.errors] == [(3, "damaged_text")]
    assert [row.question for row in parsed.rows] == ["Größe?"]


def test_a_damaged_legacy_file_is_read_and_the_damage_listed() -> None:
    data = bytearray((_JA * 20).encode("cp932"))
    data[-10:-9] = b"\xfd"
    parsed = read(bytes(data), locale="ja-JP")
    assert parsed.encoding == "shift_jis"
    assert "damaged_text" in {error.code for error in parsed.errors}


def test_a_chosen_encoding_must_be_known() -> None:
    for name in ("rot13", "zlib", "unicode_escape", "nonsense"):
        with pytest.raises(FileRefused) as refused:
            read("question\nq\n", encoding=name)
        assert refused.value.code == "unknown_encoding"


@pytest.mark.parametrize("name", ["faq.jsonl", "faq.json", "faq.yaml", "faq.md", "faq.html", "faq.tsv"])
def test_every_text_format_is_decoded_alike(name: str) -> None:
    texts = {
        "faq.jsonl": '{"question": "営業時間を教えてください", "answer": "月曜日から金曜日までです。"}\n',
        "faq.json": '[{"question": "営業時間を教えてください", "answer": "月曜日から金曜日までです。"}]',
        "faq.yaml": "- question: 営業時間を教えてください\n  answer: 月曜日から金曜日までです。\n",
        "faq.md": "# 営業時間を教えてください\n\n月曜日から金曜日までです。\n",
        "faq.html": "<h1>営業時間を教えてください</h1><p>月曜日から金曜日までです。</p>",
        "faq.tsv": "question\tanswer\n営業時間を教えてください\t月曜日から金曜日までです。\n",
    }
    parsed = read(texts[name].encode("cp932"), name, locale="ja-JP")
    assert [(row.question, row.answer) for row in parsed.rows] == [
        ("営業時間を教えてください", "月曜日から金曜日までです。")
    ]


def test_a_page_that_declares_its_encoding_is_believed_if_it_decodes() -> None:
    page = '<meta charset="windows-1257"><h1>Ką daryti?</h1><p>Žiūrėkite čia</p>'
    assert read(page.encode("cp1257"), "faq.html").encoding == "windows-1257"
    wrong = '<meta charset="gb2312"><h1>Größe?</h1><p>Für Äpfel</p>'
    assert read(wrong.encode("cp1252"), "faq.html", locale="de-DE").encoding == "windows-1252"
