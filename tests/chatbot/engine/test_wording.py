"""Questions read as their FAQ is written: Chinese characters, romanised words, synonyms."""

import pytest

from chatbot.engine import han
from chatbot.engine.romanised import Romanised, key_of, latin, sound_of
from chatbot.engine.synonyms import Synonyms
from chatbot.engine.wording import Wording

SIMPLIFIED = "什么时候发货？运费多少钱？怎么申请退货？这个电饭锅能开发票吗？"
TRADITIONAL = "什麼時候出貨？運費多少錢？怎麼申請退貨？這個電鍋能開發票嗎？"
JAPANESE = (
    "送料はいくらですか。返品の手続きを教えてください。学生割引は会員だけですか。"
    "電話で注文できますか。機械の号数、国内発送、開店時間。"
)
HINDI = (
    "मेरा ऑर्डर कब आएगा? रिफ़ंड कितने दिन में मिलेगा? क्या डिलीवरी होती है या नहीं? "
    "सामान वापस कैसे करूँ? UPI से पैसे कट गए। OTP क्यों माँगते हैं?"
)


def test_a_question_is_read_in_the_characters_of_the_faq() -> None:
    assert Wording([SIMPLIFIED]).readings("運費多少錢") == ("运费多少钱",)
    assert Wording([TRADITIONAL]).readings("运费多少钱") == ("運費多少錢",)
    assert Wording([SIMPLIFIED]).readings("运费多少钱") == ("运费多少钱",)


@pytest.mark.parametrize("text", [JAPANESE, "주문은 언제 오나요?", "When does it ship?", ""])
def test_other_faqs_leave_chinese_characters_alone(text: str) -> None:
    assert han.table_for(text) == {}
    assert Wording([text]).readings("機械和机械") == ("機械和机械",)


def test_of_several_traditional_forms_the_one_that_the_faq_writes_is_taken() -> None:
    assert "发".translate(han.table_for(TRADITIONAL)) == "發"
    assert "发".translate(han.table_for("理髮器、電動理髮剪與頭髮護理產品")) == "髮"


@pytest.mark.parametrize(
    ("word", "typed"),
    [
        ("मेरा", ["mera", "meraa"]),
        ("ऑर्डर", ["order"]),
        ("डिलीवरी", ["delivery", "dilivari"]),
        ("नहीं", ["nahi", "nahin"]),
        ("क्यों", ["kyu", "kyon", "kyun"]),
        ("में", ["me", "mein", "main"]),
        ("वापस", ["wapas", "vapas", "wapis"]),
        ("ઓર્ડર", ["order"]),
    ],
)
def test_all_spellings_of_a_word_share_its_key(word: str, typed: list[str]) -> None:
    sounds = [sound_of(one) for one in typed]
    keys = {key_of(form) for sound in sounds for form in (sound, sound.removesuffix("n"))}
    assert key_of(sound_of(latin(word))) in keys


def test_romanised_hindi_is_read_in_the_words_of_the_faq() -> None:
    wording = Wording([HINDI])
    assert wording.readings("mera order kab aayega") == ("mera order kab aayega", "मेरा ऑर्डर कब आएगा")
    assert wording.readings("otp kyu?") == ("otp kyu?", "otp क्यों?")
    assert wording.readings("मेरा ऑर्डर") == ("मेरा ऑर्डर",)


def test_latin_words_stay_where_the_faq_is_not_indic() -> None:
    assert Wording(["Where is my order? नमस्ते"]).readings("mera order") == ("mera order",)
    assert Romanised("").read("mera order") == "mera order"


SYNONYMS = {
    "Versandkosten": ["Porto", "Liefergebühr"],
    "运费": ["邮费", "快递费"],
    "배송비": ["택배비"],
    "cap": ["C++ (x)"],
}


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("Was kostet das Porto?", "Was kostet das Versandkosten?"),
        ("PORTO nach Wien", "Versandkosten nach Wien"),
        ("Portofino", "Portofino"),
        ("邮费多少", "运费多少"),
        ("택배비가 얼마예요", "배송비가 얼마예요"),
        ("c++ (X)", "cap"),
        ("", ""),
    ],
)
def test_synonyms_are_read_as_their_head(text: str, read: str) -> None:
    assert Synonyms(SYNONYMS).read(text) == read


def test_words_are_compared_with_synonyms_made_equal() -> None:
    synonyms = Synonyms(SYNONYMS)
    assert synonyms.fold("die liefergebuhr") == synonyms.fold("die porto") == "die versandkosten"
    assert Synonyms({}).fold("die porto") == "die porto"


def test_synonyms_and_script_make_one_other_reading() -> None:
    wording = Wording([SIMPLIFIED], synonyms={"运费": ["邮费"]})
    assert wording.readings("郵費多少") == ("邮费多少", "运费多少")
    assert wording.synonyms == {"运费": ["邮费"]}
