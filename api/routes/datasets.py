"""Datasets that a job can name."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api import answers, pages, problems
from api.auth import Reader
from api.context import Shared
from api.schemas.datasets import DatasetList, DatasetView
from jobs import db, queries
from netaug_core import datasets
from netaug_core.errors import BadData

router = APIRouter(prefix="/v1/datasets", tags=["datasets"])


@router.get(
    "",
    operation_id="list_datasets",
    response_model=DatasetList,
    responses=answers.errors(),
)
def list_datasets(
    context: Shared, _who: Reader, _query: Annotated[pages.NoQuery, Query()]
) -> Response:
    """Built-in datasets whose files are here, and the folders below the data root."""
    found = datasets.catalogue(context.settings.data_roots)
    with db.reading(context.engine) as connection:
        items = [
            DatasetView.of(dataset, queries.newest_digest(connection, dataset.name))
            for dataset in found
        ]
    return answers.answer(DatasetList(items=items))


@router.get(
    "/{name:path}",
    operation_id="get_dataset",
    response_model=DatasetView,
    responses=answers.errors(problems.DOMAIN[datasets.UnknownDataset]),
)
def get_dataset(
    context: Shared, _who: Reader, name: str, _query: Annotated[pages.NoQuery, Query()]
) -> Response:
    """One dataset."""
    try:
        found = datasets.find(datasets.checked_name(name), context.settings.data_roots)
    except BadData as error:
        raise datasets.UnknownDataset(str(error)) from error
    with db.reading(context.engine) as connection:
        digest = queries.newest_digest(connection, name)
    return answers.answer(DatasetView.of(found, digest))
