"""The title index: what resolves, what does not, and that it does not depend on the order of its input."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.link import title_index_build as titles_index_build
from pipeline.link.title_index import ABSENT, DISAMBIGUATION, NO_ITEM, REDIRECT, SECTION, entity_numbers, open_titles
from pipeline.link.title_index_build import TitleIndexBuilder
from schemas.errors import InputCorrupt, InputMissing


def build(folder: Path) -> dict[str, int]:
    builder = TitleIndexBuilder(folder)
    builder.add_sitelinks("dewiki", ["Berlin", "Mercury (Begriffsklärung)", "Straße"], [64, 99, 34442])
    builder.add_pages("dewiki", ["Berlin", "Mercury (Begriffsklärung)", "Ohne Item"], [False, True, False])
    builder.add_redirects(
        "dewiki",
        ["Bärlin", "Spreeathen", "Mercury", "Kreis A", "Kreis B", "Ins Nichts", "Berlin", "Nackt"],
        ["Berlin", "Bärlin", "Mercury (Begriffsklärung)", "Kreis B", "Kreis A", "Fehlt", "Paris", "Ohne Item"],
    )
    builder.add_sitelinks("nowiki", ["Berlin"], [64])
    return dict(builder.finish())


def test_titles_lead_to_entities(tmp_path: Path) -> None:
    build(tmp_path)
    titles = open_titles(tmp_path, "dewiki")
    values = titles.look_up(["berlin", "Berlin#Mitte", "Fehlt", "Stra%C3%9Fe", "Ohne_Item", ""])
    assert entity_numbers(values).tolist() == [64, 64, 0, 34442, 0, 0]
    assert values[2] == ABSENT and values[4] == NO_ITEM and values[5] == ABSENT


def test_redirects_chains_and_loops(tmp_path: Path) -> None:
    counts = build(tmp_path)
    titles = open_titles(tmp_path, "dewiki")
    direct, chain, namesakes, loop, nowhere = titles.look_up(
        ["Bärlin", "Spreeathen", "Mercury", "Kreis A", "Ins Nichts"]
    )
    assert direct == chain == REDIRECT | np.uint32(64)
    assert namesakes == REDIRECT | DISAMBIGUATION | np.uint32(99)
    assert loop == nowhere == ABSENT
    assert counts["redirects"] == 8
    assert counts["redirects_resolved"] == 3 and counts["redirects_resolved_by_chain"] == 1
    assert counts["redirects_looping"] == 2 and counts["redirects_to_missing_page"] == 1


def test_a_title_with_an_item_of_its_own_is_not_looked_behind(tmp_path: Path) -> None:
    counts = build(tmp_path)
    assert open_titles(tmp_path, "dewiki").look_up(["Berlin"])[0] == 64
    assert counts["redirects_with_item"] == 1


def test_a_redirect_to_a_section_leads_to_no_item(tmp_path: Path) -> None:
    builder = TitleIndexBuilder(tmp_path)
    builder.add_sitelinks("dewiki", ["Berlin", "Kudamm"], [64, 5])
    builder.add_section_redirects("dewiki", ["Geschichte Berlins", "Kudamm"])
    builder.add_redirects("dewiki", ["Berliner Geschichte"], ["Geschichte Berlins"])
    counts = builder.finish()
    values = open_titles(tmp_path, "dewiki").look_up(["Geschichte Berlins", "Berliner Geschichte", "Kudamm"])
    assert values.tolist() == [SECTION, SECTION, 5] and entity_numbers(values).tolist() == [0, 0, 5]
    assert counts["redirects_to_section"] == 1


def test_every_redirect_has_one_outcome(tmp_path: Path) -> None:
    counts = build(tmp_path)
    outcomes = ("with_item", "resolved", "resolved_by_chain", "to_missing_page", "looping")
    assert sum(counts[f"redirects_{outcome}"] for outcome in outcomes) == counts["redirects"]


def test_wikis_are_apart(tmp_path: Path) -> None:
    build(tmp_path)
    assert entity_numbers(open_titles(tmp_path, "nowiki").look_up(["Berlin", "Bärlin"])).tolist() == [64, 0]
    with pytest.raises(InputMissing, match="swwiki"):
        open_titles(tmp_path, "swwiki")


def test_an_empty_wiki_answers_absent(tmp_path: Path) -> None:
    builder = TitleIndexBuilder(tmp_path)
    builder.add_redirects("dewiki", ["A"], ["B"])
    builder.finish()
    assert open_titles(tmp_path, "dewiki").look_up(["A", "B"]).tolist() == [ABSENT, ABSENT]


def test_the_index_does_not_depend_on_order_or_buffering(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    links = [(f"Titel {number // 2}", number) for number in range(1, 400)]
    ends = [(f"Umleitung {number}", f"Titel {number % 150}") for number in range(300)]
    found = []
    for name, buffered in (("a", 10**6), ("b", 7)):
        monkeypatch.setattr(titles_index_build, "_BUFFERED_ROWS", buffered)
        builder = TitleIndexBuilder(tmp_path / name)
        for title, number in links:
            builder.add_sitelinks("dewiki", [title], [number])
        for title, target in ends:
            builder.add_redirects("dewiki", [title], [target])
        builder.finish()
        random.Random(1).shuffle(links)
        random.Random(2).shuffle(ends)
        found.append([path.read_bytes() for path in sorted((tmp_path / name).iterdir())])
    assert found[0] == found[1]


def test_numbers_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputCorrupt, match="2\\^30"):
        TitleIndexBuilder(tmp_path).add_sitelinks("dewiki", ["A"], [1 << 30])
    with pytest.raises(InputCorrupt):
        TitleIndexBuilder(tmp_path).add_sitelinks("dewiki", ["A"], [0])


def test_damaged_files_are_named(tmp_path: Path) -> None:
    build(tmp_path)
    (tmp_path / "dewiki.values.npy").write_bytes(b"nothing of the kind")
    with pytest.raises(InputCorrupt, match="dewiki"):
        open_titles(tmp_path, "dewiki")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    links=st.dictionaries(st.sampled_from("ABCDEFGH"), st.integers(1, 5)),
    redirects=st.dictionaries(st.sampled_from("ABCDEFGHIJKL"), st.sampled_from("ABCDEFGHIJKLMN")),
)
def test_redirects_agree_with_following_them_by_hand(
    tmp_path_factory: pytest.TempPathFactory, links: dict[str, int], redirects: dict[str, str]
) -> None:
    folder = tmp_path_factory.mktemp("index")
    builder = TitleIndexBuilder(folder)
    builder.add_sitelinks("dewiki", list(links), list(links.values()))
    builder.add_redirects("dewiki", list(redirects), list(redirects.values()))
    builder.finish()
    found = entity_numbers(open_titles(folder, "dewiki").look_up(list("ABCDEFGHIJKLMN"))).tolist()
    for title, number in zip("ABCDEFGHIJKLMN", found, strict=True):
        steps = 0
        while title not in links and title in redirects and steps < titles_index_build.MAX_REDIRECTS:
            title, steps = redirects[title], steps + 1
        assert number == links.get(title, 0)
