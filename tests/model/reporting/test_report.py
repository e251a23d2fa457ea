"""The report page: what it shows, that hostile text stays text, and that it needs nothing but itself."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from model import cli
from model.evaluation.published import PUBLISHED, published_for
from model.evaluation.ranking.examples import _with_gap
from model.evaluation.results import Measure, Results, Row
from model.evaluation.tasks import TASKS
from model.reporting.charts import bar_chart, heat_map, training_chart
from model.reporting.data import read_log
from model.reporting.standing import standing
from schemas.errors import InputCorrupt

HOSTILE = "<script>alert(1)</script> \u202eשלום\u202c & \"'"


class _Tags(HTMLParser):
    """Collects tags, addresses and text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.text = ""
        self.rows: list[list[str]] = []
        """Cells of the rows of all tables."""
        self.items: list[str] = []
        """Items of lists."""
        self._open: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th", "li"):
            self._open = self.items if tag == "li" else self.rows[-1]
            self._open.append("")
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "action")]

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th", "li"):
            self._open = None

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._open is not None:
            self._open[-1] += data


def _retrieval() -> Results:
    rows = []
    for question in ("mep", "oe"):
        keys = {"about": "summary", "question": question, "languages": "across"}
        rows.append(
            Row.single(keys | {"line": "model"}, {"hits@1": 0.25, "hits@10": 0.5, "mrr": 0.3333, "queries": 1234})
        )
        rows.append(
            Row.single(keys | {"line": "chance"}, {"hits@1": 0.01, "hits@10": 0.1, "mrr": 0.05, "queries": 1234})
        )
        for source, target in (("en", "ar"), ("ar", "en")):
            pair = {"about": "pair", "question": question, "source": source, "target": target}
            rows.append(Row.single(pair, {"mrr": 0.4, "queries": 10}))
        rows.append(Row.single({"about": "seen", "question": question, "mentions in training": "unseen"}, {"mrr": 0.1}))
    return Results(
        task="retrieval",
        model="runs/other/model",
        primary_metric="mrr",
        primary_keys=rows[0].keys,
        rows=rows,
        notes=[HOSTILE],
        data={
            "examples": [
                {name: f"{name} {HOSTILE}" for name in ("source", "target", "rank", "query", "right", "first")}
            ]
        },
    )


def _probing() -> Results:
    rows = []
    for line in ("model", "random weights", "majority"):
        rows.append(Row.single({"about": "summary", "line": line, "language": "mean"}, {"hits@1": 0.2, "facts": 4}))
        rows.append(Row.single({"about": "relation", "line": line, "relation": "P36"}, {"hits@1": 0.2, "facts": 4}))
    keys = {"about": "summary", "line": "model", "language": "mean"}
    return Results(task="probing", model="m", primary_metric="hits@1", primary_keys=keys, rows=rows)


def _ner() -> Results:
    rows = [
        Row({"selection": selection, "split": "dev", "language": language}, {"f1": Measure((0.80, 0.90))})
        for selection in ("mean dev", "en dev")
        for language in ("en", "de", "mean")
    ]
    keys = {"selection": "mean dev", "split": "dev", "language": "mean"}
    return Results(task="ner", model="m", primary_metric="f1", primary_keys=keys, rows=rows, stand_in=True)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "<b>run"
    (folder / "model").mkdir(parents=True)
    log = [{"event": "start", "step": 0}, {"step": 10, "mlm/loss": 8.0, "mep/loss": 4.0, "mep/accuracy": 0.1}]
    log += [{"step": 20, "mlm/loss": 7.0, "mep/loss": 3.0}, {"validated": 20, "mep/loss": 3.5}]
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in log))
    (folder / "model" / "run.json").write_text(json.dumps({"config": {"data": HOSTILE}}))
    for results in (_retrieval(), _probing(), _ner()):
        results.write(folder / "evaluation")
    return folder


def _page(run: Path) -> tuple[str, _Tags]:
    assert cli.run(["report", "--run", str(run)]) == 0
    html = (run / "report.html").read_text(encoding="utf-8")
    tags = _Tags()
    tags.feed(html)
    return html, tags


def test_the_page_shows_losses_heat_maps_relations_and_published_scores(run: Path) -> None:
    _, page = _page(run)
    assert page.tags.count("img") == 6  # loss, accuracy, two heat maps, relations, named entities by language
    for text in (
        "retrieval",
        "33.3",
        "other/model",
        "1,234",
        "unseen",
        "majority",
        "85.0 ± 7.1",
        "stand-in for training",
        "73.3",
        "second-hand",
        "1 queries with their texts, right and wrong",
        "put first:",
    ):
        assert text in page.text, text


