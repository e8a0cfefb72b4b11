#!/usr/bin/env bash
# Brings the programs that the benches measure against: dcmtk, Orthanc, gmsh, plastimatch, CalculiX
# and gdcmanon from Debian, pyamg, dicom-anonymizer and dicognito from the Python package
# index (wheels for Debian 12's Python 3.11 on x86_64; elsewhere the benches go on without
# them and say so).
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=setup/lib.sh
. setup/lib.sh
one_at_a_time

mapfile -t missing < <(missing_packages gmsh=gmsh plastimatch=plastimatch ccx=calculix-ccx storescu=dcmtk gdcmanon=libgdcm-tools)
install_packages "${missing[@]}"
# Orthanc's package would start a service: not at run level 1, and not for long.
if ! have Orthanc; then
    RUNLEVEL=1 install_packages orthanc
    if have systemctl; then systemctl disable --now orthanc 2>/dev/null || true; fi
fi

folder=$kept/bench-venv
if cmp -s setup/bench-peers.lock "$folder/lock" && [ -x "$folder/bin/python" ]; then
    exit 0
fi
need_python
if [ "$(uname -m) $("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')" != "x86_64 3.11" ]; then
    say "the Python peers are left out: their pinned wheels are for Python 3.11 on x86_64."
    exit 0
fi
say "fetching pyamg, numpy, scipy, pydicom and two de-identifiers into $folder: 58 MB, 190 MB unpacked, about 20 s."
rm -rf "$folder"
"$python" -m venv --without-pip "$folder"
work=$(mktemp -d "$kept/work.XXXXXX")
fetch_wheels setup/bench-peers.lock "$work"
site=$("$folder/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
pip_quietly install --no-deps --no-index --no-warn-script-location --target "$site" "$work"/*.whl ||
    stop "the Python peers could not be installed: see $kept/pip.log"
rm -rf "$work"
cp setup/bench-peers.lock "$folder/lock"
