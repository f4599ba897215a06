#!/usr/bin/env bash
# What Guise does on this machine's GPU, as a report in Markdown: is it right, how fast, how much memory.
#
#   tools/gpu/check.sh GUISE MODELS [OPTION...]
#
# GUISE is the program and MODELS a published model, or a folder of them. Nothing else is needed and nothing is fetched: the
# pictures that are trained on are drawn first. With python3 the pictures of both devices are compared number by number,
# without it only whether they are the same. The exit code is 0 if everything ran and was right.
#
#   --device NAME       cuda (default), webgpu, vulkan; or cpu, to try the script
#   --train-secs N      train for so long (120)
#   --resolution N      side of the pictures in training (256)
#   --channel-base N    channels of a block of side r are N / r (16384), at most
#   --channel-max N     this many (512)
#   --count N           avatars that are compared, and trained on (64; at least 16)
#   --steps N           steps of guidance (30)
#   --out FILE          write the report there as well
set -euo pipefail

usage() { sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"; }
fail() { printf 'check: %s\n' "$*" >&2; exit 2; }

case ${1:-} in -h | --help) usage; exit 0 ;; esac
[ $# -ge 2 ] || { usage >&2; exit 2; }
guise=$1 models=$2
shift 2
device=cuda train_secs=120 resolution=256 channel_base=16384 channel_max=512 count=64 steps=30 out=
while [ $# -gt 0 ]; do
    [ $# -ge 2 ] || fail "$1 needs a value"
    case $1 in
        --device | --out) ;;
        --train-secs | --resolution | --channel-base | --channel-max | --count | --steps)
            [[ $2 =~ ^[1-9][0-9]{0,6}$ ]] || fail "$1 is '$2', expected a positive number" ;;
        *) fail "there is no $1; --help lists what there is" ;;
    esac
    name=${1#--}
    printf -v "${name//-/_}" %s "$2"
    shift 2
done
((count >= 16)) || fail "--count is $count, expected at least 16: a batch"
guise=$(command -v "$guise") || fail "$guise is no program"
guise=$(realpath "$guise")
[ -d "$models" ] || fail "$models is no folder"
models=$(realpath "$models")
model=
for candidate in "$models" "$models"/*; do
    if [ -f "$candidate/model.json" ]; then model=$(realpath "$candidate"); break; fi
done
[ -n "$model" ] || fail "there is no published model (a folder with model.json) in $models"
[ -z "$out" ] || out=$(realpath -m "$out")

scratch=$(mktemp -d "${TMPDIR:-/tmp}/guise-check.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
last=$((count - 1))
wrong=0

# --- helpers -----------------------------------------------------------------------------------------

say() { printf '%s\n' "$*" | tee -a report.md; }
now() { date +%s.%N; }
# difference A B: A - B with two digits.
difference() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a - b }'; }
gpu_memory() { nvidia-smi --query-gpu=memory.used --format=csv,noheader,nounits 2>/dev/null | head -n 1 || true; }

# timed COMMAND...: runs it, leaves the seconds it took in $secs and what it said in log; reports when it fails.
timed() {
    local began
    began=$(now)
    if "$@" >log 2>&1; then
        secs=$(difference "$(now)" "$began")
        return 0
    fi
    wrong=1
    say "**Failed**: \`$(basename "$1") ${*:2}\`"
    say
    say '```'
    say "$(tail -n 15 log)"
    say '```'
    return 1
}

# --- the machine -------------------------------------------------------------------------------------

say "# Guise on $device"
say
say "$(date -u +%Y-%m-%d), $("$guise" --version), $(uname -srm), $({ grep -m 1 '^model name' /proc/cpuinfo || echo ': unknown processor'; } | sed 's/.*: //'), $(nproc) cores."
if command -v nvidia-smi >/dev/null; then
    say "GPU (name, driver, memory, memory used before): $(nvidia-smi --query-gpu=name,driver_version,memory.total,memory.used --format=csv,noheader 2>&1 | head -n 1)."
else
    say "There is no \`nvidia-smi\` here."
fi
say
say "## \`guise doctor\`"
say
if "$guise" doctor --help >/dev/null 2>&1; then
    verdict=0
    "$guise" doctor --json --model "$model" --device "$device" >doctor.json 2>log || verdict=$?
    ((verdict == 0)) || wrong=1
    say "Exit code $verdict: $( ((verdict == 0)) && echo "\`$device\` is right" || echo "**\`$device\` is not right**")."
    say
    say '```json'
    say "$(cat doctor.json log)"
    say '```'
else
    say "This program has no \`doctor\`."
fi

# --- pictures ----------------------------------------------------------------------------------------

say
say "## The same pictures as on the processor"
say
draw() { timed "$guise" generate --model "$model" --seeds "0-$last" --device "$1" --out "$2/"; }
if draw cpu cpu && cpu_secs=$secs && draw "$device" gpu; then
    say "$count avatars: $cpu_secs s with \`--device cpu\`, $secs s with \`--device $device\` (the whole program; a GPU's are compiled in it)."
    if command -v python3 >/dev/null; then
        # The PNGs are ours, so their form is known: eight bits, not interlaced. Exit code 1: they differ by more than 2 of 255.
        if ! python3 - cpu gpu >parity 2>&1 <<'PYTHON'
import pathlib, struct, sys, zlib

def pixels(path):
    data, at, packed = path.read_bytes(), 8, b""
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + size]
        if kind == b"IHDR":
            width, height, bits, color = struct.unpack(">IIBB", body[:10])
        if kind == b"IDAT":
            packed += body
        at += size + 12
    assert bits == 8 and color in (0, 2, 4, 6), f"{path}: {bits} bits, color type {color}"
    step = {0: 1, 2: 3, 4: 2, 6: 4}[color]
    raw, stride, rows = zlib.decompress(packed), width * step, []
    above = bytes(stride)
    for y in range(height):
        kind, line = raw[y * (stride + 1)], bytearray(raw[y * (stride + 1) + 1:(y + 1) * (stride + 1)])
        for x in range(stride):
            a = line[x - step] if x >= step else 0
            b, c = above[x], above[x - step] if x >= step else 0
            p = a + b - c
            paeth = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
            line[x] = (line[x] + (0, a, b, (a + b) // 2, paeth)[kind]) & 255
        rows.append(bytes(line))
        above = line
    return (width, height, step), b"".join(rows)

worst = total = numbers = same = 0
files = sorted(path.name for path in pathlib.Path(sys.argv[1]).glob("*.png"))
for name in files:
    (shape, ours), (other, theirs) = (pixels(pathlib.Path(folder, name)) for folder in sys.argv[1:])
    assert shape == other, f"{name}: {shape} and {other}"
    apart = [abs(a - b) for a, b in zip(ours, theirs)]
    worst, total, numbers, same = max(worst, *apart), total + sum(apart), numbers + len(apart), same + (max(apart) == 0)
print(f"Largest difference {worst} of 255, mean {total / numbers:.4f}; {same} of {len(files)} pictures are the same in every number.")
sys.exit(worst > 2)
PYTHON
        then wrong=1; say "**Different.**"; fi
        say "$(cat parity)"
    else
        same=0
        for picture in cpu/*.png; do if cmp -s "$picture" "gpu/${picture#cpu/}"; then same=$((same + 1)); fi; done
        say "$same of $count files are the same, byte by byte. How far the others differ takes python3, which is not here."
    fi
fi

# --- guidance ----------------------------------------------------------------------------------------

say
say "## Toward a sentence"
say
guide() { timed "$guise" generate --model "$model" --prompt "glasses" --count 4 --steps "$1" --seed 1 --device "$device" --out guided.png; }
if guide 1 && first=$secs && guide "$((steps + 1))"; then
    say "Four avatars, $steps steps: $(difference "$secs" "$first") s. Start, draft and the first step took $first s more."
fi

# --- super-resolution --------------------------------------------------------------------------------

say
say "## Super-resolution"
say
if ! timed "$guise" prepare cpu --out data --resolution "$resolution"; then
    say "There are no pictures to train on or to enlarge."
else
    upscaler=$(find "$model" "$models" -maxdepth 1 -name '*.safetensors' | head -n 1)
    upscaler=${upscaler:-$model}
    picture=$(find data -name '*.png' | sort | head -n 1)
    enlarge() { timed "$guise" upscale --model "$upscaler" --device "$device" "$1" large.png; }
    if enlarge cpu/seed0000.png && first=$secs && enlarge "$picture"; then
        say "A picture of $resolution x $resolution pixels: $(difference "$secs" "$first") s more than one of the model's avatars, which took $first s with the program's start."
    fi

    # --- training ------------------------------------------------------------------------------------

    say
    say "## Training at $resolution x $resolution"
    say
    say "Batch 16, $channel_base / side channels up to $channel_max, learning rate 0.0025, R1 0.8192, half-life 5 kimg, noise, mirrored pictures; $train_secs s. With 16384 and 512 at 256 pixels this is StyleGAN2-ADA's own choice for one GPU, but for the latent (128 numbers and 4 mapping layers). To compare with: 23.3 s/kimg and less than 8 GB on an RTX 2080 Ti, the paper's."
    say
    before=$(gpu_memory)
    peak=0 resident=0
    timeout --signal=INT --kill-after=300 "$train_secs" "$guise" train --data data --out runs --kimg 100000 --device "$device" \
        --batch-size 16 --channel-base "$channel_base" --channel-max "$channel_max" --learning-rate 0.0025 --r1-gamma 0.8192 \
        --ema-kimg 5 --noise --mirror --snapshot-kimg 100000 >log 2>&1 &
    training=$!
    while kill -0 "$training" 2>/dev/null; do
        used=$(gpu_memory)
        if [[ $used =~ ^[0-9]+$ ]] && ((used > peak)); then peak=$used; fi
        child=$(cat "/proc/$training/task/$training/children" 2>/dev/null || true)
        high=$(awk '/^VmHWM/ { print int($2 / 1024) }' "/proc/${child%% *}/status" 2>/dev/null || true)
        if [[ $high =~ ^[0-9]+$ ]] && ((high > resident)); then resident=$high; fi
        sleep 1
    done
    # 124: its time was over, which is how it is meant to end.
    code=0
    wait "$training" || code=$?
    stats=$(find runs -name stats.jsonl 2>/dev/null | head -n 1)
    if { [ "$code" != 0 ] && [ "$code" != 124 ]; } || ! [ -s "${stats:-/dev/null}" ]; then
        wrong=1
        say "**Failed** with exit code $code:"
        say
        say '```'
        say "$(tr '\r' '\n' <log | tail -n 15)"
        say '```'
    else
        # The first line has the time that compiling took, unless it is the only one.
        sed 's/.*"kimg":\([^,]*\).*"secs_per_kimg":\([^,]*\).*/\1 \2/' "$stats" | awk '
            { kimg = $1; all[NR] = $2 }
            END {
                if (NR == 1) { printf "%.1f s/kimg over %.2f kimg, the start included: longer training says more.\n", all[1], kimg; exit }
                for (i = 2; i <= NR; i++) sum += all[i]
                printf "%.1f s/kimg, from the second line of stats.jsonl on (%.2f kimg in all; the first line: %.1f).\n", sum / (NR - 1), kimg, all[1]
            }' >speed
        say "$(cat speed)"
        if ((peak > 0)); then say "GPU memory: $peak MiB at most, $((peak - ${before:-0})) MiB more than before."; fi
        say "Memory of the process: $resident MiB."
        say
        say '```json'
        say "$(tail -n 3 "$stats")"
        say '```'
    fi
fi

say
if ((wrong)); then say "**Something failed or is not right; see above.**"; else say "Everything ran and was right."; fi
[ -z "$out" ] || cp report.md "$out"
exit "$wrong"
