"""`python -m tests.faults.process worker|dispatcher|api`: a real process, prepared for a fault.

The worker is given the scripted trainer; nothing else of it is changed, but for what is asked:
`--failpoint FILE` lets it die at the point that the file names, `--reborn` starts it again after
such a death (by a fork: it has everything imported), `--skew SECONDS` makes its wall clock wrong,
`--load-s SECONDS` is what its warm trainers take to load.
"""

import argparse
import ctypes
import importlib
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

TRAINER = Path(__file__).parent / "chain_trainer.py"
MODULES = {"worker": "worker.__main__", "dispatcher": "worker.dispatcher", "api": "api.__main__"}
PR_SET_PDEATHSIG = 1
PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", choices=MODULES)
    parser.add_argument("--witness", type=Path, help="where trainers write down when they lived")
    parser.add_argument("--load-s", default="0.1", help="what a warm trainer takes to load")
    parser.add_argument("--failpoint", type=Path, help="the file that names where to die")
    parser.add_argument("--reborn", action="store_true", help="live again after each such death")
    parser.add_argument("--skew", type=float, default=0.0, help="of the wall clock, in seconds")
    options, rest = parser.parse_known_args()
    if options.skew:
        from tests.faults import clocks

        clocks.skew(options.skew)
    if options.failpoint is not None:
        from tests.faults.failpoints import Failpoints

        Failpoints(options.failpoint).install()
    run = importlib.import_module(MODULES[options.role]).main
    sys.argv = [options.role, *rest]

    def live() -> int:
        if options.role == "worker" and options.witness is not None:
            _train_by_script(options.witness, options.load_s)
        return int(run())

    return _live_again_and_again(live) if options.reborn else live()


def _live_again_and_again(live: Callable[[], int]) -> int:
    """Fork, and fork again whenever the child died at a failpoint; else end with its code."""
    from tests.faults.failpoints import KILLED

    while True:
        signal.pthread_sigmask(signal.SIG_BLOCK, PASSED_ON)
        child = os.fork()
        if child == 0:
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            for which in PASSED_ON:
                signal.signal(which, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON)
            return live()
        for which in PASSED_ON:
            signal.signal(which, lambda number, _frame, child=child: os.kill(child, number))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code != KILLED:
            return code


def _train_by_script(witness: Path, load_s: str) -> None:
    from jobs import db
    from jobs.settings import settings
    from jobs.storage import Storage
    from worker import tasks
    from worker.draining import Draining
    from worker.stuck import Stuck
    from worker.supervisor import Platform
    from worker.trainers import WarmTrainers

    configured = settings()
    engine = db.create_engine(
        configured.database_url.get_secret_value(),
        pool_size=tasks.POOL_SIZE,
        answer_timeout_s=configured.database_answer_seconds,
    )
    program = (sys.executable, "-I", "-S", str(TRAINER), "--witness", str(witness))
    stuck = Stuck()
    warm = WarmTrainers(configured, stuck, (*program, "--load-s", load_s))
    platform = Platform(
        engine,
        Storage.open(configured),
        configured,
        Draining(),
        program,
        warm if configured.warm_trainers else None,
        stuck=stuck,
    )
    tasks.platform = lambda: platform  # type: ignore[assignment]  # it is cached elsewhere
    _name_attempts()


def _name_attempts() -> None:
    """A warm trainer's directory does not tell whose attempt it is, and its witness must know."""
    from jobs.lifecycle import Claim
    from tests.faults.chain_trainer import ATTEMPT_FILE
    from worker import supervisor
    from worker.supervisor import Platform
    from worker.trainers import Trainer

    make = supervisor._trainer

    def named(claim: Claim, platform: Platform) -> Trainer:
        trainer = make(claim, platform)
        name = f"{claim.job.id}-{claim.job.attempt}"
        (trainer.work.path / ATTEMPT_FILE).write_text(name)
        return trainer

    supervisor._trainer = named


if __name__ == "__main__":
    sys.exit(main())
