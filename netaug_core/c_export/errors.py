"""Why a network does not become C."""

from netaug_core.errors import CoreError


class NotExpressible(CoreError):
    """The C kernels cannot compute this network."""


class BadIdentifier(CoreError):
    """The names of the C code cannot begin like this."""
