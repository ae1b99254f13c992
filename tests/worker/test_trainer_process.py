"""What a trainer is told on its command line."""

from tests.worker.conftest import Bench


def test_the_trainer_gets_the_worker_s_memory_for_pictures(bench: Bench) -> None:
    bench.settings.image_cache_bytes = 12_345
    job_id = bench.submit()
    bench.run(
        trainer=bench.script(
            "print('cache', arguments['--image-cache'])\n"
            "say('finished', step=1, result={'test_accuracy': 1.0})"
        )
    )
    assert "cache 12345" in bench.log(job_id)
