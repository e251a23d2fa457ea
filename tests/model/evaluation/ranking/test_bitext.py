"""Mining against a naive computation, the threshold against all thresholds, and both sets from files to a result."""

from pathlib import Path

import numpy as np
import pytest
import torch

from model import cli
from model.evaluation.ranking.bitext import _right, _spelling
from model.evaluation.ranking.mining import mine, nearest
from model.evaluation.results import read_results
from model.evaluation.scores.bitext import best_threshold, score_mined


def _naive(ours: np.ndarray, theirs: np.ndarray, k: int, margin: str) -> dict[tuple[int, int], float]:
    """All pairs scored in one matrix, candidates cut to the k nearest of each side, greedy from the top."""
    cosines = ours @ theirs.T
    own, other = (np.sort(m, axis=1)[:, ::-1][:, :k].mean(1) for m in (cosines, cosines.T))
    mean = (own[:, None] + other[None, :]) / 2
    scores = {"ratio": cosines / mean, "distance": cosines - mean, "absolute": cosines}[margin]
    proposals = []
    for i, row in enumerate(cosines):
        j = max(np.argsort(-row)[:k], key=lambda j, i=i: scores[i, j])
        proposals.append((scores[i, j], i, int(j)))
    for j, column in enumerate(cosines.T):
        i = max(np.argsort(-column)[:k], key=lambda i, j=j: scores[i, j])
        proposals.append((scores[i, j], int(i), j))
    found: dict[tuple[int, int], float] = {}
    for score, i, j in sorted(proposals, reverse=True):
        if all(i != a and j != b for a, b in found):
            found[i, j] = score
    return found


@pytest.mark.parametrize("margin", ["ratio", "distance", "absolute"])
@pytest.mark.parametrize(("sources", "targets", "k"), [(7, 11, 4), (11, 7, 1), (3, 2, 4), (1, 1, 4)])
def test_mining_is_that_of_the_whole_matrix(sources: int, targets: int, k: int, margin: str, monkeypatch) -> None:
    monkeypatch.setattr("model.evaluation.ranking.mining.SCORES_PER_CHUNK", 20)  # two rows at once
    generator = torch.Generator().manual_seed(sources * 100 + targets)
    ours, theirs = (
        torch.nn.functional.normalize(torch.rand(count, 5, generator=generator), dim=1) for count in (sources, targets)
    )
    found = {(i, j): score for i, j, score in mine(ours, theirs, neighbours=k, margin=margin)}
    expected = _naive(ours.double().numpy(), theirs.double().numpy(), k, margin)
    assert found.keys() == expected.keys()
    assert np.allclose([found[pair] for pair in expected], list(expected.values()), atol=1e-6)


def test_the_threshold_gives_the_best_f1_of_all() -> None:
    generator = np.random.default_rng(0)
    for _ in range(200):
        pairs = [(f"a{i}", f"b{i}") for i in range(generator.integers(1, 12))]
        scored = {pair: float(generator.integers(0, 6)) for pair in pairs}  # many equal scores
        gold = frozenset(pair for pair in [*pairs, ("x", "y")] if generator.random() < 0.5) or frozenset({("x", "y")})

        def f1(threshold: float, scored=scored, gold=gold) -> float:
            return score_mined([pair for pair, score in scored.items() if score >= threshold], gold).f1

        assert f1(best_threshold(scored, gold)) == pytest.approx(max(f1(t) for t in scored.values()))


def test_the_threshold_lies_between_the_last_pair_and_the_next() -> None:
    scored = {("a", "a"): 3.0, ("b", "x"): 2.0, ("c", "c"): 1.5, ("d", "y"): 1.0}
    assert best_threshold(scored, frozenset({("a", "a"), ("c", "c")})) == 1.25
    assert best_threshold({("a", "a"): 3.0}, frozenset({("a", "a")})) == 3.0
    score = score_mined([("a", "a"), ("b", "x"), ("c", "c")], frozenset({("a", "a"), ("c", "c"), ("e", "e")}))
    assert (score.precision, score.recall, score.f1) == (2 / 3, 2 / 3, 2 / 3)


