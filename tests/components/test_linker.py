"""The component `linker`: what a user sees of it."""

import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Example

from spacy_bioner.annotation.annotating import Settings, annotate
from spacy_bioner.components.linker import Linker
from spacy_bioner.components.linker_training import add_linker
from spacy_bioner.documents.document import Document, Mention
from spacy_bioner.errors import PipelineError
from spacy_bioner.evaluation.linker_evaluation import evaluate_linker
from spacy_bioner.knowledge.building import write_base
from spacy_bioner.knowledge.concepts import Concept, Name
from spacy_bioner.knowledge.gold_concepts import labelled_mentions
from spacy_bioner.knowledge.mentions import parts_of, queries_of, spelled_out
from spacy_bioner.text.occurrences import abbreviations_of

TEXT = (
    "Duchenne muscular dystrophy (DMD): DMD carriers. Breast and ovarian cancer was rare. "
    "Wilson's disease and xyzzyq."
)
WORDS = ("Duchenne muscular dystrophy", "DMD", "Breast and ovarian cancer", "Wilson's disease", "xyzzyq")


@pytest.fixture
def linking(nlp: Language) -> Language:
    ruler = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "Disease", "pattern": word} for word in WORDS])
    nlp.add_pipe("abbreviations")
    nlp.add_pipe("linker")
    return nlp


def ids(doc: Doc) -> list[tuple[str, str]]:
    return [(ent.text, ent.kb_id_) for ent in doc.ents]


EXPECTED = [
    ("Duchenne muscular dystrophy", "DOID:11723"),
    ("DMD", "DOID:11723"),
    ("DMD", "DOID:11723"),
    ("Breast and ovarian cancer", "DOID:1612|DOID:2394"),
    ("Wilson's disease", "DOID:893"),
    ("xyzzyq", ""),
]


def test_diseases_are_linked_without_training(linking: Language, tmp_path: Path) -> None:
    doc = linking(TEXT)
    assert ids(doc) == EXPECTED
    id, score = doc.ents[0]._.kb_ents[0]
    assert (id, score > 0.9) == ("DOID:11723", True)
    assert [ids(d) for d in linking.pipe([TEXT, "", "No disease."])] == [EXPECTED, [], []]
    linking.to_disk(tmp_path / "model")
    assert ids(spacy.load(tmp_path / "model")(TEXT)) == EXPECTED
    for copy in (
        next(DocBin(store_user_data=True).from_bytes(DocBin(docs=[doc],
        store_user_data=True).to_bytes()).get_docs(doc.vocab)), pickle.loads(pickle.dumps(doc)),
    ):  # fmt: skip
        assert ids(copy) == EXPECTED
        assert copy.ents[0]._.kb_ents == doc.ents[0]._.kb_ents
    assert doc.to_json(underscore=["links"])["_"]["links"] == doc._.links


def test_identifiers_are_written_in_each_format(linking: Language, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text(TEXT, encoding="utf8")
    expectations = {"pubtator": "DOID:1612|DOID:2394", "bioc-json": "DOID:2394", "jsonl": "DOID:2394"}
    for format, expected in expectations.items():
        annotate(linking, [tmp_path / "in.txt"], tmp_path / f"out.{format}", Settings(format, source="text"))
        assert expected in (tmp_path / f"out.{format}").read_text(encoding="utf8")


GENES = [
    Concept(f"G:{n}", (Name("ABC1", "name"),), type="Gene", species=f"NCBITaxon:{taxon}")
    for n, taxon in enumerate((9606, 10090, 10116))
]


def test_a_gene_is_that_of_the_species_near_it(nlp: Language, tmp_path: Path) -> None:
    write_base(GENES, tmp_path / "genes.kb")
    ruler = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "Gene", "pattern": "ABC1"}])
    nlp.add_pipe("linker", config={"kb": {"Gene": str(tmp_path / "genes.kb")}})
    for text, expected in (
        ("ABC1 is a gene.", "G:0"),
        ("In mice ABC1 is high.", "G:1"),
        ("Rats were fed. ABC1 was high.", "G:2"),
        ("Rats were fed. In patients ABC1 was high.", "G:0"),
    ):
        assert [id for _, id in ids(nlp(text))] == [expected]
    nlp.to_disk(tmp_path / "model")
    (tmp_path / "genes.kb").unlink()
    assert [id for _, id in ids(spacy.load(tmp_path / "model")("Murine ABC1"))] == ["G:1"]


