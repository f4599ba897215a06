#!/usr/bin/env bash
# Builds `guise --features cuda` without a GPU, and without the LLVM that its crates would fetch from GitHub.
#
#   tools/gpu/build-cuda.sh [--unoptimized] [FOLDER]
#
# FOLDER (default: target/cuda) receives the program, `guise`, and everything that was needed on the way to it. --unoptimized
# compiles it far sooner, to see that it links and what it hands to the driver; such a program is slow. What it takes:
# root (for chroot and mounts), mmdebstrap, the Rust of rust-toolchain.toml, Debian's packages and crates.io, and some GB of disk.
# docs/gpu.md says why it is done like this.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
repo=$PWD
profile=release built=release
if [ "${1:-}" = --unoptimized ]; then
    profile=dev built=debug
    shift
fi
work=${1:-target/cuda}
mkdir -p "$work"
work=$(cd "$work" && pwd)
root=$work/root
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}

fail() { printf 'build-cuda: %s\n' "$*" >&2; exit 1; }
[ "$(id -u)" = 0 ] || fail "chroot and bind mounts need root: run it with sudo, or in a container"
[ "$(uname -sm)" = "Linux x86_64" ] || fail "it knows x86-64 Linux only, and this is $(uname -sm)"
for tool in mmdebstrap unshare cargo rustc; do
    command -v "$tool" >/dev/null || fail "$tool is missing (on Debian: apt install mmdebstrap util-linux; Rust comes from rustup)"
done

# A mirror that lags behind has an expired index, which is as good for this.
bootstrap() {
    mmdebstrap --quiet --mode=root --aptopt='Acquire::Check-Valid-Until "false"' --aptopt='APT::Install-Recommends "false"' "$@"
}

# --- Debian unstable, which has LLVM 23 --------------------------------------------------------------

if ! [ -e "$root/.complete" ]; then
    echo "==> Debian unstable with LLVM 23, into $root"
    rm -rf "$root"
    bootstrap --variant=apt --include=llvm-23-dev,libpolly-23-dev,g++,zlib1g-dev,libzstd-dev sid "$root" "$mirror"
    touch "$root/.complete"
fi

# --- the folder that tracel-llvm-bundler would have filled --------------------------------------------

version=$(awk '$0 == "name = \"tracel-llvm-bundler\"" { getline; gsub(/[^0-9.-]/, "", $3); print $3; exit }' Cargo.lock)
case $version in
    23.*) ;;
    *) fail "Cargo.lock has tracel-llvm-bundler $version, and this script knows LLVM 23 only" ;;
esac
bundle=/root/.local/share/tracel/tracel-llvm-$version
mkdir -p "$root$bundle/bin" "$root$bundle/lib"
cp tools/gpu/older_glibc.c "$root/tmp/"
chroot "$root" sh -euc '
    bundle=$1
    ln -sf /usr/lib/llvm-23/lib/*.a "$bundle/lib/"
    # In this folder there are only archives, so what LLVM needs beside itself is linked into the program as well.
    for library in libz.a libzstd.a; do ln -sf "/usr/lib/x86_64-linux-gnu/$library" "$bundle/lib/"; done
    ln -sf "$(g++ -print-file-name=libstdc++.a)" "$bundle/lib/"
    gcc -O2 -fno-builtin -c -o /tmp/older_glibc.o /tmp/older_glibc.c
    ar rcs "$bundle/lib/libolder_glibc.a" /tmp/older_glibc.o
' sh "$bundle"
cat > "$root$bundle/bin/llvm-config" <<'END'
#!/bin/sh
# Debian's llvm-config, with what a static link needs in this folder.
real=/usr/lib/llvm-23/bin/llvm-config
here=$(cd "$(dirname "$0")/.." && pwd)
case $* in
    *--libdir) echo "$here/lib" ;;
    # Nothing here asks Z3 to solve or libxml2 to parse.
    *--system-libs) echo "-lolder_glibc -lrt -ldl -lm -lz -lzstd" ;;
    *) exec $real "$@" ;;
esac
END
chmod +x "$root$bundle/bin/llvm-config"
touch "$root$bundle/.tracel-llvm-installed"

# --- the build ---------------------------------------------------------------------------------------

echo "==> guise --features cuda, into $work"
cargo fetch --locked --target x86_64-unknown-linux-gnu
toolchain=$(rustc --print sysroot)
crates=${CARGO_HOME:-$HOME/.cargo}/registry
mkdir -p "$work/target" "$root/guise" "$root/target" "$root/toolchain" "$root/root/.cargo/registry"
# The mounts are this command's own and end with it.
unshare --mount bash -euc '
    root=$1
    mount --bind -o ro "$2" "$root/guise"
    mount --bind "$3" "$root/root/.cargo/registry"
    mount --bind -o ro "$4" "$root/toolchain"
    mount --bind "$5" "$root/target"
    mount -t proc proc "$root/proc"
    [ -e "$root/dev/null" ] || mount --rbind /dev "$root/dev"
    exec chroot "$root" env -i HOME=/root PATH=/toolchain/bin:/usr/bin:/bin CARGO_TARGET_DIR=/target CARGO_TERM_COLOR=never \
        CARGO_PROFILE_DEV_DEBUG=false sh -c "cd /guise && exec cargo build --profile $6 --locked --offline --features cuda --bin guise"
' bash "$root" "$repo" "$crates" "$toolchain" "$work/target" "$profile"
cp "$work/target/$built/guise" "$work/guise"
"$work/guise" --version
