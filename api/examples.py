"""An example for each operation of the OpenAPI document. A test checks them by its schemas."""

from dataclasses import asdict
from typing import Any

from api.schemas.presets import PresetSummary
from netaug_core import boards, preset_catalogue
from netaug_core.deployment import verdicts
from netaug_core.spec import JobSpec

JOB = "job_0199f1e6c2f47cc2a3f0b54d2a6c9e01"
KEY = "key_0199f1e6c2f47cc2a3f0b54d2a6c9e02"
ARTIFACT = "art_0199f1e6c2f47cc2a3f0b54d2a6c9e03"
DIGEST = "87ff0c9e40dc7e2c0e34e7257799c2e3f3aec1a016363bb11cad869ec428a826"
CREATED, STARTED = "2026-01-31T12:00:00Z", "2026-01-31T12:00:01Z"
CURSOR = "WzEyMF0"

JOB_SPEC: dict[str, Any] = {
    "name": "digits",
    "tags": ["example"],
    "model": {"name": "mobilenet_v2", "width": 0.35, "input_size": 28, "stem_stride": 1},
    "data": {"dataset": "digits", "batch_size": 64},
    "training": {"epochs": 12, "warmup_epochs": 1, "learning_rate": 0.1},
}
DETECTION_SPEC: dict[str, Any] = {
    "name": "fashion-scenes",
    "tags": ["example"],
    "task": "detection",
    "model": {"name": "mobilenet_v2", "width": 0.35, "input_size": 256},
    "detection": {"detector": "yolov3", "metric": "ap50"},
    "data": {"dataset": "fashion-scenes", "batch_size": 16},
    "training": {"epochs": 40, "warmup_epochs": 2, "learning_rate": 0.01},
}
SPECS = {
    "classification": {"summary": "A label for each picture.", "value": JOB_SPEC},
    "detection": {"summary": "Objects in boxes.", "value": DETECTION_SPEC},
}
COST = {
    "params": 413_194,
    "macs": 6_127_360,
    "peak_activation_bytes": 62_720,
    "peak_layer": "blocks.1.expand",
}
PROGRESS = {
    "step": 63,
    "total_steps": 216,
    "epoch": 3,
    "total_epochs": 12,
    "loss": 0.9,
    "score": 0.912,
    "score_name": "accuracy",
    "images_per_second": 2400.0,
    "eta_seconds": 5.0,
}
SUMMARY: dict[str, Any] = {
    "id": JOB,
    "name": "digits",
    "tags": ["example"],
    "status": "running",
    "model": "mobilenet_v2",
    "dataset": "digits",
    "attempt": 1,
    "progress": PROGRESS,
    "result": None,
    "created_at": CREATED,
    "started_at": STARTED,
    "finished_at": None,
}
ATTEMPT = {
    "attempt": 1,
    "worker": "gpu-server-1",
    "started_at": STARTED,
    "ended_at": None,
    "from_step": 0,
    "last_step": 63,
    "outcome": None,
    "failure_class": None,
    "message": None,
    "exit_code": None,
    "environment": None,
    "lost_steps": None,
    "lost_seconds": None,
}
RECEIPT = {
    "attempts": 1,
    "lost_steps": 0,
    "lost_seconds": 0.0,
    "equals_undisturbed": None,
    "statement": "there is no result to compare",
}
JOB_VIEW: dict[str, Any] = {
    **SUMMARY,
    "spec": JOB_SPEC,
    "cost": COST,
    "dataset_digest": DIGEST,
    "max_attempts": 3,
    "lost_attempts": 0,
    "cancel_requested_at": None,
    "stop_requested_at": None,
    "queue_position": None,
    "estimated_start_at": None,
    "waits_for": None,
    "seconds_used": 0.0,
    "failure": None,
    "attempts": [ATTEMPT],
    "receipt": RECEIPT,
}
LOCK = {
    "job_id": JOB,
    "spec": JOB_SPEC,
    "seed": 0,
    "dataset": "digits",
    "dataset_digest": DIGEST,
    "environment": {"device": "cpu", "threads": 2, "torch_version": "2.9.0"},
    "inputs": [],
    "model_sha256": DIGEST,
}
EVENT = {
    "seq": 2,
    "type": "state",
    "attempt": 1,
    "created_at": STARTED,
    "data": {"status": "running"},
}
METRIC = {"key": "train_loss", "step": 20, "epoch": 1, "value": 2.1, "epoch_end": True}
LOG_CHUNK = {"seq": 5, "attempt": 1, "created_at": STARTED, "text": "epoch 1: train_loss 2.1\n"}
FILE = {
    "id": ARTIFACT,
    "name": "model.onnx",
    "kind": "model",
    "media_type": "application/octet-stream",
    "description": "The tiny network for ONNX runtimes.",
    "size_bytes": 1_664_512,
    "sha256": DIGEST,
    "created_at": STARTED,
}
DATASET = {
    "name": "digits",
    "kind": "builtin",
    "num_classes": 10,
    "in_channels": 1,
    "description": "scikit-learn's 1,797 handwritten digits",
    "digest": DIGEST,
    "num_train": 1437,
    "num_test": 360,
}
PRESET = asdict(preset_catalogue.find("transfer/pets/mcunet"))
BOARD = asdict(boards.find("stm32f746g-disco"))
PROFILE = verdicts.report(
    JobSpec.model_validate({**JOB_SPEC, "target": {"sram_bytes": 40_000}}),
    num_classes=10,
    in_channels=1,
).facts()
KEY_VIEW = {
    "id": KEY,
    "name": "laptop",
    "scopes": ["submit"],
    "created_at": CREATED,
    "expires_at": None,
    "revoked_at": None,
    "last_used_at": None,
}
WORKER: dict[str, Any] = {
    "name": "worker-3fa9c1",
    "host": "gpu-server-1",
    "state": "ready",
    "gpus": 1,
    "devices": ["NVIDIA H100 80GB HBM3"],
    "slots": 2,
    "free": 1,
    "running": 1,
    "jobs": [JOB],
    "started_at": CREATED,
    "seen_at": STARTED,
}

