"""Templates whose text is words of one language: centuries, marks of languages, the sentence that opens an Italian biography.

As in `template_values`, each takes the arguments of a call and the wiki's name and gives wikitext, or None where it cannot.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from pipeline.wikipedia.wikitext import units
from pipeline.wikis.languages import wiki_language
from pipeline.wikis.locales import language_name

Arguments = Mapping[str, str]

_ROMAN = re.compile(r"[IVXLCDM]+|\d+", re.IGNORECASE)
_SUFFIXES = frozenset(("e", "er", "re", "ème"))
_UNO = re.compile(r"(?:s[^aeiouàèéìòù]|z|gn|ps|pn|x|y)", re.IGNORECASE)
_VOWEL = re.compile("[aeiouàèéìòù]", re.IGNORECASE)
_UNKNOWN = frozenset(("?", "...", "…", ""))
_MARKS = {"es": "(en {name})", "pt": "(em {name})", "ca": "({name})", "sv": "({name})", "it": "({upper})"}


def numbered(arguments: Arguments) -> list[str]:
    """List the positional arguments in their order, empty ones too."""
    return [arguments.get(str(number), "") for number in range(1, 1 + sum(key.isdigit() for key in arguments))]


def siècle(arguments: Arguments, wiki: str) -> str | None:
    """`{{s|XIX}}` as "XIXe siècle", `{{s2|XX|e|XXI|e}}` as "XXe et XXIe siècles", `{{-s|V}}` with "av. J.-C.".

    Names without a hyphen at their end make links.
    """
    name = arguments.get("NAME", "").lower()
    given = [value for value in numbered(arguments) if value]
    numerals = [place for place, value in enumerate(given) if _ROMAN.fullmatch(value)]
    if not numerals:
        return None
    alone, era = len(numerals) == 1, " av. J.-C." if name.startswith("-") else ""
    plural = not alone and (not name.strip("-").startswith("sp") or given[-1] == "s")
    noun = "" if "mini" in name else f" siècle{'s' * plural}{era}"
    words: list[str] = []
    for place, value in enumerate(given):
        if place in numerals:
            numeral = value + _numeral_ending(value, given[place + 1 : place + 2])
            shown = numeral + noun if alone else numeral
            between = " et " if words and words[-1][-1] != " " else ""
            words.append(between + (shown if name.endswith("-") else f"[[{numeral} siècle{era}|{shown}]]"))
        elif value not in _SUFFIXES and value not in ("s", "S") and words:
            words.append("-" if alone and value == "-" else f" {'–' if value == '-' else value} ")
    return "".join(words).rstrip() + ("" if alone else noun)


def _numeral_ending(numeral: str, following: list[str]) -> str:
    return following[0] if following and following[0] in _SUFFIXES else "er" if numeral.upper() == "I" else "e"


def ordinal(arguments: Arguments, wiki: str) -> str:
    """`{{3e|étage}}` as "3e étage", `{{XXe|s}}` as "XXe": the template's name is the numeral."""
    ending = {"ème": "e", "eme": "e", "ieme": "e", "ième": "e", "ère": "re", "ere": "re"}.get(
        arguments["NAME.2"], arguments["NAME.2"]
    )
    noun = arguments.get("1", "")
    return f"{arguments['NAME.1'].upper()}{ending}" + (f" {noun}" if noun and noun not in ("s", "S") else "")


def harvard(arguments: Arguments, wiki: str) -> str | None:
    """`{{harvtxt|Jakobson|Halle|1971|p=3}}` as "Jakobson & Halle (1971, p. 3)", in the three forms of the family."""
    given = [value for value in numbered(arguments) if value]
    if len(given) < 2:
        return None
    *authors, year = given[:5]
    names = " & ".join([", ".join(authors[:-1]), authors[-1]]) if authors[1:] else authors[0]
    names = f"{authors[0]} et al." if len(authors) > 3 else names
    places = (("p. ", "p"), ("pp. ", "pp"), ("p. ", "page"), ("pp. ", "pages"), ("", "loc"))
    place = "".join(f", {label}{arguments[key]}" for label, key in places if arguments.get(key))
    name = arguments.get("NAME", "").lower()
    if name.endswith("txt"):
        return f"{names} ({year}{place})"
    return f"{names} {year}{place}" if name.endswith("nb") else f"({names} {year}{place})"


