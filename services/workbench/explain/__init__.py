"""`explain`: why a member's balance is what it is, at any moment.

story.py    a retold book as plain values: what happened, each lot's origin and end, what is owed
words.py    an entry, and what happened, in a clerk's words
command.py  where the facts come from (a running house, or files), and the page that is printed
"""
