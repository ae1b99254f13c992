"""The guard with real processes: whatever happens to its supervisor, nothing stays behind."""

import ctypes
import errno
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from worker.guard import NAMESPACE, SUBREAPER
from worker.limits import DISK, MEMORY, PROCESSES, Limits
from worker.process_table import descendants
from worker.remarks import Remarks
from worker.stuck import Stuck
from worker.trainer_process import GUARD, boottime

# Has a grandchild in a session of its own, then lives for an hour.
FAMILY = """
import os, subprocess, sys, time
child = subprocess.Popen(["sleep", "3600"], start_new_session=True)
print("ready", flush=True)
time.sleep(3600)
"""
BOMB = """
import os
while True:
    try:
        os.fork()
    except OSError:
        pass
"""
PR_CAPBSET_DROP = 24
CAP_SYS_PTRACE, CAP_SYS_ADMIN, CAP_PERFMON = 19, 21, 38
# Takes more memory than it may, and shows nobody but root how much of it is shared.
HIDES = """
import ctypes, time
PR_SET_DUMPABLE = 4
ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
held = b"x" * 80_000_000
time.sleep(5)
"""

libc = ctypes.CDLL(None)


class Guard(subprocess.Popen[bytes]):
    """A guard whose remarks can be read."""

    remarks: Remarks


Start = Callable[..., Guard]


def drop_rights(isolation: str) -> None:
    # As a worker that is not root: it may not look into whatever process it likes.
    for right in (CAP_SYS_PTRACE, CAP_PERFMON, *([CAP_SYS_ADMIN] * (isolation == SUBREAPER))):
        libc.prctl(PR_CAPBSET_DROP, right, 0, 0, 0)


@pytest.fixture(params=[NAMESPACE, SUBREAPER])
def isolation(request: pytest.FixtureRequest) -> str:
    if request.param == NAMESPACE and os.geteuid() != 0:
        pytest.skip("only root may make a PID namespace")
    return str(request.param)


