"""`programme check`, `show`, `diff` and `publish`: what an owner does with a programme file."""
