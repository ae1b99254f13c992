# Everything a newcomer needs: `make demo` and `make test` do all their own set-up in .venv.
PYTHON ?= python3
BIN := .venv/bin
export OMP_WAIT_POLICY ?= PASSIVE
# Each has servers and trainings of its own: 2 GB of memory; `make test TEST_PROCESSES=0` has one.
TEST_PROCESSES ?= logical

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this help
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## */\1\t/' | expand -t 24

# One environment for all: what runs the platform, and the tools that check it.
.venv/installed: requirements/dev.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; set PYTHON")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

.PHONY: setup
setup: .venv/installed ## Make .venv from the pinned requirements

.PHONY: demo
demo: .venv/installed ## Train a tiny model on real digits, download and verify it
	$(BIN)/netaug up --state build/demo --port 0 -- \
	  $(BIN)/netaug jobs submit -f examples/digits.yaml --wait --download demo-output
	$(BIN)/python -m zipfile -e demo-output/model_c.zip demo-output
	@if command -v gcc >/dev/null; then $(MAKE) --no-print-directory -C demo-output/netaug CC=gcc; \
	 else echo "gcc is not installed: the C in demo-output/netaug was not built"; fi

CHIP_TOOLS := gcc libc6-dev gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm
.PHONY: demo-chip
demo-chip: .venv/installed ## Install an ARM compiler and an emulator, and run the demo's model on three chips
	@command -v arm-none-eabi-gcc qemu-system-arm >/dev/null || \
	 { apt-get update -qq && apt-get install -y -qq --no-install-recommends $(CHIP_TOOLS); }
	@test -f demo-output/model_int8.safetensors || $(MAKE) --no-print-directory demo
	$(BIN)/python -m netaug_core chip demo-output/model_int8.safetensors \
	  --board mps2-an386 --board mps2-an500 --board mps3-an547

# Three kinds of garments: few enough to be told apart after minutes.
build/scenes/garments/scenes.json: | .venv/installed
	rm -rf $(@D)
	$(BIN)/netaug datasets make fashion-scenes $(@D) --train 6000 --test 400 --size 96 \
	  --class trouser --class bag --class "ankle boot"

.PHONY: demo-detection
demo-detection: build/scenes/garments/scenes.json ## Train a tiny detector with NetAug and without, on generated pictures
	$(BIN)/netaug up --state build/demo-detection --data build/scenes --port 0 -- \
	  $(BIN)/netaug jobs submit -f examples/detection-demo.yaml --wait --download demo-detection-output

.PHONY: test
test: export OMP_NUM_THREADS ?= 1
test: .venv/installed ## Run all tests against real Postgres and Redis
	rm -f .coverage .coverage.*
	$(BIN)/python -m pytest -n $(TEST_PROCESSES) --maxprocesses 4 --dist worksteal \
	  --cov --cov-report= -m "not compose"
	$(BIN)/python -m coverage report --fail-under=90
	$(BIN)/python -m coverage report --include='jobs/*' --fail-under=95

.PHONY: test-compose
test-compose: .venv/installed ## Bring docker compose up for real (needs a Docker engine)
	$(BIN)/python -m pytest -m compose tests/compose

.PHONY: lint
lint: .venv/installed ## Format, lint, types, import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: format
format: .venv/installed ## Format the code
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

.PHONY: openapi
openapi: .venv/installed ## Write docs/openapi.json from the code
	$(BIN)/python -m api.openapi > docs/openapi.json

.PHONY: bench
bench: .venv/installed ## Measure; results go to bench/results/
	$(BIN)/python -m bench.train_step
	$(BIN)/python -m bench.input_pipeline
	$(BIN)/python -m bench.detection_input
	$(BIN)/python -m bench.api
	$(BIN)/python -m bench.size
	$(BIN)/python -m bench.dispatch
	$(BIN)/python -m bench.start_up
	$(BIN)/python -m bench.scale --minutes 3

SEEDS ?= 1
MINUTES ?= 10
.PHONY: chaos
chaos: .venv/installed ## Jobs under random faults: SEEDS="1 2" MINUTES=10
	$(BIN)/python -m tests.faults.chaos --seed $(SEEDS) --minutes $(MINUTES)

# Another environment: what MLflow needs is not for ours.
build/mlflow-venv/installed:
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check "mlflow==3.17.2" psycopg2-binary
	touch $@

.PHONY: bench-peers
bench-peers: .venv/installed build/mlflow-venv/installed ## The service's calls beside an MLflow server's
	$(BIN)/python -m bench.api

.PHONY: study-small
study-small: .venv/installed ## Compare NetAug with plain training on Fashion-MNIST, minutes
	$(BIN)/netaug up --state build/study --port 0 -- \
	  $(BIN)/netaug study run bench/fashion_mnist_study_small.yaml --out build/study-small

.PHONY: study-detection-small
study-detection-small: build/scenes/garments/scenes.json ## The same for detectors of two input sizes, an hour
	$(BIN)/netaug up --state build/study-detection --port 0 --data build/scenes -- \
	  $(BIN)/netaug study run bench/fashion_scenes_study_small.yaml --out build/study-detection-small

build/scenes/fashion-scenes/scenes.json: | .venv/installed
	rm -rf $(@D)
	$(BIN)/netaug datasets make fashion-scenes $(@D)

# Pictures of another seed: a backbone learns from none that its detector is trained on.
build/scenes/fashion-crops/scenes.json: | .venv/installed
	rm -rf $(@D)
	$(BIN)/netaug datasets make fashion-scenes $(@D) --format crops --train 4000 --test 500 --seed 1

.PHONY: study-detection
study-detection: build/scenes/fashion-scenes/scenes.json build/scenes/fashion-crops/scenes.json ## For a GPU: NetAug in detectors, backbones or both
	$(BIN)/netaug up --state build/study-detection --port 0 --data build/scenes -- \
	  $(BIN)/netaug study run bench/fashion_scenes_study.yaml --out bench/results/fashion_scenes_study

.PHONY: clean
clean: ## Remove what the targets made, .venv included
	rm -rf .venv build demo-output demo-detection-output .coverage .coverage.* htmlcov
