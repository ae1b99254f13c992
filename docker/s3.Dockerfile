# VersityGW over a directory: S3 from a POSIX file system. Why: docs/decisions/s3-store.md
FROM ghcr.io/versity/versitygw:v1.8.0
USER 0:0
# A new volume takes its owner from this directory.
RUN mkdir -p /data && chown 10001:10001 /data
COPY docker/s3-entrypoint.sh /usr/local/bin/s3-entrypoint
ENV VGW_PORT=:7070 VGW_HEALTH=/health VGW_REGION=us-east-1
USER 10001:10001
ENTRYPOINT ["/bin/sh", "/usr/local/bin/s3-entrypoint", "versitygw"]
