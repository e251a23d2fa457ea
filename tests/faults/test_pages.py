"""Faults of Wikipedia dumps and their pages."""

from __future__ import annotations

import bz2
import logging
import random
import time
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from pipeline.doctor import expat_line
from pipeline.wikipedia.articles import ArticleOptions, read_article
from pipeline.wikipedia.config import WikipediaConfig
from pipeline.wikipedia.wikitext.dialects import wiki_dialect
from pipeline.wikis.languages import find_wiki, parse_languages
from schemas.errors import UsageError
from tests.faults import dumps
from tests.faults.dumps import article, header, page
from tests.faults.ingest import WHATEVER, balanced, dropped, rejects, rows, run_job
from tests.faults.recorder import Recorder

NAME = "swwiki-20261101-pages-articles-multistream.xml.bz2"
PLAIN = "swwiki.xml"
MEDIAWIKI_LIMIT = 2 * 1024 * 1024
"""Longest text that MediaWiki takes, in bytes ($wgMaxArticleSize)."""


def xml(*pages: str, **head: str) -> bytes:
    """Returns a dump that is not packed."""
    return (header(**head) + "".join(pages) + dumps.FOOTER).encode()


def ingest(
    recorder: Recorder, folder: Path, *odd: str | bytes, flags: tuple[str, ...] = (), **head: str
) -> dict[str, dict[str, Any]]:
    """Runs the job on odd pages between two sound ones; returns the pages by title, the neighbours among them."""
    middle = b"".join(part if isinstance(part, bytes) else part.encode() for part in odd)
    data = (header(**head) + article(1)).encode() + middle + (article(3) + dumps.FOOTER).encode()
    run_job(recorder, folder, "wikipedia", PLAIN, data, *WHATEVER, *flags)
    balanced(folder)
    found = {row["title"]: row for row in rows(folder, "pages")}
    assert {"Kitu 1", "Kitu 3"} <= set(found)
    return found


def check_spans(found: dict[str, dict[str, Any]]) -> int:
    """Checks that every link lies inside its context, in code points, and returns how many there are."""
    count = 0
    for row in found.values():
        for context in row["contexts"]:
            for link in context["links"]:
                assert 0 <= link["start"] < link["end"] <= len(context["text"])
                surface = context["text"][link["start"] : link["end"]]
                assert surface.strip() == surface != ""
                count += 1
    return count