def test_a_model_that_has_diverged_finds_nothing_near() -> None:
    found = nearest(torch.tensor([[float("nan"), 1.0]]), torch.eye(2), 1)
    assert found.scores.tolist() == [[-1.0]]


def test_spelling_finds_names_and_numbers_and_nothing_else() -> None:
    english, german = ("Ada was born in 1815.", "It rains."), ("1815 kam Ada zur Welt.", "Es regnet.")
    assert _right(_spelling(english), _spelling(german))["first to second"].tolist()[0] == 1.0
    chinese = _spelling(("阿达住在奥斯陆。", "下雨了。"))
    assert float((chinese @ _spelling(english).T).max()) == 0.0


NAMES, VERBS, PLACES = ("Ada", "Berta", "Cleo"), ("lives", "sings", "works"), ("Oslo", "Rome", "Acme")
SENTENCES = [f"{name} {verb} in {place}." for name in NAMES for verb in VERBS for place in PLACES]


def test_tatoeba_from_files_to_a_result(tiny_model: Path, tmp_path: Path, capsys) -> None:
    shuffled = SENTENCES[1:] + SENTENCES[:1]
    files = {"deu-eng.deu": shuffled, "deu-eng.eng": shuffled, "afr-eng.afr": shuffled, "afr-eng.eng": SENTENCES}
    for name, sentences in files.items():
        (tmp_path / f"tatoeba.{name}").write_text("\n".join(sentences) + "\n")
    flags = ["--model", str(tiny_model), "--data", str(tmp_path), "--output", str(tmp_path / "out"), "--device", "cpu"]
    assert cli.run(["evaluate", "bitext", *flags]) == 0
    assert "first to second" in capsys.readouterr().out
    results = read_results(tmp_path / "out" / "bitext.json")
    equal = results.find(about="pair", source="de", target="en", line="model").measures["accuracy"]
    assert (equal.mean, equal.interval) == (1.0, (1.0, 1.0))  # every sentence beside itself
    wrong = results.find(about="pair", source="af", target="en", line="model").measures["accuracy"].mean
    assert wrong == 0.0  # its nearest is itself, one line off
    assert results.primary == 0.5
    assert results.find(about="pair", source="en", target="af", line="chance").measures["accuracy"].mean == 1 / 27
    assert cli.run(["compare", str(tmp_path / "out"), str(tmp_path / "out"), "--task", "bitext"]) == 0
    assert "de → en" in capsys.readouterr().out


def test_bucc_takes_the_threshold_of_the_sample(tiny_model: Path, tmp_path: Path) -> None:
    # Eight sentences are hidden in both texts; the others are each in one alone.
    texts = {"de": SENTENCES[:16], "en": SENTENCES[8:24]}
    for split in ("sample", "training"):
        for code, sentences in texts.items():
            lines = [f"{code}-{i}\t{sentence}" for i, sentence in enumerate(sentences)]
            (tmp_path / f"de-en.{split}.{code}").write_text(
                "\n".join([*lines, f"{code}-99\tAgain.", f"{code}-98\tAgain."])
            )
        (tmp_path / f"de-en.{split}.gold").write_text("".join(f"de-{8 + i}\ten-{i}\n" for i in range(8)))
    flags = ["--model", str(tiny_model), "--data", str(tmp_path), "--output", str(tmp_path / "out"), "--device", "cpu"]
    assert cli.run(["evaluate", "bitext", *flags]) == 0
    results = read_results(tmp_path / "out" / "bitext.json")
    pair = results.find(about="pair")
    assert pair.keys["threshold by"] == "sample"
    assert results.primary == pair.measures["f1"].mean == 1.0
    assert not any("upper bound" in note for note in results.notes)
    for part in tmp_path.glob("de-en.sample.*"):
        part.unlink()
    assert cli.run(["evaluate", "bitext", *flags, "--languages", "German"]) == 2
    assert cli.run(["evaluate", "bitext", *flags, "--languages", "de"]) == 0
    notes = read_results(tmp_path / "out" / "bitext.json").notes
    assert any("de-en: the threshold is the best on the set itself" in note for note in notes)
