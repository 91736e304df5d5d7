"""The decisions of intake as a table: what is known of a receipt, what is said now, what is to be done."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from events.said import Identifier
from services.intake.core.identity import Act, Decided, Revision, Saying, decide, key_of, member_id

HERE = ("purchases.v1", 3, 100)
NOW, RESTORED, CRASHED = Decided.NOT_YET, Decided.BEFORE_A_RESTORE, Decided.BEFORE_A_CRASH


class Row(NamedTuple):
    """A decision.

    Known revisions are `member:content`, `-` a guest's; `!` is before the one that this record made, `later/` before
    one that a later record made. Said is `member:content`; `-` shows no identifier, `?` shows one that nobody has.
    """

    known: str
    said: str
    decided: Decided
    act: Act
    revision: int = 0
    kind: str = "purchase"
    known_kind: str = "purchase"
    reason: str = ""


TABLE = [
    # new receipts
    Row("", "anna:A", NOW, Act.BOOK),
    Row("", "?:A", NOW, Act.BOOK),
    Row("", "-:A", NOW, Act.KEEP),
    Row("", "anna:A", NOW, Act.BOOK, kind="redemption_requested"),
    # said before
    Row("anna:A", "anna:A", NOW, Act.DROP),
    Row("anna:A anna:B", "anna:B", NOW, Act.DROP),
    Row("anna:A", "-:A", NOW, Act.DROP),
    Row("-:A", "-:A", NOW, Act.DROP),
    # other content
    Row("anna:A", "anna:B", NOW, Act.CORRECT, 1),
    Row("anna:A anna:B", "anna:A", NOW, Act.CORRECT, 2),
    Row("-:A", "-:B", NOW, Act.KEEP),
    Row("anna:A", "-:B", NOW, Act.PARK, reason="must show the member's identifier"),
    Row("anna:A", "anna:B", NOW, Act.PARK, kind="return", known_kind="return", reason="only a purchase can be"),
    Row(
        "anna:A", "anna:B", NOW, Act.PARK, kind="redemption_requested", known_kind="redemption_requested",
        reason="the redemption_requested was said before with other content",
    ),
    Row("anna:A", "anna:B", NOW, Act.PARK, kind="return", reason="the id is that of a purchase, and this is a return"),
    # a guest's id for something else
    Row("-:A", "-:B", NOW, Act.PARK, kind="return", reason="the id is that of a purchase, and this is a return"),
    Row(
        "-:A", "anna:B", NOW, Act.PARK, kind="redemption_requested",
        reason="the id is that of a purchase, and this is a redemption_requested",
    ),
    # another member
    Row("anna:A", "bob:A", NOW, Act.PARK, reason="another member's"),
    Row("anna:A", "bob:B", NOW, Act.PARK, reason="another member's"),
    Row("anna:A", "?:A", NOW, Act.PARK, reason="another member's"),
    # a guest's receipt is claimed once
    Row("-:A", "anna:A", NOW, Act.CLAIM),
    Row("-:A", "?:A", NOW, Act.CLAIM),
    Row("-:A", "anna:B", NOW, Act.CLAIM),
    # after a crash: what this record made is made again, and nothing else is
    Row("!anna:A", "anna:A", CRASHED, Act.AGAIN, 0),
    Row("!anna:A anna:B", "anna:A", CRASHED, Act.AGAIN, 0),
    Row("anna:A !anna:B anna:A", "anna:B", CRASHED, Act.AGAIN, 1),
    Row("!anna:A", "?:A", CRASHED, Act.AGAIN, 0),
    Row("anna:A anna:B", "anna:A", CRASHED, Act.DROP),
    Row("anna:A", "anna:B", CRASHED, Act.DROP),
    Row("", "anna:A", CRASHED, Act.DROP),
    Row("!-:A", "-:A", CRASHED, Act.DROP),
    Row("anna:B", "-:A", CRASHED, Act.DROP),
    # after a restore: the journal gave back what made facts, the rest is decided once more
    Row("!anna:A", "anna:A", RESTORED, Act.AGAIN, 0),
    Row("anna:A !anna:B", "anna:B", RESTORED, Act.AGAIN, 1),
    Row("anna:A anna:B", "anna:A", RESTORED, Act.DROP),
    Row("anna:A", "-:B", RESTORED, Act.PARK, reason="must show the member's identifier"),
    Row("later/anna:A", "-:B", RESTORED, Act.DROP),
    Row("later/anna:A", "-:B", RESTORED, Act.PARK, kind="return", reason="the id is that of a purchase"),
    Row("later/anna:A", "anna:B", RESTORED, Act.CORRECT, 1),
    Row("anna:A later/anna:B", "-:A", RESTORED, Act.DROP),
    Row("anna:A anna:B", "-:A", RESTORED, Act.PARK, reason="must show the member's identifier"),
    Row("anna:A later/anna:B", "anna:C", RESTORED, Act.CORRECT, 2),
    Row("anna:A", "bob:A", RESTORED, Act.PARK, reason="another member's"),
    Row("", "-:A", RESTORED, Act.KEEP),
    Row("", "anna:A", RESTORED, Act.BOOK),
    Row("anna:A", "anna:B", RESTORED, Act.CORRECT, 1),
]  # fmt: skip


def known(row: Row) -> list[Revision]:
    found = []
    for number, text in enumerate(row.known.split()):
        member, content = text.removeprefix("!").removeprefix("later/").split(":")
        offset = 100 if text.startswith("!") else 101 if text.startswith("later/") else number
        source = ("purchases.v1", 3, offset)
        found.append(Revision(number, row.known_kind, None if member == "-" else member, content.encode(), source))
    return found


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.known or 'nothing'} + {row.said} {row.decided.name}")
def test_decision(row: Row) -> None:
    member, content = row.said.split(":")
    saying = Saying(row.kind, content.encode(), member != "-", None if member in "-?" else member)
    verdict = decide(saying, known(row), HERE, row.decided)
    assert verdict.act is row.act
    assert verdict.revision == row.revision
    assert row.reason in verdict.reason
    assert bool(verdict.reason) is (verdict.act is Act.PARK)
    if verdict.act is Act.AGAIN:
        assert verdict.member == "anna"


@pytest.mark.parametrize(
    ("typed", "key"),
    [
        ("63381234", "63381234"),
        (" 63381234\r\n", "63381234"),
        ("\ufeff6338\u200b1234", "63381234"),
        ("6338 1234", "6338 1234"),
        ("Cafe\u0301", "Café"),
        ("İ", "İ"),
        ("0", "0"),
        ("\x00", ""),
    ],
)
def test_one_spelling_for_an_identifier(typed: str, key: str) -> None:
    assert key_of(Identifier(scheme="card", value=typed)) == ("card", key)


def test_member_ids_are_random_bits_and_nothing_else() -> None:
    assert member_id(bytes(13)) == "mem_aaaaaaaaaaaaaaaaaaaa"
    assert member_id(bytes(range(13))) == "mem_aaaqeayeaudaocajbifq"
    assert len(member_id(b"\xff" * 13)) == 24
