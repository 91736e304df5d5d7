"""Dialects by worked examples: the bytes that a till sends, and what intake hears."""

from __future__ import annotations

import json
from typing import Any

import pytest

from events.cloudevents import headers
from events.decode import Unreadable
from events.said import SAID
from events.topics import ENROLMENTS, INBOUND, PURCHASES, REDEMPTIONS
from services.intake.core.dialects import DIALECTS, tallystick, uci
from services.intake.core.reading import Heard, hear

UCI = (("ce_type", uci.TYPE.encode()),)

PURCHASE = {
    "type": "purchase",
    "id": "till-7:4711",
    "occurred_at": "2026-03-10T09:30:00Z",
    "identifier": {"scheme": "card", "value": "6338 1234"},
    "currency": "GBP",
    "total_minor": 350,
    "lines": [{"item": "tea", "total_minor": 150}, {"item": "cup", "quantity": 2, "total_minor": 200}],
}


def invoice(**changes: Any) -> bytes:
    whole = {
        "InvoiceNo": "536370",
        "InvoiceDate": "2010-12-01 08:45",
        "CustomerID": "12583",
        "Country": "France",
        "rows": [["22728", 24, "3.75"], ["POST", 3, "18.00"]],
    }
    return json.dumps(whole | changes).encode()


def said(value: dict[str, Any], *, topic: Any = PURCHASES, ce_type: str | None = None) -> Heard:
    named = () if ce_type is None else headers(str(value["id"]), "till", ce_type, str(value["occurred_at"]))
    return hear(topic, b"till", named, json.dumps(value).encode(), None)


def without(key: str) -> dict[str, Any]:
    return {k: v for k, v in PURCHASE.items() if k != key}


def test_a_purchase_in_our_own_language() -> None:
    heard = said(PURCHASE, ce_type="purchase")
    assert (heard.id, heard.kind, heard.lines) == ("till-7:4711", "purchase", 2)
    assert heard.identifier == ("card", "6338 1234")


def test_a_record_without_headers_must_speak_our_language() -> None:
    assert said(PURCHASE) == said(PURCHASE, ce_type="purchase")


def test_a_receipt_without_identifier_is_a_guests() -> None:
    heard = said(without("identifier"))
    assert heard.identifier is None
    assert heard.said is not None  # so that it can be booked when somebody claims its number
    assert heard.content == said(PURCHASE).content  # so that it can be claimed by saying it again


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({}, True),
        ({"id": "till-7:4712"}, True),
        ({"identifier": {"scheme": "phone", "value": "0171"}}, True),
        ({"a_field_of_next_year": 1}, True),
        ({"occurred_at": "2026-03-10T09:30:00.000Z"}, True),
        ({"store": None}, True),
        ({"occurred_at": "2026-03-10T09:30:01Z"}, False),
        ({"store": "s1"}, False),
        ({"currency": "EUR"}, False),
        ({"lines": list(reversed(PURCHASE["lines"]))}, False),  # type: ignore[call-overload]
        ({"type": "return"}, False),
    ],
)
def test_content_is_what_was_said_and_not_who_or_where(change: dict[str, Any], same: bool) -> None:
    assert (said(PURCHASE | change).content == said(PURCHASE).content) is same


def test_content_hashes_of_this_version_are_those_of_every_later_one() -> None:
    assert said(PURCHASE).content.hex() == "e45da695636274893cbb8761dcfcbad5"


