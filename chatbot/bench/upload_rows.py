"""A large FAQ file for benchmarks, made of our own text from a fixed seed: lengths as real FAQs have, five scripts.

Every row is put together from parts, so the rows of a locale are more alike than those of a real FAQ: the search for
similar questions has more to find in it, never less.
"""

import csv
import io
import random
from collections.abc import Iterator
from dataclasses import dataclass

SEED = 20_000
HEADER = ("id", "locale", "question", "alternates", "answer", "category", "tags")
TOPICS = ("orders", "shipping", "returns", "account", "products", "payment", "care", "gifts")
# Other ways to ask: none for half of the rows, as support teams write them.
ALTERNATES = (0, 0, 0, 1, 1, 2)
SENTENCES = (1, 2, 2, 3, 4)


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What questions and answers in one locale are put together from; {thing} and {code} are filled in."""

    questions: tuple[str, ...]
    things: tuple[str, ...]
    answers: tuple[str, ...]


PARTS = {
    "en-US": Parts(
        questions=(
            "How do I return the {thing} {code} if the box has been opened?",
            "When will the {thing} {code} be back in stock?",
            "Can I pay for the {thing} {code} in installments?",
            "Does the {thing} {code} come with a warranty, and what does it cover?",
            "What should I do if my {thing} {code} arrives damaged?",
            "Can I change the color of the {thing} {code} after I have ordered it?",
            "How long does it take to ship the {thing} {code} to Alaska?",
            "How do I clean the {thing} {code}?",
            "Where can I find the manual for the {thing} {code}?",
            "Is the {thing} {code} safe for children?",
        ),
        things=(
            "kettle", "desk lamp", "rain jacket", "cast iron pan", "garden hose", "travel mug", "wool blanket",
            "bread knife", "bird feeder", "folding chair", "wall clock", "camping stove",
        ),
        answers=(
            "Open **My orders**, choose the {thing} and follow the three steps on the page.",
            "We answer within one business day; please have your order number and a photo of the {thing} ready.",
            "Model {code} is covered for 24 months from the day it is delivered, wear of the coating excepted.",
            "You can send it back within 30 days, free of charge, with the label that came in the box.",
            "Wipe it with a damp cloth and a drop of mild soap, and let it dry before you put it away.",
            "- by card or bank transfer\n- with a gift card\n- on delivery, for orders below $200",
        ),
    ),
    "ja-JP": Parts(
        questions=(
            "{thing}（{code}）は開封後でも返品できますか？",
            "{thing}{code}の再入荷はいつごろになりますか？",
            "{thing}（{code}）を分割払いで購入することはできますか？",
            "届いた{thing}{code}が破損していた場合はどうすればよいですか？",
            "注文した{thing}（{code}）の色を後から変更できますか？",
            "{thing}{code}のお手入れ方法を教えてください。",
        ),
        things=("電気ケトル", "デスクライト", "レインコート", "鉄フライパン", "水筒", "毛布", "包丁", "掛け時計"),
        answers=(
            "マイページの「ご注文履歴」から{thing}を選び、画面の案内に沿ってお手続きください。",
            "お届け日から30日以内であれば、同封の返送ラベルを使って無料でご返品いただけます。",
            "型番{code}の保証期間は、お届け日から24か月です。塗装の摩耗は対象外となります。",
            "やわらかい布に中性洗剤を少し含ませて拭き、よく乾かしてから収納してください。",
            "一営業日以内にご返信いたします。ご注文番号と{thing}のお写真をご用意ください。",
        ),
    ),
    "ko-KR": Parts(
        questions=(
            "{thing} {code} 제품은 개봉한 뒤에도 반품할 수 있나요?",
            "{thing} {code} 제품은 언제 다시 입고되나요?",
            "{thing} {code} 제품을 할부로 결제할 수 있나요?",
            "받은 {thing} {code} 제품이 파손되어 있으면 어떻게 해야 하나요?",
            "주문한 뒤에 {thing} {code} 제품의 색상을 바꿀 수 있나요?",
            "{thing} {code} 제품은 어떻게 세척하나요?",
        ),
        things=("전기 주전자", "책상 조명", "우비", "무쇠 팬", "텀블러", "담요", "식칼", "벽시계"),
        answers=(
            "마이페이지의 **주문 내역**에서 {thing} 제품을 고른 다음 화면의 안내를 따라 주세요.",
            "받으신 날부터 30일 안에는 동봉된 반품 라벨로 무료 반품이 가능합니다.",
            "모델 {code} 제품의 보증 기간은 배송일로부터 24개월이며, 코팅의 마모는 제외됩니다.",
            "부드러운 천에 중성 세제를 조금 묻혀 닦은 뒤 완전히 말려서 보관해 주세요.",
            "영업일 기준 하루 안에 답변드립니다. 주문 번호와 {thing} 사진을 준비해 주세요.",
        ),
    ),
    "ar-SA": Parts(
        questions=(
            "كيف يمكنني إرجاع {thing} {code} بعد فتح العلبة؟",
            "متى يتوفر {thing} {code} في المتجر مرة أخرى؟",
            "هل يمكنني تقسيط ثمن {thing} {code}؟",
            "ماذا أفعل إذا وصل {thing} {code} تالفًا؟",
            "هل يمكن تغيير لون {thing} {code} بعد تأكيد الطلب؟",
            "كيف أنظف {thing} {code} بطريقة صحيحة؟",
        ),
        things=(
            "الغلاية الكهربائية", "مصباح المكتب", "معطف المطر", "المقلاة الحديدية", "كوب السفر", "البطانية",
            "سكين الخبز", "ساعة الحائط",
        ),
        answers=(
            "افتح صفحة **طلباتي** ثم اختر {thing} واتبع الخطوات الثلاث المبينة هناك.",
            "يمكنك الإرجاع مجانًا خلال 30 يومًا من الاستلام باستخدام الملصق الموجود داخل العلبة.",
            "يشمل الضمان الطراز {code} مدة 24 شهرًا من يوم التسليم، ولا يشمل تآكل الطلاء.",
            "امسحه بقطعة قماش رطبة مع قليل من الصابون اللطيف، واتركه حتى يجف قبل حفظه.",
            "نرد خلال يوم عمل واحد؛ نرجو تجهيز رقم الطلب وصورة واضحة للمنتج.",
        ),
    ),
    "hi-IN": Parts(
        questions=(
            "डिब्बा खोलने के बाद {thing} {code} को कैसे लौटाया जा सकता है?",
            "{thing} {code} दोबारा कब उपलब्ध होगा?",
            "क्या मैं {thing} {code} का भुगतान किस्तों में कर सकता हूँ?",
            "अगर {thing} {code} टूटा हुआ पहुँचे तो मुझे क्या करना चाहिए?",
            "क्या ऑर्डर देने के बाद {thing} {code} का रंग बदला जा सकता है?",
            "{thing} {code} को साफ़ करने का सही तरीका क्या है?",
        ),
        things=("बिजली की केतली", "मेज़ का लैंप", "बरसाती", "लोहे का तवा", "सफ़री मग", "ऊनी कंबल", "चाकू", "दीवार घड़ी"),
        answers=(
            "**मेरे ऑर्डर** खोलें, {thing} चुनें और पृष्ठ पर दिए गए तीन चरणों का पालन करें।",
            "डिब्बे में रखे लेबल से आप 30 दिनों के भीतर इसे बिना किसी शुल्क के वापस भेज सकते हैं।",
            "मॉडल {code} पर डिलीवरी के दिन से 24 महीने की वारंटी है; परत का घिसना इसमें शामिल नहीं है।",
            "हल्के साबुन और गीले कपड़े से पोंछें और रखने से पहले अच्छी तरह सूखने दें।",
            "हम एक कार्य दिवस के भीतर उत्तर देते हैं; ऑर्डर नंबर और {thing} की तस्वीर तैयार रखें।",
        ),
    ),
}  # fmt: skip


def csv_file(rows: dict[str, int]) -> bytes:
    """Return a CSV file in UTF-8 with so many rows per locale; the same numbers give the same bytes."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(HEADER)
    for locale, count in rows.items():
        writer.writerows(_rows(locale, count))
    return out.getvalue().encode()


def _rows(locale: str, count: int) -> Iterator[tuple[str, ...]]:
    # A fixed seed, not a secret.
    chance = random.Random(f"{SEED} {locale}")  # noqa: S311
    parts = PARTS[locale]
    for number in range(count):
        filled = {"thing": chance.choice(parts.things), "code": f"TK-{number + 1000}"}
        asked = chance.sample(parts.questions, 1 + chance.choice(ALTERNATES))
        said = chance.sample(parts.answers, chance.choice(SENTENCES))
        question, *alternates = (text.format(**filled) for text in asked)
        topic = chance.choice(TOPICS)
        yield (
            f"bench-{number:05}",
            locale,
            question,
            "\n".join(alternates),
            "\n\n".join(text.format(**filled) for text in said),
            topic,
            f"{topic}, bench",
        )
