"""What a migration fills in it fills beside the service: no lock is held from batch to batch."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from jobs import db, tenants
from jobs.tables import jobs
from tests.builders import TENANT, claim, make_job, queue_many
from tests.migrations import histories

LATER = datetime.now(UTC) + timedelta(days=1)
MANY = 2_500  # more than one batch
FILLS = ("UPDATE jobs", "INSERT INTO tenants")


def ready(connection: sa.Connection) -> int:
    found = sa.select(sa.func.count()).where(jobs.c.ready)
    return int(connection.execute(found).scalar_one())


def test_the_service_reads_and_writes_jobs_while_they_are_filled(
    postgres_engine: sa.Engine,
) -> None:
    with db.writing(postgres_engine) as connection:
        make_job(connection)
        claim(connection)
        queue_many(connection, "later", MANY, run_after=LATER, ready=False)
    histories.migrate(postgres_engine, histories.config(), down_to="0001")
    seen: list[int] = []

    def serve(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.startswith(FILLS):
            with service.begin() as connection:
                connection.execute(sa.text("SET LOCAL lock_timeout = '1s'"))
                seen.append(ready(connection))
                connection.execute(sa.update(jobs).values(version=jobs.c.version + 1))

    service = db.create_engine(postgres_engine.url.render_as_string(hide_password=False))
    sa.event.listen(postgres_engine, "before_cursor_execute", serve)
    histories.migrate(postgres_engine, histories.config())
    service.dispose()

    assert seen[0] == MANY + 1
    assert len(set(seen)) > 2, "all were filled at once"
    with db.reading(postgres_engine) as connection:
        assert ready(connection) == 2  # that which runs, and the first of the many
        assert tenants.get(connection, TENANT).running == 1
        assert tenants.get(connection, "later").waiting


def test_what_is_filled_already_stays(engine: sa.Engine) -> None:
    with db.writing(engine) as connection:
        make_job(connection)
        tenants.set_quota(connection, TENANT, {"weight": 3})
        make_job(connection, tenant="new")
    histories.migrate(engine, histories.config(), down_to="0002")
    with db.writing(engine) as connection:
        connection.execute(sa.text("DELETE FROM tenants WHERE name = 'new'"))
    histories.migrate(engine, histories.config())
    with db.reading(engine) as connection:
        assert tenants.get(connection, TENANT).weight == 3
        assert tenants.get(connection, "new").waiting
