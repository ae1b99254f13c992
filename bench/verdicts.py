"""What each call of the service must reach, and whether it did."""

from dataclasses import dataclass
from typing import Any

CLIENTS = 16  # the targets are for so many
INGEST_POINTS_PER_SECOND = 60_000
INGEST_TIMES_MLFLOW = 12.0
POINTS_A_BATCH = 100


@dataclass(frozen=True)
class Target:
    """`floor`: part of the lean application's requests a second. `mlflow`: times its server's."""

    floor: float | None = None
    mlflow: float | None = None
    p99_ms: float | None = None


TARGETS = {
    "submit": Target(floor=0.6, mlflow=12.0, p99_ms=25.0),
    "get": Target(floor=0.5, mlflow=12.0, p99_ms=15.0),
    "list_50": Target(floor=0.6, mlflow=30.0),
    "history_1000": Target(mlflow=30.0),
}


def table(results: dict[str, Any]) -> str:
    """One line for each target."""
    peers = results.get("mlflow", {})
    lines = []
    for call, target in TARGETS.items():
        at = f"{call}@{CLIENTS}"
        if at in results["calls"]:
            lines += _of_call(at, target, results["calls"][at], peers.get(at))
    return "\n".join([*lines, *_of_ingest(results["ingest"], peers.get(f"ingest@{CLIENTS}"))])


def _of_call(
    at: str, target: Target, measured: dict[str, Any], peer: dict[str, float] | None
) -> list[str]:
    ours = measured["ours"]
    lines = []
    if target.floor is not None:
        lines.append(
            line(
                f"{at}, of the lean floor",
                measured["ours_of_floor"]["requests_per_second"],
                target.floor,
            )
        )
    if target.mlflow is not None and peer is not None:
        times = ours["requests_per_second"] / peer["requests_per_second"]
        lines.append(line(f"{at}, times MLflow", times, target.mlflow))
    if target.p99_ms is not None:
        lines.append(line(f"{at}, p99 ms", ours["p99_ms"], target.p99_ms, at_most=True))
    return lines


def _of_ingest(measured: dict[str, Any], peer: dict[str, float] | None) -> list[str]:
    rate = measured["ours"]["points_per_second"]
    lines = [line("ingest, points a second, one connection", rate, INGEST_POINTS_PER_SECOND)]
    if peer is not None:
        times = rate / (peer["requests_per_second"] * POINTS_A_BATCH)
        lines.append(line("ingest, times MLflow's log-batch", times, INGEST_TIMES_MLFLOW))
    return lines


def line(name: str, value: float, target: float, *, at_most: bool = False) -> str:
    """A measured value beside its target."""
    reached = value <= target if at_most else value >= target
    sign = "<=" if at_most else ">="
    verdict = "reached" if reached else "missed"
    return f"{name:44}{value:12.2f}  {sign} {target:<10g} {verdict}"
