"""`spacy bioner compare`: scores, pipelines and predictions against each other, in words."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

Cli = Callable[..., str]


def pubtator(count: int, found: Callable[[int], bool]) -> str:
    """Documents with two mentions each, of which some are left out."""
    documents = []
    for i in range(count):
        lines = [f"{i}|t|Asthma and gout {i}", f"{i}|a|"]
        lines += [f"{i}\t0\t6\tAsthma\tDisease\tD1"] if found(i) else []
        documents.append("\n".join([*lines, f"{i}\t11\t15\tgout\tDisease\tD2"]))
    return "\n\n".join(documents) + "\n\n"


@pytest.fixture
def files(write: Callable[..., Path]) -> dict[str, Path]:
    """Gold mentions, and predictions that lack every third and every second of one name."""
    made = {"gold": lambda i: True, "good": lambda i: i % 3 > 0, "poor": lambda i: i % 2 > 0}
    return {name: write(pubtator(60, found), f"{name}.pubtator") for name, found in made.items()}


def test_predictions_in_words_and_as_json(run_cli: Cli, files: dict[str, Path], tmp_path: Path):
    arguments = ("--gold", files["gold"], "--names", "poor,good", "--output", tmp_path / "d.json")
    arguments += ("--report", tmp_path / "d.html")
    output = run_cli("bioner", "compare", files["poor"], files["good"], *arguments)
    said = " ".join(output.split())
    found = json.loads((tmp_path / "d.json").read_text(encoding="utf8"))
    assert [row["type"] for row in found] == ["all"]
    # 90 of 120 and 100 of 120 mentions found, and nothing wrong
    assert found[0]["a"] == pytest.approx(100 * 2 * 90 / (90 + 120))
    assert found[0]["b"] == pytest.approx(100 * 2 * 100 / (100 + 120))
    assert found[0]["low"] < found[0]["difference"] < found[0]["high"]
    assert "60 documents" in said
    page = (tmp_path / "d.html").read_text(encoding="utf8")
    assert "60 documents" in page
    assert "<svg" in page
    assert ("good is better than poor" in said) == (found[0]["p"] < 0.05)
    again = run_cli("bioner", "compare", files["poor"], files["good"], *arguments[:4])
    assert again.split("d.json")[0] in output  # the same seed draws the same


def test_scores_of_pipelines_and_the_pipelines_themselves(
    run_cli: Cli,
    tiny_pipeline: Path,
    tiny_data: Path,
    tmp_path: Path,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.chdir(root)  # where the sample corpus is in the catalogue
    data = tiny_data / "devel.spacy"
    for seed in (1, 2):
        run_cli("bioner", "evaluate", tiny_pipeline, data, "--output", tmp_path / f"s/{seed}/scores.json")
        scores = tmp_path / f"s/{seed}/scores.json"
        report = json.loads(scores.read_text(encoding="utf8"))
        scores.write_text(json.dumps(report | {"seed": seed}))
    output = run_cli("bioner", "compare", tmp_path / "s", tiny_pipeline, "--gold", data)
    assert "too few to tell" in output
    assert "sample, devel" in output


def test_what_is_missing_is_named(refuse_cli: Cli, files: dict[str, Path], write: Callable[..., Path]):
    def refused(*arguments: object) -> str:
        return refuse_cli("bioner", "compare", *arguments)

    fewer = write(pubtator(50, lambda i: True), "fewer.pubtator")
    assert "say with --gold" in refused(files["poor"], files["good"])
    assert "10 of 60 gold documents aren't in it" in refused(fewer, files["good"], "--gold", files["gold"])
    other = write(files["good"].read_text().replace("Asthma and", "asthma and"), "other.pubtator")
    assert "has another text" in refused(files["good"], other, "--gold", files["gold"])
    one = write(pubtator(1, lambda i: True), "one.pubtator")
    assert "one document says nothing" in refused(one, one, "--gold", one)
    old = write('{"total": {}, "data": {"file": "x"}}', "old.json")
    assert "kept no counts by document" in refused(old, old)
    assert "--names are two" in refused(one, one, "--gold", one, "--names", "a")