@pytest.fixture
def start(isolation: str) -> Iterator[Start]:
    """Starts guards around Python scripts, and ends what is left of them."""
    guards: list[Guard] = []

    def start_one(script: str, *, seconds: float = 60.0, limits: Limits | None = None) -> Guard:
        remarks, pipe = os.pipe()
        given = (str(boottime() + seconds), (limits or Limits()).text(), str(pipe))
        guard = Guard(
            [
                *(sys.executable, "-I", "-S", str(GUARD), *given, "--"),
                *(sys.executable, "-c", script),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=(pipe,),
            start_new_session=True,
            preexec_fn=lambda: drop_rights(isolation),
        )
        os.close(pipe)
        guard.remarks = Remarks(remarks)
        guards.append(guard)
        return guard

    yield start_one
    for guard in guards:
        with guard:  # closes the pipes: the guard kills its trainer then
            pass
        guard.remarks.close()


def family_of(guard: Guard) -> list[psutil.Process]:
    """All processes below the guard, once the trainer says that it is ready."""
    assert guard.stdout is not None
    assert guard.stdout.readline() == b"ready\n"
    return psutil.Process(guard.pid).children(recursive=True)


def assert_gone(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=10)
    assert alive == []


def tell(guard: Guard, line: str) -> None:
    assert guard.stdin is not None
    guard.stdin.write(f"{line}\n".encode())
    guard.stdin.flush()


def heard(guard: Guard) -> float:
    """The deadline that the keeper has, once it has been told one."""
    give_up_at = time.monotonic() + 10
    while (until := guard.remarks.read().until) is None:
        assert time.monotonic() < give_up_at
    return until


def test_the_exit_code_of_the_trainer_is_handed_on(start: Start) -> None:
    assert start("raise SystemExit(67)").wait(10) == 67


def test_a_signal_that_ends_the_trainer_is_told_as_128_plus_its_number(start: Start) -> None:
    guard = start("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    assert guard.wait(10) == 128 + signal.SIGSEGV


def test_the_end_of_the_supervisors_pipe_kills_the_trainer_and_its_grandchildren(
    start: Start,
) -> None:
    guard = start(FAMILY)
    processes = family_of(guard)
    assert guard.stdin is not None
    guard.stdin.close()
    assert guard.wait(10) == 128 + signal.SIGKILL
    assert_gone(processes)


def test_a_frozen_supervisor_loses_the_attempt_at_the_deadline(start: Start) -> None:
    guard = start(FAMILY, seconds=1.0)  # and no word ever after
    processes = family_of(guard)
    assert guard.wait(10) == 128 + signal.SIGKILL
    assert_gone(processes)


def test_without_a_deadline_it_waits_for_the_trainer(start: Start) -> None:
    guard = start("import sys; print('ready', flush=True); sys.exit(7)", seconds=math.inf)
    assert guard.wait(10) == 7


def test_a_deadline_can_be_set_later(start: Start) -> None:
    guard = start(FAMILY, seconds=math.inf)
    processes = family_of(guard)
    tell(guard, f"until {boottime() + 0.5}")
    assert guard.wait(10) == 128 + signal.SIGKILL
    assert_gone(processes)


def test_a_later_deadline_lets_the_trainer_live(start: Start) -> None:
    guard = start("import time; time.sleep(1.5); raise SystemExit(7)", seconds=1.0)
    tell(guard, f"until {boottime() + 60}")
    assert guard.wait(10) == 7


def test_what_a_trainer_leaves_behind_is_killed_after_it_ended_well(start: Start) -> None:
    guard = start(FAMILY.replace("time.sleep(3600)", "sys.stdin.read(); time.sleep(0.5)"))
    family = family_of(guard)
    assert guard.wait(10) == 0
    assert_gone(family)


def test_terminate_reaches_the_whole_process_group(start: Start) -> None:
    guard = start(
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(75))\n"
        "print('0', flush=True)\n"
        "time.sleep(3600)"
    )
    assert guard.stdout is not None
    guard.stdout.readline()
    tell(guard, "terminate")
    assert guard.wait(10) == 75


def test_kill_ends_a_trainer_that_ignores_sigterm(start: Start) -> None:
    guard = start(
        "import signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('0', flush=True)\n"
        "time.sleep(3600)"
    )
    assert guard.stdout is not None
    guard.stdout.readline()
    tell(guard, "terminate")
    tell(guard, "kill")
    assert guard.wait(10) == 128 + signal.SIGKILL


def test_killing_the_guard_kills_the_trainer_and_its_grandchildren(start: Start) -> None:
    guard = start(FAMILY)
    family = family_of(guard)
    guard.kill()
    guard.wait(10)
    assert_gone(family)


def test_killing_the_keeper_kills_the_trainer_and_its_grandchildren(start: Start) -> None:
    guard = start(FAMILY)
    family = family_of(guard)
    family[0].kill()
    assert guard.wait(10) == 128 + signal.SIGKILL
    assert_gone(family)


def test_killing_the_guards_whole_group_kills_the_trainer_and_its_grandchildren(
    start: Start,
) -> None:
    # fails if the keeper is in that group: without a namespace the grandchild lives on
    guard = start(FAMILY)
    family = family_of(guard)
    os.killpg(guard.pid, signal.SIGKILL)
    guard.wait(10)
    assert_gone(family)


def test_a_stopped_keeper_cannot_make_the_attempt_outlive_the_deadline(start: Start) -> None:
    guard = start(FAMILY, seconds=60.0)
    family = family_of(guard)
    tell(guard, f"until {boottime() + 1.0}")
    heard(guard)
    family[0].suspend()
    tell(guard, f"until {boottime() + 60.0}")  # it does not hear that
    assert guard.wait(10) == 128 + signal.SIGKILL
    assert_gone(family)


def test_the_end_of_the_supervisors_pipe_ends_an_attempt_whose_keeper_is_stopped(
    start: Start,
) -> None:
    guard = start(FAMILY)
    family = family_of(guard)
    family[0].suspend()
    assert guard.stdin is not None
    guard.stdin.close()
    assert guard.wait(10) == 128 + signal.SIGKILL
    assert_gone(family)


def test_the_guard_tells_how_the_attempt_is_held_together(start: Start, isolation: str) -> None:
    guard = start("pass")
    assert guard.wait(10) == 0
    assert guard.remarks.read().isolation == isolation


def test_in_a_namespace_the_trainer_sees_no_process_but_its_own(
    start: Start, isolation: str
) -> None:
    guard = start("import os; print(len([n for n in os.listdir('/proc') if n.isdigit()]))")
    assert guard.stdout is not None
    seen = int(guard.stdout.readline())
    assert (seen == 2) is (isolation == NAMESPACE)


def test_a_trainer_that_forks_without_end_is_ended_and_the_limit_told(start: Start) -> None:
    guard = start(BOMB, limits=Limits(processes=50))
    assert guard.wait(30) == 128 + signal.SIGKILL
    excess = guard.remarks.read().excess
    assert excess is not None
    assert (excess.limit, excess.allowed) == (PROCESSES, 50)


def test_a_trainer_that_has_used_many_process_ids_may_start_as_many_as_allowed(
    start: Start,
) -> None:
    # fails if the ids that the kernel gives out once only count among those of the trainer
    guard = start(
        "import os, time\n"
        "for n in range(400):\n"
        "    if not os.fork(): os._exit(0)\n"
        "    os.wait()\n"
        "for n in range(40):\n"
        "    if not os.fork(): time.sleep(3600)\n",
        limits=Limits(processes=50),
    )
    assert guard.wait(30) == 0


def test_memory_of_all_processes_together_is_limited(start: Start) -> None:
    # Two processes of 40 MB, each below the limit.
    guard = start(
        "import os, time\nos.fork()\nheld = b'x' * 40_000_000\ntime.sleep(3600)",
        limits=Limits(memory_bytes=64_000_000),
    )
    assert guard.wait(30) == 128 + signal.SIGKILL
    excess = guard.remarks.read().excess
    assert excess is not None
    assert (excess.limit, excess.allowed) == (MEMORY, 64_000_000)


def test_shared_pages_count_once(start: Start) -> None:
    guard = start(
        "import os, time\nheld = b'x' * 40_000_000\nos.fork()\ntime.sleep(1)",
        limits=Limits(memory_bytes=64_000_000),
    )
    assert guard.wait(30) == 0


def test_memory_is_limited_where_the_kernel_does_not_tell_what_is_shared(start: Start) -> None:
    # fails if smaps_rollup that cannot be read counts as no memory
    guard = start(HIDES, limits=Limits(memory_bytes=64_000_000))
    assert guard.wait(30) == 128 + signal.SIGKILL
    excess = guard.remarks.read().excess
    assert excess is not None
    assert excess.limit == MEMORY


def test_processes_that_end_while_they_are_looked_for_are_left_out() -> None:
    # fails if one that ended before its threads were listed is an error: the guard died of it
    forks = subprocess.Popen(["sh", "-c", "while :; do true & /bin/true; done"])
    try:
        for _ in range(2000):
            assert forks.pid in list(descendants(os.getpid()))
    finally:
        forks.kill()
        forks.wait()


def test_what_cannot_be_measured_is_known_from_what_has_ended() -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    blind = (
        "import os, resource\nfrom worker.limits import unmeasured\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))\n"  # it can read no file any more
        f"print(unmeasured([{ended.pid}, os.getpid()]) == [os.getpid()])"
    )
    told = subprocess.run([sys.executable, "-c", blind], capture_output=True, text=True, check=True)
    assert told.stdout == "True\n"


def test_files_are_limited_together_and_each(start: Start, tmp_path: Path) -> None:
    written = f"open({str(tmp_path)!r} + '/%d' % n, 'wb').write(b'x' * 600_000)"
    limits = Limits(directory=str(tmp_path), disk_bytes=1_000_000)
    guard = start(f"import time\nfor n in range(2): {written}\ntime.sleep(3600)", limits=limits)
    assert guard.wait(30) == 128 + signal.SIGKILL
    excess = guard.remarks.read().excess
    assert excess is not None
    assert excess.limit == DISK
    single = start(
        f"n = 3\ntry: {written.replace('600_000', '2_000_000')}\n"
        "except OSError as error: raise SystemExit(error.errno)",
        limits=limits,
    )
    assert single.wait(30) in {errno.EFBIG, 128 + signal.SIGKILL}


def test_a_trainer_gets_no_core_dumps_and_no_new_rights(start: Start) -> None:
    guard = start(
        "import resource\nprint(resource.getrlimit(resource.RLIMIT_CORE),"
        " resource.getrlimit(resource.RLIMIT_NOFILE)[0],"
        " 'NoNewPrivs:\\t1' in open('/proc/self/status').read())",
        limits=Limits(open_files=77),
    )
    assert guard.stdout is not None
    assert guard.stdout.readline() == b"(0, 0) 77 True\n"


def test_what_cannot_be_killed_is_told(start: Start, freezer: Path) -> None:
    guard = start(FAMILY)
    *_, grandchild = family_of(guard)
    (freezer / "cgroup.procs").write_text(str(grandchild.pid))
    (freezer / "freezer.state").write_text("FROZEN")
    tell(guard, "kill")
    assert guard.wait(60) == 128 + signal.SIGKILL
    assert grandchild.pid in guard.remarks.read().stuck
    stuck = Stuck()
    stuck.add("job_x", (grandchild.pid,))
    assert stuck.alive() == [{"pid": grandchild.pid, "job_id": "job_x"}]
    (freezer / "freezer.state").write_text("THAWED")
    assert_gone([grandchild])
    assert stuck.alive() == []


def test_sigterm_to_the_guard_alone_changes_nothing(start: Start) -> None:
    guard = start("import time; time.sleep(0.5); raise SystemExit(3)")
    deadline = time.monotonic() + 5
    while b"guard.py" not in Path(f"/proc/{guard.pid}/cmdline").read_bytes():
        assert time.monotonic() < deadline
    # The handler is set before the trainer is started.
    while not psutil.Process(guard.pid).children():
        assert time.monotonic() < deadline
    os.kill(guard.pid, signal.SIGTERM)
    assert guard.wait(10) == 3
