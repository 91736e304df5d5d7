"""What can be looked up: read models folded from the book's publication, and rebuilt from it whenever wanted.

A folder a model: fold.py (pure), table.sql, read.py (what others may ask). Owns nothing that cannot be thrown away.
"""
