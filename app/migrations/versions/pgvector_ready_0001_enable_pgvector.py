"""Enable pgvector."""

from alembic import op

revision = "pgvector_ready_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Enable the extension; that it is enabled already is as good."""
    op.execute("CREATE EXTENSION IF NOT EXISTS vector")


def downgrade() -> None:
    """Never CASCADE: that would take every vector column along."""
    op.execute("DROP EXTENSION IF EXISTS vector")
