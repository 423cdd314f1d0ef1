"""PubMed as it is published: the XML of its baseline and update files, and of efetch. It is only read.

The format of NLM's document type definitions (dtd.nlm.nih.gov/ncbi/pubmed/out, pubmed_190101.dtd and later):
a PubmedArticleSet, PubmedBookArticleSet or BookDocumentSet of citations, several of them one after the other,
or a citation alone. A citation becomes a document with its PMID as id, its title and its abstract:

- The text is title, line end, abstract, as in PubTator; the title alone where there is no abstract. A book's
  title is that of its chapter, or its own.
- The parts of a structured abstract stand one after the other, a space between them, each with its label
  before it ("METHODS: ..."), as in PubTator's and BC5CDR's texts. The label is a passage of its own, a
  "heading". The category that NLM gives it isn't kept.
- Markup (i, b, u, sub, sup) is left out and its text kept: CO<sub>2</sub> is CO2. So is MathML, but for
  annotations; a fraction is written with a slash. White space of XML is one space.
- A version other than 1 is in the meta, as "version".

In the meta, too, as "counted": abstracts and titles in other languages, which aren't read; copyright notices,
which aren't either; books; documents without title or abstract; and with the last document, how many
citations the file deletes. Everything else of a citation (authors, journal, MeSH headings, references) is
not read.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from spacy_bioner.documents.document import HEADING, Document, Passage
from spacy_bioner.documents.formats.safe_xml import elements, forget, refuse_unfit
from spacy_bioner.documents.formats.unreadable import Readable, raised
from spacy_bioner.documents.metadata import COUNTED, UNREAD
from spacy_bioner.errors import FormatError

SETS = ("PubmedArticleSet", "PubmedBookArticleSet", "BookDocumentSet")
"""The outermost elements of such files."""
_CITATIONS = ("PubmedArticle", "PubmedBookArticle", "BookDocument")
ROOTS = (*SETS, *_CITATIONS)
"""The outermost elements that are read: a single citation is a file as well."""
_DELETIONS = ("DeleteCitation", "DeleteDocument")
_MARKUP = ("i", "b", "u", "sub", "sup")
_SPACE = re.compile(r"[ \t\r\n]+")


def read(path: Path) -> Iterator[Document]:
    """Reads a file of PubMed citation by citation, in constant memory.

    Yields:
        Documents with passages "title" and, where there is one, "abstract".

    Raises:
        FormatError: with the file, and the line where it can be told, if it isn't XML (see `safe_xml`) or not
            PubMed's, has a citation without a PMID, or no citation at all.
    """
    return raised(each(path))


def each(path: Path, offsets: str = "") -> Iterator[Readable]:
    """Reads as `read` does, with the error in place of a document for a citation that isn't one."""
    last: Readable | None = None  # what stands behind the last citation is told of with it
    counted: Counter[str] = Counter()
    unread: Counter[str] = Counter()
    try:
        for element in elements(path, (*_CITATIONS, *_DELETIONS), ROOTS, "a file of PubMed"):
            parent = element.getparent()
            if parent is not None and parent.tag == "PubmedBookArticle":
                continue  # it is read with that
            if element.tag in SETS or parent is not None:
                beside = element if parent is None else element.itersiblings(preceding=True)
                strange = [part.tag for part in beside if part.tag not in (*_CITATIONS, *_DELETIONS)]
                unread.update(f"element <{tag}> beside the citations" for tag in strange)
            if element.tag in SETS:
                continue  # another set may follow
            if element.tag in _DELETIONS:
                deleted = len(element.findall("PMID"))
                counted["citations that the file deletes, which are no documents"] += deleted
            else:
                if last is not None:
                    yield last
                last = _citation(path, element)
                if isinstance(last, Document):
                    last = _with(last, counted, unread)
                    counted, unread = Counter(), Counter()
            forget(element)
    except FormatError:  # the file breaks off, and the last citation before is whole
        if last is not None:
            yield last
        raise
    if last is None:
        deletes = f", and it deletes {counted.total():,}" if counted else ""
        raise FormatError(path, None, f"there is no citation in it{deletes} [B088]")
    yield _with(last, counted, unread) if isinstance(last, Document) else last


def _citation(path: Path, element: Any) -> Readable:
    """A citation as a document, or why it can't be read."""
    try:
        if element.getparent() is not None and element.getparent().tag not in SETS:
            raise FormatError(
                path, element.sourceline, f"a <{element.tag}> in a <{element.getparent().tag}> [B089]"
            )
        return _document(path, element)
    except FormatError as error:
        ids = (element.findtext(f"{holder}PMID") for holder in ("", "MedlineCitation/", "BookDocument/"))
        error.document_id = next(filter(None, ids), "").strip()
        return error


