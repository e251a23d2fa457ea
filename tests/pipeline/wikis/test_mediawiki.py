"""MediaWiki's facts: the reader of its PHP files, and the tables made of them against tables made by running them."""

from __future__ import annotations

import csv
import pathlib
from collections.abc import Iterator

import pytest

from pipeline.wikipedia.wikitext.link_trails import _OTHERS, _table, link_prefix, link_trail, part_prefix
from pipeline.wikipedia.wikitext.marks import LINK_END, opening
from pipeline.wikipedia.wikitext.namespaces import fold, wiki_namespaces
from pipeline.wikis import languages
from pipeline.wikis.mediawiki import tables
from pipeline.wikis.mediawiki.__main__ import main
from pipeline.wikis.mediawiki.languages import LanguageFiles
from pipeline.wikis.mediawiki.php import Reader
from pipeline.wikis.mediawiki.settings import Settings
from schemas.errors import InputCorrupt
from tests.conftest import REPOSITORY

FACTS = REPOSITORY.parent / "shared" / "data" / "wikipedia" / "mediawiki"
FILES = {
    "core/includes/Defines.php": "<?php\ndefine( 'MW_VERSION', '9.8.7' );\n"
    "define( 'NS_MEDIA', -2 );\ndefine( 'NS_FILE', 6 );\ndefine( 'NS_TALK', 1 );\n",
    "core/includes/title/NamespaceInfo.php": "<?php\nclass A {\n\tpublic const CANONICAL_NAMES = [\n"
    "\t\tNS_FILE => 'File', NS_TALK => 'Talk',\n\t];\n}\n",
    "core/includes/languages/data/Names.php": "<?php\nclass Names { public const NAMES = [ 'aa' => 'A', 'bb' => 'B' ]; }\n",
    "core/languages/messages/MessagesEn.php": "<?php\n$linkTrail = '/^([a-z]+)(.*)$/sD';\n$linkPrefixExtension = false;\n"
    "$linkPrefixCharset = 'a-z';\n$namespaceNames = [ NS_FILE => 'File' ];\n$namespaceAliases = [ 'Image' => NS_FILE ];\n",
    "core/languages/messages/MessagesAa.php": "<?php\n// a comment with $linkTrail = 'x';\n$fallback = 'bb, en';\n"
    "$namespaceNames = [\n\tNS_FILE => 'Aa_bild', # the name\n\tNS_TALK => '$1_tala',\n];\n"
    "$namespaceGenderAliases = [ NS_TALK => [ 'female' => 'Aaina' ] ];\n",
    "core/languages/messages/MessagesBb.php": "<?php\n$marks = '\\\\x{300}-\\\\x{36f}' .\n\t'é';\n"
    "$linkTrail = '/^([a-z' . $marks . ']+)(.*)$/sDu';\n$linkPrefixExtension = true;\n$linkPrefixCharset = '«';\n"
    "$separatorTransformTable = [ ',' => '.', '.' => ',' ];\n$minimumGroupingDigits = 2;\n"
    "$digitGroupingPattern = '#,##,##0.###';\n"
    "$namespaceAliases = [ 'Bb_bild' => NS_FILE, ];\n",
    "extensions/Disambiguator/Disambiguator.i18n.magic.php": "<?php\n$magicWords = [];\n"
    "$magicWords['en'] = [ 'disambiguation' => [ '1', '__DISAMBIG__' ], ];\n"
    "$magicWords['bb'] = [ 'disambiguation' => [ '__BB__' ], ];\n",
    "extensions/Scribunto/Scribunto.namespaces.php": "<?php\n$namespaceNames['en'] = [ 828 => 'Module' ];\n",
    "config/wmf-config/InitialiseSettings.php": "<?php\nreturn [\n"
    "'wgLanguageCode' => [\n\t'default' => '$lang',\n\t'ccwiki' => 'aa',\n],\n"
    "'wgCapitalLinks' => [ 'default' => true, 'ccwiki' => false ],\n"
    "'wgLocalInterwikis' => [ 'default' => [ '$lang' ], '+ccwiki' => [ 'cee' ] ],\n"
    "'wmgExtraLanguageNames' => [ 'default' => [ 'cc' => 'C' ] ],\n];\n",
    "config/wmf-config/core-Namespaces.php": "<?php\nreturn [\n"
    "'wgMetaNamespace' => [ 'default' => 'Project', 'wikipedia' => 'Wikipedia' ],\n'wgMetaNamespaceTalk' => [],\n"
    "'wgExtraNamespaces' => [ '+ccwiki' => [ 100 => 'Portal_cc' ] ],\n"
    "'wgNamespaceAliases' => [ '+wikipedia' => [ 'WP' => 4 ], '+ccwiki' => [ 'C' => 4 ] ],\n];\n",
    "config/wmf-config/interwiki.php": "<?php\n// dumped on Mon, 1 Jan 2024\nreturn [\n\t'__list:__global' => 'books',\n"
    "\t'__list:_wiki' => 'bb cc c3',\n\t'__list:bbwiki' => 's',\n\t'__global:books' => '0 https://books.org/$1',\n"
    "\t'_wiki:bb' => '1 https://bb.org/$1',\n\t'_wiki:cc' => '1 https://cc.org/$1',\n\t'_wiki:c3' => '1 https://cc.org/$1',\n"
    "\t'bbwiki:s' => '1 https://s.org/$1',\n];\n",
    "config/dblists/wikipedia.dblist": "# made\nbbwiki\nccwiki\n",
    "config/dblists/closed.dblist": "bbwiki\n",
    "config/dblists/deleted.dblist": "mhwiki\nzzwiki\n",
    "config/dblists/all.dblist": "# all\nbbwiki\nccwiki\nbbwiktionary\nmetawiki\n",
    "core/includes/language/LanguageCode.php": "<?php\nclass C {\n\tprivate const DEPRECATED_LANGUAGE_CODE_MAPPING = [\n"
    "\t\t'b-old' => 'bb', // T1\n\t];\n\tprivate const NON_STANDARD_LANGUAGE_CODE_MAPPING = [ 'aa' => 'a-x-formal' ];\n}\n",
    "core/includes/languages/LanguageAa.php": "<?php\nclass LanguageAa {\n\tfunction ucfirst( $str ) { return 'İ'; }\n}\n",
    "extensions/Wikibase/lib/includes/WikibaseContentLanguages.php": "<?php\nclass W {\n\tfunction a() { return "
    "new StaticContentLanguages( [ 'no' ] ); }\n\tfunction getDefaultTermsLanguages() {\n\t\treturn new "
    "UnionContentLanguages( new StaticContentLanguages(\n\t\t\t[\n\t\t\t\t'bb-latn', // T2\n\t\t\t] ) );\n\t}\n}\n",
    "extensions/cldr/LocalNames/LocalNamesEn.php": "<?php\n$languageNames = [ 'bb' => 'Bee\\'s' ];\n",
}


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


