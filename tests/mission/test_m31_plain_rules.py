"""M31, plain rules: every point is explained by its rule, its reason in a sentence, and the lines of its receipt."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from events.decode import encode_fact
from services.workbench.cli import app
from tests.drivers.facts import told

PROGRAMME = """
programme: plain
version: plain-1
effective_from: 2020-01-01T00:00:00Z
currency: GBP
zone: Europe/London
groups: {offers: best}
rules:
  - {id: base, share: {points: 5, per_minor: 10000, exclude: [tobacco]}}
  - {id: coat, group: offers, bonus: {points: 1000, only: [coats], from_minor: 50000}}
  - {id: small, group: offers, share: {points: 1, per_minor: 10000}}
  - {id: birthday, reward: {deed: birthday, points: 100}}
"""


def test_each_of_1554_points_says_why(tmp_path: Path) -> None:
    """5 % of 9,000.00 is 450, a coat of 500.00 or more 1,000, a birthday 100; 4.00 of tobacco give nothing. The coat's
    1,000 are more than the 90 of its group's other rule."""
    (tmp_path / "p.yaml").write_text(PROGRAMME)
    story = [
        "2026-03-01 buy A 1*coat/coats=2000.00 1*sofa=7000.00 1*pipe/tobacco=4.00",
        "2026-03-02 deed d birthday",
        "2026-03-03 adjust a 4",
    ]
    (tmp_path / "f.jsonl").write_bytes(b"\n".join(encode_fact(told(line)) for line in story))
    options = ["--programme", str(tmp_path / "p.yaml"), "--facts", str(tmp_path / "f.jsonl"), "--json"]
    done = CliRunner().invoke(app, ["explain", "ann", *options])
    assert done.exit_code == 0, done.output
    lots: list[dict[str, Any]] = json.loads(done.output)["lots"]
    reasons = {
        rule["rule"]: (rule["points"], rule["why"]) for lot in lots for part in lot["given"] for rule in part["rules"]
    }
    assert reasons == {
        "base": (450, "for what was paid for all but tobacco: 5 points for every 100.00 GBP"),
        "coat": (1000, "as a bonus for coats, of at least 500.00 GBP"),
        "birthday": (100, "for birthday"),
        "adjustment": (4, "by hand, with a reason on record"),
    }
    assert sum(lot["points"] for lot in lots) == 1554
    (base,) = [rule for lot in lots for part in lot["given"] for rule in part["rules"] if rule["rule"] == "base"]
    assert [(line["item"], line["points"]) for line in base["lines"]] == [("coat", 100), ("sofa", 350)]