def _with(document: Document, counted: Counter[str], unread: Iterable[str]) -> Document:
    """A document that tells of some things more."""
    meta = dict(document.meta)
    if counted:
        meta[COUNTED] = dict(Counter(meta.get(COUNTED, {})) + counted)
    if unread := tuple(unread):
        meta[UNREAD] = (*meta.get(UNREAD, ()), *unread)
    return replace(document, meta=meta)


def _document(path: Path, element: Any) -> Document:
    line = element.sourceline
    refuse_unfit(path, element)
    if element.tag == "PubmedArticle":
        citation = _child(path, element, "MedlineCitation")
        article = _child(path, citation, "Article")
        titles = article.findall("ArticleTitle")
    else:
        citation = article = (
            element if element.tag == "BookDocument" else _child(path, element, "BookDocument")
        )
        titles = article.findall("ArticleTitle") or article.findall("Book/BookTitle")
    pmid = citation.find("PMID")
    identifier = "" if pmid is None else (pmid.text or "").strip()
    if not re.fullmatch("[0-9]{1,18}", identifier):
        raise FormatError(path, line, "a citation without a PMID [B090]")
    abstracts = article.findall("Abstract")
    title = _text(titles[0]) if titles else ""
    text = title
    headings: list[Passage] = []
    for part in abstracts[0].findall("AbstractText") if abstracts else ():
        label, section = _section(part)
        if section:
            text += " " if len(text) > len(title) else "\n"
            headings += [Passage(len(text), len(text) + len(label), HEADING)] if label else []
            text += section
    passages = [Passage(0, len(title), "title")]
    if len(text) > len(title):
        passages += [Passage(len(title) + 1, len(text), "abstract"), *headings]
    counted = Counter(
        {
            "books and chapters": int(element.tag != "PubmedArticle"),
            "documents without a title": int(not title),
            "documents without an abstract": int(len(passages) == 1),
            "other abstracts (in other languages, of other kinds), not read": len(
                citation.findall("OtherAbstract")
            ),
            "titles in the language of the document, not read": len(article.findall("VernacularTitle")),
            "copyright notices, not read": len(article.findall("Abstract/CopyrightInformation")),
        }
    )
    unread = [f"a second <{parts[1].tag}>" for parts in (titles, abstracts) if len(parts) > 1]
    unread += [
        f"element <{part.tag}> in <Abstract>"
        for part in (abstracts[0] if abstracts else ())
        if part.tag not in ("AbstractText", "CopyrightInformation")
    ]
    version = pmid.get("Version", "1")
    meta = {"version": version} if version != "1" else {}
    return _with(Document(text, tuple(passages), meta=meta, id=identifier), +counted, unread)


def _child(path: Path, element: Any, name: str) -> Any:
    found = element.find(name)
    if found is None:
        raise FormatError(path, element.sourceline, f"a <{element.tag}> without <{name}> [B091]")
    return found


def _section(element: Any) -> tuple[str, str]:
    """The label of a part of an abstract, and its text with that before it."""
    label = _SPACE.sub(" ", element.get("Label", "")).strip(" :")
    text = _text(element)
    return label, f"{label}: {text}".rstrip() if label else text


def _text(element: Any) -> str:
    """The text in an element, without its markup."""
    return _SPACE.sub(" ", "".join(_pieces(element))).strip(" ")


def _pieces(element: Any) -> Iterator[str]:
    yield element.text or ""
    for child in element:
        name = local_name(child)
        if name == "math":
            yield math_text(child)
        elif name in _MARKUP:
            yield from _pieces(child)
        else:  # a formula on its own line, or what is not known
            yield " "
            yield from _pieces(child)
            yield " "
        yield child.tail or ""


def math_text(element: Any) -> str:
    """A formula in MathML, on a line."""
    if local_name(element) in ("annotation", "annotation-xml"):
        return ""
    parts = [(element.text or "").strip()]
    for child in element:
        parts += [math_text(child), (child.tail or "").strip()]
    return ("/" if local_name(element) == "mfrac" else "").join(filter(None, parts))


def local_name(element: Any) -> str:
    """The name of an element, without its namespace."""
    return str(element.tag).rpartition("}")[2].rpartition(":")[2]
