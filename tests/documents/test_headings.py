"""Headings in structured abstracts and texts, and words that look like some and are none."""

import pytest

from spacy_bioner.documents import formats
from spacy_bioner.documents.document import Document, Passage
from spacy_bioner.documents.headings import find_headings

FORMS = {  # what a text shows, and the heading in it
    "BACKGROUND: Cisplatin": "BACKGROUND",
    "Background: Cisplatin": "Background",
    "OBJECTIVES. We asked": "OBJECTIVES",
    "METHODS AND RESULTS: We": "METHODS AND RESULTS",
    "Materials and Methods: We": "Materials and Methods",
    "MATERIALS & METHODS: We": "MATERIALS & METHODS",
    "BACKGROUND/AIMS: We": "BACKGROUND/AIMS",
    "Methodology/Principal Findings: We": "Methodology/Principal Findings",
    "MAIN OUTCOME MEASURES: We": "MAIN OUTCOME MEASURES",
    "STUDY DESIGN AND SETTING: We": "STUDY DESIGN AND SETTING",
    "DESIGN, SETTING, AND PARTICIPANTS: We": "DESIGN, SETTING, AND PARTICIPANTS",
    "RESULTS - We found": "RESULTS",
    "RESULTS — we found": "RESULTS",
    "Results.— We found": "Results",
    "RESULTS : we found": "RESULTS",
    "INTERPRETATION： We": "INTERPRETATION",
    "Conclusions. We found": "Conclusions",
    "CONCLUSION We found": "CONCLUSION",
    "[METHODS] We did": "METHODS",
    "(Methods) We did": "Methods",
    "**Results** We found": "Results",
    "Introduction\nCisplatin is": "Introduction",
    "## Discussion\nWe found": "Discussion",
    "2. Methods\nWe did": "2. Methods",
    "2.1 Patients and methods\nWe did": "2.1 Patients and methods",
    "III. RESULTS\nWe found": "III. RESULTS",
    "What is already known: It": "What is already known",
    "WHAT THIS STUDY ADDS: It": "WHAT THIS STUDY ADDS",
    "CLINICAL SIGNIFICANCE: It": "CLINICAL SIGNIFICANCE",
    "CASE REPORT: A woman": "CASE REPORT",
    "Trial registration: NCT1": "Trial registration",
    "AIM OF THE STUDY: To": "AIM OF THE STUDY",
    "Purpose of review: To": "Purpose of review",
    "RECENT FINDINGS: It": "RECENT FINDINGS",
    "DATA SOURCES AND STUDY SELECTION: We": "DATA SOURCES AND STUDY SELECTION",
    "Author's summary: We": "Author's summary",
    "PATIENTS (PARTICIPANTS): Ten": "PATIENTS (PARTICIPANTS)",
    "LEVEL OF EVIDENCE: 2": "LEVEL OF EVIDENCE",
    "STATISTICAL ANALYSIS: We": "STATISTICAL ANALYSIS",
    "IMPORTANCE OF THE FIELD: It": "IMPORTANCE OF THE FIELD",
}


def headings(text, *passages):
    return [text[start:end] for start, end in find_headings(Document(text, passages))]


def test_headings_of_all_forms_at_the_beginning_and_behind_a_sentence():
    for form, heading in FORMS.items():
        assert headings(form) == [heading]
        line = "\n" if "\n" in form else " "
        assert headings(f"Cisplatin harms kidneys.{line}{form}") == [heading]
        title = "Of mice"
        text = f"{title}\n{form}"
        assert headings(text, Passage(0, 7, "title"), Passage(8, len(text), "abstract")) == [heading]


def test_several_headings():
    text = "BACKGROUND: We ask. METHODS: We did. RESULTS: p53 rose. CONCLUSIONS: It did."
    assert headings(text) == ["BACKGROUND", "METHODS", "RESULTS", "CONCLUSIONS"]


@pytest.mark.parametrize(
    "text",
    [
        "Results of the trial were good.",
        "TNF: a review of the results.",
        "BRCA1: what it does.",
        "MAPK: role in mice.",
        "Study of p53: it rose.",
        "PATIENTS received cisplatin.",
        "Patients received cisplatin. They died.",
        "The methods were: old and new.",
        "Discussion about TNF: it rose.",
        "Of 12 patients: ten died.",
        "12 patients: ten died.",
        "We saw results: p53 rose.",
        "Conclusion, the drug harms.",
        "",
    ],
)
def test_words_that_are_no_headings(text):
    assert headings(text) == []


def test_passages_say_what_text_alone_does_not():
    text = "p53 in mice\nTNF WATCH: It rose."
    assert headings(text) == []
    assert headings(text, Passage(0, 11, "title"), Passage(12, 21, "heading")) == ["TNF WATCH"]


@pytest.mark.parametrize("kind", ["title_1", "section_title"])
def test_titles_of_sections_are_headings_where_they_are_made_of_the_words_of_labels(kind):
    for title in ("2.1 Statistical analysis", "RESULTS", "3 Materials and methods", "Case reports."):
        passages = Passage(0, len(title), kind), Passage(len(title) + 1, len(title) + 10, "paragraph")
        assert headings(f"{title}\np53 rose.", *passages) == [title], title
    for title in ("p53 in mice", "Methods against malaria", "2 Aspirin", "Of the", "Asthma: results"):
        passages = Passage(0, len(title), kind), Passage(len(title) + 1, len(title) + 10, "paragraph")
        assert headings(f"{title}\np53 rose.", *passages) == [], title


def test_labels_of_pubmeds_abstracts_are_headings(write):
    parts = (
        '<AbstractText Label="TNF WATCH">It rose.</AbstractText><AbstractText>METHODS: None.</AbstractText>'
    )
    path = write(
        "<PubmedArticle><MedlineCitation><PMID>1</PMID><Article><ArticleTitle>Title.</ArticleTitle>"
        f"<Abstract>{parts}</Abstract></Article></MedlineCitation></PubmedArticle>"
    )
    [document] = formats.read(path)
    assert document.text == "Title.\nTNF WATCH: It rose. METHODS: None."
    assert [document.text[start:end] for start, end in find_headings(document)] == ["TNF WATCH", "METHODS"]
