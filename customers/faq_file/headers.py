"""Column headers as support teams write them, in the languages Kefu speaks."""

import re
from collections.abc import Iterable, Mapping

from .model import FIELDS, Column, FileRefused, Sheet, header_name, shorten
from .text import fold

ERRORS = "errors"
"""The column that `with_error_column` adds; ignored when the corrected file comes back."""

LIST_FIELDS = frozenset({"alternates", "tags", "follow_ups"})
"""Fields that several columns may fill together."""
_HEADER_DEPTH = 10
"""Rows looked through for the header."""
_NUMBER = re.compile(r"\d+$")
_KEYS = (*FIELDS, ERRORS)
_DISPLAY = {
    "en": "ID|Locale|Question|Alternates|Answer|Category|Tags|Follow-ups|Valid from|Valid until|Active|Errors",
    "zh": "编号|语言区域|问题|其他问法|答案|分类|标签|后续问题|生效日期|失效日期|启用|错误",
    "ja": "ID|ロケール|質問|言い換え|回答|カテゴリ|タグ|関連質問|有効開始日|有効終了日|有効|エラー",
    "ko": "ID|로캘|질문|다른 표현|답변|분류|태그|후속 질문|시작일|종료일|사용|오류",
    "es": "ID|Idioma|Pregunta|Variantes|Respuesta|Categoría|Etiquetas|Preguntas relacionadas"
    "|Válido desde|Válido hasta|Activo|Errores",
    "pt": "ID|Idioma|Pergunta|Variações|Resposta|Categoria|Etiquetas|Perguntas relacionadas"
    "|Válido de|Válido até|Ativo|Erros",
    "fr": "ID|Langue|Question|Variantes|Réponse|Catégorie|Étiquettes|Questions associées"
    "|Valable du|Valable jusqu’au|Actif|Erreurs",
    "de": "ID|Sprache|Frage|Varianten|Antwort|Kategorie|Schlagwörter|Anschlussfragen"
    "|Gültig ab|Gültig bis|Aktiv|Fehler",
    "ar": "المعرّف|اللغة|السؤال|صيغ أخرى|الإجابة|الفئة|الوسوم|أسئلة المتابعة|صالح من|صالح حتى|مفعّل|أخطاء",
    "hi": "आईडी|भाषा|प्रश्न|अन्य रूप|उत्तर|श्रेणी|टैग|अनुवर्ती प्रश्न|मान्य से|मान्य तक|सक्रिय|त्रुटियाँ",
}
_SYNONYMS = {
    "id": "faq id|entry id|key|identifier|编码|編號|識別碼|管理番号|아이디|identificador|clave|código"
    "|identifiant|kennung|معرف|رمز|पहचान",
    "locale": "language|lang|locale code|language code|语言|語言|地区|語系|言語|언어|로케일|lengua"
    "|configuración regional|língua|localidade|langue|paramètres régionaux|gebietsschema|locale tag|لغة"
    "|اللغه|लोकेल",
    "question": "questions|q|faq|title|query|main question|standard question|标准问题|标准问|問題|提问|问"
    "|标题|質問文|質問内容|問い|お問い合わせ|문의|질문 내용|제목|preguntas|cuestión|título|perguntas"
    "|questão|dúvida|fragen|titel|intitulé|سؤال|الأسئلة|العنوان|सवाल|शीर्षक",
    "alternates": "alternate|alternative|alternatives|alternate question|alternate questions"
    "|alternative questions|variant|variants|variation|variations|paraphrase|paraphrases"
    "|similar questions|also asked|phrasings|synonyms|training phrases|utterances|相似问题|相似问"
    "|相似問題|同义问法|其他問法|别名|扩展问|別表現|言い換え表現|類似質問|別の聞き方|유사 질문|유사질문"
    "|대체 질문|변형|variante|alternativas|otras formas|preguntas alternativas|paráfrasis|variação"
    "|outras formas|perguntas alternativas|variantes de question|formulations|autres formulations"
    "|reformulations|alternativen|alternativfragen|umformulierungen|andere formulierungen|صيغ بديلة"
    "|أسئلة بديلة|صياغات أخرى|वैकल्पिक प्रश्न|वैकल्पिक|समान प्रश्न",
    "answer": "answers|a|reply|response|content|body|text|回答|答复|回复|內容|内容|解答|答|回答内容"
    "|回答文|答え|답|응답|답변 내용|내용|respuestas|contestación|contenido|respostas|conteúdo|réponses"
    "|contenu|antworten|inhalt|جواب|الجواب|إجابة|الرد|المحتوى|जवाब|सामग्री",
    "category": "categories|topic|group|section|类别|類別|分類|主题|目录|カテゴリー|種別|ジャンル"
    "|카테고리|범주|주제|tema|grupo|rubro|assunto|seção|rubrique|thème|sujet|rubrik|thema|gruppe|bereich"
    "|التصنيف|فئة|الموضوع|القسم|वर्ग|विषय",
    "tags": "tag|labels|label|keywords|keyword|標籤|关键词|关键字|關鍵字|キーワード|ラベル|키워드|라벨"
    "|etiqueta|palabras clave|palavras-chave|marcadores|étiquette|mots-clés|libellés|schlagworte"
    "|stichwörter|stichworte|etiketten|وسوم|وسم|الكلمات المفتاحية|علامات|टैग्स|कीवर्ड|लेबल",
    "follow_ups": "follow up|follow ups|followups|follow_ups|follow-up questions|related"
    "|related questions|related ids|next questions|相关问题|相關問題|後續問題|关联问题|フォローアップ"
    "|次の質問|関連する質問|관련 질문|연관 질문|이어지는 질문|preguntas de seguimiento|seguimiento"
    "|perguntas de acompanhamento|perguntas seguintes|questions suivantes|questions de suivi"
    "|questions liées|folgefragen|verwandte fragen|أسئلة ذات صلة|متابعة|संबंधित प्रश्न|आगे के प्रश्न",
    "valid_from": "valid_from|start|start date|starts|effective from|有效期自|开始日期|開始日期|生效日"
    "|起始日期|開始日|公開日|掲載開始日|유효 시작일|시작|개시일|fecha de inicio|vigente desde|início"
    "|data de início|válido a partir de|date de début|valable à partir du|startdatum|beginn|تاريخ البدء"
    "|يبدأ|प्रारंभ तिथि",
    "valid_until": "valid_until|valid to|end date|ends|expires|expiry|expiry date|有效期至|结束日期"
    "|結束日期|失效日|到期日|終了日|掲載終了日|有効期限|유효 종료일|종료|만료일|fecha de fin"
    "|vigente hasta|caducidad|fim|data de término|data final|vence em|date de fin|expire le|enddatum|ende"
    "|تاريخ الانتهاء|ينتهي|अंतिम तिथि",
    "active": "enabled|is active|published|live|有效|是否启用|啟用|激活|有効フラグ|公開|활성|사용 여부"
    "|활성화|공개|habilitado|publicado|vigente|activa|ativa|ativado|activé|publié|aktiviert"
    "|veröffentlicht|نشط|فعال|منشور|प्रकाशित|चालू",
    ERRORS: "error|import errors|錯誤|エラー内容|에러|error de importación|erro|erreur|importfehler|خطأ|त्रुटि",
}


