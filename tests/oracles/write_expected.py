"""Writes what the oracles count into data/uci-online-retail, where the demo finds its expectation.

python tests/oracles/write_expected.py
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import club
import plain


def expected_files() -> dict[str, bytes]:
    """File name -> its content before compression."""
    plain_counts, club_counts = plain.count(), club.count()
    customers = club_counts.pop("customers")
    del plain_counts["customers"]  # they stand in expected-by-customer.csv.gz, which came with the data
    totals = {"plain": plain_counts, "club": club_counts}
    lines = ",\n".join(f" {json.dumps(number)}: {json.dumps(row)}" for number, row in customers.items())
    return {
        "expected-totals.json": (json.dumps(totals, indent=1) + "\n").encode(),
        "expected-club.json.gz": f"{{\n{lines}\n}}\n".encode(),
    }


def main() -> None:
    for name, content in expected_files().items():
        packed = gzip.compress(content, mtime=0) if name.endswith(".gz") else content
        (plain.DATA / name).write_bytes(packed)


if __name__ == "__main__":
    main()