# Of JSON answers, by operation and status. Answers of other types have theirs beside the route.
ANSWERS: dict[tuple[str, str], Any] = {
    ("create_job", "200"): {"spec": JOB_SPEC, "cost": COST},
    ("create_job", "202"): JOB_VIEW,
    ("list_jobs", "200"): {"items": [SUMMARY], "next_cursor": CURSOR},
    ("get_job", "200"): JOB_VIEW,
    ("cancel_job", "202"): JOB_VIEW | {"cancel_requested_at": STARTED},
    ("stop_job", "202"): JOB_VIEW | {"stop_requested_at": STARTED},
    ("retry_job", "202"): JOB_VIEW | {"status": "queued", "queue_position": 0},
    ("list_events", "200"): {"items": [EVENT], "next_cursor": None},
    ("list_metrics", "200"): {"items": [METRIC], "next_cursor": None},
    ("list_logs", "200"): {"items": [LOG_CHUNK], "next_cursor": None},
    ("get_lock", "200"): LOCK,
    ("list_artifacts", "200"): {"job_id": JOB, "items": [FILE]},
    ("list_datasets", "200"): {"items": [DATASET]},
    ("get_dataset", "200"): DATASET,
    ("list_presets", "200"): {
        "items": [{name: PRESET[name] for name in PresetSummary.model_fields}]
    },
    ("get_preset", "200"): PRESET,
    ("list_boards", "200"): {"items": [BOARD]},
    ("profile_spec", "200"): {**PROFILE, "layers": PROFILE["layers"][:2]},
    ("create_key", "201"): KEY_VIEW | {"secret": "nak_..."},
    ("list_keys", "200"): {"items": [KEY_VIEW]},
    ("get_quota", "200"): {
        **{"weight": 1, "queued": 3, "max_queued": 1000, "running": 2, "max_running": 4},
        **{"gpu_seconds_used": 7200.0, "max_gpu_seconds": None},
        **{"stored_bytes": 1_664_512, "max_stored_bytes": 10**10},
    },
    ("list_workers", "200"): {"items": [WORKER]},
    ("pause_worker", "202"): WORKER | {"state": "paused"},
    ("drain_worker", "202"): WORKER | {"state": "draining"},
    ("resume_worker", "202"): WORKER,
    ("get_spec_schema", "200"): {"title": "JobSpec", "type": "object"},
    ("get_health", "200"): {"status": "ok"},
    ("get_readiness", "200"): dict.fromkeys(("database", "storage", "dispatcher", "broker"), "ok"),
    ("get_readiness", "503"): {
        "database": "ok",
        "storage": "does not answer",
        "dispatcher": "ok",
        "broker": "ok",
    },
    ("get_version", "200"): {"version": "0.1.0", "api": "v1"},
}


def fill(document: dict[str, Any]) -> None:
    """Put the examples into an OpenAPI document."""
    operations = {
        operation["operationId"]: operation
        for path in document["paths"].values()
        for operation in path.values()
    }
    for (name, status), example in ANSWERS.items():
        answer = operations[name]["responses"][status]
        answer["content"]["application/json"]["example"] = example
