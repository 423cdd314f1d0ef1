"""Reports as one file to look at: sections of texts, tables and plots, as HTML, Markdown or JSON."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from spacy_bioner import markdown
from spacy_bioner.documents.formats.html import FOOT, head, table
from spacy_bioner.errors import ConversionError, OutputError
from spacy_bioner.evaluation.plots import check_plots
from spacy_bioner.files import ending, write_json

ENDINGS = (".html", ".md", ".json")
_STYLE = """
:root { color-scheme: light dark; }
figure { margin: .5rem 0 1rem; } figure svg { max-width: 100%; height: auto; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; }
@media (prefers-color-scheme: dark) {
  body { color: #eee; background: #161616; } a { color: #8ab8ff; } .note { color: #bbb; }
}
@media print { :root { color-scheme: light; } body { color: #111; background: #fff; }
  figure, tr { break-inside: avoid; } }
"""


@dataclass(frozen=True, slots=True)
class Table:
    """A table; all columns but the first are numbers or short."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot: an SVG element, and what it shows. In Markdown only the latter is there."""

    svg: str
    caption: str


@dataclass(frozen=True, slots=True)
class Html:
    """HTML that is made elsewhere, with all text in it escaped; only HTML has it."""

    lines: Iterable[str]


Part = str | Table | Plot | Html


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a report with a heading."""

    title: str
    parts: Sequence[Part]


def check_ending(path: Path, *, plots: bool = True) -> None:
    """Checks before the work that a report can be written, with its plots if it has some.

    Raises:
        OutputError: if the file's name doesn't end as one of a report.
        PipelineError: if it has plots, and they can't be drawn.
    """
    if ending(path) not in ENDINGS:
        raise OutputError(f"{path}: a report ends with {', '.join(ENDINGS)}. [B336]")
    if plots and ending(path) == ".html":
        check_plots()


def write_report(
    path: Path, title: str, sections: Sequence[Section], data: Any, command: str = "", *, kind: str = ""
) -> None:
    """Writes a report.

    Args:
        path: the file.
        title: its heading.
        sections: what is in it, for people.
        data: the same for programs, for JSON.
        command: the command that makes it again.
        kind: one of `ENDINGS`; that of the file's name, if empty.

    Raises:
        OutputError: if it can't be told what to write.
        ConversionError: if a text has characters that no file can have (half of a surrogate pair).
    """
    kind = kind or ending(path)
    if kind == ".json":
        write_json(path, data)
        return
    if kind not in ENDINGS:
        raise OutputError(f"{path}: a report ends with {', '.join(ENDINGS)}. [B337]")
    if command:
        sections = [*sections, Section("Made by", [command])]
    lines = _html(title, sections) if kind == ".html" else _markdown(title, sections)
    try:
        with path.open("w", encoding="utf8", newline="\n") as file:
            file.writelines(lines)
    except UnicodeEncodeError:
        raise ConversionError(
            "Half of a surrogate pair in a text can't be written as UTF-8. [B338]"
        ) from None


def _html(title: str, sections: Sequence[Section]) -> Iterator[str]:
    yield head(title)
    yield f"<style>{_STYLE}</style>\n"
    links = (f'<li><a href="#s{i}">{escape(s.title)}</a></li>' for i, s in enumerate(sections))
    yield f"<ul>{''.join(links)}</ul>\n"
    for i, section in enumerate(sections):
        yield f'<section id="s{i}">\n<h2>{escape(section.title)}</h2>\n'
        for part in section.parts:
            if isinstance(part, str):
                yield f"<p>{escape(part)}</p>\n"
            elif isinstance(part, Table):
                yield table(part.header, part.rows)
            elif isinstance(part, Plot):
                caption = escape(part.caption)
                svg = part.svg.replace("<svg", f'<svg role="img" aria-label="{caption}"', 1)
                yield f'<figure>{svg}<figcaption class="note">{caption}</figcaption></figure>\n'
            else:
                yield from part.lines
        yield "</section>\n"
    yield FOOT


def _markdown(title: str, sections: Sequence[Section]) -> Iterator[str]:
    yield f"# {title}\n"
    for section in sections:
        yield f"\n## {section.title}\n"
        for part in section.parts:
            if isinstance(part, str):
                yield f"\n{part}\n"
            elif isinstance(part, Table):
                yield f"\n{markdown.table(part.header, part.rows, numbers=True)}\n"
            elif isinstance(part, Plot):
                yield f"\n(A plot, in the HTML report: {part.caption})\n"


def provenance(report: Mapping[str, Any]) -> Section:
    """What an evaluation's figures depend on."""
    encoder = report["encoder"]["name"] if report.get("encoder") else "none"
    rows = [
        ("pipeline", f"{report['pipeline']} {report['version']}"),
        ("encoder", encoder),
        ("seed", str(report["seed"])),
        ("device", report["device"]),
        *((f"{role} data", f"{d['file']}, sha256 {d['sha256'][:12]}") for role, d in _data(report)),
        *((name, version) for name, version in report["versions"].items()),
    ]
    return Section("Provenance", [Table(("", ""), rows)])


def _data(report: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for role, files in report["trained_on"].items():
        yield from ((role, file) for file in files)
    yield "test", report["data"]
