"""What each receipt gave by `./run simulate --json` beside what its till gave: see docs/receipts.md.

python3 docs/examples/compare_points.py docs/examples/chain.csv < simulated.json
"""

import csv
import json
import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path

given = Counter()
for member in json.load(sys.stdin)["members"]:
    for entry in member["entries"]:
        receipt = entry["fact"].removesuffix("-back")
        given[receipt] += entry["points"] * ((entry["debit"] == "issued") - (entry["credit"] == "reversed"))

with Path(sys.argv[1]).open(newline="") as file:
    tills = {row["receipt"]: int(Decimal(row["points_given"]).scaleb(1)) for row in csv.DictReader(file)}
other = {receipt: tenths for receipt, tenths in tills.items() if given[receipt] != tenths}
print(f"{len(tills)} receipts, {len(other)} of them otherwise")
for receipt, tenths in other.items():
    print(f"  {receipt}: the till {tenths / 10}, the programme {given[receipt] / 10}")
