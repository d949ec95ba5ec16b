"""What an ordinary role can plant in a database, each with a trap that tells whether anybody ran into it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.conftest import Database

# Counts what was run, whatever becomes of the transaction, and tries what it came for.
_SPRING = """\
CREATE FUNCTION trap.spring() RETURNS void LANGUAGE plpgsql AS $trap$
BEGIN
    PERFORM pg_catalog.nextval('trap.sprung'::pg_catalog.regclass);
    BEGIN
        EXECUTE 'ALTER ROLE {planter} SUPERUSER';
    EXCEPTION WHEN OTHERS THEN NULL;
    END;
END $trap$"""
_TRAP = """\
CREATE FUNCTION {name}({arguments}) RETURNS {returns} LANGUAGE plpgsql {volatility} AS $trap$
BEGIN
    PERFORM trap.spring();
    RETURN {value};
END $trap$"""


@dataclass(frozen=True, slots=True)
class Garden:
    """A database in which a stranger may create what he likes, as every database was made until PostgreSQL 14."""

    database: Database
    planter: str
    neighbours: list[str] = field(default_factory=list)

    def plant(self, *statements: str) -> None:
        """Run these as the stranger; `{name}` of a trap, see `trap`."""
        with self.database.server.connect(self.database.name, self.planter) as connection:
            for statement in statements:
                connection.execute(statement.replace("{planter}", self.planter).encode())

    def neighbour(self, name: str) -> str:
        """Make a role that nobody knows, gone with the garden; its whole name."""
        role = f"{self.planter}_{name}"
        self.database.server.create_role(role)
        self.neighbours.append(role)
        return role

    def trap(
        self,
        name: str,
        arguments: str = "",
        returns: str = "text",
        value: str = "'0001'",
        volatility: str = "IMMUTABLE",
    ) -> None:
        """Make a function of the stranger's that springs the trap."""
        words = {"name": name, "arguments": arguments, "returns": returns, "value": value, "volatility": volatility}
        self.plant(_TRAP.format(planter="{planter}", **words))

    def reset(self) -> None:
        """Forget what the planting itself ran into."""
        self.database.execute("SELECT setval('trap.sprung', 1, false)")
        self.database.execute(f'ALTER ROLE "{self.planter}" NOSUPERUSER')

    @property
    def is_untouched(self) -> bool:
        """Whether nobody ran into anything."""
        [(was_sprung,)] = self.database.execute("SELECT is_called FROM trap.sprung")
        [(is_superuser,)] = self.database.execute("SELECT rolsuper FROM pg_roles WHERE rolname = %s", self.planter)
        return not was_sprung and not is_superuser


@contextmanager
def garden(database: Database) -> Iterator[Garden]:
    """A stranger for the length of a block, who may create in `public`, and schemas."""
    planter = f"{database.name}_stranger"
    database.server.create_role(planter)
    for statement in (
        "GRANT CREATE ON SCHEMA public TO PUBLIC",
        f'GRANT CREATE ON DATABASE "{database.name}" TO "{planter}"',
        f'CREATE SCHEMA trap AUTHORIZATION "{planter}"',
        "CREATE SEQUENCE trap.sprung",
        "GRANT USAGE ON SCHEMA trap TO PUBLIC",
        "GRANT ALL ON SEQUENCE trap.sprung TO PUBLIC",
    ):
        database.execute(statement)
    it = Garden(database, planter)
    it.plant(_SPRING)
    try:
        yield it
    finally:
        database.execute(f'ALTER ROLE "{planter}" NOSUPERUSER')
        roles = ", ".join(f'"{role}"' for role in (planter, *it.neighbours))
        database.execute(f"DROP OWNED BY {roles} CASCADE")
        for role in (*it.neighbours, planter):
            database.execute(f'DROP ROLE "{role}"')
