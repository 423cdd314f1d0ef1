"""Rules that mend text taken out of XML, where missing elements left marks.

A paragraph is brought to composed characters (Unicode NFC) and single spaces, and loses invisible characters
and control characters. Then the rules, again until none applies; they only ever take away:

| rule | example | becomes |
|---|---|---|
| address | `at http://a.org/b.` | `at.` |
| citation number | `grows [12].`, not `[0, 1]` or `[3H]` | `grows.` |
| doubled comma | `grade 3,, or` | `grade 3, or` |
| comma before a bracket | `(Figure 1;)` | `(Figure 1)` |
| comma after a bracket | `(; red)` | `(red)` |
| empty brackets | `as shown ()`, not `main()` | `as shown` |
| space before a mark | `grows .` | `grows.` |

What then has fewer than three words, or fewer letters than other characters, is dropped: it is no sentence.
So is a paragraph in which a rule still applies after `MOST_ROUNDS` rounds: brackets in brackets in brackets.
"""

import re
import unicodedata
from collections import Counter

MIN_WORDS = 3
MOST_ROUNDS = 20
"""How often all rules go over a paragraph. Real text takes up to four; each takes time in its length."""
_INVISIBLE = dict.fromkeys([0xAD, 0xFEFF, *range(0x200B, 0x2010), *range(0x2060, 0x2065)])
_CONTROL = dict.fromkeys([*range(0x00, 0x09), *range(0x0E, 0x1C), *range(0x7F, 0xA0)], " ")
_REMOVED = {**_INVISIBLE, **_CONTROL}
_NEEDS_REMOVAL = re.compile(f"[{re.escape(''.join(map(chr, _REMOVED)))}]")
_MARK = re.compile(r"://|www\.|\[|[(][ ,;)]|[,;] ?[,;)\]]| [,;.]")
"""What every text that a rule applies to has; most have not, and need no further look."""

RULES: dict[str, tuple[re.Pattern[str], str]] = {
    "address": (re.compile(r"(?:https?://|ftp://|www\.)[^\s()\[\]<>,;]*[^\s()\[\]<>,;.:]"), ""),
    "citation number": (re.compile(r" ?(?<![^\s)])\[[1-9]\d{0,2}\](?=[ .,;:)]|$)"), ""),
    "doubled comma": (re.compile(r"([,;])(?: ?[,;])+"), r"\1"),
    "comma before a bracket": (re.compile(r" ?[,;] ?(?=[)\]])"), ""),
    "comma after a bracket": (re.compile(r"(?<=[(\[]) ?[,;] ?"), ""),
    "empty brackets": (re.compile(r"(?:^| )(?:\( ?\)|\[ ?\])"), ""),
    "space before a mark": (re.compile(r" +(?=[,;.](?: |$))"), ""),
}


def clean(paragraph: str, counts: Counter[str]) -> str:
    """Mends a paragraph; empty if it is to be dropped.

    Args:
        paragraph: the paragraph.
        counts: how often each rule was applied, and dropped a paragraph ("too short", "few letters",
            "never settles").
    """
    text = paragraph if paragraph.isascii() else unicodedata.normalize("NFC", paragraph)
    if _NEEDS_REMOVAL.search(text):
        text = text.translate(_REMOVED)
        text = unicodedata.normalize("NFC", text)  # what was apart may stand together now
    text = " ".join(text.split())
    before, rounds = "", 0
    while text != before and _MARK.search(text):
        if rounds == MOST_ROUNDS:
            counts["never settles"] += 1
            return ""
        before, rounds = text, rounds + 1
        for name, (pattern, replacement) in RULES.items():
            text, applied = pattern.subn(replacement, text)
            if applied:
                counts[name] += applied
        text = " ".join(text.split())
    words = text.split()
    if sum(any(map(str.isalpha, word)) for word in words[:20]) < MIN_WORDS:
        counts["too short"] += 1
        return ""
    if 2 * sum(map(str.isalpha, text)) < len(text) - len(words) + 1:
        counts["few letters"] += 1
        return ""
    return text
