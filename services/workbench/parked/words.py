"""How parked records look: as words on a terminal, and as JSON.

Nothing is cut short: a list has no contents in it, and a record is shown whole. What came from outside reaches a
terminal only where all of it can be printed, and as hex otherwise. Does not own which records are shown (commands.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from events.printable import printable
from events.values import instant
from services.workbench.parked.records import Content, Coordinates, Parked

HEX_COLUMNS = 16


def print_page(page: Sequence[Parked], more: Coordinates | None) -> None:
    """A table. `more`: there is more behind these coordinates."""
    table = Table(box=None, pad_edge=False)
    for column in ("coordinates", "state", "bytes", "logged at", "reason"):
        table.add_column(column, overflow="fold", no_wrap=column == "coordinates")
    for record in page:
        cells = (str(record.at), record.state, _bytes(record), _logged_at(record) or "", record.reason)
        table.add_row(*(Text(cell) for cell in cells))
    Console().print(table)
    if not page:
        print("nothing is parked here")
    if more is not None:
        print(f"there are more: add --after {more}")


def print_record(record: Parked, again: Parked | None, content: Content) -> None:
    """All of a record. `again`: what was parked when it was read again; None: nothing was."""
    at = record.at
    print(at)
    print(f"  read by    {record.read_by}")
    print(f"  reason     {printable(record.reason)}")
    print(f"  state      {_state_in_words(record, again)}")
    if record.retry_of is not None:
        print(f"  brings     {at._replace(offset=record.retry_of)} again")
    if logged_at := _logged_at(record):
        print(f"  logged at  {logged_at}")
    print(f"  key        {'none' if content.key is None else _shown(content.key)}")
    for name, value in content.headers:
        print(f"  header     {printable(name)}: {_shown(value)}")
    print(f"  value      {_bytes(record)}{'' if content.value is None else ' bytes, ' + _form(content.value)}")
    if content.value:
        print()
        text = _text(content.value)
        for line in [text] if text is not None else _hex_lines(content.value):
            print(line)


def _state_in_words(record: Parked, again: Parked | None) -> str:
    if record.state == "retried":
        came = "and was done" if again is None else f"and parked again: {printable(again.reason)}"
        return f"read again as {record.at._replace(offset=record.retried_as or 0)}, {came}"
    if record.state == "discarded":
        when = "" if record.discarded_at is None else f" at {record.discarded_at:%Y-%m-%dT%H:%M:%SZ}"
        return f"discarded by {printable(record.discarded_by or '')}{when}: {printable(record.discarded_why or '')}"
    return "retrying: written to its topic again, not read yet" if record.state == "retrying" else record.state


def facts(record: Parked) -> dict[str, Any]:
    """What is known of a record without its content, as JSON."""
    at = record.at
    discarded = None
    if record.state == "discarded" and record.discarded_at is not None:
        when = f"{record.discarded_at:%Y-%m-%dT%H:%M:%SZ}"
        discarded = {"by": record.discarded_by, "why": record.discarded_why, "at": when}
    return {
        "coordinates": str(at),
        "topic": at.topic,
        "partition": at.partition,
        "offset": at.offset,
        "read_by": record.read_by,
        "reason": record.reason,
        "state": record.state,
        "logged_at": _logged_at(record),
        "bytes": record.bytes,
        "retry_of": None if record.retry_of is None else str(at._replace(offset=record.retry_of)),
        "retried_as": None if record.retried_as is None else str(at._replace(offset=record.retried_as)),
        "discarded": discarded,
    }


def came_of_it(record: Parked, again: Parked | None) -> dict[str, Any]:
    """Of a record that was read again: done, or parked again with this reason."""
    if record.retried_as is None:
        return {}
    return {
        "came_of_it": "done" if again is None else "parked",
        "parked_again": None if again is None else again.reason,
    }


def contents(content: Content) -> dict[str, Any]:
    """Key, headers and value as text where they are UTF-8, in `..._hex` where they are not."""
    headers = [{"name": name, **_either("value", value)} for name, value in content.headers]
    return {"headers": headers} | _either("key", content.key) | _either("value", content.value)


def _either(name: str, value: bytes | None) -> dict[str, str | None]:
    if value is None:
        return {name: None}
    try:
        return {name: value.decode()}
    except UnicodeDecodeError:
        return {f"{name}_hex": value.hex()}


def _text(value: bytes) -> str | None:
    """As text, where all of it can be printed; None otherwise."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return None
    return text if text.replace("\n", "").replace("\t", "").isprintable() else None


def _form(value: bytes) -> str:
    return "text" if _text(value) is not None else "in hex, because it is no text that can be printed"


def _shown(value: bytes) -> str:
    text = _text(value)
    return text if text is not None and "\n" not in text else f"hex {value.hex()}"


def _hex_lines(value: bytes) -> Iterator[str]:
    """Offset, bytes, and what of them can be printed: sixteen a line."""
    for at in range(0, len(value), HEX_COLUMNS):
        row = value[at : at + HEX_COLUMNS]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        yield f"{at:08x}  {row.hex(' '):<{3 * HEX_COLUMNS - 1}}  {text}"


def _bytes(record: Parked) -> str:
    return "none" if record.bytes is None else f"{record.bytes:,}"


def _logged_at(record: Parked) -> str | None:
    return None if record.logged_at_ms is None else instant(record.logged_at_ms)
