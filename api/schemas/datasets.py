"""Datasets that a job can name."""

from typing import Self

from pydantic import BaseModel, Field

from netaug_core.datasets import DatasetInfo


class DatasetView(BaseModel):
    """A dataset that a job can name."""

    name: str
    kind: str
    num_classes: int
    in_channels: int
    description: str
    digest: str | None = Field(description="SHA-256; of a folder, as the newest job read it.")
    num_train: int | None
    num_test: int | None

    @classmethod
    def of(cls, dataset: DatasetInfo, newest_digest: str | None) -> Self:
        names = ("name", "kind", "num_classes", "in_channels", "description")
        return cls(
            digest=dataset.digest or newest_digest,
            num_train=dataset.num_train,
            num_test=dataset.num_test,
            **{name: getattr(dataset, name) for name in names},
        )


class DatasetList(BaseModel):
    items: list[DatasetView]
