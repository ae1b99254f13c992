#!/usr/bin/env bash
# Pin every dependency of pyproject.toml with its hashes. Needs uv; run it after a change of a dependency.
#   service.txt  API, dispatcher, migrations, client (no torch)
#   worker.txt   what a GPU host needs
#   dev.txt      everything, and the tools
set -euo pipefail
cd "$(dirname "$0")"
compile() {  # output, then extras
  local output=$1; shift
  uv pip compile ../pyproject.toml "${@/#/--extra=}" --universal --python-version 3.11 --generate-hashes --no-strip-extras \
    --no-emit-index-url --no-emit-find-links --no-annotate --no-header --quiet \
    --constraint constraints.txt --output-file "$output"
}
compile dev.txt client service trainer study dev
grep -oE '^[a-z0-9-]+(\[[^]]*\])?==[^ ;]+( ;[^\\]*)?' dev.txt | sed 's/\[[^]]*\]//; s/ *$//' > pinned.tmp  # constraints name no extras
cp constraints.txt constraints.tmp
cat pinned.tmp >> constraints.txt
compile service.txt client service
compile worker.txt client service trainer
mv constraints.tmp constraints.txt; rm pinned.tmp
