"""What can go wrong between a program and the platform."""

from pydantic import BaseModel, ConfigDict


class FieldProblem(BaseModel):
    model_config = ConfigDict(frozen=True)

    pointer: str
    detail: str


class Problem(BaseModel):
    """The server's problem detail (RFC 9457)."""

    model_config = ConfigDict(frozen=True)

    type: str
    title: str
    status: int
    detail: str = ""
    request_id: str = ""
    errors: tuple[FieldProblem, ...] = ()


class NetaugError(Exception):
    """Root of this package's errors."""


class NotConfigured(NetaugError):
    """No server address or API key is known."""


class NoSuchPreset(NetaugError):
    """This program knows no preset of that name."""


class TrainerMissing(NetaugError):
    """What the command needs is not installed here."""


class ServerUnreachable(NetaugError):
    """The server does not answer."""


class DownloadDamaged(NetaugError):
    """What arrived is not what the server had announced; nothing was kept."""


class NotReplayable(NetaugError):
    """The job has no result that a second run could reach."""


class DataChanged(NetaugError):
    """The data are not those that the job was trained on."""


class WaitTimedOut(NetaugError):
    """The job is not final yet; it goes on."""


class ApiError(NetaugError):
    """The server refused the request; `problem` says why."""

    def __init__(self, problem: Problem, *, retry_after_s: float | None = None) -> None:
        lines = [error.detail for error in problem.errors] or [problem.detail or problem.title]
        super().__init__("\n".join(lines))
        self.problem = problem
        self.retry_after_s = retry_after_s

    @property
    def status(self) -> int:
        return self.problem.status


class NotFound(ApiError):
    """There is no such thing, or it is not yours."""


class NotAllowed(ApiError):
    """The API key is not valid, or does not allow this."""


class Invalid(ApiError):
    """The request has invalid fields."""


class Unavailable(ApiError):
    """The service cannot answer now; the same request may succeed later."""


BY_STATUS: dict[int, type[ApiError]] = {
    401: NotAllowed,
    403: NotAllowed,
    404: NotFound,
    422: Invalid,
    429: Unavailable,
    503: Unavailable,
}
