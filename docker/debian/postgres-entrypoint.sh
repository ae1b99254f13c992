#!/bin/sh
# Start Postgres; make the cluster and the database first when the volume is empty.
# Understands the same variables as the official image.
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  new="$PGDATA.new"  # renamed when it is complete, so that a start cut short is done over
  rm -rf "$new"
  # shellcheck disable=SC2086  # the arguments are several words
  initdb --pgdata "$new" --username "$POSTGRES_USER" --pwfile "$POSTGRES_PASSWORD_FILE" \
    --auth-local=trust --encoding=UTF8 $POSTGRES_INITDB_ARGS
  echo "host all all all scram-sha-256" >> "$new/pg_hba.conf"
  echo "CREATE DATABASE $POSTGRES_DB" | postgres --single -D "$new" postgres
  mv "$new" "$PGDATA"
fi
exec postgres -D "$PGDATA" -c "listen_addresses=*" -c unix_socket_directories=/var/run/postgresql
