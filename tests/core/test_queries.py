"""The .sql files' form: a name, a sentence, SQL; everything else is refused with file and line."""

from pathlib import Path

import pytest

from infra.postgres.queries import QueryFault, load


def test_queries_are_read_by_name(tmp_path: Path) -> None:
    (tmp_path / "001-tables.sql").write_text("create table t (a int);")
    (tmp_path / "a.sql").write_text("-- Head of the file.\n\n-- name: one\n-- Says one.\nselect 1;\n")
    (tmp_path / "b.sql").write_text("-- name: two\n-- Says two,\n-- in two lines.\nselect $1,\n  2;\n")
    queries = load(tmp_path)
    assert list(queries) == ["one", "two"]
    assert queries.one == "select 1"
    assert queries.two == "select $1,\n  2"
    with pytest.raises(AttributeError, match=r"no query `three` in .*: there are one, two"):
        _ = queries.three


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("select 1;", r"a.sql:1: SQL before the first"),
        ("-- name: One\n-- x\nselect 1", r"a.sql:1: write `-- name: lower_case_name`"),
        ("-- name: one\nselect 1", r"a.sql:1: say in a comment line under the name what `one` does"),
        ("-- name: one\n-- Nothing.\n", r"a.sql:1: `one` has no SQL"),
        ("-- name: one\n-- A.\nselect 1;\n-- name: one\n-- B.\nselect 2", r"a.sql:4: there is another query `one`"),
    ],
)
def test_other_forms_are_refused(tmp_path: Path, text: str, fault: str) -> None:
    (tmp_path / "a.sql").write_text(text)
    with pytest.raises(QueryFault, match=fault):
        load(tmp_path)