@pytest.mark.parametrize(
    ("bytes_", "why"),
    [
        (None, "the record has no value"),
        (b"", "Input data was truncated"),
        (b"\xff\xfe", "Invalid|invalid"),
        (b"[" * 5_000, "recursion|truncated|Expected"),
        (json.dumps(without("lines")).encode(), "missing required field `lines`"),
        (json.dumps(PURCHASE | {"type": "gift"}).encode(), "Invalid value 'gift'"),
        (json.dumps(PURCHASE | {"total_minor": 3.5}).encode(), "Expected `int`, got `float`"),
    ],
)
def test_what_cannot_be_read_says_why(bytes_: bytes | None, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        hear(PURCHASES, b"till", (), bytes_, None)


def test_the_header_and_the_value_must_agree() -> None:
    with pytest.raises(Unreadable, match="the header says return, the value says purchase"):
        said(PURCHASE, ce_type="return")


def test_a_dialect_that_nobody_speaks() -> None:
    with pytest.raises(Unreadable, match=r"ce_type 'acme.sale.v9' is a dialect that intake does not speak"):
        hear(PURCHASES, b"till", (("ce_type", b"acme.sale.v9"),), b"{}", None)


def test_each_kind_has_its_topic() -> None:
    with pytest.raises(Unreadable, match=r"a purchase is not said on redemptions.v1"):
        said(PURCHASE, topic=REDEMPTIONS)
    enrolled = {k: PURCHASE[k] for k in ("id", "occurred_at", "identifier")} | {"type": "enrolled"}
    assert said(enrolled, topic=ENROLMENTS).kind == "enrolled"


def test_every_kind_of_record_has_a_header_and_a_topic() -> None:
    assert len(tallystick.TYPES) == len(SAID)
    assert {None, uci.TYPE, *tallystick.TYPES} == set(DIALECTS)
    assert sorted(model for topic in INBOUND for model in topic.models) == sorted(model.__name__ for model in SAID)


def test_an_invoice_of_the_real_data() -> None:
    heard = hear(PURCHASES, b"till", UCI, invoice(), None)
    purchase: Any = heard.said
    assert (heard.id, heard.kind, heard.lines) == ("uci:536370", "purchase", 2)
    assert heard.identifier == ("uci", "12583")
    assert (purchase.store, purchase.partner, purchase.currency) == ("uci:France", "shops-france", "GBP")
    assert purchase.occurred_at == "2010-12-01T08:45:00Z"
    assert purchase.total_minor == 9000 + 5400
    assert [(line.item, line.quantity, line.total_minor, line.categories) for line in purchase.lines] == [
        ("22728", 24, 9000, ("group-22",)),
        ("POST", 3, 5400, ("service",)),
    ]


def test_an_invoice_that_takes_goods_back_says_what_was_given_back() -> None:
    heard = hear(
        PURCHASES, b"till", UCI, invoice(InvoiceNo="C536379", rows=[["D", -1, "27.50"], ["22423", -2, "0.125"]]), None
    )
    back: Any = heard.said
    assert (heard.id, heard.kind) == ("uci:C536379", "return")
    assert back.purchase is None
    assert [(line.quantity, line.total_minor) for line in back.lines] == [(1, 2750), (2, 25)]


@pytest.mark.parametrize(
    ("code", "item", "category"),
    [
        ("85123A", "85123A", "group-85"),
        ("15056BL", "15056BL", "group-15"),
        ("22", "22", "service"),
        ("2242", "2242", "service"),
        ("BANK CHARGES", "BANK-CHARGES", "service"),
        ("gift_0001_40", "gift_0001_40", "service"),
        ("DCGSSBOY", "DCGSSBOY", "service"),
    ],
)
def test_stock_codes(code: str, item: str, category: str) -> None:
    purchase: Any = hear(PURCHASES, b"till", UCI, invoice(rows=[[code, 1, "1.00"]]), None).said
    assert (purchase.lines[0].item, purchase.lines[0].categories) == (item, (category,))


@pytest.mark.parametrize(
    ("london", "instant"),
    [
        ("2010-12-01 08:26", "2010-12-01T08:26:00Z"),
        ("2010-12-01 08:26:00", "2010-12-01T08:26:00Z"),
        ("2011-06-01 08:26", "2011-06-01T07:26:00Z"),
        ("2011-10-30 01:30", "2011-10-30T00:30:00Z"),  # shown twice: the first of the two
        ("2011-03-27 01:30", "2011-03-27T01:30:00Z"),  # never shown
    ],
)
def test_invoices_tell_london_time(london: str, instant: str) -> None:
    heard: Any = hear(PURCHASES, b"till", UCI, invoice(InvoiceDate=london), None)
    assert heard.said.occurred_at == instant


@pytest.mark.parametrize(
    ("quantity", "price", "pence"),
    [(1, "2.55", 255), (3, "0.125", 38), (5, "0.001", 0), (1, "0.005", 0), (3, "0.005", 2), (1, "7", 700), (0, "1", 0)],
)
def test_line_totals_are_rounded_half_even(quantity: int, price: str, pence: int) -> None:
    assert uci.total_minor(quantity, price) == pence


def test_a_guests_invoice_may_contain_anything() -> None:
    strange = invoice(CustomerID="", InvoiceNo="A563185", rows=[["B", 1, "-11062.06"], ["16162M", -17, "x"]])
    heard = hear(PURCHASES, b"till", UCI, strange, None)
    assert (heard.id, heard.lines, heard.identifier, heard.said) == ("uci:A563185", 2, None, None)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"rows": []}, "length >= 1"),
        ({"rows": [["22728", -1, "1.00"]]}, "a quantity of -1 is no quantity of a purchase"),
        ({"rows": [["22728", -1, "0.00"]]}, "a quantity of -1 is no quantity of a purchase"),
        ({"rows": [["22728", 1, "1.00"]], "InvoiceNo": "C536370"}, "a quantity of 1 is no quantity of a return"),
        ({"rows": [["22728", 1, "-1.00"]]}, "total_minor"),
        ({"rows": [["22728", 1, "1,00"]]}, "UnitPrice '1,00' is not a price"),
        ({"rows": [["22728", 1, "٣"]]}, "is not a price"),
        ({"rows": [["22728", 10**10, "1"]]}, "is no quantity"),
        ({"rows": [["22728", 10**9, "99999999999"]]}, "is not a price"),
        ({"rows": [["", 1, "1.00"]]}, "item"),
        ({"InvoiceDate": "01/12/2010 08:26"}, "InvoiceDate '01/12/2010 08:26' is not a time"),
        ({"InvoiceDate": "2010-12-01 08:26 and a bit"}, "is not a time"),
        ({"InvoiceDate": "2011-02-29 08:26"}, "is not a time"),
        ({"InvoiceNo": "53 6370"}, "makes no id"),
        ({"InvoiceNo": "536370\n"}, "makes no id"),
        ({"CustomerID": 12583}, "Expected `str`"),
        ({"Country": "Côte"}, "store"),
    ],
)
def test_an_invoice_that_cannot_be_booked_says_why(change: dict[str, Any], why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        hear(PURCHASES, b"till", UCI, invoice(**change), None)