@pytest.mark.fault("A3")
@pytest.mark.parametrize("form", ["multistream", "one stream"])
def test_salvage_reads_the_rest_and_accounts_for_the_gap(tmp_path: Path, recorder: Recorder, form: str) -> None:
    pages = [page(n, f"Kitu {n}", f"'''Kitu {n}''' ni kitu. " + noise(n)) for n in range(1, 401)]
    if form == "multistream":
        streams = dumps.streams(pages, 20)
        broken = bytearray(streams[7])
        broken[len(broken) // 2] ^= 4
        data = b"".join([*streams[:7], bytes(broken), *streams[8:]])
    else:
        broken = bytearray(bz2.compress(xml(*pages), 1))
        broken[len(broken) // 2] ^= 4
        data = bytes(broken)
    run_job(recorder, tmp_path, "wikipedia", NAME, data, code=11, match="damaged")
    run_job(recorder, tmp_path / "rest", "wikipedia", NAME, data, *WHATEVER, "--salvage", "True")
    kept = {row["page_id"] for row in rows(tmp_path / "rest", "pages")}
    lost = set(range(1, 401)) - kept
    assert lost and len(lost) <= 80 and max(lost) - min(lost) == len(lost) - 1
    gaps = rows(tmp_path / "rest", "rejects")
    assert len(gaps) == 1 and "damaged" in gaps[0]["reason"] and "byte" in gaps[0]["detail"]
    balanced(tmp_path / "rest")
    recorder.note(f"--salvage, {form}: {len(kept)} of 400 pages read, one gap of {len(lost)} pages rejected")


def noise(seed: int) -> str:
    """Returns words that do not compress to nothing."""
    draw = random.Random(seed)
    return " ".join(f"{draw.randrange(10**6)}" for _ in range(300))


@pytest.mark.fault("C1")
def test_a_dump_cut_inside_a_page(tmp_path: Path, recorder: Recorder) -> None:
    whole = xml(*dumps.articles(20))
    for share in (0.3, 0.9):
        data = bz2.compress(whole[: int(len(whole) * share)])
        run_job(recorder, tmp_path, "wikipedia", NAME, data, code=11, match="cut off")


DOCTYPES = {
    "billion laughs": '<!DOCTYPE mediawiki [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>',
    "external": '<!DOCTYPE mediawiki SYSTEM "file:///etc/passwd">',
    "lower case": "<!doctype mediawiki>",
}


@pytest.mark.fault("C2")
@pytest.mark.parametrize("kind", DOCTYPES)
def test_a_document_type_is_refused(tmp_path: Path, recorder: Recorder, kind: str) -> None:
    data = DOCTYPES[kind].encode() + xml(*dumps.articles(3))
    run_job(recorder, tmp_path, "wikipedia", PLAIN, data, code=11, match="document type|doctype")


@pytest.mark.fault("C2")
def test_entities_of_ones_own_are_not_expanded(tmp_path: Path, recorder: Recorder) -> None:
    odd = page(2, "Kitu 2", "x").replace(">x<", ">'''Kitu''' ni &lol9; na &amp;lt; hapa.<")
    found = ingest(recorder, tmp_path, odd)
    assert "&lol9;" in str(found["Kitu 2"]["contexts"])
    recorder.note("an entity without a declaration stays as it is written")


@pytest.mark.fault("C3")
def test_very_deep_xml(tmp_path: Path, recorder: Recorder) -> None:
    deep = "<x>" * 200_000 + "</x>" * 200_000
    started = time.process_time()
    found = ingest(recorder, tmp_path, page(2, "Kitu 2", "'''Kitu 2''' ni kitu.", text=f"{deep}<text>ni kitu</text>"))
    assert time.process_time() - started < 20
    recorder.note(f"{len(found)} pages read; there is no parser that nests, so depth costs nothing")


@pytest.mark.fault("C4")
@pytest.mark.parametrize("kind", ["comment", "attribute"])
def test_one_token_of_32_megabytes(tmp_path: Path, recorder: Recorder, kind: str) -> None:
    long = "x " * (16 << 20)
    odd = f"<!--{long}-->" if kind == "comment" else f'<text note="{long}" bytes="3">abc</text>'
    body = page(2, "Kitu 2", "x", text=odd if kind == "attribute" else f"{odd}<text>ni kitu</text>")
    started = time.process_time()
    found = ingest(recorder, tmp_path, body)
    assert time.process_time() - started < 20
    assert "Kitu 2" not in found and [reason for _, reason in rejects(tmp_path)] == ["too_large"]
    assert expat_line((2, 5, 0)).verdict == "note"
    recorder.note(f"{kind}: reject too_large")


@pytest.mark.fault("C5")
@pytest.mark.parametrize(
    ("odd", "reason"),
    [
        (b"\x07", "control_character"),
        (b"\xff\xfe", "bad_utf8"),
        (b"&#0;", "control_character"),
        (b"&#xD800;", "control_character"),
    ],
)
def test_one_bad_page_among_good_ones(tmp_path: Path, recorder: Recorder, odd: bytes, reason: str) -> None:
    bad = page(2, "Kitu 2", "'''Kitu''' XX ni kitu.").encode().replace(b"XX", odd)
    found = ingest(recorder, tmp_path, bad)
    assert "Kitu 2" not in found
    assert rejects(tmp_path) == [("2", reason)]
    recorder.note(f"{odd!r}: reject {reason}, the next page is read")


HOSTILE = [
    "{{a|",
    "{|\n",
    "[[a|",
    "<b>",
    "[http://x ",
    "[http://x",
    "{{{",
    "''",
    "<ref>",
    "==",
    "<!--",
    "&amp;",
    "[[File:x|",
]
HOSTILE += ["|-\n", "<nowiki>", "-{", "<b x='", "\n*", "__A", "[[a]]b", "(", "{{a|b=[[c|{|"]


@pytest.mark.fault("C6")
@pytest.mark.parametrize("piece", HOSTILE, ids=lambda piece: piece.strip())
def test_markup_that_never_closes(tmp_path: Path, recorder: Recorder, piece: str) -> None:
    text = "'''Kitu 2''' ni kitu. " + piece * (200_000 // len(piece))
    started = time.process_time()
    found = ingest(recorder, tmp_path, page(2, "Kitu 2", text))
    seconds = time.process_time() - started
    assert seconds < 6, f"{seconds:.1f} s"
    assert "Kitu 2" in found
    recorder.note("200 kB of unclosed markup: read")


@pytest.mark.fault("C6")
def test_the_slowest_markup_on_the_longest_page(tmp_path: Path, recorder: Recorder) -> None:
    """Of the longest text that MediaWiki takes, a page of this takes longest; twice as much is read, more is rejected."""
    piece = "[http://x"
    longest = WikipediaConfig(dumps=(), output="").max_text_characters
    assert longest == 2 * MEDIAWIKI_LIMIT
    text = piece * (MEDIAWIKI_LIMIT // len(piece))
    started = time.thread_time()
    read_article(text, "Kitu 2", wiki_dialect("swwiki", {}, "zh-cn"), ArticleOptions())
    seconds = time.thread_time() - started
    assert seconds < 5, f"{seconds:.1f} s"
    found = ingest(recorder, tmp_path, page(2, "Kitu 2", piece * (longest // len(piece) + 1)))
    assert "Kitu 2" not in found and rejects(tmp_path) == [("2", "text_too_large")]
    recorder.note(f"2 MiB of {piece}: {seconds:.1f} s; more than 4 MiB: reject text_too_large")


@pytest.mark.fault("C7")
def test_very_large_pages(tmp_path: Path, recorder: Recorder) -> None:
    sentence = "Hiki ni kitu kikubwa sana chenye maneno mengi na mengine mengi. "
    large = page(2, "Kubwa", "'''Kubwa''' ni kitu. " + sentence * (10_000_000 // len(sentence)))
    links = page(4, "Viungo", "'''Viungo''' ni orodha. " + " ".join(f"[[Kitu {n}]]" for n in range(100_000)))
    started = time.process_time()
    found = ingest(recorder, tmp_path, large, links)
    assert time.process_time() - started < 40
    assert "Kubwa" not in found and rejects(tmp_path) == [("2", "text_too_large")]
    assert all(len(context["text"]) <= 1000 for row in found.values() for context in row["contexts"])
    assert check_spans(found) >= 100_000
    recorder.note("10 MB: reject text_too_large; 100,000 links: all kept, none outside its context")
    large = page(2, "Kubwa", "'''Kubwa''' ni kitu. " + sentence * (5_000_000 // len(sentence)))
    found = ingest(recorder, tmp_path / "longer", large, flags=("--max-text-characters", "5100000"))
    recorder.note(f"5 MB with --max-text-characters: {len(found['Kubwa']['contexts']):,} contexts")
    assert len(found["Kubwa"]["contexts"]) > 5_000


@pytest.mark.fault("C8")
def test_pages_that_are_no_articles(tmp_path: Path, recorder: Recorder) -> None:
    found = ingest(
        recorder,
        tmp_path,
        page(11, "Tupu", "", text='<text bytes="0" />'),
        page(12, "Imefutwa", "", text='<text bytes="-1" deleted="deleted" />'),
        page(13, "Elekeza", "#REDIRECT [[Kitu 1]]", redirect="Kitu 1"),
        page(14, "Talk:Kitu 1", "Majadiliano", namespace=1),
        page(15, "Kitu.js", "alert(1)", model="javascript"),
    )
    assert set(found) == {"Kitu 1", "Kitu 3"}
    assert dropped(tmp_path) == {"empty": 1, "deleted": 1, "namespace": 1, "model": 1}
    assert [(row["title"], row["target"]) for row in rows(tmp_path, "redirects")] == [("Elekeza", "Kitu 1")]
    recorder.note("empty 1, deleted 1, namespace 1, model 1; the redirect is a row of its own")


@pytest.mark.fault("C9")
def test_links_of_every_kind(tmp_path: Path, recorder: Recorder) -> None:
    text = (
        "{{Sanduku|[[Kitu 6]]|{{jina|[[Kitu 7]]}}}}\n"
        "'''Kitu 2''' ni kitu. Tazama [[#Historia|historia]], [[Kitu 2]], [[fr:Chose]], [[:en:Thing]], "
        "[[File:Kitu.jpg|thumb|picha ya [[Kitu 5]]]], [[Picha:Kitu.jpg]], [[Jamii:Vitu]], [[Kitu (dude)|]], "
        "[[wikt:thing|neno]], [[]], <ref>[[Kitu 8]]</ref>"
        "[[Hakipo kabisa]] na [http://example.org tovuti].\n{|\n| [[Kitu 9]]\n|}\n"
    )
    found = ingest(recorder, tmp_path, page(2, "Kitu 2", text))
    neighbours = 2 * 3
    counters = balanced(tmp_path).counters
    fates = {name.removeprefix("links_"): count for name, count in counters.items() if name.startswith("links_")}
    assert fates == {
        "article": neighbours + 3,
        "article_to_own_page": 2,  # here, and on the first page, which has none before it
        "section": 1,
        "language": 1,
        "interwiki": 2,
        "file": 2,
        "category": 1,
        "empty": 1,
        "external": 1,
        "taken_out": 4,
    }
    targets = {link["target"] for context in found["Kitu 2"]["contexts"] for link in context["links"]}
    assert targets == {"Kitu 2", "Hakipo kabisa", "Kitu (dude)"}
    recorder.note(", ".join(f"{name} {count}" for name, count in sorted(fates.items())))


SCRIPTS = [
    ("ביתספר", "'''בית ספר''' הוא מוסד [[חינוך|חינוכי]] ולימודי."),
    ("Cafe\u0301", "'''Cafe\u0301''' ni [[kahawa\u0301|kaha\u0301wa]] nzuri."),
    ("👨‍👩‍👧 Familia", "'''👨‍👩‍👧 Familia''' ni [[familia 👩🏽‍🚀|picha 👩🏽‍🚀 ndogo]] tu."),
    ("Kitu_cha_pili", "'''Kitu''' ni [[kitu_cha_tatu]] na [[Kitu_cha_nne|cha 4]]."),
    ("हिन्दी", "'''हिन्दी''' एक [[भाषा|भाषा‍ओं]] में है।"),
]


@pytest.mark.fault("C10")
@pytest.mark.parametrize(
    ("title", "text"), SCRIPTS, ids=["right to left", "decomposed", "emoji", "underscores", "joiners"]
)
def test_spans_are_exact_in_every_script(tmp_path: Path, recorder: Recorder, title: str, text: str) -> None:
    found = ingest(recorder, tmp_path, page(2, title, text))
    normal = unicodedata.normalize("NFC", title).replace("_", " ")
    assert normal in found
    assert check_spans({normal: found[normal]}) >= 1
    assert all(unicodedata.is_normalized("NFC", context["text"]) for context in found[normal]["contexts"])
    recorder.note(f"{check_spans(found)} spans, all exact")


@pytest.mark.fault("C11")
@pytest.mark.parametrize(
    "title", ["../../etc/passwd", "CON", "x" * 300, "a\nb", "nul\u2044l", "/absolute", "~root", "%00"]
)
def test_titles_are_never_paths(tmp_path: Path, recorder: Recorder, title: str) -> None:
    before = {path for path in tmp_path.parent.rglob("*") if path.is_file()}
    ingest(recorder, tmp_path / "job", page(2, title, "'''Kitu''' ni kitu kizuri sana."))
    new = {path for path in tmp_path.parent.rglob("*") if path.is_file()} - before
    assert all(tmp_path in path.parents for path in new)
    names = {path.relative_to(tmp_path).parts[0] for path in new}
    assert names == {"job"}
    assert not any(title.strip() in str(path.relative_to(tmp_path)) for path in new)
    recorder.note("rows have it, no path does")


@pytest.mark.fault("C12")
def test_odd_and_unknown_language_codes(recorder: Recorder) -> None:
    for name, wiki in {
        "be-x-old": "be_x_oldwiki",
        "zh-min-nan": "zh_min_nanwiki",
        "bat-smg": "bat_smgwiki",
        "simple": "simplewiki",
    }.items():
        assert find_wiki(name).wiki == wiki
    assert find_wiki("no").language == "nb"
    assert find_wiki("bat-smg").language == "sgs"
    recorder.note("be-x-old, zh-min-nan, bat-smg, simple and no are mapped")
    recorder.error(UsageError, "did you mean", lambda: find_wiki("swahilli"))
    recorder.error(UsageError, "YAML reads a bare `no` as False", lambda: parse_languages([False, "en"]))  # type: ignore[list-item]


@pytest.mark.fault("C12")
def test_a_dump_of_an_unknown_wiki(tmp_path: Path, recorder: Recorder) -> None:
    data = xml(*dumps.articles(2), wiki="klingonwiki")
    run_job(recorder, tmp_path, "wikipedia", PLAIN, data, code=2, match="klingon")


NUMBERS = {
    "en": "'''X''' has {{formatnum:1234567}} people on {{convert|12|km2|sqmi}} of land and {{convert|5|to|10|m}} of water.",
    "sw": "'''X''' ina wakazi {{formatnum:1234567}} na eneo la {{convert|12|km2}} hivi, kina {{convert|5|m}}.",
    "de": "'''X''' hat {{formatnum:1234567}} Einwohner auf {{convert|12|km2}} Fläche.",
    "fr": "'''X''' compte {{formatnum:1234567}} habitants sur {{unité|12|km2}} de terres.",
    "es": "'''X''' tiene {{formatnum:1234567}} habitantes en {{convert|12|km2}} de tierra.",
    "ru": "'''X''' имеет {{formatnum:1234567}} жителей на {{s|12 км}} земли у моря.",
    "tr": "'''X''' {{formatnum:1234567}} nüfusa ve {{convert|12|km2}} alana sahiptir.",
}


@pytest.mark.fault("C13")
@pytest.mark.parametrize("language", NUMBERS)
def test_numbers_inside_templates_stay(tmp_path: Path, recorder: Recorder, language: str) -> None:
    data = xml(page(2, "X", NUMBERS[language]), wiki=f"{language}wiki", language=language)
    run_job(recorder, tmp_path, "wikipedia", PLAIN, data, *WHATEVER)
    lead = rows(tmp_path, "pages")[0]["lead"]
    digits = "".join(letter for letter in lead if letter.isdigit())
    assert "1234567" in digits and "12" in digits.replace("1234567", ""), lead
    recorder.note(f"{language}: {lead}")


@pytest.mark.fault("C14")
def test_a_new_version_with_new_namespaces(
    tmp_path: Path, recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    text = "'''Kitu 2''' ni kitu. [[Kumbukumbu:Siri|siri]] [[Mchoro:Kitu.png|thumb|picha]] mwisho wa kitu hiki."
    with caplog.at_level(logging.WARNING):
        found = ingest(recorder, tmp_path, page(2, "Kitu 2", text), version="0.12", file="Mchoro")
    assert "0.12 is not known" in caplog.text
    counters = balanced(tmp_path).counters
    assert counters["links_file"] == 1
    assert "Mchoro" not in str(found["Kitu 2"]["contexts"])
    recorder.note("version 0.12: a warning; the header's own name for files is used")


REWRITTEN = {
    "address": ("Ni http://a.b/[[New Louisiana]] na [[Berlin]] na [[Paris]].", ["New Louisiana", "Berlin", "Paris"]),
    "address in a surface": ("Ni [[Roma|http://a.b/c]] na [[Berlin]] na [[Paris]].", ["Berlin", "Paris"]),
    "pronunciation": ("Neno ([[IPA|x]] [[Sauti|sauti]]: {{IPA|x}}; [[Berlin]]) la [[Paris]].", ["Berlin", "Paris"]),
    "link in a label": ("Ni [http://a.b x [[Berlin]] y] na [[Paris]].", ["Berlin", "Paris"]),
    "link in a link": ("Ni [[Roma|x [[Berlin]] y]] na [[File:a.jpg|thumb|[[Roma]]]] [[Paris]].", ["Berlin", "Paris"]),
    "no title": ("Ni [[Ro<nowiki/>ma|Roma]] [[Ro&#10;ma|Roma]] na [[Berlin]] na [[Paris]].", ["Berlin", "Paris"]),
}


@pytest.mark.fault("G67")
@pytest.mark.parametrize("kind", REWRITTEN)
def test_a_link_keeps_its_target(recorder: Recorder, kind: str) -> None:
    text, titles = REWRITTEN[kind]
    read = read_article(text, "Kitu", wiki_dialect("swwiki"), ArticleOptions())
    found = [(context[start:end], title) for context, links in read.contexts for start, end, title, _ in links]
    assert found == [(title, title) for title in titles]
    recorder.note(f"{kind}: {', '.join(titles)} each with its own target")


@pytest.mark.fault("G75")
@pytest.mark.parametrize("digits", ["9223372036854775808", "1" + "0" * 4999], ids=["past 64 bits", "5,000 digits"])
def test_a_page_or_revision_id_that_no_table_can_hold(tmp_path: Path, recorder: Recorder, digits: str) -> None:
    pages = [article(1), article(2).replace("<id>2</id>", f"<id>{digits}</id>"), article(3)]
    pages += [
        article(4).replace("<id>1004</id>", f"<id>{digits}</id>"),
        article(5).replace("<id>5</id>", "<id>9223372036854775807</id>"),
    ]
    run_job(recorder, tmp_path, "wikipedia", PLAIN, xml(*pages), *WHATEVER)
    assert {row["title"] for row in rows(tmp_path, "pages")} == {"Kitu 1", "Kitu 3", "Kitu 5"}
    assert [reason for _, reason in rejects(tmp_path)] == ["bad_id", "bad_id"]
    balanced(tmp_path)
    recorder.note("reject bad_id, the pages around it are read")
