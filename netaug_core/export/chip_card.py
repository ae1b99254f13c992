"""The card's section on the network in 8-bit integers: what a chip computes, and what it needs."""

from typing import Any

from netaug_core.export.integer_reports import IntegerReport, IntegersReport

HEAD = (
    "Quantised after training. All of these run the same integers; the logits are compared one by "
    "one with the integer reference. Instructions are executed ones, of an emulator: not cycles."
)


def sections(certificate: dict[str, Any]) -> list[str]:
    """None, or one for a spec that asks for integers."""
    if certificate["integers"] is None:
        return []
    report = IntegersReport.model_validate(certificate["integers"])
    return ["## On a chip, int8\n\n" + "\n".join([*_facts(report), "", HEAD, "", *_runs(report)])]


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
    test = "" if run.self_test is None else f"PASS, CRC {run.crc:08x}"
    needs = [run.instructions, run.flash_bytes, run.stack_bytes]
    told = " | ".join("" if value is None else f"{value:,}" for value in needs)
    return f"| {where} | {run.num_images} | {differ} | {test} | {told} |"
