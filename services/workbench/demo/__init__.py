"""The demo: a year of real receipts through two houses on real servers, compared with an independent expectation.

receipts.py  the data as tills would say them      restarts.py     processes ended in the middle, on demand
tills.py     records to the inbound topics          books.py        what the tables and topics say afterwards
answers.py   outcomes of facts that somebody awaits expectation.py  what they should say, and every difference
plain.py     the house `plain`, open loop           report.py       progress and the table at the end
club.py      the house `club`, a till per customer  run.py          all of it in order

The rules of the two houses are written in docs/demo.md.
"""
