"""The least that FastAPI and psycopg can do for the same calls: one statement each, no more.

No keys, checks, events, outbox or cost: what ours takes beyond this is what those cost.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request, Response
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool

from jobs.ids import new_id

POOL_SIZE = 20
pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
    os.environ["BENCH_DATABASE_URL"],
    min_size=POOL_SIZE,
    kwargs={"autocommit": True},
    open=False,
)


@asynccontextmanager
async def _lifespan(_app: FastAPI) -> AsyncIterator[None]:
    async with pool:
        yield


app = FastAPI(lifespan=_lifespan)


async def _fetch(statement: str, *values: object) -> list[Any]:
    async with pool.connection() as connection:
        cursor = await connection.execute(statement.encode(), values)
        return await cursor.fetchall()


@app.post("/jobs")
async def create(request: Request) -> dict[str, Any]:
    spec = await request.json()
    rows = await _fetch(
        "INSERT INTO floor_jobs (id, spec) VALUES (%s, %s) RETURNING id, created_at",
        new_id("job"),
        Jsonb(spec),
    )
    return {"id": rows[0][0], "created_at": rows[0][1], "spec": spec}


@app.get("/jobs/{job_id}")
async def get(job_id: str) -> dict[str, Any]:
    rows = await _fetch("SELECT id, created_at, spec FROM floor_jobs WHERE id = %s", job_id)
    return {"id": rows[0][0], "created_at": rows[0][1], "spec": rows[0][2]}


@app.get("/jobs")
async def newest() -> list[dict[str, Any]]:
    rows = await _fetch("SELECT id, created_at FROM floor_jobs ORDER BY id DESC LIMIT 50")
    return [{"id": row[0], "created_at": row[1]} for row in rows]


@app.get("/metrics/{job_id}")
async def metrics(job_id: str) -> Response:
    rows = await _fetch(
        "SELECT json_agg(json_build_array(key, step, epoch, value, epoch_end))::text FROM "
        "(SELECT * FROM metrics WHERE job_id = %s ORDER BY step, key LIMIT 1000) AS page",
        job_id,
    )
    return Response(rows[0][0], media_type="application/json")


@app.get("/history/{job_id}")
async def history(job_id: str) -> Response:
    rows = await _fetch(
        "SELECT json_agg(json_build_array(key, bucket, least, most))::text FROM (SELECT key, "
        "step * 500 / 100000 AS bucket, min(value) AS least, max(value) AS most FROM metrics "
        "WHERE job_id = %s GROUP BY 1, 2 ORDER BY 2, 1) AS buckets",
        job_id,
    )
    return Response(rows[0][0], media_type="application/json")
