"""MediaWiki's parser tests as they are read and compared, on tests of our own."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.parser_tests import compare, main, read_tests
from schemas.errors import InputMissing

FILE = """!! options
version=2
!! end
!! article
Foo
!! text
FOO
!! endarticle
!! test
Equal
!! wikitext
A ''slanted'' [[dog]]s and an address http://example.com
== Heading ==
!! html/php
<p>A <i>slanted</i> <a href="/wiki/Dog" title="Dog">dogs</a> and an address
<a rel="nofollow" class="external free" href="http://example.com">http://example.com</a>
</p><h2>Heading</h2>
!! end
!! test
Other words
!! wikitext
one
!! html
<p>two
</p>
!! end
!! test
On purpose
!! wikitext
[[no link
!! html
<p>[[no link
</p>
!! end
!! test
Templates are left out
!! wikitext
{{foo}}
!! html
<p>FOO
</p>
!! end
!! test
Made from HTML
!! options
parsoid=html2wt
!! wikitext
x
!! html
<p>y</p>
!! end
"""


def test_texts_and_links_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "some.txt").write_text(FILE)
    tests = list(read_tests(tmp_path / "some.txt"))
    assert [test.name for test in tests] == ["Equal", "Other words", "On purpose", "Templates are left out"]
    answers = compare(tests)
    assert (answers.tests, answers.texts, answers.links, answers.left_out) == (3, 1, 3, 1)
    assert [test.name for test, _, _ in answers.different] == ["Other words"]
    assert list(answers.on_purpose.values()) == [1]
    main(tmp_path, different=9)
    printed = capsys.readouterr().out
    assert "| text equal | 33.3 % |" in printed
    assert "| both equal, of those that are not different on purpose | 50.0 % |" in printed
    assert "-- MediaWiki: two []" in printed


def test_a_folder_without_tests_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputMissing, match="no \\*.txt"):
        main(tmp_path)
