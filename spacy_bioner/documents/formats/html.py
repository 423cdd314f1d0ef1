"""HTML to look at: documents with their mentions marked by displaCy, coloured by type, scores shown.

One file without scripts that loads nothing: all text is escaped, and a Content-Security-Policy forbids the
rest. Documents are in groups of `GROUP`, of which the first is open, so that a browser lays out only what is
looked at. Groups are written as they come, in constant memory. HTML isn't read.

Each mention ends with its type and score, so that nothing is told by colour alone, and mentions that overlap
are underlined one below the other. Parts of a discontinuous mention say
which part they are.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from itertools import islice, pairwise
from typing import TYPE_CHECKING
from zlib import crc32

from spacy_bioner.documents.document import Document, DroppedRelation, Mention, Span
from spacy_bioner.documents.formats.base import Written, left_out

if TYPE_CHECKING:
    from spacy.displacy.render import EntityRenderer

GROUP = 100
"""How many documents are in a group."""

# fill and line: text in #111 has a contrast of 11:1 at least on a fill, a line one of 3:1 at least on white
COLOURS = (
    ("#cfe3ff", "#1d5fc4"),
    ("#ffd6d2", "#c0362c"),
    ("#d2f0cf", "#2b7a2b"),
    ("#ffe3bd", "#a85a00"),
    ("#e6d9fb", "#7443c4"),
    ("#c6eff0", "#0b7a80"),
    ("#fbd3ea", "#b02a7c"),
    ("#efe9b4", "#7d6e00"),
    ("#dfe2e6", "#5a6470"),
    ("#e4d8cb", "#7d5836"),
)
KNOWN = {"chemical": 0, "disease": 1, "gene": 2, "protein": 2, "species": 3}
"""Types whose colours no others have; those have one of the rest, by their names."""

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_STYLE = """
:root { color-scheme: light; }
body { font: 1rem/1.5 system-ui, sans-serif; color: #111; background: #fff; max-width: 60rem;
  margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.2rem; } h3 { font-size: 1rem; margin: 1.5rem 0 0; }
