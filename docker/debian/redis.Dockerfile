# Redis from Debian's packages, for sites that cannot pull images.
FROM debian:bookworm-slim
# hadolint ignore=DL3008
RUN groupadd --gid 999 redis \
    && useradd --uid 999 --gid 999 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin redis \
    && apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends redis-server \
    && rm -rf /var/lib/apt/lists/* \
    && install -d -o 999 -g 999 -m 0700 /data
USER 999:999
