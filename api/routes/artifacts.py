"""The files of a job that succeeded: a manifest, and downloads that can be resumed."""

import base64
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse

from api import answers, pages, problems, ranges
from api.auth import Reader
from api.context import Context, Shared
from api.problems import NOT_FINISHED, ApiProblem
from api.routes.jobs import NO_JOB
from api.schemas.artifacts import ArtifactView, Manifest
from api.words import ArtifactName, JobId
from jobs import db, errors, queries
from jobs.records import Artifact
from jobs.states import JobStatus

router = APIRouter(prefix="/v1/jobs", tags=["artifacts"])

OCTETS = "application/octet-stream"
PICTURE = "image/png"
CONTENT: dict[str, dict[str, str]] = {OCTETS: {}, PICTURE: {}}


@router.get(
    "/{job_id}/artifacts",
    operation_id="list_artifacts",
    response_model=Manifest,
    responses=answers.errors(NO_JOB),
)
def list_artifacts(
    context: Shared, who: Reader, job_id: JobId, _query: Annotated[pages.NoQuery, Query()]
) -> Response:
    """Name, size and SHA-256 of every file; empty until the job has succeeded."""
    with db.reading(context.engine) as connection:
        queries.get_job(connection, who.tenant, job_id)
        found = queries.list_artifacts(connection, job_id)
    items = [ArtifactView.of(artifact) for artifact in found]
    return answers.answer(Manifest.model_construct(job_id=job_id, items=items))


@router.get(
    "/{job_id}/artifacts/{name}",
    operation_id="download_artifact",
    response_class=Response,
    responses={
        200: {"content": CONTENT, "description": "The file."},
        206: {"content": CONTENT, "description": "The bytes asked for."},
        304: {"description": "You have it already."},
        307: {"description": "The file is at this address for five minutes."},
        **answers.errors(
            NO_JOB, problems.DOMAIN[errors.ArtifactNotFound], NOT_FINISHED, problems.RANGE
        ),
    },
)
def download_artifact(
    context: Shared,
    who: Reader,
    job_id: JobId,
    name: ArtifactName,
    request: Request,
    _query: Annotated[pages.NoQuery, Query()],
) -> Response:
    """A file. `ETag` and `Repr-Digest` carry its SHA-256; ranges are served."""
    artifact = _find(context, who.tenant, job_id, name)
    etag = f'"{artifact.sha256}"'
    if answers.matches(request, etag):
        return Response(status_code=304, headers={"ETag": etag})
    address = context.storage.presign(artifact.storage_key)
    if address is not None:
        return RedirectResponse(address, 307, {"Cache-Control": "no-store"})
    return _stream(context, artifact, ranges.requested(request, artifact.size_bytes, etag))


def _find(context: Context, tenant: str, job_id: str, name: str) -> Artifact:
    with db.reading(context.engine) as connection:
        job = queries.get_job(connection, tenant, job_id)
        if job.status is not JobStatus.SUCCEEDED:
            raise ApiProblem(
                NOT_FINISHED,
                f"job {job_id} is {job.status}; its files are there when it has succeeded",
            )
        return queries.get_artifact(connection, job_id, name)


def _stream(context: Context, artifact: Artifact, part: tuple[int, int] | None) -> Response:
    start, end = part or (0, artifact.size_bytes)
    headers = {
        "ETag": f'"{artifact.sha256}"',
        "Accept-Ranges": "bytes",
        "Content-Length": str(end - start),
        "Content-Disposition": f'attachment; filename="{artifact.name}"',
        "Repr-Digest": f"sha-256=:{_base64(artifact.sha256)}:",
        "Cache-Control": "private, no-cache",
    }
    if part is not None:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{artifact.size_bytes}"
    # Before the first byte is sent, a missing object is an error answer and no broken download.
    context.storage.size(artifact.storage_key)
    if part is None:
        # A file that has changed in the store lacks its last block: no client takes it for whole.
        blocks = context.storage.read_whole(
            artifact.storage_key, size_bytes=artifact.size_bytes, sha256=artifact.sha256
        )
    else:
        blocks = context.storage.read(artifact.storage_key, start=start, end=end)
    # Pages show pictures; what else a trainer says of its files is not repeated to a browser.
    media_type = PICTURE if artifact.media_type == PICTURE else OCTETS
    return StreamingResponse(blocks, 200 if part is None else 206, headers, media_type)


def _base64(hexadecimal: str) -> str:
    return base64.b64encode(bytes.fromhex(hexadecimal)).decode()