def test_headlines_stand_beside_their_lines_and_what_is_below_is_said(run: Path) -> None:
    _, page = _page(run)
    head = next(row for row in page.rows if row[:2] == ["task", "%"])
    cells = {row[0]: dict(zip(head, row, strict=True)) for row in page.rows if len(row) == len(head)}
    assert [cells["retrieval"][name] for name in ("%", "chance", "trivial line", "n")] == ["33.3", "5.0", "", "1,234"]
    assert [cells["probing"][name] for name in ("%", "trivial line", "n")] == ["20.0", "20.0", "4"]
    assert "probing: below the line that reads no question: nothing was shown to be learnt" in page.text
    assert "4 examples are too few to mean anything" in page.text
    assert "retrieval: " not in page.text


def test_the_head_says_when_and_from_what_the_run_was_made(run: Path) -> None:
    start = {
        "event": "start",
        "time": 1796079318.4,
        "step": 0,
        "ranks": 2,
        "device": "cpu",
        "threads": 3,
        "data": "0123456789abcdef",
    }
    log = run / "log.jsonl"
    log.write_text(json.dumps(start) + "\n" + log.read_text())
    config = {"config": {"seed": 5, "encoder": {"layers": 2, "width": 128}, "data": "tokens"}, "steps": 480}
    (run / "model" / "run.json").write_text(json.dumps(config))
    _, page = _page(run)
    for text in ("2026-11-30 22:55 UTC", "2 layers of 128", "0123456789ab (tokens)", "480", "threads"):
        assert text in page.text, text


def test_an_interval_that_reaches_the_line_is_not_clearly_above_it() -> None:
    keys = {"about": "summary", "question": "mep", "languages": "across"}
    for interval, words in (((0.04, 0.08), "not clearly above the line that reads no question"), ((0.055, 0.08), "")):
        model = Row(keys | {"line": "model"}, {"mrr": Measure((0.06,), interval), "queries": Measure((500.0,))})
        rows = [
            model,
            Row.single(keys | {"line": "frequency"}, {"mrr": 0.05}),
            Row.single(keys | {"line": "chance"}, {"mrr": 0.01}),
        ]
        results = Results(task="retrieval", model="m", primary_metric="mrr", primary_keys=model.keys, rows=rows)
        assert (standing(results).verdict, standing(results).asked) == (words, "500")


def test_the_page_is_made_for_phones_and_for_the_dark(run: Path) -> None:
    html, _ = _page(run)
    assert "prefers-color-scheme: dark" in html and "max-width: 40rem" in html and "width=device-width" in html


def test_validation_and_a_common_scale_are_drawn() -> None:
    training = {"mep/loss": [(10, 3.0), (20, 2.0)]}
    assert training_chart(training | {"validation/mep/loss": [(20, 2.5)]}, "loss", "loss") != training_chart(
        training, "loss", "loss"
    )
    values, names = {("en", "ar"): 0.1}, ["en", "ar"]
    assert heat_map(values, names, names, "%", top=0.5) != heat_map(values, names, names, "%")


def test_scores_by_language_stand_beside_published_ones_each_with_its_source(run: Path) -> None:
    _, page = _page(run)
    head = next(row for row in page.rows if row[:3] == ["model", "source", "metric"])
    assert head[3:] == ["split", "selected by", "mean", "en", "de"]
    ours = [row for row in page.rows if row[0] == "this run"]
    assert [row[4] for row in ours] == ["mean dev", "en dev"] and ours[0][5:] == ["85.0 ± 7.1"] * 3
    for score in published_for("CoNLL"):
        if score.language in head:
            own = [row for row in page.rows if row[0] == score.model and row[3] == score.split]
            cells = [(row[head.index(score.language)], page.items[int(row[1].strip("[]")) - 1]) for row in own]
            assert (score.text, f"{score.source} ({score.certainty})") in cells


def test_hostile_text_stays_text(run: Path) -> None:
    html, page = _page(run)
    assert "script" not in page.tags and "b" not in page.tags
    assert "<script>alert(1)</script>" in page.text
    assert "<b>run" in page.text
    assert 'dir="auto"' in html


def test_the_page_needs_nothing_but_itself(run: Path) -> None:
    html, page = _page(run)
    assert page.addresses and all(address.startswith("data:image/svg+xml;base64,") for address in page.addresses)
    assert "default-src 'none'" in html
    assert not re.findall(r"url\(|@import|<link", html)


