"""Text that can be kept and shown anywhere: in a column of PostgreSQL, in a log line, on a terminal."""

from __future__ import annotations


def printable(text: str) -> str:
    """The text with what cannot be printed (control characters, half surrogates) written as an escape."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
