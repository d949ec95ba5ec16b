"""The application's own tables: a team's models derive from `Base`, and Alembic's autogenerate sees them."""

from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase

# Names for what PostgreSQL would name by itself, so that a migration can name it too.
# https://alembic.sqlalchemy.org/en/latest/naming.html
_NAMES = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """The base of all models, for autogenerate: `app/migrations/env.py` imports those of other files."""

    metadata = MetaData(naming_convention=_NAMES)
