"""The trainer as a child process behind its guard: starting it, its pipes, the ladder to end it.

Nobody here waits for a guard or a keeper without a limit: what is stopped hears nothing.
"""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from jobs.settings import Settings
from netaug_core.cores import usable_cores
from worker.burial import BURIAL_SECONDS, MARKER, Burial, bearing
from worker.devices import VISIBLE
from worker.limits import Limits
from worker.remarks import Remarks

GUARD = Path(__file__).parent / "guard.py"
SPEC_FILE = "spec.json"
CONTROL_FILE = "control"
OUTPUT_DIR = "output"
INPUTS_DIR = "inputs"

# What a trainer may know of its surroundings: no address, no credential of the service.
INHERITED = (
    *("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "PYTHONPATH"),
    *("CUDA_VISIBLE_DEVICES", "CUDA_HOME", "NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES"),
    *("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"),
)
# glibc returns and faults in freed blocks at every step by default: a fifth of a CPU step's time.
MALLOC = {
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 31),
    "MALLOC_TOP_PAD_": str(1 << 26),
}


# Threads that wait for each other sleep instead of spinning: two trainers that share cores would
# otherwise slow each other down tenfold.
THREADS = {"OMP_WAIT_POLICY": "PASSIVE"}
# The driver's tool counts the GPUs by their place on the bus; CUDA, on its own, the fastest first.
GPU_ORDER = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
DATA_ROOM = 2  # memory that a process may ask for, and never touch, beside what it may use
# What a keeper gets to kill the attempt when its pipe ends; then it is killed itself.
HASTE_SECONDS = 0.5
LOOK_SECONDS = 0.01
# The program that trains; everything else on its command line is made from the attempt.
TRAINER = (sys.executable, "-m", "netaug_core", "train")
STANDBY = (sys.executable, "-m", "netaug_core", "standby")


@dataclass(frozen=True)
class Devices:
    """How many GPUs a job asked for (None: what there is), and which its trainer may see."""

    num_gpus: int | None = None
    visible: str | None = None  # CUDA_VISIBLE_DEVICES; None: as this process has it

    def arguments(self) -> list[str]:
        """Later options win over the worker's own."""
        if self.num_gpus == 0:
            return ["--device", "cpu"]
        return ["--devices", str(self.num_gpus)] if self.are_many else []

    @property
    def are_many(self) -> bool:
        return self.num_gpus is not None and self.num_gpus > 1

    def environment(self) -> dict[str, str]:
        return {} if self.visible is None else {VISIBLE: self.visible}


@dataclass(frozen=True)
class WorkDir:
    """One attempt's directory: what the trainer reads, and what it writes."""

    path: Path

    @property
    def spec(self) -> Path:
        return self.path / SPEC_FILE

    @property
    def output(self) -> Path:
        return self.path / OUTPUT_DIR

    @property
    def inputs(self) -> Path:
        """Models of other jobs; only made for a spec that names one."""
        return self.path / INPUTS_DIR

    @property
    def control(self) -> Path:
        return self.path / CONTROL_FILE

    @property
    def uploads(self) -> Path:
        return self.path / "uploads"


ANY_DEVICE = Devices()