h1, h2, h3, summary { overflow-wrap: anywhere; }
a { color: #0b4fb3; }
summary { cursor: pointer; font-weight: 600; padding: .3rem 0; }
table { border-collapse: collapse; margin: .5rem 0 1rem; }
th, td { padding: .15rem .7rem; text-align: right; border-bottom: 1px solid #ccc; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; white-space: normal; }
.wide { overflow-x: auto; }
.entities { white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: plaintext;
  line-height: 2.2 !important; }
mark { color: #111; border-bottom: 3px solid; padding: .1em 0; }
mark.b { border-radius: .3em 0 0 .3em; padding-left: .15em; }
mark.e { border-radius: 0 .3em .3em 0; padding-right: .15em; }
mark.b.e { border-radius: .3em; }
mark.found { border-bottom-style: dashed; }
mark small { font-size: .72em; font-weight: 600; margin-left: .35em; user-select: none; white-space: nowrap;
  unicode-bidi: isolate; }
.legend { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .3rem 1rem; }
.note { color: #444; margin: .3rem 0 0; }
.error { border-top: 1px solid #ccc; padding: 0 0 .5rem; }
.lane1 { padding-bottom: .42em; } .lane2 { padding-bottom: .74em; } .lane3 { padding-bottom: 1.06em; }
@media print {
  body { max-width: none; } mark { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  details::details-content { content-visibility: visible !important; block-size: auto !important; }
  h3, .error { break-inside: avoid; break-after: avoid; }
}
"""
_STYLE += "".join(
    f"mark.c{i} {{ background: {fill}; border-color: {line}; }}\n" for i, (fill, line) in enumerate(COLOURS)
)
_LANES = 3
OURS = '<meta name="generator" content="spacy-bioner">'
"""The line of a page's head that tells our pages from others."""
NOT_READ = "HTML is written and not read: keep the documents in another format too [B155]"


@dataclass(frozen=True, slots=True)
class Mark:
    """What is marked in a text.

    Attributes:
        spans: where: one or more stretches of the text.
        type: what gives it its colour.
        label: what stands behind it.
        tip: what is shown when it is pointed at.
        found: whether it is drawn with a dashed line, as predicted mentions beside gold ones are.
    """

    spans: tuple[Span, ...]
    type: str
    label: str
    tip: str = ""
    found: bool = False


def write(documents: Iterable[Document]) -> Iterator[Written]:
    """Writes documents as a page, with a table of all mentions by type at its end.

    Not shown: relations, passages, ids of mentions, notes.
    """
    yield Written(head("Mentions"), docs=0)
    yield Written('<p><a href="#totals">Mentions by type</a> (at the end)</p>\n', docs=0)
    types: Counter[str] = Counter()
    count = 0
    remaining = iter(documents)
    while group := list(islice(remaining, GROUP)):
        first, last = count + 1, count + len(group)
        found = Counter(mention.type for document in group for mention in document.mentions)
        names = (
            f"{_name(group[0], first)} to {_name(group[-1], last)}"
            if len(group) > 1
            else _name(group[0], first)
        )
        opened = " open" if count == 0 else ""
        summary = f"Documents {first:,} to {last:,}: {names}; {found.total():,} mentions"
        yield Written(f"<details{opened}><summary>{escape(summary)}</summary>\n{legend(found)}", docs=0)
        for number, document in enumerate(group, start=first):
            yield _written(document, number)
        yield Written("</details>\n", docs=0)
        types += found
        count = last
    rows = [(name, f"{number:,}") for name, number in sorted(types.items())]
    rows.append(("all", f"{types.total():,}"))
    yield Written(
        f'<h2 id="totals">Mentions by type</h2>\n<p>{count:,} documents.</p>\n'
        f"{table(('', 'mentions'), rows)}{FOOT}",
        docs=0,
    )


def _written(document: Document, number: int) -> Written:
    body = marked(document.text, [mark_of(mention) for mention in document.mentions])
    return Written(
        f"<article><h3>{escape(_name(document, number))}</h3>\n{body}</article>\n",
        len(document.tokens or ()),
        [mention.type for mention in document.mentions],
        relations=[
            DroppedRelation(document, relation, "HTML shows mentions") for relation in document.relations
        ],
        others=left_out(document, held=("scores", "identifiers")),
    )


def _name(document: Document, number: int) -> str:
    return document.id or f"document {number:,}"


def mark_of(mention: Mention, who: str = "", found: bool = False) -> Mark:
    """How a mention is marked.

    Args:
        mention: the mention.
        who: what stands before its type ("gold").
        found: see `Mark`.
    """
    parts = [who, mention.type, "" if mention.score is None else _rounded(mention.score)]
    places = ", ".join(f"{start} to {end}" for start, end in mention.spans)
    tip = "\n".join((f"characters {places}", *mention.identifiers))
    return Mark(mention.spans, mention.type, " ".join(filter(None, parts)), tip, found)


def _rounded(score: float) -> str:
    """A probability in two digits, which are never those of certainty."""
    if score > 0.995:
        return ">0.99"
    return "<0.01" if score < 0.005 else f"{score:.2f}"


def marked(text: str, marks: Sequence[Mark]) -> str:
    """A text with marks in it, as displaCy renders it: the text itself, character by character, is kept.

    The text is cut where a mark begins or ends; each piece is given to displaCy as an entity, with all marks
    that cover it around it, the widest outside.
    """
    parts = [
        (start, end, mark, f" (part {i} of {len(mark.spans)})" if len(mark.spans) > 1 else "")
        for mark in marks
        for i, (start, end) in enumerate(mark.spans, start=1)
    ]
    parts.sort(key=lambda part: (part[0], -part[1], part[2].type, part[2].found))
    lanes = _lanes([part[:2] for part in parts])
    edges = sorted({edge for start, end, _, _ in parts for edge in (start, end)})
    ents = []
    waiting, around = 0, list[int]()
    for start, end in pairwise(edges):
        while waiting < len(parts) and parts[waiting][0] == start:
            around.append(waiting)
            waiting += 1
        around = [i for i in around if parts[i][1] > start]
        if not around:
            continue
        before, after = "", ""
        for i in around:
            begin, stop, mark, part = parts[i]
            names = (
                [colour(mark.type)]
                + ["b"] * (begin == start)
                + ["e"] * (stop == end)
                + ["found"] * mark.found
            )
            names += [f"lane{lanes[i]}"] * (lanes[i] > 0)
            tip = f' title="{escape(mark.tip)}"' if mark.tip else ""
            before += f'<mark class="{" ".join(names)}"{tip}>'
            label = f"<small>{escape(mark.label + part)}</small>" if stop == end else ""
            after = f"{label}</mark>{after}"
        ents.append({"start": start, "end": end, "label": "", "params": {"before": before, "after": after}})
    # one line end for each kind of them, and as many characters
    shown = text.replace("\r\n", " \n").replace("\r", "\n")
    return _renderer().render_ents(shown, ents, None)


@cache
def _renderer() -> "EntityRenderer":
    """displaCy's renderer; making one looks through all that is installed."""
    from spacy.displacy.render import EntityRenderer

    return EntityRenderer({"template": "{before}{text}{after}"})


def _lanes(spans: Sequence[Span]) -> list[int]:
    """How far below the text each line is: below those of all shorter ones that it overlaps."""
    lanes = [0] * len(spans)
    if all(one[1] <= other[0] for one, other in pairwise(spans)):
        return lanes
    done: list[int] = []
    for i in sorted(range(len(spans)), key=lambda i: (spans[i][1] - spans[i][0], -i)):
        start, end = spans[i]
        below = (lanes[j] + 1 for j in done if spans[j][0] < end and start < spans[j][1])
        lanes[i] = min(max(below, default=0), _LANES)
        done.append(i)
    return lanes


def colour(name: str) -> str:
    """The class of a type's colours: always the same for the same name."""
    known = KNOWN.get("".join(filter(str.isalnum, name.lower())))
    if known is None:
        others = range(max(KNOWN.values()) + 1, len(COLOURS))
        known = others[crc32(name.encode("utf8", "replace")) % len(others)]
    return f"c{known}"


def legend(types: Iterable[str]) -> str:
    """Types with their colours, and how often each is there where that is counted."""
    items = []
    for name in sorted(types):
        count = f" {types[name]:,}" if isinstance(types, Counter) else ""
        mark = f'<mark class="{colour(name)} b e">{escape(name)}</mark>'
        items.append(f"<li>{mark}{count}</li>")
    return f'<ul class="legend">{"".join(items)}</ul>\n' if items else ""


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of texts, the first column of which names the rows."""
    heads = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in header)
    lines = [
        f'<tr><th scope="row">{escape(row[0])}</th>{"".join(f"<td>{escape(c)}</td>" for c in row[1:])}</tr>\n'
        for row in rows
    ]
    content = f"<thead><tr>{heads}</tr></thead>\n<tbody>{''.join(lines)}</tbody>"
    return f'<div class="wide"><table>{content}</table></div>\n'


def head(title: str) -> str:
    """The beginning of a page, to its heading."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'{OURS}\n<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="referrer" content="no-referrer">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{escape(title)}</h1>\n"
    )


FOOT = "</main>\n</body>\n</html>\n"
