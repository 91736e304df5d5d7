"""`explain`: why a member's balance is what it is, at any moment.

story.py    a retold book as plain values: what happened, each lot's origin and end, what is owed
rules.py    which rules an entry's points are by, with version, reason and receipt lines
merges.py   which account this one was merged into, which it took in, and what was undone
words.py    an entry, and what happened, in a clerk's words
command.py  where the facts come from (a running house, or files), and the page that is printed
"""
