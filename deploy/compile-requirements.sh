#!/bin/sh
# Compiles requirements*.in, which people write, to requirements*.txt with all that those need and the hashes of
# every file of it, for each Python from 3.11 on and each platform.  One version of a package in all of them.
set -eu
cd "$(dirname "$0")/.."
export UV_CUSTOM_COMPILE_COMMAND="make requirements"

compile() {
    name=$1
    shift
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate "$@" \
        --output-file "requirements$name.txt" "requirements$name.in"
}

compile ""
compile -mcp --constraint requirements.txt
compile -redis --constraint requirements.txt
compile -postgres --constraint requirements.txt
compile -traces --constraint requirements.txt --constraint requirements-mcp.txt
compile -smoke --constraint requirements.txt
compile -local-model --constraint requirements.txt
compile -dev --constraint requirements.txt --constraint requirements-mcp.txt \
    --constraint requirements-redis.txt --constraint requirements-postgres.txt --constraint requirements-traces.txt \
    --constraint requirements-smoke.txt --constraint requirements-local-model.txt
# Of a package that is never imported, nothing but itself.
compile -models --no-deps
compile -sbom
compile -supply
compile -compile --constraint requirements-dev.txt
