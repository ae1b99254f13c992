"""What an operator wishes of a worker."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("processes", sa.Column("wish", sa.String(length=20), nullable=True))


def downgrade() -> None:
    op.drop_column("processes", "wish")
