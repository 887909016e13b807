#!/bin/sh
# Writes main*.go, components.go, go.mod and go.sum anew from builder-config.yaml. Run it after changing that file.
set -eu
cd "$(dirname "$0")"
version=$(sed -n 's|.*/receiver/otlpreceiver v\([0-9.]*\)$|\1|p' builder-config.yaml)
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
GOBIN="$tools" go install "go.opentelemetry.io/collector/cmd/builder@v$version"
# The builder writes the sources and then stops at `go mod tidy`, because the tests of some components import
# modules that were never published. `tidy -e` carries on past those; what is compiled needs none of them.
"$tools/builder" --config builder-config.yaml --skip-compilation || echo "regenerate.sh: going on past go mod tidy" >&2
go mod tidy -e -compat=1.25
go build -trimpath -tags grpcnotrace -o "$tools/otelcol" .
"$tools/otelcol" components >/dev/null
