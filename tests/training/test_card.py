"""Model cards of pipelines: what stands in them, and what the hub makes of it."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import spacy
import srsly

from spacy_bioner.corpora.provenance import META_KEY
from spacy_bioner.training.card import (
    HUB_LICENCES,
    complete_meta,
    front_matter,
    hub_licence,
    licences_of,
    make_card,
)


@pytest.fixture(scope="module")
def report(tiny_pipeline: Path, tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An evaluation of the tiny pipeline, as `spacy bioner evaluate` writes it."""
    from spacy_bioner.evaluation.evaluating import evaluate

    path = tmp_path_factory.mktemp("metrics") / "tiny.json"
    evaluate(str(tiny_pipeline), [tiny_data / "devel.spacy"], output=path)
    return path


@pytest.fixture(scope="module")
def carded(tiny_pipeline: Path, report: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from spacy_bioner.training.packaging import add_card

    return add_card(str(tiny_pipeline), tmp_path_factory.mktemp("cards") / "tiny", [report])


def test_card_says_what_must_be_known(carded: Path, report: Path):
    text = (carded / "README.md").read_text(encoding="utf8")
    made = srsly.read_json(carded / "meta.json")[META_KEY]
    scores = srsly.read_json(report)
    for wanted in (
        "# en_bioner_tiny",
        "| encoder | tiny (folder) |",
        made["encoder"]["weights_sha256"],
        "| seed | 1 |",
        "| sample |",
        made["corpora"][0]["variant"],
        made["corpora"][0]["licence"],
        "**sample (",
        f"devel.spacy**: {scores['docs']} documents, tokens from the corpus, ",
        "tokens a second on a CPU",
        f"| all | {100 * scores['total']['precision']:.2f} |",
        f"| {100 * scores['relaxed']['total']['f1']:.2f} | {scores['total']['gold']} |",
        "| training.max_steps | 6 |",
        made["data"]["train"][0]["sha256"],
        f"torch {made['versions']['torch']}",
        "no medical device",
    ):
        assert wanted in text
    assert all(f"| {name} | " in text for name in scores["types"])
    assert not text.startswith("---")  # `spacy huggingface-hub push` puts its own header before it
    assert "None" not in text


def test_pipeline_with_its_card_is_the_same(carded: Path, tiny_pipeline: Path, report: Path):
    scores = srsly.read_json(report)
    before, after = spacy.load(tiny_pipeline), spacy.load(carded)
    text = "Cisplatin lowers TNF-α in obese rats."
    assert [e.text for e in after(text).ents] == [e.text for e in before(text).ents]
    assert after.meta["performance"]["ents_f"] == scores["total"]["f1"]
    assert after.meta["performance"]["ents_per_type"].keys() == scores["types"].keys()
    (evaluation,) = after.meta[META_KEY]["evaluations"]
    assert evaluation.items() <= scores.items()
    assert scores.keys() - evaluation.keys() == {"documents", "curves"}  # they can take megabytes
    assert after.meta["license"] == "other"  # the corpus has MIT, and nothing tells of the encoder's
    assert after.meta["sources"] == [{"name": "sample", "license": "MIT"}]


def test_a_licence_that_somebody_gave_a_pipeline_stays():
    made = {"encoder": {"licence": "Apache-2.0"}, "corpora": [{"name": "x", "licence": "MIT"}]}
    meta = {"license": "MIT", META_KEY: made}
    assert complete_meta(meta, [])["license"] == "other"  # the corpora's alone; the encoder has another
    assert complete_meta({**meta, "license": "CC-BY-4.0"}, [])["license"] == "CC-BY-4.0"


def test_training_leaves_a_card_with_scores_on_the_development_data(tiny_pipeline: Path):
    text = (tiny_pipeline / "README.md").read_text(encoding="utf8")
    assert "on the development data that the weights were chosen on" in text or "Not evaluated" in text
    assert "# en_bioner_tiny" in text


def test_package_has_the_card(carded: Path, tmp_path: Path):
    """In the wheel, where `spacy huggingface-hub push` takes it from."""
    command = [sys.executable, "-m", "spacy", "package", carded, tmp_path, "--build", "none", "--force"]
    subprocess.run(command, check=True, capture_output=True)
    (package,) = tmp_path.iterdir()
    card_text = (carded / "README.md").read_text(encoding="utf8")
    assert (package / "README.md").read_text(encoding="utf8") == card_text
    inner = package / "en_bioner_tiny" / package.name
    assert (inner / "README.md").read_text(encoding="utf8") == card_text
    assert json.loads((package / "meta.json").read_text())["license"] == "other"


@pytest.mark.parametrize(
    ("licences", "name"),
    [
        (["MIT"], "mit"),
        (["MIT", "MIT"], "mit"),
        (["CC BY-SA 3.0"], "cc-by-sa-3.0"),
        (["CC BY 4.0 (as redistributed); NCBI: public domain"], "other"),
        (["MIT", "Apache-2.0"], "other"),
        (["MIT", "not known"], "other"),
        ([], "other"),
        ([""], "other"),
    ],
)
def test_licences_by_the_names_of_the_hub(licences: list[str], name: str):
    assert hub_licence(licences) == name
    assert name == "other" or name in HUB_LICENCES


def test_licences_of_all_stages_are_named():
    earlier = {"encoder": {"licence": "Apache-2.0"}, "corpora": [{"licence": "CC BY 4.0"}]}
    made = {
        "encoder": {"licence": "Apache-2.0"},
        "corpora": [{"licence": "MIT"}, {"licence": ""}],
        "started_from": earlier,
    }
    assert licences_of({META_KEY: made}) == ["Apache-2.0", "MIT", "not known", "CC BY 4.0"]
    assert licences_of({}) == []


def test_card_of_a_pipeline_of_which_nothing_is_known():
    text = make_card(spacy.blank("en").meta | {"notes": "Not of mice."})
    assert "## Limits\n\nNot of mice.\n\n" in text
    assert "Not evaluated." in text
    assert "Not written down." in text
    assert "| encoder | none that was pretrained |" in text


def test_header():
    values = {"language": "en", "license": "", "tags": ["a", "b"]}
    assert front_matter(values) == "---\nlanguage: en\ntags:\n- a\n- b\n---\n\n"


def test_meta_without_evaluations_keeps_its_performance():
    meta = {"performance": {"ents_f": 0.5}, "license": "x"}
    assert complete_meta(meta, [])["performance"] == {"ents_f": 0.5}


# -- what is refused -------------------------------------------------------------------------------------


def test_scores_of_others_and_what_is_no_report_are_refused(
    tiny_pipeline: Path, report: Path, refuse_cli: Callable[..., str], tmp_path: Path
):
    others = tmp_path / "others.json"
    others.write_text(json.dumps({**srsly.read_json(report), "version": "9.9.9"}))
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    lacking = tmp_path / "lacking.json"
    lacking.write_text(json.dumps({"pipeline": "en_bioner_tiny", "version": "0.1.0"}))
    output = tmp_path / "out"
    for path, message in (
        (others, "The scores are those of en_bioner_tiny 9.9.9, and the pipeline is en_bioner_tiny 0.1.0"),
        (broken, "not a report of evaluate"),
        (tmp_path / "missing.json", "not a report of evaluate"),
        (lacking, "isn't in it: evaluate again"),
    ):
        assert message in refuse_cli("bioner", "card", tiny_pipeline, output, "--scores", path)
        assert not output.exists()
    assert "can't be loaded" in refuse_cli("bioner", "card", tmp_path / "nowhere", output)
    (tmp_path / "thesis.txt").write_text("mine")
    assert "holds something else" in refuse_cli("bioner", "card", tiny_pipeline, tmp_path)