def chinese(arguments: Arguments, wiki: str) -> str | None:
    """`{{zh|s=汉字|t=漢字|p=hànzì}}` with its labels, as the English wiki writes them; without them where `labels` says no."""
    labels = {"s": "simplified Chinese", "t": "traditional Chinese", "c": "Chinese", "p": "pinyin", "w": "Wade–Giles"}
    labels |= {"j": "Jyutping", "h": "Hakka", "poj": "Pe̍h-ōe-jī", "l": "lit."}
    if arguments.get("s") and arguments.get("s") == arguments.get("t"):
        return None
    plain = arguments.get("labels", "") == "no"
    order = ["t", "s"] if "t" in arguments.get("first", "") else ["s", "t"]
    order += [key for key in labels if key not in order]
    parts = [_labelled(labels[key], arguments[key], plain) for key in order if arguments.get(key)]
    return "; ".join(parts) or None


def _labelled(label: str, text: str, plain: bool) -> str:
    if label == "lit.":
        return f"lit. '{text}'"
    return text if plain else f"{label}: {text}"


def wareki(arguments: Arguments, wiki: str) -> str | None:
    """`{{和暦|1990}}` as "1990年（平成2年）": the year and that of the era."""
    year = arguments.get("1", "")
    if not year.isdecimal():
        return None
    eras = (("令和", 2019), ("平成", 1989), ("昭和", 1926), ("大正", 1912), ("明治", 1868))
    era, first = next(((name, start) for name, start in eras if int(year) >= start), ("", 0))
    number = int(year) - first + 1
    return f"{year}年" + (f"（{era}{'元' if number == 1 else number}年）" if era else "")


def incise(arguments: Arguments, wiki: str) -> str:
    """`{{incise|a few words}}` between dashes; `stop` where the sentence ends with them."""
    return f"— {arguments.get('1', '')}" + ("" if arguments.get("2") or arguments.get("stop") else " —")


def siglo(arguments: Arguments, wiki: str) -> str:
    """`{{siglo|II|a|s}}` as "siglo II a. C.": the era by the second argument, the word by the third."""
    era = {"a": " a. C.", "d": " d. C."}.get(arguments.get("2", "").lower(), "")
    word = {"s": "siglo ", "S": "Siglo ", "p": "siglos ", "P": "Siglos "}.get(arguments.get("3", ""), "")
    return f"{word}{arguments.get('1', '')}{era}"


def language_mark(arguments: Arguments, wiki: str) -> str | None:
    """`{{en}}` as "(en)", the mark behind a link to a page in English; with an argument the word itself."""
    code, language = arguments.get("NAME", "").strip().lower(), wiki_language(wiki)
    name = language_name(code, language if language in _MARKS else "en")
    if not name and code != "mul":
        return None
    if arguments.get("1"):
        return f"({' + '.join(numbered(arguments))})" if code == "mul" else arguments["1"]
    return _MARKS.get(language, "({code})").format(name=name, code=code, upper=code.upper())


def in_languages(arguments: Arguments, wiki: str) -> str | None:
    """`{{in lang|it|fr}}` as "(in Italian and French)"."""
    names = [language_name(code, "en") for code in numbered(arguments) if code]
    if not names or not all(names):
        return None
    return (
        f"(in {names[0]})"
        if len(names) == 1
        else f"(in {', '.join(names[:-1])}{',' * (len(names) > 2)} and {names[-1]})"
    )


def ship(arguments: Arguments, wiki: str) -> str | None:
    """`{{USS|Enterprise|CVN-65}}` as a link, "USS Enterprise (CVN-65)"; form 6 leaves the number out, form 2 all but the name."""
    prefix, name, number = arguments.get("NAME", "").upper(), arguments.get("1", ""), arguments.get("2", "")
    form = arguments.get("3") or arguments.get("up", "")
    if not name or form not in ("", "2", "6"):
        return None
    shown = f"{prefix} ''{name}''" if form != "2" else f"''{name}''"
    numbered_name = f" ({number})" if number else ""
    return f"[[{prefix} {name}{numbered_name}|{shown}{'' if form else numbered_name}]]"


def post_nominals(arguments: Arguments, wiki: str) -> str | None:
    """`{{post-nominals|country=CAN|OC|FRS}}` as "OC FRS"."""
    return (
        " ".join(filter(None, [*numbered(arguments), arguments.get("post-noms", ""), arguments.get("list", "")]))
        or None
    )


