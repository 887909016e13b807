#!/bin/sh
# Installs the packages named, servers whose programs are called like them, without letting them run as services: those
# would take their ports now and at every boot. Run as root.
set -eu
export DEBIAN_FRONTEND=noninteractive

# Debian asks this script before it starts a service. Ours is there only while we install.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    trap 'rm -f "$policy"' EXIT
fi

# Lists may be missing or old, and the mirror may be out of reach while the packages are in apt's cache: go on.
apt-get update || echo "apt-install.sh: apt-get update failed" >&2

missing=
services=
for package in "$@"; do
    command -v "$package" >/dev/null && continue
    missing="$missing $package"
    services="$services $package.service"
done
[ -n "$missing" ] || exit 0
# shellcheck disable=SC2086
apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=300 $missing

# Only what we brought in is switched off; a server that was there before stays as it was.
if [ -d /run/systemd/system ]; then
    # shellcheck disable=SC2086
    systemctl disable --now $services
fi
