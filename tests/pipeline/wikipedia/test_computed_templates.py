"""Units, dates, numbers, parser functions: texts of templates that are computed."""

from __future__ import annotations

import pytest

from pipeline.wikipedia.wikitext.dialects import wiki_dialect
from pipeline.wikipedia.wikitext.expressions import MAX_TOKENS, evaluate
from pipeline.wikipedia.wikitext.holes import HOLE, Holes
from pipeline.wikipedia.wikitext.transclusions import Transclusions
from pipeline.wikis.locales import find_locale, language_name


def said(wikitext: str, wiki: str = "enwiki") -> str:
    """The text of a call, its blanks made one kind."""
    text = Transclusions(wikitext, wiki_dialect(wiki).rules, "Title", Holes()).expand()
    return "?" if HOLE in text else text.replace("\xa0", " ").replace("\u202f", " ")


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("{{convert|2648|km|0|abbr=on}}", "2,648 km (1,645 mi)"),
        ("{{convert|140000|km2|sqmi|abbr=on}}", "140,000 km2 (54,000 sq mi)"),
        ("{{convert|8|km|mi}}", "8 kilometres (5.0 mi)"),
        ("{{convert|1|km|mi|sp=us}}", "1 kilometer (0.62 mi)"),
        ("{{cvt|150|lb|kg|disp=or|order=flip}}", "68 kg or 150 lb"),
        ("{{convert|-33|°C|°F|1|disp=or}}", "−33 °C or −27.4 °F"),
        ("{{convert|2400-3000|m|ft|abbr=on}}", "2,400–3,000 m (7,900–9,800 ft)"),
        ("{{convert|200|to|350|mm|abbr=on|disp=or}}", "200 to 350 mm or 7.9 to 13.8 in"),
        ("{{convert|3478|m|ft|adj=mid|abbr=off|-high}}", "3,478-metre-high (11,411-foot)"),
        ("{{convert|152.4|cm|ftin|abbr=on}}", "152.4 cm (5 ft 0 in)"),
        ("{{convert|215.2|PD/km2|PD/sqmi}}", "215.2 inhabitants per square kilometre (557/sq mi)"),
        ("{{convert|6|tonne|ST|adj=on|spell=in}}", "six-tonne (6.6-short-ton)"),
        ("{{convert|22|e6acre|km2}}", "22 million acres (89,000 km2)"),
        ("{{convert|5|no such unit|km}}", "?"),
        ("{{convert|5|km|mi|made up=1}}", "?"),
    ],
)
def test_quantities_in_english(call: str, expected: str) -> None:
    assert said(call) == expected