class TrainerProcess:
    """A running trainer. Call `close` at the end, whatever happened."""

    def __init__(
        self,
        work: WorkDir,
        limits: Limits,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        alive_until: float,
        orders: int | None = None,
    ) -> None:
        """`command` is given the descriptor of its events; `orders` is one that it names itself."""
        events_read, events_write = os.pipe()
        try:
            remarks_read, remarks_write = os.pipe()
        except OSError:
            os.close(events_read)
            os.close(events_write)
            raise
        guard = [sys.executable, "-I", "-S", str(GUARD), str(alive_until), limits.text()]
        guard += [str(remarks_write), "--", *command, "--events-fd", str(events_write)]
        handed_on = [events_write, remarks_write, *([] if orders is None else [orders])]
        try:
            self._guard = subprocess.Popen(  # noqa: S603  # our own command line
                guard,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=handed_on,
                env={**_environment(work), **environment},
                cwd=work.path,
                start_new_session=True,
            )
        except OSError:
            os.close(events_read)
            os.close(remarks_read)
            raise
        finally:
            os.close(events_write)
            os.close(remarks_write)
        self._burial: Burial | None = None
        self._work = work
        self.remarks = Remarks(remarks_read)
        self.events: IO[bytes] = os.fdopen(events_read, "rb", buffering=0)

    @property
    def output(self) -> IO[bytes]:
        """What the trainer prints."""
        assert self._guard.stdout is not None  # noqa: S101  # it was opened as a pipe
        return self._guard.stdout

    @property
    def pid(self) -> int:
        """The guard's process id."""
        return self._guard.pid

    @property
    def is_guarded(self) -> bool:
        return self._guard.poll() is None

    def exit_code(self) -> int | None:
        """None while anything of the attempt may still run, but for what does not die."""
        code = self._guard.poll()
        if code is None:
            if self._is_overdue:
                self.destroy()
            return None
        if code < 0:  # it was killed
            self._burial = self._burial or Burial(self._work.path, self.remarks)
            return code if self._burial.is_over() else None
        return code

    @property
    def _is_overdue(self) -> bool:
        """Whether guard and keeper let a deadline pass that they knew, and did not end."""
        until = self.remarks.read().until
        return until is not None and boottime() > until + BURIAL_SECONDS

    def keep_alive(self, until: float) -> None:
        """Let the attempt live until this time on CLOCK_BOOTTIME."""
        self._tell(f"until {until}")

    def has_heard(self, until: float, *, within_s: float) -> bool:
        """Wait until the keeper has heard this deadline; False if it has not by then."""
        give_up_at = min(until, boottime() + within_s)
        while self.remarks.read().until != until:
            if boottime() >= give_up_at or self._guard.poll() is not None:
                return False
            time.sleep(LOOK_SECONDS / 10)
        return boottime() < until

    def ask(self, wish: str) -> None:
        """Set the flag that the trainer looks at: `stop` or `leave`. The newest wish counts."""
        temporary = self._work.control.with_suffix(".new")
        temporary.write_text(wish)
        temporary.rename(self._work.control)

    def terminate(self) -> None:
        """SIGTERM to the trainer's process group."""
        self._tell("terminate")

    def kill(self) -> None:
        """SIGKILL to the trainer's process group; the guard kills whatever else it left."""
        self._tell("kill")

    def destroy(self) -> None:
        """SIGKILL to every process of the attempt, its guard and keeper included."""
        self._destroy_kept()
        self._guard.kill()

    def _destroy_kept(self) -> None:
        for process in bearing(self._work.path):
            if process.pid != self.pid:
                process.kill()

    def _tell(self, line: str) -> None:
        assert self._guard.stdin is not None  # noqa: S101  # it was opened as a pipe
        # A guard that has ended reads no more; its exit code tells.
        with contextlib.suppress(BrokenPipeError, ValueError):
            self._guard.stdin.write(f"{line}\n".encode())
            self._guard.stdin.flush()

    def close(self) -> None:
        """End everything that still runs, and wait until it has gone."""
        assert self._guard.stdin is not None  # noqa: S101  # it was opened as a pipe
        with contextlib.suppress(BrokenPipeError):
            self._guard.stdin.close()  # guard and keeper kill the attempt when their pipe ends
        self._end()
        if not self.remarks.read().stuck:  # else a reader still waits for what has not ended
            self.events.close()
            self.output.close()
        self.remarks.close()

    def _end(self) -> None:
        """Each gets its time: the keeper, the guard, the burial of what a killed guard left."""
        for seconds, then in (
            (HASTE_SECONDS, self._destroy_kept),
            (BURIAL_SECONDS, self.destroy),
            (2 * BURIAL_SECONDS, self._give_up),
        ):
            give_up_at = time.monotonic() + seconds
            while time.monotonic() < give_up_at:
                if self.exit_code() is not None:
                    return
                time.sleep(LOOK_SECONDS)
            then()

    def _give_up(self) -> None:
        """The guard itself does not die."""
        self.remarks.stuck = self.remarks.stuck or (self.pid,)


def limits_of(work: WorkDir, settings: Settings, devices: Devices) -> Limits:
    """What an attempt in this directory may use."""
    on_cpu = settings.device == "cpu" or devices.num_gpus == 0
    return Limits(
        directory=str(work.path),
        memory_bytes=settings.trainer_memory_bytes,
        processes=settings.trainer_processes,
        disk_bytes=settings.trainer_disk_bytes,
        # CUDA reserves address space by the hundred gigabytes.
        data_bytes=DATA_ROOM * settings.trainer_memory_bytes if on_cpu else 0,
        open_files=settings.trainer_open_files,
    )


def boottime() -> float:
    """Seconds on a clock that no process can stop and that counts suspended time."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def arguments_of(
    work: WorkDir, settings: Settings, devices: Devices, resume: Path | None
) -> list[str]:
    """The trainer's command line, but for its events."""
    threads = settings.trainer_threads or usable_cores()
    arguments = [str(work.spec), "--out", str(work.output), "--control", str(work.control)]
    arguments += ["--device", settings.device]
    arguments += ["--threads", str(threads), "--loader-workers", str(settings.loader_workers)]
    arguments += ["--image-cache", str(settings.image_cache_bytes)]
    for root in settings.data_roots:
        arguments += ["--data", str(root)]
    if work.inputs.is_dir():
        arguments += ["--inputs", str(work.inputs)]
    if resume is not None:
        arguments += ["--resume", str(resume)]
    return [*arguments, *devices.arguments()]


def _environment(work: WorkDir) -> dict[str, str]:
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    places = dict.fromkeys(("HOME", "TMPDIR", MARKER), str(work.path))
    return {**inherited, **MALLOC, **THREADS, **GPU_ORDER, **places}
