"""Identifiers: a prefix that names the kind, and a UUIDv7 (RFC 9562), so that they sort by time."""

import uuid_utils


def new_id(prefix: str) -> str:
    """For example `job_0199f1e6c2f47cc2a3f0b54d2a6c9e01`."""
    return f"{prefix}_{uuid_utils.uuid7().hex}"
