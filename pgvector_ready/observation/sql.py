"""Writes statements in which every name can only mean PostgreSQL's own object."""

import re

_BARE_OPERATOR = re.compile(r" (=|<>|<|>|<=|>=|\|\||~) ")


def qualified(statement: str) -> str:
    """Return the statement with every operator named in full, as nobody would like to read it in the source.

    A function, a type or a table is found in the first schema of the search path that has it, and an operator that fits
    better is found in any schema of the path. So a statement names the schema of all that it uses. IN, BETWEEN, LIKE,
    NULLIF and IS DISTINCT FROM look an operator up by themselves, and stand in none of them.
    """
    return _BARE_OPERATOR.sub(r" OPERATOR(pg_catalog.\1) ", statement)


def literal(text: str) -> str:
    """Return `text` as a constant, whatever `standard_conforming_strings` says."""
    return "E'{}'".format(text.replace("\\", "\\\\").replace("'", "''"))


def identifier(name: str) -> str:
    """Return a name as SQL wants it."""
    return '"{}"'.format(name.replace('"', '""'))


_ON_SEARCH_PATH = "pg_catalog.to_regclass({name})"
_IN_SCHEMA = qualified("""\
(SELECT f.oid FROM pg_catalog.pg_class AS f JOIN pg_catalog.pg_namespace AS s ON s.oid = f.relnamespace
         WHERE f.relname = {name} AND s.nspname = {schema})""")


def oid_of_table(name: str, schema: str | None) -> str:
    """Return what finds a table: in its schema, or else as this role finds it."""
    if schema is None:
        return _ON_SEARCH_PATH.format(name=literal(identifier(name)))
    return _IN_SCHEMA.format(name=literal(name), schema=literal(schema))
