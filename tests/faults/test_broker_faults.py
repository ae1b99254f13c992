"""Row 5: Redis killed, emptied, frozen, full or locked: submits go on, no job waits for ever."""

import signal
from collections.abc import Callable
from http import HTTPStatus

import pytest
import redis

from tests.faults.installation import Installation, chain_spec
from tests.servers import Redis

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

AT_ONCE_S = 10.0  # far below what a publisher waits for a frozen broker
Fault = Callable[[Redis], None]


def kill(server: Redis) -> None:
    server.stop(signal.SIGKILL)


def freeze(server: Redis) -> None:
    server.send_signal(signal.SIGSTOP)


def thaw(server: Redis) -> None:
    server.send_signal(signal.SIGCONT)


def fill(server: Redis) -> None:
    with redis.Redis.from_url(server.url) as client:
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", "1")


def free(server: Redis) -> None:
    with redis.Redis.from_url(server.url) as client:
        client.config_set("maxmemory", "0")


def lock(server: Redis) -> None:
    """Another password, and everyone must log in again."""
    with redis.Redis.from_url(server.url) as client:
        client.config_set("requirepass", "another")
        client.client_kill_filter(_type="normal", skipme=True)


def unlock(server: Redis) -> None:
    with redis.Redis.from_url(server.url, password="another") as client:  # noqa: S106  # set above
        client.config_set("requirepass", "")


FAULTS: dict[str, tuple[Fault, Fault]] = {
    "killed": (kill, Redis.start),
    "frozen": (freeze, thaw),
    "full": (fill, free),
    "wrong password": (lock, unlock),
}


def test_a_submit_is_accepted_without_redis_and_runs_after_it_is_back(
    installation: Installation, own_redis: Redis
) -> None:
    processes = [installation.start("dispatcher"), installation.start("worker")]
    processes.append(installation.start_api())
    installation.until_final(installation.submit())
    for fault, (harm, cure) in FAULTS.items():
        harm(own_redis)
        answer = installation.call("POST", "/v1/jobs", chain_spec(), timeout_s=AT_ONCE_S)
        assert answer.status == HTTPStatus.ACCEPTED, fault
        job_id = installation.acknowledge(answer)
        installation.until(lambda: broker(installation) == "away", f"away is told: {fault}")
        cure(own_redis)

        installation.until_final(job_id)
        installation.until(lambda: broker(installation) == "ok", f"ok is told after: {fault}")
        installation.until_final(installation.submit())  # by a doorbell again
        assert [process.poll() for process in processes] == [None, None, None], fault


def broker(installation: Installation) -> str:
    return str(installation.call("GET", "/readyz").body["broker"])


def test_an_emptied_redis_loses_no_job(installation: Installation, own_redis: Redis) -> None:
    installation.start("dispatcher")
    installation.start_api()
    with redis.Redis.from_url(own_redis.url) as client:
        waiting = installation.submit()
        installation.until(lambda: client.keys("netaug*"), "the doorbell is in Redis")
        client.flushall()
        installation.start("worker")
        installation.until_final(waiting)
        client.flushall()  # with it goes whatever the broker keeps there to find its queue
        installation.until_final(installation.submit())