def test_bases_stay_with_their_types_in_a_pipeline_saved_in_place(nlp: Language, tmp_path: Path) -> None:
    """Into the folder that it was loaded from, with one more knowledge base that comes first by its name."""
    for kind in ("Gene", "Cell", "Drug"):
        write_base([Concept(f"{kind}:1", (Name("ABC1", "name"),))], tmp_path / f"{kind}.kb")
    ruler = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "Gene", "pattern": "ABC1"}])
    nlp.add_pipe("linker", config={"kb": {"Gene": str(tmp_path / "Gene.kb")}})
    nlp.to_disk(tmp_path / "model")
    for kind in ("Cell", "Drug"):
        nlp = spacy.load(tmp_path / "model")
        assert ids(nlp("ABC1")) == [("ABC1", "Gene:1")]
        add_linker(nlp, tmp_path / f"{kind}.kb", kind)
        nlp.to_disk(tmp_path / "model")
        assert ids(nlp("ABC1")) == [("ABC1", "Gene:1")]  # the open file is still whole
    for file in tmp_path.glob("*.kb"):
        file.unlink()
    nlp = spacy.load(tmp_path / "model")
    linker = nlp.get_pipe("linker")
    assert isinstance(linker, Linker)
    for kind in ("Gene", "Cell", "Drug"):
        assert linker.base(linker.kb[kind]).ids[0] == f"{kind}:1"


def test_a_new_file_takes_the_place_of_a_copy_of_its_name(nlp: Language, tmp_path: Path) -> None:
    file = tmp_path / "genes.kb"
    for id in ("G:1", "G:2"):
        write_base([Concept(id, (Name("ABC1", "name"),))], file)
        linker = add_linker(nlp, file, "Gene")
        assert linker.base(str(file)).ids[0] == id
        nlp.to_disk(tmp_path / "model")
        nlp = spacy.load(tmp_path / "model")
    file.unlink()
    assert add_linker(nlp, file, "Gene").base(str(file)).ids[0] == "G:2"


def test_genes_of_other_species_are_linked_to_none_where_all_are_human(tmp_path: Path) -> None:
    write_base(GENES[:1], tmp_path / "genes.kb")
    for species, expected in ((None, ["", "G:0"]), ("", ["G:0", "G:0"])):
        nlp = spacy.blank("en")
        nlp.add_pipe("entity_ruler").add_patterns([{"label": "Gene", "pattern": "ABC1"}])
        nlp.add_pipe("linker", config={"kb": {"Gene": str(tmp_path / "genes.kb")}, "species": species})
        assert [id for _, id in ids(nlp("In mice ABC1 is high. In patients ABC1 is low."))] == expected


def test_the_words_of_a_document_tell_meanings_apart(nlp: Language, tmp_path: Path) -> None:
    names = {"D:1": ("Muscular dystrophy", "MD"), "D:2": ("Macular degeneration", "MD")}
    write_base([Concept(id, tuple(map(Name, texts))) for id, texts in names.items()], tmp_path / "eyes.kb")
    train = []
    for number in range(20):
        words, id = (("weak muscles", "D:1"), ("blurred vision", "D:2"))[number % 2]
        text = f"Case {number}: {words} of MD."
        mention = Mention(((text.index("MD"), len(text) - 1),), "Disease", identifiers=(id,))
        train.append(Document(text, mentions=(mention,), id=str(number)))
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "Disease", "pattern": "MD"}])
    add_linker(nlp, tmp_path / "eyes.kb", train=train)
    nlp.to_disk(tmp_path / "model")
    for pipeline in (nlp, spacy.load(tmp_path / "model")):
        for text, id in (("MD and weak muscles.", "D:1"), ("Her vision was blurred by MD.", "D:2")):
            assert ids(pipeline(text)) == [("MD", id)]


