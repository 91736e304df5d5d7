"""Console blocks of our documents: found by their marker, and compared with what a command prints.

A block that is run stands after the line `<!-- executed -->`; a line that begins with `$ ` is a command, what follows
up to the next one is its whole output. A line `...` stands for any number of lines. What differs from run to run is
masked on both sides before they are compared, by the rules of MASKS; nothing else may differ.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]

MASKS = (
    (re.compile(r"log: \S+"), "log: FILE"),
    (re.compile(r"\b[0-9.]+ s\b"), "N s"),
    (re.compile(r"(127\.0\.0\.1|localhost):[0-9]+"), "ADDRESS"),
    (re.compile(r"^(│ receipts per second +│).*"), r"\1"),
    (re.compile(r"/\S*/tallystick\b\S*"), "FOLDER"),
    (re.compile(r" +"), " "),
)
"""What a run may print differently: files, seconds, addresses, speed, and how wide a column is."""


class Snippet(NamedTuple):
    """A command and what the document says that it prints."""

    place: str
    command: str
    output: list[str]


def snippets(document: Path, marker: str = "<!-- executed -->") -> list[Snippet]:
    """The commands of every block after such a marker."""
    found: list[Snippet] = []
    lines = document.read_text().splitlines()
    for number, line in enumerate(lines):
        if line != marker:
            continue
        assert lines[number + 1].startswith("```"), f"{document.name}:{number + 2}: a fenced block must follow {marker}"
        end = lines.index("```", number + 2)
        for at in range(number + 2, end):
            if lines[at].startswith("$ "):
                found.append(Snippet(f"{document.relative_to(ROOT)}:{at + 1}", lines[at][2:], []))
            else:
                found[-1].output.append(lines[at])
    return found


def masked(line: str) -> str:
    for pattern, text in MASKS:
        line = pattern.sub(text, line)
    return line.strip()


def agrees(said: Sequence[str], printed: Sequence[str]) -> bool:
    """Whether a document's lines describe what was printed."""
    parts: list[list[str]] = [[]]
    for line in said:
        if line.strip() == "...":
            parts.append([])
        else:
            parts[-1].append(masked(line))
    rest = [masked(line) for line in printed]
    if len(parts) == 1:
        return parts[0] == rest
    first, *middle, last = parts
    if len(rest) < len(first) + len(last) or rest[: len(first)] != first or rest[len(rest) - len(last) :] != last:
        return False
    rest = rest[len(first) : len(rest) - len(last)]
    for part in middle:
        at = next((n for n in range(len(rest) - len(part) + 1) if rest[n : n + len(part)] == part), None)
        if at is None:
            return False
        rest = rest[at + len(part) :]
    return True
