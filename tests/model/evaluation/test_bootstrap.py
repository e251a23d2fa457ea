"""Intervals and paired differences against what statistics says of them, on outcomes made here."""

import numpy as np
import pytest

from model.evaluation.bootstrap import Outcomes, difference, interval, score
from model.evaluation.scores.ner import score_tags, span_counts


def _right(share: float, count: int, seed: int = 0) -> Outcomes:
    values = np.random.default_rng(seed).permutation(np.arange(count) < share * count).astype(float)
    return Outcomes("means", {"accuracy": values})


def test_the_interval_of_a_share_is_that_of_the_binomial_distribution() -> None:
    low, high = interval([[_right(0.7, 2000)]], "accuracy")
    half = 1.96 * np.sqrt(0.7 * 0.3 / 2000)
    assert (low, high) == (pytest.approx(0.7 - half, abs=0.003), pytest.approx(0.7 + half, abs=0.003))


def test_a_mean_over_languages_is_surer_than_one_of_them() -> None:
    one = interval([[_right(0.7, 500)]], "accuracy")
    four = interval([[_right(0.7, 500, seed)] for seed in range(4)], "accuracy")
    assert (four[1] - four[0]) == pytest.approx((one[1] - one[0]) / 2, rel=0.15)


def test_seeds_that_differ_widen_the_interval() -> None:
    alike = interval([[_right(0.7, 4000, 1), _right(0.7, 4000, 1)]], "accuracy")
    apart = interval([[_right(0.6, 4000, 1), _right(0.8, 4000, 1)]], "accuracy")
    assert apart[1] - apart[0] > 3 * (alike[1] - alike[0])


def test_a_small_gain_on_the_same_examples_counts_and_on_others_does_not() -> None:
    first = _right(0.70, 2000)
    better = first.values["accuracy"].copy()
    better[np.flatnonzero(better == 0)[:20]] = 1  # never worse, twenty times better
    found = difference([[first]], [[Outcomes("means", {"accuracy": better})]], "accuracy")
    assert found.value == pytest.approx(0.01) and found.is_significant and found.low > 0
    unrelated = difference([[first]], [[_right(0.71, 2000, seed=5)]], "accuracy")
    assert unrelated.value == pytest.approx(0.01) and not unrelated.is_significant and unrelated.low < 0


def test_the_same_predictions_do_not_differ() -> None:
    found = difference([[_right(0.5, 100)]], [[_right(0.5, 100)]], "accuracy")
    assert (found.value, found.low, found.high, found.p) == (0.0, 0.0, 0.0, 1.0)


def test_chance_is_called_significant_about_once_in_twenty() -> None:
    pairs = [(_right_at_random(2 * i), _right_at_random(2 * i + 1)) for i in range(100)]
    found = sum(difference([[a]], [[b]], "accuracy").is_significant for a, b in pairs)
    assert found <= 12  # of a binomial of 100 and 0.05, more in one of 500 cases


def _right_at_random(seed: int) -> Outcomes:
    return Outcomes("means", {"accuracy": (np.random.default_rng(seed).random(300) < 0.7).astype(float)})


def test_examples_that_cannot_be_paired_are_refused() -> None:
    with pytest.raises(ValueError, match="100 and 90 examples"):
        difference([[_right(0.5, 100)]], [[_right(0.5, 90)]], "accuracy")


def test_spans_are_scored_over_all_sentences_together_as_the_metric_does() -> None:
    generator = np.random.default_rng(3)
    tags = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
    truth = [[tags[i] for i in generator.integers(0, 5, size=6)] for _ in range(50)]
    predictions = [[t if generator.random() < 0.7 else "O" for t in sentence] for sentence in truth]
    counts = span_counts(truth, predictions)
    outcomes = Outcomes("spans", {name: np.array(values, dtype=float) for name, values in counts.items()})
    score = score_tags(truth, predictions)
    for name in ("f1", "precision", "recall"):
        assert outcomes.scores(name)[0] == pytest.approx(getattr(score, name), abs=1e-12)
    assert Outcomes("spans", dict.fromkeys(("correct", "predicted", "true"), np.zeros(3))).scores("f1")[0] == 0


def test_weights_make_a_mean_of_means() -> None:
    # One language with one relation, one with three: each language counts half.
    sets = [[_right(0.9, 200, 1)], [_right(0.1, 200, 2)], [_right(0.2, 200, 3)], [_right(0.3, 200, 4)]]
    weights = [1.0, 1 / 3, 1 / 3, 1 / 3]
    assert score(sets, "accuracy", weights) == pytest.approx((0.9 + 0.2) / 2)
    low, high = interval(sets, "accuracy", weights=weights)
    assert low < 0.55 < high and (low + high) / 2 == pytest.approx(0.55, abs=0.01)
    plain_low, plain_high = interval(sets, "accuracy")
    assert (plain_low + plain_high) / 2 == pytest.approx((0.9 + 0.1 + 0.2 + 0.3) / 4, abs=0.01)
    assert difference(sets, sets, "accuracy", weights=weights).p == 1.0
