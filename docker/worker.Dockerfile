# The worker and its trainer: torch and CUDA. Build from the project's root.
FROM python:3.11-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
# Wheels of sites without internet; the folder is empty elsewhere. The hashes hold for them too.
COPY docker/wheels /wheels
COPY requirements/worker.txt requirements/
RUN python -m venv /opt/venv \
    && /opt/venv/bin/python -m pip install --require-hashes --find-links /wheels -r requirements/worker.txt
COPY requirements/dev.txt requirements/
# The wheel of our own code is made with the pinned setuptools; it gives the version its metadata.
RUN python -m venv /opt/packaging \
    && awk '/^setuptools==/ {on=1} on {print} on && !/\\$/ {exit}' requirements/dev.txt > build.txt \
    && /opt/packaging/bin/python -m pip install --require-hashes --find-links /wheels -r build.txt
COPY pyproject.toml README.md ./
COPY netaug_core netaug_core
COPY jobs jobs
COPY worker worker
RUN /opt/packaging/bin/python -m pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
    && python -m zipfile -e dist/*.whl /app
COPY migrations /app/migrations

FROM python:3.11-slim-bookworm
ENV PATH=/opt/venv/bin:$PATH PYTHONPATH=/app PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
# Each export in C is built and run, here and on emulated boards.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc libc6-dev gcc-arm-none-eabi \
       libnewlib-arm-none-eabi qemu-system-arm \
    && rm -rf /var/lib/apt/lists/*
RUN groupadd --gid 10001 netaug \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin netaug
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
WORKDIR /app
RUN install -d -o 10001 -g 10001 -m 0700 /var/lib/netaug /var/lib/netaug/work
USER 10001:10001
CMD ["python", "-m", "worker"]