def test_tables_are_made_of_mediawikis_files(folder: pathlib.Path) -> None:
    output = folder / "out"
    output.mkdir()
    assert main([str(folder), "--output", str(output)]) == 0
    found = {path.name: path.read_text(encoding="utf-8").split("\n") for path in output.iterdir()}
    names = ("link_trails.tsv", "namespaces.tsv", "interwiki.tsv", "disambiguation_words.tsv")
    assert all("MediaWiki 9.8.7 and Wikimedia's configuration of Mon, 1 Jan 2024" in found[name][1] for name in names)
    assert found["link_trails.tsv"][2:-1] == ["bbwiki,ccwiki\t/^([a-z\\x{300}-\\x{36f}é]+)(.*)$/sDu\t«"]
    assert found["namespaces.tsv"][2:-1] == [
        "*\t1=Talk\t6=File,Image\t828=Module",
        "aa\t1=Aaina\t6=Aa bild,Bb bild",
        "bb\t6=Bb bild",
        "bbwiki\tbb\t4=Wikipedia,WP",
        "ccwiki\taa\t4=Wikipedia,C,WP\t100=Portal cc",
    ]
    assert found["interwiki.tsv"][2:-1] == [
        "language\t*\tbb\tcc",
        "project\t*\tbooks\tc3",
        "own\tbbwiki\tbb",
        "own\tccwiki\tc3\tcc\tcee",
        "project\tbbwiki\ts",
    ]
    assert found["disambiguation_words.tsv"][2:-1] == ["*\t__BB__\t__DISAMBIG__"]
    # Names of new wikis are cldr's, a deleted one stays as the table has it.
    assert found["languages.tsv"][1:-1] == [
        "bbwiki\tbb\tbb\tfirst-letter\t0\t-\tclosed\tBee's",
        "ccwiki\taa\ta-x-formal\tcase-sensitive\t0\t-\topen\taa",
        next(line for line in (pathlib.Path(languages.__file__).parent / "languages.tsv").read_text("utf-8").split("\n")
             if line.startswith("mhwiki\t")),
    ]  # fmt: skip
    assert found["label_codes.tsv"][1:3] == ["aa\taa\tbb,en", "bb\tbb,bb-latn\t"]
    assert found["other_wikis.txt"] == ["metawiki", ""]
    assert found["number_formats.tsv"][2:-1] == ["bbwiki,ccwiki\t,\t.\t2\t2"]


def test_settings_of_wikis(folder: pathlib.Path) -> None:
    settings = Settings(folder / "config", {})
    assert settings.wikis == ["bbwiki", "ccwiki"] and "bbwiki" in settings.closed
    assert (settings.language("bbwiki"), settings.language("ccwiki")) == ("bb", "aa")
    assert settings.is_capital("bbwiki") and not settings.is_capital("ccwiki")


