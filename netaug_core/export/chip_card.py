"""The card's section on the network in 8-bit integers: what a chip computes, and what it needs."""

from typing import Any

from netaug_core.export.integer_reports import IntegerReport, IntegersReport
from netaug_core.sections.target import Limits, TargetSpec

HEAD = (
    "Quantised after training. All of these run the same integers; the logits are compared one by "
    "one with the integer reference. Instructions are executed ones, of an emulator: not cycles."
)


def sections(certificate: dict[str, Any], target: dict[str, Any] | None) -> list[str]:
    """None, or one for a spec that asks for integers; `target` is the spec's."""
    if certificate["integers"] is None:
        return []
    report = IntegersReport.model_validate(certificate["integers"])
    facts = _facts(report)
    if target is not None:
        facts += _beside(TargetSpec.model_validate(target).limits(), report)
    return ["## On a chip, int8\n\n" + "\n".join([*facts, "", HEAD, "", *_runs(report)])]


def _facts(report: IntegersReport) -> list[str]:
    score = report.score
    return [
        "| | |",
        "|---|---|",
        f"| {score.name}, int8 | {score.value:.2%}, against {score.expected:.2%} in float32, on "
        f"{score.num_images} test images |",
        f"| activations | {report.arena_bytes:,} bytes in one arena; no plan needs less than "
        f"{report.arena_lower_bound_bytes:,}, the tensors alive at {report.peak_layer} |",
    ]


def _beside(limits: Limits, report: IntegersReport) -> list[str]:
    """What the target has, and what was measured: on its own core, or one like it."""
    name = limits.board or "the target"
    ran = [run for run in report.runs if run.core is not None]
    own = [run for run in ran if (limits.core or "").startswith(str(run.core).lower())]
    if not ran:
        return [f"| {name} | not measured: no emulator ran |"]
    run = (own or ran)[0]
    memory = report.arena_bytes + (run.stack_bytes or 0)
    needs = [("SRAM", memory, limits.sram_bytes), ("flash", run.flash_bytes, limits.flash_bytes)]
    told = [f"{what} {used:,} of {most:,} bytes" for what, used, most in needs if used and most]
    return [f"| {name} | {', '.join(told) or 'no limit on memory'}; measured on a {run.core} |"]


def _runs(report: IntegersReport) -> list[str]:
    head = "| where | images | logits that differ | self-test | instructions | flash | stack |"
    return [head, "|---|---|---|---|---|---|---|", *map(_run, report.runs)]


def _run(run: IntegerReport) -> str:
    where = run.name if run.core is None else f"{run.name} ({run.core})"
    if run.not_run is not None:
        return f"| {where} | not run: {run.not_run} | | | | | |"
    differ = str(run.num_different)
    if run.num_different:
        differ += f", by up to {run.max_steps} {'step' if run.max_steps == 1 else 'steps'}"
    verdict = "PASS" if run.self_test else "FAIL"
    test = "" if run.self_test is None else f"{verdict}, CRC {run.crc:08x}"
    needs = [run.instructions, run.flash_bytes, run.stack_bytes]
    told = " | ".join("" if value is None else f"{value:,}" for value in needs)
    return f"| {where} | {run.num_images} | {differ} | {test} | {told} |"