@pytest.mark.parametrize(
    ("wiki", "call", "expected"),
    [
        ("frwiki", "{{unité|3.566|MHz}}", "3,566 MHz"),
        ("frwiki", "{{unité|25|km|2}}", "25 km²"),
        ("frwiki", "{{nombre|253600|militants}}", "253 600 militants"),
        ("frwiki", "{{date-|25/11/1993}}", "25 novembre 1993"),
        ("frwiki", "{{date|1|juin|1996|en athlétisme}}", "1er juin 1996"),
        ("frwiki", "{{heure|20|5}}", "20 h 05"),
        ("frwiki", "{{XIXe siècle}} {{3e|position}} {{1ère}}", "XIXe siècle 3e position 1re"),
        ("frwiki", "{{sp-|XVI|e|et|XVII|e}}; {{-s-|V}}", "XVIe et XVIIe siècle; Ve siècle av. J.-C."),
        ("frwiki", "{{s|XX}} {{s2-|XI|XII}}", "[[XXe siècle|XXe siècle]] XIe et XIIe siècles"),
        ("frwiki", "{{sp-|XII|-|XVIII|s}} {{s-|XVI|e|-}}", "XIIe – XVIIIe siècles XVIe siècle-"),
        ("frwiki", "{{nb|4000|watts}} {{tmp|46.5|°C}} {{unité|8|kw}}", "4 000 watts 46,5 °C 8 kw"),
        ("frwiki", "{{unité|189.97 km/h}} {{nb|ps nm-1}} {{unité|1300-1310|nm}}", "189,97 km/h ps nm⁻¹ 1 300–1 310 nm"),
        (
            "frwiki",
            "{{date|18 novembre- 1676-}} {{date|21 novembre 1676-}} {{date|10/7/1940-}}",
            "18 21 novembre 10 juillet",
        ),
        (
            "frwiki",
            "{{date|-58}} {{date|le 4 mai 1689}} {{date-|5 sept 2010}}",
            "58 av. J.-C. 4 mai 1689 5 septembre 2010",
        ),
        (
            "frwiki",
            "{{heure|2|30|durée=oui}} {{Heure|2=7|3=30|4=909}} {{heure|20|00}}",
            "2 h 30 min 7 min 30 s 909 20 h 0",
        ),
        ("frwiki", "{{en langue|nl|Brussel}}; {{en lang|de|Glarus}}", "en néerlandais : Brussel; en allemand : Glarus"),
        ("frwiki", "{{souverain2|Cosme III de Médicis}}", "[[Cosme III de Médicis|Cosme III]]"),
        ("frwiki", "{{USS|Voyager|NCC-74656|6}}", "[[USS Voyager (NCC-74656)|USS ''Voyager'']]"),
        ("frwiki", "{{incise|tard}} {{incise|tard|stop}}", "— tard — — tard"),
        ("frwiki", "{{lang|eo|{{Souligner|vid}}i}}", "vidi"),
        ("eswiki", "{{siglo|II|a|s}}", "siglo II a. C."),
        ("dewiki", "{{formatnum:1234567.8}}", "1.234.567,8"),
        ("plwiki", "{{formatnum:1234}} {{formatnum:12345}}", "1234 12 345"),
        ("bnwiki", "{{formatnum:১২৩৪}}", "১২৩৪"),
        ("jawiki", "{{要出典範囲|大きな町|date=2020年}}", "大きな町"),
        ("enwiki", "{{birth date|1879|3|14}}; {{as of|2017|04|06}}", "March 14, 1879; As of 6 April 2017"),
        ("enwiki", "{{pop density|1000|10|km2|sqmi}}", "100/km2 (259/sq mi)"),
        (
            "itwiki",
            "{{Bio|Nome=Ada|Cognome=Lovelace|Sesso=F|LuogoNascita=Londra|GiornoMeseNascita=10 dicembre|AnnoNascita=1815"
            "|LuogoMorte=Londra|GiornoMeseMorte=27 novembre|AnnoMorte=1852|Attività=matematica|Nazionalità=britannica}}",
            "'''Ada Lovelace''' ([[Londra|Londra]], [[10 dicembre]] [[1815]] – [[Londra|Londra]], [[27 novembre]] [[1852]]) "
            "è stata una matematica britannica.",
        ),
        (
            "itwiki",
            "{{Bio|Nome=Tizio|LuogoNascita=Roma|AnnoNascita=1990|Attività=scrittore|Attività2=attore|Nazionalità=italiano}}",
            "'''Tizio''' ([[Roma|Roma]], [[1990]]) è uno scrittore e attore italiano.",
        ),
    ],
)
def test_kinds_in_other_languages(wiki: str, call: str, expected: str) -> None:
    assert said(call, wiki) == expected


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("{{#if: x | yes | no }}{{#if: {{lc:}} | yes | no }}", "yesno"),
        ("{{#ifeq: 1.0 | 1 | same | other }}", "same"),
        ("{{#switch: b | a | b = two | c = three | none }}", "two"),
        ("{{#switch: z | a = one | #default = none }}", "none"),
        ("{{#expr: 2 + 3 * 4 ^ 2 / 8 round 1 }}", "8"),
        ("{{#ifexpr: 3 > 2 and not 0 | yes | no }}", "yes"),
        ("{{#time: j F Y | 2004-05-09 }}", "9 May 2004"),
        ("{{#time: Y }}", "?"),
        ("{{padleft:7|3}}{{padright:ab|5|xy}}", "007abxyx"),
        ("{{uc:a}}{{lcfirst:ABC}}{{ucfirst:abc}}", "AaBCAbc"),
        ("{{plural:1|day|days}} {{plural:3|day|days}}", "day days"),
        ("{{formatnum:12345}} {{formatnum:12,345|R}}", "12,345 12345"),
        ("{{#invoke:Math|max|1|2}}", "?"),
        ("{{#expr: 1 / 0 }}", "?"),
    ],
)
def test_parser_functions(call: str, expected: str) -> None:
    assert said(call) == expected


@pytest.mark.parametrize("expression", ["1 +", "(1", "1)", "a", "1 2", "1/0", "1+" * MAX_TOKENS + "1"])
def test_what_is_no_expression_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match="."):
        evaluate(expression)


def test_languages_write_dates_and_names_in_their_own_way() -> None:
    shown = {language: find_locale(language).written_date("2004", 5, 1) for language in ("es", "ru", "ja", "hu", "xx")}
    assert shown == {
        "es": "1 de mayo de 2004",
        "ru": "1 мая 2004",
        "ja": "2004年5月1日",
        "hu": "2004. május 1.",
        "xx": "2004-5-1",
    }
    assert language_name("grc", "es") == "griego antiguo" and language_name("nothing", "es") == ""
