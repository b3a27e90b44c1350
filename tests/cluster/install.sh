#!/bin/sh
# What the cluster tests need of Debian: Slurm on this machine, and below .cluster a root folder with HTCondor, which
# bookworm does not have. As root or with sudo. No service is started. `make test-cluster` calls this.
set -eu
cd "$(dirname "$0")/../.."
[ "$(id -u)" = 0 ] || exec sudo sh "$0"
export DEBIAN_FRONTEND=noninteractive

missing=
for program in slurmctld slurmd munged mmdebstrap; do command -v $program > /dev/null || missing=yes; done
if [ "$missing" ]; then
    apt-get update -qq
    # Without this, Debian starts munge and Slurm where systemd is there to do it.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e $policy ]; then
        printf '#!/bin/sh\nexit 101\n' > $policy
        chmod +x $policy
        trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    fi
    apt-get install -y -qq --no-install-recommends slurm-wlm munge mmdebstrap
fi

root=.cluster/htcondor
if [ ! -x $root/usr/sbin/condor_master ]; then
    mirror=$(awk '/^URIs:/ {print $2; exit} /^deb / {print $2; exit}' /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2> /dev/null || true)
    mkdir -p .cluster
    rm -rf --one-file-system $root $root.new
    mmdebstrap --quiet --mode=root --variant=apt --include=condor --aptopt='APT::Install-Recommends "false"' \
        trixie $root.new ${mirror:+"$mirror"}
    mv $root.new $root
fi
