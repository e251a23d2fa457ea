"""Small cases of every scoring rule, written for this project."""

import pytest

from model.evaluation.scores.answers import SQUAD, exact_match, normalise_answer, score_answers, token_f1
from model.evaluation.scores.ner import recut, score_tags
from model.evaluation.scores.xnli import score_pairs


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "The  Quick, brown FOX!", "quick brown fox"),
        ("en", "an atheist; a theatre", "atheist theatre"),
        ("en", "O'Neill-Smith", "oneillsmith"),  # nothing is put in the place of punctuation
        ("en", "5 $ + 3 €", "5 3 €"),  # ASCII signs go, other currency signs stay
        ("en", "«quoted» – dash… ‘x’", "quoted dash x"),  # Unicode categories Pi, Pf, Pd, Po
        ("de", "Die Hauptstadt des Landes", "hauptstadt landes"),
        ("de", "the house", "the house"),  # only the articles of the language
        ("es", "Los reyes y las reinas", "reyes y reinas"),
        ("vi", "thủ đô của Việt Nam", "thủ đô việt nam"),
        ("hi", "दिल्ली, भारत।", "दिल्ली भारत"),
        ("ar", "القاهرة", "قاهرة"),
        ("ar", "السلام", "سلام"),
        ("ar", "قالت", "ق ت"),  # the two letters go inside a word too
        ("zh", "北京 2008年", "北 京 2008 年"),
        ("zh", "U2乐队", "u2 乐 队"),
        ("zh", "《红楼梦》", "红 楼 梦"),
        ("zh", "㐀㐁 龥龦", "㐀㐁 龥 龦"),  # only U+4E00 to U+9FA5 are cut apart
        ("en", "...", ""),
    ],
)
def test_answers_are_normalised_by_the_rules_of_their_language(language: str, text: str, expected: str) -> None:
    assert normalise_answer(text, language) == expected


def test_a_language_without_rules_is_refused() -> None:
    with pytest.raises(KeyError):
        normalise_answer("une réponse", "fr")


def test_f1_counts_repeated_tokens_as_often_as_both_sides_have_them() -> None:
    assert token_f1("ha ha ha", "ha ha", "en") == pytest.approx(2 * (2 / 3) * 1 / (2 / 3 + 1))
    assert token_f1("north of the river", "river", "en") == pytest.approx(0.5)  # 1 of 3 tokens, 1 of 1
    assert token_f1("river", "hill", "en") == 0.0


def test_two_answers_that_normalise_to_nothing_match_exactly_and_have_no_f1() -> None:
    assert exact_match("The", "a", "en") == 1.0
    assert token_f1("The", "a", "en") == 0.0


def test_the_best_of_several_true_answers_counts() -> None:
    score = score_answers([("q", ["Anna", "Anna Karenina"])], {"q": "anna karenina"}, "en")
    assert (score.exact_match, score.f1) == (1.0, 1.0)


def test_a_missing_answer_scores_nothing_and_counts_and_a_foreign_one_is_ignored() -> None:
    score = score_answers([("q1", ["yes"]), ("q2", ["no"])], {"q1": "yes", "other": "no"}, "en")
    assert (score.exact_match, score.f1, score.num_questions, score.num_missing) == (0.5, 0.5, 2, 1)


def test_a_question_that_stands_there_twice_counts_twice() -> None:
    truths = [("q1", ["yes"]), ("q1", ["no"]), ("q2", ["north"])]
    score = score_answers(truths, {"q1": "yes", "q2": "north"}, "en")
    assert (score.exact_match, score.num_questions) == (pytest.approx(2 / 3), 3)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The  Quick, brown FOX!", "quick brown fox"),
        ("«北京» – die Stadt", "«北京» – die stadt"),  # neither Unicode punctuation nor other articles
        ("U.S. a 5", "us 5"),
    ],
)
def test_squad_rules_are_english_in_every_language(text: str, expected: str) -> None:
    assert normalise_answer(text, SQUAD) == expected


def test_chinese_answers_overlap_by_character() -> None:
    assert token_f1("北京市", "北京", "zh") == pytest.approx(2 * (2 / 3) / (2 / 3 + 1))


def test_accuracy_is_the_share_of_right_labels() -> None:
    truth = ["entailment", "neutral", "contradiction", "neutral"]
    assert score_pairs(truth, ["entailment", "neutral", "neutral", "neutral"]).accuracy == 0.75


def test_shifted_labels_are_refused() -> None:
    with pytest.raises(ValueError, match="1 predictions for 2 pairs"):
        score_pairs(["neutral", "neutral"], ["neutral"])


def test_tags_without_b_score_as_conlleval_scores_them() -> None:
    truth = [["B-PER", "I-PER", "O", "B-LOC"]]
    assert score_tags(truth, [["I-PER", "I-PER", "O", "I-LOC"]]).f1 == 1.0


def test_adjacent_entities_need_a_b_to_be_two() -> None:
    score = score_tags([["B-LOC", "B-LOC"]], [["I-LOC", "I-LOC"]])
    assert (score.f1, score.num_true, score.num_predicted) == (0.0, 2, 1)


def test_a_change_of_type_opens_an_entity() -> None:
    assert score_tags([["B-PER", "B-LOC"]], [["I-PER", "I-LOC"]]).f1 == 1.0


def test_a_span_needs_both_ends_and_the_type() -> None:
    score = score_tags([["B-PER", "I-PER", "O"], ["B-ORG"]], [["B-PER", "O", "O"], ["B-LOC"]])
    assert (score.precision, score.recall, score.f1) == (0.0, 0.0, 0.0)


def test_an_entity_does_not_run_on_into_the_next_sentence() -> None:
    assert score_tags([["B-PER"], ["B-PER"]], [["I-PER"], ["I-PER"]]).f1 == 1.0


def test_no_predicted_entity_is_a_score_of_nothing() -> None:
    assert score_tags([["B-PER"]], [["O"]]).f1 == 0.0


def test_sentences_of_other_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="sentence 1: 1 predicted tags for 2 tokens"):
        score_tags([["O"], ["O", "O"]], [["O"], ["O"]])
    with pytest.raises(ValueError, match="1 predicted sentences for 2"):
        score_tags([["O"], ["O"]], [["O"]])


def test_recutting_keeps_the_tags_in_order_and_refuses_other_totals() -> None:
    assert recut([["O", "B-PER"], ["I-PER"]], [1, 2]) == [["O"], ["B-PER", "I-PER"]]
    with pytest.raises(ValueError, match="3 tags"):
        recut([["O", "B-PER"], ["I-PER"]], [1, 1])


def _conlleval_chunks(tags: list[str]) -> set[tuple[int, int, str]]:
    """Entities by the rules of the conlleval script, token by token, as a second opinion on seqeval."""
    chunks, start, kind = set(), None, ""
    for index, tag in enumerate([*tags, "O"]):
        prefix, _, name = tag.partition("-")
        opens = tag != "O" and (prefix == "B" or start is None or name != kind)
        if start is not None and (tag == "O" or opens):
            chunks.add((start, index, kind))
            start = None
        if opens:
            start, kind = index, name
    return chunks


def test_seqeval_agrees_with_conlleval_on_every_short_tag_sequence() -> None:
    from itertools import product

    from seqeval.metrics.sequence_labeling import get_entities

    for length in range(1, 5):
        for tags in product(["O", "B-PER", "I-PER", "B-LOC", "I-LOC"], repeat=length):
            ours = {(first, last + 1, kind) for kind, first, last in get_entities(list(tags))}
            assert ours == _conlleval_chunks(list(tags)), tags
