"""Ids and words in paths and queries. What cannot be one is not looked up."""

import re
from typing import Annotated

from fastapi import Path
from pydantic import AfterValidator, StringConstraints

from jobs.errors import ArtifactNotFound, JobNotFound, KeyNotFound

HEXADECIMAL = re.compile(r"[0-9a-f]{32}")
FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
SHOWN_CHARACTERS = 100


def _is_id(prefix: str, value: str) -> bool:
    head, separator, tail = value.partition("_")
    return head == prefix and bool(separator) and HEXADECIMAL.fullmatch(tail) is not None


def _job_id(value: str) -> str:
    if not _is_id("job", value):
        raise JobNotFound(
            f"there is no job {value[:SHOWN_CHARACTERS]!r}; `GET /v1/jobs` lists yours"
        )
    return value


def _key_id(value: str) -> str:
    if not _is_id("key", value):
        raise KeyNotFound(
            f"there is no API key {value[:SHOWN_CHARACTERS]!r}; `GET /v1/keys` lists yours"
        )
    return value


def _artifact_name(value: str) -> str:
    if FILE_NAME.fullmatch(value) is None:
        raise ArtifactNotFound(
            f"no artifact has the name {value[:SHOWN_CHARACTERS]!r}; "
            "`GET /v1/jobs/{job_id}/artifacts` lists them"
        )
    return value


# The errors pass through the validation as they are: a malformed id is a 404, not a 422.
JobId = Annotated[
    str, Path(examples=["job_0199f1e6c2f47cc2a3f0b54d2a6c9e01"]), AfterValidator(_job_id)
]
KeyId = Annotated[
    str, Path(examples=["key_0199f1e6c2f47cc2a3f0b54d2a6c9e01"]), AfterValidator(_key_id)
]
ArtifactName = Annotated[str, Path(examples=["model.onnx"]), AfterValidator(_artifact_name)]

# A word to filter by: no control characters, which no stored word has.
Word = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f]*$")]
