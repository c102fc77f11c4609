"""The two example rows of each template, in the languages Kefu speaks."""

from .model import FaqRow

# Per language, for each row: question, alternates, answer, category, tag.
_EXAMPLES = {
    "en": (
        ("Can I return an item?", ("How do returns work?", "I want to send something back"),
         "Yes. You can return it **within 30 days**:\n\n- unused\n- with the receipt", "Returns", "returns"),
        ("When are you open?", ("opening hours",), "Monday to Friday, 9:00 to 18:00.", "Contact", "hours"),
    ),
    "zh": (
        ("可以退货吗？", ("怎么退货？", "我想把商品退回去"),
         "可以。**30 天内**可以退货：\n\n- 未使用\n- 附购物凭证", "退换货", "退货"),
        ("你们几点营业？", ("营业时间",), "周一至周五 9:00 至 18:00。", "联系我们", "营业时间"),
    ),
    "ja": (
        ("返品はできますか？", ("返品の方法を教えてください", "商品を返したい"),
         "はい。**30 日以内**であれば返品を承ります。\n\n- 未使用であること\n- レシートがあること", "返品", "返品"),
        ("営業時間を教えてください", ("何時から開いていますか？",), "月曜日から金曜日の 9:00 から 18:00 です。",
         "お問い合わせ", "営業時間"),
    ),
    "ko": (
        ("반품할 수 있나요?", ("반품은 어떻게 하나요?", "상품을 돌려보내고 싶어요"),
         "네. **30일 이내**에 반품하실 수 있습니다.\n\n- 사용하지 않은 상품\n- 영수증 지참", "반품", "반품"),
        ("영업시간이 어떻게 되나요?", ("몇 시에 문을 여나요?",), "월요일부터 금요일까지 9:00부터 18:00까지입니다.",
         "문의", "영업시간"),
    ),
    "es": (
        ("¿Puedo devolver un artículo?", ("¿Cómo funcionan las devoluciones?", "Quiero devolver algo"),
         "Sí. Puede devolverlo **en un plazo de 30 días**:\n\n- sin usar\n- con el recibo", "Devoluciones",
         "devoluciones"),
        ("¿Cuál es su horario?", ("horario de atención",), "De lunes a viernes, de 9:00 a 18:00.", "Contacto",
         "horario"),
    ),
    "pt": (
        ("Posso devolver um item?", ("Como funcionam as devoluções?", "Quero devolver um produto"),
         "Sim. Você pode devolvê-lo **em até 30 dias**:\n\n- sem uso\n- com a nota fiscal", "Devoluções",
         "devoluções"),
        ("Qual é o horário de atendimento?", ("horário de funcionamento",),
         "De segunda a sexta, das 9:00 às 18:00.", "Contato", "horário"),
    ),
    "fr": (
        ("Puis-je retourner un article ?", ("Comment faire un retour ?", "Je veux renvoyer un produit"),
         "Oui. Vous pouvez le retourner **sous 30 jours** :\n\n- non utilisé\n- avec le reçu", "Retours", "retours"),
        ("Quels sont vos horaires ?", ("heures d’ouverture",), "Du lundi au vendredi, de 9:00 à 18:00.", "Contact",
         "horaires"),
    ),
    "de": (
        ("Kann ich einen Artikel zurückgeben?", ("Wie funktioniert die Rückgabe?", "Ich möchte etwas zurückschicken"),
         "Ja. Sie können ihn **innerhalb von 30 Tagen** zurückgeben:\n\n- unbenutzt\n- mit Beleg", "Rückgabe",
         "Rückgabe"),
        ("Wann haben Sie geöffnet?", ("Öffnungszeiten",), "Montag bis Freitag, 9:00 bis 18:00 Uhr.", "Kontakt",
         "Öffnungszeiten"),
    ),
    "ar": (
        ("هل يمكنني إرجاع منتج؟", ("كيف يتم الإرجاع؟", "أريد إعادة منتج"),
         "نعم. يمكنك إرجاعه **خلال 30 يومًا**:\n\n- غير مستخدم\n- مع الإيصال", "الإرجاع", "إرجاع"),
        ("ما هي ساعات العمل؟", ("متى تفتحون؟",), "من الأحد إلى الخميس، من 9:00 إلى 18:00.", "التواصل", "ساعات العمل"),
    ),
    "hi": (
        ("क्या मैं सामान लौटा सकता हूँ?", ("सामान कैसे लौटाएँ?", "मुझे कुछ वापस करना है"),
         "हाँ। आप इसे **30 दिनों के भीतर** लौटा सकते हैं:\n\n- बिना इस्तेमाल किया हुआ\n- रसीद के साथ", "वापसी", "वापसी"),
        ("आप कब खुले रहते हैं?", ("खुलने का समय",), "सोमवार से शुक्रवार, 9:00 से 18:00 तक।", "संपर्क", "समय"),
    ),
}  # fmt: skip


def example_rows(locale: str) -> tuple[FaqRow, FaqRow]:
    """Two rows in the locale's language (English where Kefu has none), the first pointing to the second."""
    first, second = _EXAMPLES.get(locale.split("-")[0], _EXAMPLES["en"])
    return (
        FaqRow(
            id="example-1", locale=locale, question=first[0], alternates=first[1], answer=first[2],
            category=first[3], tags=(first[4],), follow_ups=("example-2",),
        ),
        FaqRow(
            id="example-2", locale=locale, question=second[0], alternates=second[1], answer=second[2],
            category=second[3], tags=(second[4],),
        ),
    )  # fmt: skip