def documents() -> list[Document]:
    found = []
    for number in range(10):
        text = f"Case {number}: the sugar sickness and Wilson disease."
        places = (("sugar sickness", "MESH:D003920"), ("Wilson disease", "DOID:893"))
        mentions = tuple(
            Mention(((text.index(t), text.index(t) + len(t)),), "D", identifiers=(id,)) for t, id in places
        )
        found.append(Document(text, mentions=mentions, id=str(number)))
    return found


def test_it_learns_what_mentions_mean_and_twice_the_same(linking: Language, tmp_path: Path) -> None:
    learned = []
    for _ in range(2):
        linker = add_linker(linking, train=documents(), types={"*": "Disease"})
        learned.append(linker.to_bytes())
    assert learned[0] == learned[1]
    report = evaluate_linker(linking, documents(), "Disease", {"*": "Disease"}, documents())
    assert report.mentions.to_dict()["accuracy"] == 1
    assert report.mentions.total["memorised"] == 20
    assert report.documents.gold == 20  # of which Wilson's is found in the text only with the apostrophe
    linking.to_disk(tmp_path / "model")
    read = spacy.load(tmp_path / "model").get_pipe("linker")
    assert isinstance(read, Linker)
    assert read.to_bytes() == learned[0]


def test_what_the_knowledge_base_lacks_is_linked_to_nothing(linking: Language) -> None:
    """Gold identifiers that no concept has: the threshold learns that such mentions are linked to nothing."""
    text = "Xyzzyq was seen. A dystrophy of xyzzyq, Duchenne muscular dystrophy."
    known = Mention(((41, 68),), "D", identifiers=("DOID:11723",))
    lacking = [
        Mention((place,), "D", identifiers=("MESH:D999999",)) for place in ((0, 6), (32, 38), (20, 38))
    ]
    documents = [Document(text, mentions=(*lacking, known)) for _ in range(10)]
    linker = add_linker(linking, train=documents, types={"*": "Disease"})
    links = linker.linking("diseases").link(
        [query for query, _ in labelled_mentions(documents[:1], "Disease", {"*": "Disease"})]
    )
    assert [bool(link.concepts) for link in links] == [False, False, False, True]


def test_types_that_no_map_names_keep_their_names(linking: Language) -> None:
    """So corpora with their own types can be learned and scored together with one that says Disease."""
    one = documents()
    other = [Document(d.text, mentions=tuple(replace(m, type="Disease") for m in d.mentions)) for d in one]
    report = evaluate_linker(linking, [*one, *other], "Disease", {"D": "Disease"})
    assert report.mentions.to_dict()["mentions"] == 2 * sum(len(d.mentions) for d in one)
    with pytest.raises(PipelineError, match=r"Its types are D: name those .*--map \('OLD=Disease'\)"):
        evaluate_linker(linking, one, "Disease")


def test_spacy_trains_it(linking: Language) -> None:
    examples = []
    for document in documents():
        reference = linking.make_doc(document.text)
        reference.ents = [
            reference.char_span(m.start, m.end, label="Disease", kb_id=m.identifiers[0])
            for m in document.mentions
        ]
        examples.append(Example(linking.make_doc(document.text), reference))
    linking.initialize(lambda: examples)
    doc = linking.make_doc(documents()[0].text)
    doc.ents = [doc.char_span(12, 26, label="Disease")]
    assert [id for _, id in ids(linking.get_pipe("linker")(doc))] == ["DOID:9351"]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("breast and ovarian cancer", ["breast cancer", "ovarian cancer"]),
        ("breast, ovarian, or lung cancer", ["breast cancer", "ovarian cancer", "lung cancer"]),
        ("asthma", []),
        ("and", []),
        ("", []),
    ],
)
def test_composite_mentions_have_parts(text: str, parts: list[str]) -> None:
    assert parts_of(text) == parts