def test_the_page_is_the_same_for_the_same_run(run: Path) -> None:
    first, _ = _page(run)
    second, _ = _page(run)
    assert first == second


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    assert cli.run(["report", "--run", str(tmp_path / "none")]) == 10
    assert cli.run(["report", "--run", str(tmp_path)]) == 10


def test_a_log_is_read_by_step_and_a_line_cut_by_a_kill_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('{"step": 10, "loss": 3.0}\n{"step": 20, "loss": 2.0}\n{"step": 10, "loss": 2.5}\n{"step": 30, "lo')
    assert read_log(path) == {"loss": [(10, 2.5), (20, 2.0)]}
    path.write_text('{"step": 10\n{"step": 20, "loss": 2.0}\n')
    with pytest.raises(InputCorrupt, match="line 1"):
        read_log(path)


def test_charts_with_gaps_and_hostile_names_are_drawn() -> None:
    assert heat_map({("en", "ar"): 0.5}, ["en", "ar"], ["en", "ar"], "%").startswith("data:image/svg+xml")
    assert bar_chart(["<P36>&", "P19"], {"model": {"P19": 0.2}}, "%").startswith("data:image/svg+xml")


def test_every_published_score_names_its_source_and_a_set_of_a_task() -> None:
    sets = {task.published_set for task in TASKS.values()}
    for score in PUBLISHED:
        assert score.source and score.set in sets - {""} and 0 < score.low <= score.high <= 100


def test_validation_losses_and_retrieval_stand_in_the_page(tmp_path: Path) -> None:
    lines = [{"step": 10 * i, "mep/loss": 5 - i, "mep/accuracy": 0.1 * i, "mlm/loss": 3.0} for i in (1, 2)]
    found = {"retrieval/mep/mrr": 0.123, "retrieval/mep/frequency_mrr": 0.071, "retrieval/mep/chance_mrr": 0.019}
    lines.append({"validated": 20, "mep/loss": 4.4567, "mep/accuracy": 0.25} | found)
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert cli.run(["report", "--run", str(tmp_path)]) == 0
    page = _Tags()
    page.feed((tmp_path / "report.html").read_text())
    cells = next(row for row in page.rows if row[:1] == ["mep"])
    assert [cell.strip() for cell in cells] == ["mep", "3.000", "4.457", "20.0", "25.0", "12.3", "7.1", "1.9"]
    assert next(row for row in page.rows if row[:1] == ["mlm"])[2].strip() == ""  # never validated
    assert "naming frequent answers first (dashed)" in page.text
    (tmp_path / "log.jsonl").write_text(json.dumps(lines[0]) + "\n")
    assert cli.run(["report", "--run", str(tmp_path)]) == 0
    assert "in validation" not in (tmp_path / "report.html").read_text()


def test_bitext_and_linking_have_sections(run: Path) -> None:
    rows = [Row.single({"about": "summary", "direction": "first to second", "line": "model"}, {"accuracy": 0.41})]
    rows.append(Row.single({"about": "summary", "direction": "first to second", "line": "chance"}, {"accuracy": 0.001}))
    pair = {"about": "pair", "direction": "first to second", "source": "sw", "target": "en", "line": "model"}
    rows.append(Row.single(pair, {"accuracy": 0.123, "queries": 390}))
    data = {"set": "Tatoeba"}
    results = Results(
        task="bitext", model="m", primary_metric="accuracy", primary_keys=rows[0].keys, rows=rows, data=data
    )
    results.write(run / "evaluation")
    keys = {"about": "language", "way": "linker", "language": "mean"}
    linked = [
        Row.single(keys, {"recall@1": 0.77}),
        Row.single({"about": "hardness", "hardness": "hard"}, {"recall@1": 0.2}),
    ]
    data = {"set": "TR2016"}
    Results(task="linking", model="m", primary_metric="recall@1", primary_keys=keys, rows=linked, data=data).write(
        run / "evaluation"
    )
    _, page = _page(run)
    for text in ("Bitext: Tatoeba", "Linking: TR2016", "hardness"):
        assert text in page.text
    cells = [[cell.strip() for cell in row] for row in page.rows]
    assert ["first to second", "sw", "en", "model", "12.3", "390"] in cells
    assert next(row for row in cells if row[0] == "bitext")[1:3] == ["41.0", "0.1"]


def test_a_masked_mention_is_one_gap() -> None:
    assert _with_gap("Oslo<mask><mask> <mask> liegt <mask>.", "<mask>") == "Oslo […] liegt […] ."
