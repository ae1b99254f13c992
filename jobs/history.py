"""A long history in few points: of each stretch of steps, the smallest and the largest value."""

import sqlalchemy as sa

from jobs.records import MetricPoint, columns
from jobs.tables import metrics

POINTS_A_BUCKET = 2
_JOB: sa.BindParameter[str] = sa.bindparam("job", type_=sa.String)


def sample(
    connection: sa.Connection,
    job_id: str,
    *,
    max_points: int,
    keys: tuple[str, ...] = (),
    epoch_end: bool | None = None,
) -> list[MetricPoint]:
    """At most so many points of each key (two or more), by step, then key.

    The job's steps are cut into stretches of one length, the same for all keys; no spike is lost.
    Values that are no finite numbers are left out. Of overlapping attempts the newest counts.
    """
    newest = _newest(keys, epoch_end, buckets=max_points // POINTS_A_BUCKET)
    extremes = (
        sa.select(
            newest.c.key,
            newest.c.bucket,
            sa.func.min(newest.c.value).label("least"),
            sa.func.max(newest.c.value).label("most"),
        )
        .group_by(newest.c.key, newest.c.bucket)
        .cte("extremes")
    )
    # Of equal values the first one stands for all.
    first = (
        sa.select(newest.c.key, sa.func.min(newest.c.step).label("step"))
        .join(
            extremes,
            sa.and_(
                newest.c.key == extremes.c.key,
                newest.c.bucket == extremes.c.bucket,
                newest.c.value.in_([extremes.c.least, extremes.c.most]),
            ),
        )
        .group_by(newest.c.key, newest.c.bucket, newest.c.value)
        .subquery("first")
    )
    rows = connection.execute(
        sa.select(*[newest.c[column.name] for column in columns(MetricPoint, metrics)])
        .join(first, sa.and_(newest.c.key == first.c.key, newest.c.step == first.c.step))
        .order_by(newest.c.step, newest.c.key),
        {"job": job_id},
    )
    return [MetricPoint(*row) for row in rows.all()]


def _newest(keys: tuple[str, ...], epoch_end: bool | None, *, buckets: int) -> sa.CTE:
    # In the order of the primary key: the newest attempt's point is the last one of its step.
    following = sa.func.lead(metrics.c.step).over(
        partition_by=metrics.c.key, order_by=(metrics.c.step, metrics.c.attempt)
    )
    wanted = sa.select(metrics, following.label("following")).where(metrics.c.job_id == _JOB)
    if keys:
        wanted = wanted.where(metrics.c.key.in_(keys))
    if epoch_end is not None:
        wanted = wanted.where(metrics.c.epoch_end == epoch_end)
    points = wanted.subquery("points")
    last_step = sa.select(sa.func.max(metrics.c.step)).where(metrics.c.job_id == _JOB)
    bucket = points.c.step * buckets // (last_step.scalar_subquery() + 1)
    return (
        sa.select(points, bucket.label("bucket"))
        .where(points.c.following.is_distinct_from(points.c.step), points.c.value.is_not(None))
        .cte("newest")
    )
