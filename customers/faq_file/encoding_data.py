"""What text in each legacy encoding's languages looks like: the evidence `encoding` weighs."""

CANONICAL = {
    "utf-8": "utf-8", "utf-16": "utf-16", "utf-16-le": "utf-16-le", "utf-16-be": "utf-16-be", "utf-32": "utf-32",
    "gb18030": "gb18030", "gbk": "gb18030", "gb2312": "gb18030", "cp936": "gb18030",
    "big5": "big5", "cp950": "big5", "big5hkscs": "big5hkscs",
    "shift_jis": "shift_jis", "shift-jis": "shift_jis", "sjis": "shift_jis", "cp932": "shift_jis",
    "windows-31j": "shift_jis", "euc-jp": "euc-jp", "euc_jp": "euc-jp", "iso-2022-jp": "iso-2022-jp",
    "euc-kr": "euc-kr", "euc_kr": "euc-kr", "cp949": "euc-kr", "uhc": "euc-kr",
    "latin-1": "windows-1252", "iso-8859-1": "windows-1252",
    **{f"windows-125{digit}": f"windows-125{digit}" for digit in range(9)},
    **{f"cp125{digit}": f"windows-125{digit}" for digit in range(9)},
}  # fmt: skip
"""The names a caller may choose an encoding by, and the name it is reported by."""

CODECS = {"big5": "cp950", "shift_jis": "cp932", "euc-kr": "cp949"} | {
    f"windows-125{digit}": f"cp125{digit}" for digit in range(9)
}
"""The codec for a reported name: Microsoft's superset, which is what spreadsheet programs write."""

LEGACY = {
    "gb18030": "zh", "big5": "zh", "shift_jis": "ja", "euc-jp": "ja", "euc-kr": "ko",
    "windows-1252": "en fr de es pt it nl sv da nb no fi is ca id ms sw eu gl ga af",
    "windows-1250": "pl cs sk hu ro sl hr bs sq", "windows-1254": "tr", "windows-1257": "lt lv et",
    "windows-1258": "vi", "windows-1251": "ru uk bg sr mk be", "windows-1253": "el", "windows-1255": "he",
    "windows-1256": "ar fa ur",
}  # fmt: skip
"""Encodings considered for a file that is not Unicode, each with the languages it is for."""

_SIMPLIFIED = (
    "的一是不了在有人我他这中大来上个国到说们为子和你地出道也时年得就那要下以生会自着去之过家学对可里后小么心多天而能"
    "好都然没日于起还发成事只作当想看文无开手用主行方又如前所本见经头面公同已从动两长知样现分将外但些与高意进把法此"
    "实回理点月明其种全工者向情部正名定问力机给等几很业最间新什打便位因重被电第门相次口使再平信少关并内加化由代入先"
    "体别处总比住员性通目报数件安表原车应路期提更合放做系计或利受及务制解各任至记边接它特服题度统色字请交让认算结指"
    "非流每管资带条变联权该传留保达办运完区即求品转量空程告语基式息写取设版单据失网专款退货订购买账户密码您吗送快递"
    "支付需查询改消费票客登录收"
)
_TRADITIONAL = (
    "的一是不了在有人我他這中大來上個國到說們為子和你地出道也時年得就那要下以生會自著去之過家學對可裡後小麼心多天而能"
    "好都然沒日於起還發成事只作當想看文無開手用主行方又如前所本見經頭面公同已從動兩長知樣現分將外但些與高意進把法此"
    "實回理點月明其種全工者向情部正名定問力機給等幾很業最間新什打便位因重被電第門相次口使再平信少關並內加化由代入先"
    "體別處總比住員性通目報數件安表原車應路期提更合放做系計或利受及務制解各任至記邊接它特服題度統色字請交讓認算結指"
    "非流每管資帶條變聯權該傳留保達辦運完區即求品轉量空程告語基式息寫取設版單據失網專款退貨訂購買帳戶密碼您嗎送快遞"
    "支付需查詢改消費票客登錄收"
)
_KOREAN = (
    "이다는을의에하고가를은한지로기도어사니시서요있자나수그해리아대인라면정스일들보전부주상원제여습까세음었과만게오년신"
    "안것연용장구생공비동경조적성화개관되선계때내민학문무방중실당산우치물법력품모국회결분등할드려없야와청송확불입금환반"
    "카번메록취소배변더알떻어간받마처며할호됩합을위추저"
)
_KANA = "".join(map(chr, (*range(0x3041, 0x3094), *range(0x30A1, 0x30F5)))) + "ー、。・「」々"

FREQUENT = {
    "gb18030": frozenset(_SIMPLIFIED + "，。？！、：；（）“”"),
    "big5": frozenset(_TRADITIONAL + "，。？！、：；（）「」"),
    "shift_jis": frozenset(_KANA),
    "euc-jp": frozenset(_KANA),
    "euc-kr": frozenset(_KOREAN),
}
"""The characters that make up a quarter or more of any text in the language, and next to none of a misreading."""

LATIN = {
    "en": "éèïçñöêâáü", "fr": "àâæçéèêëîïôœùûüÿ", "de": "äöüßé", "es": "áéíñóúüºª", "pt": "áâãàçéêíóôõúüºª",
    "it": "àèéìíîòóùú", "nl": "áéëïóöüèê", "sv": "åäöé", "da": "æøåé", "nb": "æøåéòô", "no": "æøåéòô", "fi": "äöåšž",
    "is": "áðéíóúýþæö", "ca": "àçèéíïòóúü·", "id": "é", "ms": "é", "sw": "é", "eu": "ñçü", "gl": "áéíñóúü",
    "ga": "áéíóú", "af": "êëïôûéèáóúîöü",
    "pl": "ąćęłńóśźż", "cs": "áčďéěíňóřšťúůýž", "sk": "áäčďéíĺľňóôŕšťúýž", "hu": "áéíóöőúüű", "ro": "ăâîşţ",
    "sl": "čšž", "hr": "čćđšž", "bs": "čćđšž", "sq": "çë", "tr": "çğıöşüâîûİ", "lt": "ąčęėįšųūž",
    "lv": "āčēģīķļņšūž", "et": "äõöüšž",
    "vi": "ăâđêôơưàáèéìíòóùúý\u0300\u0301\u0303\u0309\u0323",
}  # fmt: skip
"""The letters beyond a-z of each language written in Latin script (CLDR main exemplars)."""

OTHER_SCRIPTS = {
    "windows-1251": (0x0400, 0x045F, "Ґґ"),
    "windows-1253": (0x0384, 0x03CE, ""),
    "windows-1255": (0x05D0, 0x05F4, ""),
    "windows-1256": (0x0600, 0x06FF, "\u200c\u200d\u200e\u200f"),
}
"""The block of letters that text in these encodings is written in, and characters that go with it."""

PUNCTUATION = frozenset("“”‘’„‚–—…«»‹›€£¥©®™°•·¿¡§×½¼¾²³\xa0\xad№،؛؟")