def percentage(arguments: Arguments, wiki: str) -> str | None:
    """`{{percentage|58255|1704694|1}}` as "3.4%"."""
    part, whole, digits, *_ = [*numbered(arguments), "", "", ""]
    try:
        return f"{100 * float(part.replace(',', '')) / float(whole.replace(',', '')):.{int(digits or 0)}f}%"
    except (ValueError, ZeroDivisionError):
        return None


def density(arguments: Arguments, wiki: str) -> str | None:
    """`{{pop density|1762949|364.74|km2|sqmi|prec=1}}` as "4,833.4/km2 (12,518.6/sq mi)"."""
    people, area, unit, target, *_ = [*numbered(arguments), "", "", "", ""]
    try:
        value = float(people.replace(",", "")) / float(area.replace(",", ""))
    except (ValueError, ZeroDivisionError):
        return None
    digits = int(arguments.get("prec") or 0)
    call = {"1": f"{value:.{digits}f}", "2": f"/{unit}", "3": f"/{target}", "4": str(digits), "abbr": "on"}
    return units.convert(call if target else {key: call[key] for key in ("1", "2", "abbr")}, abbreviated=True)


def biography(arguments: Arguments, wiki: str) -> str | None:
    """`{{Bio|Nome=Ada|Cognome=Lovelace|…}}`: the sentence that opens an Italian biography."""
    name = " ".join(filter(None, (arguments.get(key, "") for key in ("Titolo", "Nome", "Cognome"))))
    if not name:
        return None
    text = f"'''{name}'''{arguments.get('PostCognome', '') and _joined(arguments['PostCognome'])}"
    text += _lifespan(arguments)
    ending = arguments.get("FineIncipit")
    text += _joined(ending) if ending else _occupation(arguments)
    return text + ("" if arguments.get("Punto", "").lower() == "no" else ".")


def _joined(text: str) -> str:
    return text if text[:1] in ",;:" else f" {text}"


def _lifespan(arguments: Arguments) -> str:
    """Place and day of birth and of death, in parentheses."""
    birth, death = (_event(arguments, ending) for ending in ("Nascita", "Morte"))
    died = bool(arguments.get("AnnoMorte") or arguments.get("LuogoMorte") or arguments.get("GiornoMeseMorte"))
    before = arguments.get("PreData", "")
    dates = f"{birth or '...'} – {death or '...'}" if died else birth
    inside = "; ".join(filter(None, (before, dates)))
    return f" ({inside})" if inside else ""


def _event(arguments: Arguments, ending: str) -> str:
    place = arguments.get(f"Luogo{ending}", "")
    link = arguments.get(f"Luogo{ending}Link", "")
    day, year = (arguments.get(f"{part}{ending}", "") for part in ("GiornoMese", "Anno"))
    shown = f"[[{link or place}|{place}]]" if place and place not in _UNKNOWN and "[" not in place else place
    aside = arguments.get(f"Luogo{ending}Alt", "")
    date = " ".join(f"[[{part}]]" if part[:1].isdigit() and "[" not in part else part for part in (day, year) if part)
    return ", ".join(filter(None, (shown + (_joined(aside) if aside else ""), date)))


def _occupation(arguments: Arguments) -> str:
    """ "è stato un matematico e scrittore italiano", by sex and by whether the person is alive."""
    trades = [value for key in ("Attività", "Attività2", "Attività3") if (value := arguments.get(key, ""))]
    if not trades:
        return ""
    woman = arguments.get("Sesso", "M").upper() == "F"
    gone = bool(arguments.get("AnnoMorte")) or arguments.get("Epoca", "") not in ("", "1900", "2000")
    verb = "è" if not gone else "è stata" if woman else "è stato"
    others = arguments.get("AttivitàAltre", "")
    listed = ", ".join(trades) if others else ", ".join(trades[:-1]) + " e " + trades[-1] if trades[1:] else trades[0]
    nation = arguments.get("Nazionalità", "")
    naturalised = arguments.get("NazionalitàNaturalizzato", "")
    nation += f" naturalizzat{'a' if woman else 'o'} {naturalised}" if naturalised else ""
    after = arguments.get("PostNazionalità", "")
    text = f" {verb} {_article(trades[0], woman)}{listed}{_joined(others) if others else ''}"
    return text + (f" {nation}" if nation else "") + (_joined(after) if after else "")


def _article(noun: str, woman: bool) -> str:
    noun = noun.lstrip("[' ")
    if woman:
        return "un'" if _VOWEL.match(noun) else "una "
    return "uno " if _UNO.match(noun) else "un "