def test_a_file_without_what_is_wanted_is_refused(folder: pathlib.Path) -> None:
    (folder / "config/wmf-config/InitialiseSettings.php").write_text("<?php return [];", encoding="utf-8")
    with pytest.raises(InputCorrupt, match="wgLanguageCode"):
        Settings(folder / "config", {})


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        (r"'it\'s \n'", r"it's \n"),
        (r'"a\u{e9}\x41\n\$x"', "aéA\n$x"),
        ("[ 'a', 5 => 'b', 'c', 'k' => true ]", {0: "a", 5: "b", 6: "c", "k": True}),
        ("array( 'a' => array(), /* no */ 'b' => null, )", {"a": {}, "b": None}),
        ("[ NS_A => -1, X::B => 1.5 ]", {7: -1, "X::B": 1.5}),
    ],
)
def test_literals(tmp_path: pathlib.Path, literal: str, value: object) -> None:
    path = tmp_path / "x.php"
    path.write_text(f"<?php\n$x = {literal};\n", encoding="utf-8")
    assert Reader(path, {"NS_A": 7}).variables() == {"x": value}


def test_what_is_no_literal_is_refused_with_its_place(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "x.php"
    path.write_text("<?php\n$x = [ ] + ;\n$y = [ !1 ];\n", encoding="utf-8")
    with pytest.raises(InputCorrupt, match=r"x\.php, character \d+: found '!'"):
        Reader(path).variables()


def facts(name: str) -> Iterator[list[str]]:
    if not FACTS.is_dir():
        pytest.skip(f"{FACTS} is not here")
    with (FACTS / name).open(encoding="utf-8", newline="") as lines:
        yield from (row for row in csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE) if row[0][0] != "#")


def test_trails_and_prefixes_are_those_mediawiki_holds() -> None:
    borders = {row[0]: (row[1], row[5] if row[3] == "true" else "-") for row in facts("linktrails.tsv")}
    languages = {row[0]: row[2] for row in facts("wikis.tsv") if row[1] == "wikipedia"}
    assert len(languages) > 350
    for wiki, language in languages.items():
        assert _table()[wiki] == borders.get(language, _OTHERS), wiki


def test_aliases_of_namespaces_are_those_mediawiki_holds() -> None:
    languages = {row[0]: row[2] for row in facts("wikis.tsv") if row[1] == "wikipedia"}
    kinds = {6: "file", 14: "category"}
    checked = 0
    of_languages: dict[str, list[tuple[str, int]]] = {}
    for scope, _, number, name in facts("namespace_aliases.tsv"):
        if "$1" in name or not number.lstrip("-").isdigit():
            continue
        if scope.startswith("lang:"):
            of_languages.setdefault(scope.removeprefix("lang:"), []).append((name, int(number)))
        # Greek Wikipedia's setting replaces those of all Wikipedias instead of adding to them.
        of_all = languages.keys() - {"elwiki"}
        for wiki in of_all if scope == "wikipedia" else {scope} & languages.keys():
            assert wiki_namespaces(wiki).fates[fold(name)] == kinds.get(int(number), "namespace"), (wiki, name)
            checked += 1
    for wiki, language in languages.items():
        fates = wiki_namespaces(wiki).fates
        for name, number in of_languages.get(language, []):
            assert fates[fold(name)] == kinds.get(number, "namespace"), (wiki, name)
            checked += 1
    assert checked > 3_000


@pytest.mark.parametrize(
    ("wiki", "text", "trail"),
    [
        ("ruwiki", "ий мир", "ий"),
        ("cawiki", "'s", "'s"),
        ("cawiki", "''s", ""),
        ("brwiki", "c'hoù", "c'hoù"),
        ("hrwiki", "ščβ²", "ščβ"),
        ("iswiki", "-land", "-land"),
        ("zhwiki", "abc", ""),
        ("kowiki", "abc", "abc"),
        ("arwiki", "ات و", "ات"),
        ("tlywiki", "abc", "abc"),
    ],
)
def test_trails(wiki: str, text: str, trail: str) -> None:
    found = link_trail(wiki).match(text)
    assert found is not None and found[0] == trail


@pytest.mark.parametrize(
    ("wiki", "text", "parts"),
    [
        ("arwiki", "في ال", ("في ", "ال")),
        ("iswiki", "Reykja", ("", "Reykja")),
        ("ukwiki", "слово „", ("слово ", "„")),
        ("uzwiki", "a b\u00e9", ("a ", "b\u00e9")),
        ("hywwiki", "(դեպ", ("(", "դեպ")),
    ],
)
def test_prefixes(wiki: str, text: str, parts: tuple[str, str]) -> None:
    letter = link_prefix(wiki)
    assert letter is not None
    before, joined = parts
    assert part_prefix(text, letter, f"{opening(12)}x{LINK_END}") == (before, f"{opening(12)}{joined}x{LINK_END}")


def test_most_wikis_join_no_prefix() -> None:
    joining = {wiki for wiki in _table() if link_prefix(wiki) is not None}
    assert {"arwiki", "iswiki", "uzwiki"} <= joining and len(joining) < 25 and "enwiki" not in joining


def test_a_words_first_language_gives_the_name(folder: pathlib.Path) -> None:
    files = LanguageFiles(folder / "core", folder / "extensions")
    assert files.chain("aa") == ["aa", "bb", "en"] and files.magic_words("aa", "disambiguation") == [
        "__BB__",
        "__DISAMBIG__",
    ]
    assert tables.namespaces(files, Settings(folder / "config", files.namespace_numbers))[1][0] == "aa"
