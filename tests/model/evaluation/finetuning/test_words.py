"""Tokens of words that are already split, with tokenizers of several kinds."""

from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from model.evaluation.finetuning.words import word_tokens
from model.evaluation.sets.sources import load_tagged
from tests.model.evaluation.finetuning.test_real_sets import unpacked

SENTENCE = ["Ada", "lives", "in", "奥斯陆", ",", "\u200b", "née", "10\u00a0000"]


def _byte_level(*, add_prefix_space: bool, trim_offsets: bool) -> PreTrainedTokenizerFast:
    """A tokenizer as GPT-2, RoBERTa and ModernBERT have it."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space)
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=trim_offsets)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(["Ada lives in Oslo", "she lives, he lives"] * 4, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>")


@pytest.mark.parametrize("add_prefix_space", [False, True])
@pytest.mark.parametrize("trim_offsets", [False, True])
def test_words_keep_their_blanks_with_byte_level_tokenizers(add_prefix_space: bool, trim_offsets: bool) -> None:
    tokenizer = _byte_level(add_prefix_space=add_prefix_space, trim_offsets=trim_offsets)
    words = word_tokens(SENTENCE, tokenizer)
    running = tokenizer(" ".join(SENTENCE), add_special_tokens=False)["input_ids"]
    assert [token for word in words for token in word.token_ids] == running
    assert tokenizer.convert_ids_to_tokens(words[1].token_ids) == ["Ġlives"]
    for text, word in zip(SENTENCE, words, strict=True):
        assert tokenizer.decode(word.token_ids).strip() == text.strip()


def test_the_token_of_the_first_character_stands_for_the_word() -> None:
    tokenizer = _byte_level(add_prefix_space=False, trim_offsets=True)
    word = word_tokens(["in", "né"], tokenizer)[1]
    tokens = tokenizer.convert_ids_to_tokens(word.token_ids)
    assert (tokens[0], tokens[word.first]) == ("Ġ", "n")


def test_a_blank_of_its_own_belongs_to_the_word_behind_it_and_does_not_stand_for_it() -> None:
    tokenizer = Tokenizer(models.WordLevel({"<unk>": 0, "▁": 1, "a": 2, "b": 3}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "isolated")
    tokenizer.add_tokens([" "])
    words = word_tokens(["a", "b"], PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>"))
    assert [(len(word.token_ids), word.first) for word in words] == [(1, 0), (2, 1)]


def test_a_word_of_which_nothing_is_left_is_unknown(tiny_model: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    words = word_tokens(["Ada", "", "lives"], tokenizer)
    assert words[1].token_ids == [tokenizer.unk_token_id]
    assert [len(word.token_ids) > 0 for word in words] == [True] * 3


def test_xlm_r_reads_conll_as_it_does_word_by_word(tiny_model: Path, real_data: Path) -> None:
    if not (real_data / "tokenizer" / "tokenizer.json.gz").is_file() or not (real_data / "eval" / "ner").is_dir():
        pytest.skip("needs XLM-R's tokenizer and the sets of NER")
    tokenizer: Any = AutoTokenizer.from_pretrained(unpacked(real_data / "tokenizer", tiny_model.parent))
    for language in ("de", "es"):
        for sentence in load_tagged(str(real_data / "eval"), language, "dev")[:300]:
            encoded = tokenizer(list(sentence.tokens), is_split_into_words=True, add_special_tokens=False)
            alone: list[list[int]] = [[] for _ in sentence.tokens]
            for token_id, word in zip(encoded["input_ids"], encoded.word_ids(), strict=True):
                alone[word].append(token_id)
            words = word_tokens(sentence.tokens, tokenizer)
            assert [word.token_ids for word in words] == alone
            assert all(word.first == 0 for word in words)