def test_short_forms_are_spelled_out() -> None:
    forms = {"DMD": "Duchenne muscular dystrophy"}
    assert spelled_out("DMD patients", forms) == "Duchenne muscular dystrophy patients"
    assert spelled_out("DMDX", forms) == "DMDX"
    text = "Hyperparathyroidism-jaw tumor (HPT-JT) without JT."
    [query] = queries_of(text, [(text.index("JT."), len(text) - 1)], abbreviations_of(text))
    assert query.full == "jaw tumor"


def test_the_verbs(linking: Language, run_cli: Callable[..., str], tmp_path: Path) -> None:
    from spacy_bioner.documents.formats import write

    linking.to_disk(tmp_path / "model")
    write(documents(), tmp_path / "train.pubtator", "pubtator")
    output = run_cli(
        "bioner", "link-train", tmp_path / "model", tmp_path / "train.pubtator", tmp_path / "linked",
        "--map", "*=Disease"
    )  # fmt: skip
    assert "Disease is linked to diseases" in " ".join(output.split())
    arguments = ("--map", "*=Disease", "--output", tmp_path / "scores.json")
    output = run_cli("bioner", "link-evaluate", tmp_path / "linked", tmp_path / "train.pubtator", *arguments)
    assert "100.00" in output


def test_the_page_shows_each_mistake(linking: Language, run_cli: Callable[..., str], tmp_path: Path) -> None:
    from spacy_bioner.documents.formats import write

    text = "Breast cancer, wilson's disease, breast and ovarian cancer, DMD <b>."
    gold = (
        ("Breast cancer", "MESH:0"),  # not in the knowledge base
        ("wilson's disease", "DOID:9352"),  # type 2 diabetes: not a candidate
        ("breast and ovarian cancer", "DOID:1612|DOID:893"),
    )
    mentions = tuple(
        Mention(((text.index(t), text.index(t) + len(t)),), "D", identifiers=(id,)) for t, id in gold
    )
    write([Document(text, mentions=mentions, id="7")], tmp_path / "gold.pubtator", "pubtator")
    linking.to_disk(tmp_path / "model")
    for name in ("page.html", "page.md"):
        arguments = ("--map", "*=Disease", "--report", tmp_path / name)
        run_cli("bioner", "link-evaluate", tmp_path / "model", tmp_path / "gold.pubtator", *arguments)
    html, lines = ((tmp_path / name).read_text(encoding="utf8") for name in ("page.html", "page.md"))
    assert "Not in the knowledge base: 1" in html
    for line in lines.splitlines():
        if line.startswith("| wilson"):
            assert "DOID:9352 type 2 diabetes mellitus" in line
            assert "DOID:893 Wilson disease" in line
    assert [line for line in lines.splitlines() if line.startswith("## ")][2:5] == [
        "## Not in the knowledge base: 1", "## Not a candidate: 1", "## Composite mention: 1"
    ]  # fmt: skip


@pytest.mark.parametrize("remember", [False, True])
def test_mentions_of_devel_are_names_if_asked_for(
    linking: Language, run_cli: Callable[..., str], tmp_path: Path, remember: bool
) -> None:
    from spacy_bioner.documents.formats import write

    linking.to_disk(tmp_path / "model")
    text = "Only here: qualmish honeyblight."
    new = Document(text, mentions=(Mention(((11, 31),), "D", identifiers=("DOID:893",)),), id="new")
    write(documents(), tmp_path / "train.pubtator", "pubtator")
    write([*documents()[:5], new], tmp_path / "devel.pubtator", "pubtator")
    run_cli(
        "bioner", "link-train", tmp_path / "model", tmp_path / "train.pubtator", tmp_path / "linked",
        "--dev", tmp_path / "devel.pubtator", "--map", "*=Disease", *["--remember-dev"] * remember
    )  # fmt: skip
    nlp = spacy.load(tmp_path / "linked")
    doc = nlp.make_doc(text)
    doc.ents = [doc.char_span(11, 31, label="Disease")]
    linked = [id for _, id in ids(nlp.get_pipe("linker")(doc))]
    assert (linked == ["DOID:893"]) is remember
