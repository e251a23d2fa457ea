"""Training a tokenizer: the same bytes each time, and nothing of the validation split in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.tokens.subwords import SENTENCEPIECE_NAME, open_subwords
from pipeline.tokens.train import TrainTokenizerConfig, run, sentences
from schemas import DESCRIPTIONS, MENTIONS, Description, MentionContext, read_manifest
from schemas.errors import InputMissing, OutputBusy, UsageError
from tests.pipeline.link.datasets import write_dataset

SYLLABLES = "ba ko li mu na re sa ti vo ze shi kwa der ung ist ndo".split()
WORDS = [one + two + three for one in SYLLABLES for two in SYLLABLES[::2] for three in SYLLABLES[::5]]


def description(number: int, language: str) -> Description:
    text = f"{language} " + " ".join(WORDS[number * step % len(WORDS)] for step in (1, 3, 5, 7, 11, 13))
    return Description(entity=f"Q{number}", language=language, code=language, text=text, origin="wikidata", title=None, wiki=None,
                       page_id=None, revision_id=None)  # fmt: skip


@pytest.fixture
def linked(tmp_path: Path) -> Path:
    context = MentionContext(text="secret words of validation", mentions=[], page_entity=None, language="de", wiki="dewiki",
                             title="x", page_id=1, revision_id=2, context_index=0)  # fmt: skip
    folder = tmp_path / "link"
    write_dataset(folder, "link", {
        (DESCRIPTIONS, "de"): [[description(n, "de") for n in range(1, 80)]],
        (DESCRIPTIONS, "sw"): [[description(n, "sw") for n in range(80, 120)]],
        (MENTIONS, "de"): [[context]],
    }, validation=(MENTIONS,))  # fmt: skip
    return folder


def config(linked: Path, name: str = "tokenizer", vocab_size: int = 80) -> TrainTokenizerConfig:
    return TrainTokenizerConfig(linked=str(linked), output=str(linked.parent / name), vocab_size=vocab_size)


def test_training_twice_gives_the_same_bytes(linked: Path) -> None:
    run(config(linked))
    run(config(linked, "again"))
    one, two = (linked.parent / name / SENTENCEPIECE_NAME for name in ("tokenizer", "again"))
    assert one.read_bytes() == two.read_bytes()
    subwords = open_subwords(one.parent)
    assert len(subwords.pieces) == 80
    ids, _ = subwords.encode(["bakoba derist"])
    assert "".join(subwords.pieces[number] for number in ids) == "▁bakoba▁derist"


def test_a_finished_tokenizer_is_kept_and_another_refused(linked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(config(linked))
    run(config(linked))
    assert "finished already" in capsys.readouterr().err
    with pytest.raises(OutputBusy, match="other data or settings"):
        run(config(linked, vocab_size=70))


def test_a_vocabulary_is_no_larger_than_its_text_and_no_smaller_than_its_characters(linked: Path) -> None:
    run(config(linked, vocab_size=50_000))
    assert 100 < len(open_subwords(linked.parent / "tokenizer").pieces) < 5_000
    with pytest.raises(UsageError, match=r"20 ids .* its characters alone need \d\d\."):
        run(config(linked, "tiny", vocab_size=20))


def test_languages_share_the_text_evenly(linked: Path) -> None:
    few = TrainTokenizerConfig(linked=str(linked), output="unused", max_bytes=400)
    texts = list(sentences(few, read_manifest(linked)))
    assert 0 < sum(len(text.encode()) for text in texts) <= 400
    assert {text[:2] for text in texts} == {"de", "sw"}


def test_validation_contexts_are_not_read(linked: Path) -> None:
    assert not any("secret" in text for text in sentences(config(linked), read_manifest(linked)))


def test_a_dataset_without_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").mkdir()
    write_dataset(tmp_path / "link", "link", {})
    with pytest.raises(InputMissing, match="neither descriptions nor mentions"):
        run(config(tmp_path / "link"))
