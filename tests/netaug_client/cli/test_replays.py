import pytest

from netaug_client.cli import replays
from netaug_client.models import Lock
from netaug_client.replay import Comparison, Gap, Verdict

LOCK = Lock(job_id="job_1", spec={}, seed=0, dataset="digits", model_sha256="ab" * 32)


def test_an_identical_replay_is_told_by_the_digest(capsys: pytest.CaptureFixture[str]) -> None:
    replays.print_comparison(Comparison(Verdict.IDENTICAL, 9, None, None), LOCK, 1e-3)
    told = f"identical: model.safetensors has SHA-256 {'ab' * 32} in both\n"
    assert capsys.readouterr().out == told


def test_a_different_one_by_the_steps(capsys: pytest.CaptureFixture[str]) -> None:
    first = Gap("train_loss", 20, 1.5, 1.5001, 6.6664e-5)
    most = Gap("test_accuracy", 40, 0.91, 0.9, 0.01)
    replays.print_comparison(Comparison(Verdict.DIFFERS, 9, first, most), LOCK, 1e-3)
    assert capsys.readouterr().out.splitlines() == [
        "differs: model.safetensors is another; 9 values were measured by both",
        "first differs at step 20: train_loss was 1.5, now 1.5001 (6.67e-05 apart)",
        "differs most at step 40: test_accuracy was 0.91, now 0.9 (0.01 apart)",
        "tolerance 0.001",
    ]