def _build() -> tuple[dict[str, str], frozenset[str]]:
    primary: dict[str, str] = {fold(key): key for key in _KEYS}
    for names in _DISPLAY.values():
        primary.update({fold(name): key for key, name in zip(_KEYS, names.split("|"), strict=True)})
    synonyms = {fold(name): key for key, names in _SYNONYMS.items() for name in names.split("|")}
    return synonyms | primary, frozenset(primary)


_FIELD_OF, _PRIMARY = _build()


def display_headers(locale: str) -> dict[str, str]:
    """The header to write for each field, in the locale's language; English where Kefu has none."""
    names = _DISPLAY.get(locale.replace("_", "-").split("-")[0].lower(), _DISPLAY["en"])
    return dict(zip(_KEYS, names.split("|"), strict=True))


def recognise(header: str) -> str | None:
    """The field a header names, in any language, or None. "Alternate 3" is one of several alternates."""
    key = fold(header)
    field = _FIELD_OF.get(key)
    if field is None and _FIELD_OF.get(_NUMBER.sub("", key)) == "alternates":
        return "alternates"
    return field


def resolve(sheet: str, headers: Iterable[str], mapping: Mapping[str, str] | None) -> list[Column]:
    """What each header of a sheet stands for; an explicit mapping wins over recognition.

    A mapping to "" leaves that column out. Where a usual name and a mere synonym claim the same field
    (Question and Title), the usual name has it. Raises FileRefused `bad_mapping` for an unknown field.
    """
    chosen = {} if mapping is None else {header_name(header): field for header, field in mapping.items()}
    for header, wanted in chosen.items():
        if wanted and wanted not in _KEYS:
            raise FileRefused("bad_mapping", header=shorten(header), field=shorten(wanted))
    names = [header_name(header) for header in headers]
    found: list[str | None] = [chosen[name] if name in chosen else recognise(name) for name in names]
    claimed = set(chosen.values()) | {
        field for name, field in zip(names, found, strict=True) if field and fold(name) in _PRIMARY
    }
    columns = []
    for name, field in zip(names, found, strict=True):
        yields = field in claimed and field not in LIST_FIELDS and name not in chosen
        if yields and (field in chosen.values() or fold(name) not in _PRIMARY):
            field = None
        columns.append(Column(sheet=sheet, header=name, field=field or None))
    return columns


def find_header(sheet: Sheet, mapping: Mapping[str, str] | None) -> tuple[int, list[Column]]:
    """The place of the header among a grid's rows, past titles and notes, and what its cells stand for.

    It is the row that names a question column and the most fields besides; the first row if none does.
    """
    best, best_columns, most = 0, list[Column](), 0
    for place, (_, cells) in enumerate(sheet.rows[:_HEADER_DEPTH]):
        columns = resolve(sheet.name, cells, mapping)
        fields = {column.field for column in columns if column.field}
        if place == 0:
            best_columns = columns
        if "question" in fields and len(fields) > most:
            best, best_columns, most = place, columns, len(fields)
    return best, best_columns


def repeated(columns: Iterable[Column]) -> list[tuple[Column, Column]]:
    """Pairs of columns that claim the same single-valued field: the first, and each later one."""
    first: dict[str, Column] = {}
    pairs = []
    for column in columns:
        if column.field and column.field not in LIST_FIELDS and column.field != ERRORS:
            earlier = first.setdefault(column.field, column)
            if earlier is not column:
                pairs.append((earlier, column))
    return pairs
