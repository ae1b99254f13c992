"""Where a run stands, read back from checkpoints."""

import torch

from netaug_core.training.state import Best, RunState


def test_a_checkpoint_from_before_other_tasks_still_has_its_best() -> None:
    state = RunState(best=Best(2, 0.5, 1.5, {"w": torch.ones(1)})).state_dict()
    state["best"]["accuracy"] = state["best"].pop("score")

    best = RunState.from_state_dict(state).best

    assert best is not None
    assert (best.epoch, best.score, best.loss) == (2, 0.5, 1.5)
