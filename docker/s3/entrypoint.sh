#!/bin/sh
# Start an S3 server over /data with the keys from the secret files. A top-level directory is a bucket.
set -eu
access=$(cat /run/secrets/netaug_s3_access_key)
secret=$(cat /run/secrets/netaug_s3_secret_key)
mkdir -p /data/netaug
case "$1" in
  versitygw) ROOT_ACCESS_KEY=$access ROOT_SECRET_KEY=$secret exec versitygw posix /data ;;
  # rclone reads the variable as a CSV list of pairs; the quotes keep the pair together.
  rclone) RCLONE_AUTH_KEY="\"$access,$secret\"" exec rclone --config "" serve s3 --addr :7070 /data ;;
  *) echo "s3-entrypoint: the server must be versitygw or rclone; got '$1'" >&2; exit 2 ;;
esac
