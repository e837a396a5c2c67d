#!/bin/sh
# Builds and runs the CUDA device's tests or its benchmark on the card of this machine, which needs a C++ compiler, CMake
# and nvcc, and no Node. With a Python that has torch and transformers, those are compared with too.
#
#   scripts/gpu.sh test [--sanitize] [--quick] [--out FOLDER] [--budget SECONDS] [--arch 90]
#   scripts/gpu.sh bench [--quick] [--out FOLDER] [--budget SECONDS] [--arch 90] [--scratch FOLDER]
#
# Results are JSON in --out (bench/results): <date>-gpu-test.json, <date>-gpu-bench.json. --budget (570) is the time for
# everything, the build included. --arch is the card's by default. --sanitize runs compute-sanitizer over the short
# tests. PYTHON names the Python; MILLRACE_COMMIT the commit, where there is no git.
# Ends with 77 where there is no card.
set -u
cd "$(dirname "$0")/.." || exit 1
started=$(date +%s)

give_up () { echo "gpu.sh: $1" >&2; exit "${2:-1}"; }

what=${1:-}
[ "$what" = test ] || [ "$what" = bench ] || give_up "the first word is test or bench."
shift
out=bench/results budget=570 arch='' scratch='' quick='' sanitize=''
while [ $# -gt 0 ]; do
  case $1 in
    --quick) quick=--quick; shift; continue ;;
    --sanitize) sanitize=yes; shift; continue ;;
  esac
  [ $# -gt 1 ] || give_up "$1 is no option, or needs a value."
  case $1 in
    --out) out=$2 ;;
    --budget) budget=$2 ;;
    --arch) arch=$2 ;;
    --scratch) scratch=$2 ;;
    *) give_up "there is no option $1." ;;
  esac
  shift 2
done
command="scripts/gpu.sh $what${quick:+ --quick}${sanitize:+ --sanitize}"
case $budget in ''|*[!0-9]*) give_up "--budget is $budget; it must be a whole number of seconds." ;; esac

spent () { echo $(($(date +%s) - started)); }
# Never nothing: a program that gets a second says itself what it leaves out.
left () { rest=$((budget - $(spent))); [ "$rest" -gt 1 ] && echo "$rest" || echo 1; }

smi () { nvidia-smi --query-gpu="$1" --format=csv,noheader 2>/dev/null | head -n 1; }
if [ -z "$arch" ]; then
  arch=$(smi compute_cap | tr -d .)
  case $arch in ''|*[!0-9]*) give_up 'nvidia-smi shows no card; --arch builds for one that it does not show.' 77 ;; esac
fi
python=${PYTHON:-python3}
"$python" -c 'import importlib.util as u, sys
sys.exit(any(u.find_spec(name) is None for name in ("torch", "transformers")))' 2>/dev/null || python=''
if [ -n "$python" ] && [ -z "${MILLRACE_CUBLASLT:-}" ]; then
  # The pip packages of torch carry one.
  cublaslt=$("$python" -c 'import glob, sys
print(*[f for p in sys.path for f in glob.glob(p + "/nvidia/**/libcublasLt.so.1[23]", recursive=True)][:1])')
  [ -n "$cublaslt" ] && export MILLRACE_CUBLASLT="$cublaslt"
fi
commit=$(git rev-parse --short HEAD 2>/dev/null) || commit=${MILLRACE_COMMIT:-unknown}
date=$(date -u +%F)
mkdir -p "$out" || exit 1

# JSON members that say what the results were taken on.
about () {
  printf '"date": "%s", "commit": "%s", "command": "%s", "gpu": "%s", "driver": "%s", "buildS": %s' \
    "$date" "$commit" "$command" "$(smi name)" "$(smi driver_version)" "$build_s"
}

build () {
  mkdir -p build-gpu
  generator=''
  command -v ninja >/dev/null && [ ! -f build-gpu/CMakeCache.txt ] && generator='-G Ninja'
  # shellcheck disable=SC2086 # no generator is no word
  cmake -S . -B build-gpu $generator -DMILLRACE_CUDA=ON -DMILLRACE_BUILD_TESTS=ON "-DCMAKE_CUDA_ARCHITECTURES=$arch" \
    >build-gpu/build.log 2>&1 &&
    cmake --build build-gpu --parallel "$(nproc)" --target "$@" >>build-gpu/build.log 2>&1 ||
    { tail -n 40 build-gpu/build.log; give_up 'the build failed (above; all of it is in build-gpu/build.log).'; }
  build_s=$(spent)
  echo "# built for sm_$arch in $build_s s"
}

# Where checkpoints of up to 25 GB go: memory, when there is plenty of it.
choose_scratch () {
  [ -n "$scratch" ] && return
  free_kb=$(df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 { print $4 }')
  memory_kb=$(awk '/MemAvailable/ { print $2 }' /proc/meminfo)
  base=${TMPDIR:-/tmp}
  [ "${free_kb:-0}" -gt 30000000 ] && [ "${memory_kb:-0}" -gt 70000000 ] && base=/dev/shm
  scratch=$(mktemp -d "$base/millrace-XXXXXX") || exit 1
  trap 'rm -rf "$scratch"' EXIT
}

run_bench () {
  build millrace_gpu_bench
  choose_scratch
  json=$out/$date-gpu-bench.json
  ours_s=$(left)
  [ -n "$python" ] && ours_s=$((ours_s * 55 / 100))
  build-gpu/millrace_gpu_bench --json "$json" $quick --budget "$ours_s" --scratch "$scratch" --about "$(about)"
  status=$?
  [ "$status" -eq 77 ] && exit 77
  if [ -z "$python" ]; then
    echo 'left out: transformers: no python3 with torch and transformers'
  else
    models=''
    for model in qwen3-4b llama-8b; do [ -f "$scratch/$model/model.safetensors" ] && models="$models $scratch/$model"; done
    rest=$(left)
    # shellcheck disable=SC2086 # a list
    [ -z "$models" ] || timeout "$((rest + 5))" "$python" bench/gpu/transformers_bench.py --models $models --json "$json" \
      --budget "$((rest > 20 ? rest - 15 : 1))" ${quick:+--batches 1}
  fi
  echo "# $(spent) s; the results are in $json"
  exit "$status"
}

parts='' failed=0
# Notes one part of the tests: its name, whether it passed, and what is to be said.
note () {
  parts="$parts${parts:+,}
    {\"what\": \"$1\", \"ok\": $2, \"seconds\": $3, \"said\": \"$(printf %s "$4" | tr '\n"\\' ' ..')\"}"
  echo "# $1: $2 ($3 s) $4"
  if [ "$2" = false ]; then failed=$((failed + 1)); fi
}

# Runs a program that prints TAP: name, limit in seconds, command.
run_part () {
  part=$1 limit=$2
  shift 2
  from=$(date +%s)
  timeout "$limit" "$@" >build-gpu/part.log 2>&1
  code=$?
  took=$(($(date +%s) - from))
  grep -v '^ok\|^# took\|^TAP\|^1\.\.' build-gpu/part.log
  [ "$code" -eq 77 ] && exit 77
  said=$(grep '^# [0-9]* tests\|ERROR SUMMARY\|RACECHECK SUMMARY\|verdicts' build-gpu/part.log | tail -n 3)
  [ "$code" -eq 124 ] && said="it did not end in $limit s. $said"
  if [ "$code" -eq 0 ]; then note "$part" true "$took" "$said"; else note "$part" false "$took" "exit $code. $said"; fi
}

run_sanitizer () {
  sanitizer=$(command -v compute-sanitizer || ls /usr/local/cuda/bin/compute-sanitizer 2>/dev/null)
  if [ -z "$sanitizer" ]; then
    note compute-sanitizer null 0 'skipped: it is not installed'
    return
  fi
  export MILLRACE_CARD_RUNS=2
  for tool in memcheck synccheck racecheck; do
    for pair in 'millrace_gpu_model_tests:in BF16 the error' 'millrace_gpu_model_tests:steps of one token' \
      'millrace_gpu_tests:norm_test' 'millrace_gpu_tests:rope_store_test' 'millrace_gpu_tests:sampling_test' \
      'millrace_gpu_tests:attention_test' 'millrace_gpu_tests:matmul_test'; do
      if [ "$(left)" -lt 20 ]; then
        note "$tool ${pair#*:}" null 0 'left out: no time is left for it'
        continue
      fi
      limit=$(left)
      run_part "$tool ${pair#*:}" "$((limit < 90 ? limit : 90))" "$sanitizer" --tool "$tool" --error-exitcode 9 \
        "build-gpu/${pair%%:*}" --tap "${pair#*:}"
    done
  done
  unset MILLRACE_CARD_RUNS
}

run_tests () {
  build millrace_gpu_tests millrace_gpu_model_tests millrace_gpu_score
  run_part 'whole models' "$(left)" build-gpu/millrace_gpu_model_tests --tap
  run_part kernels "$(left)" build-gpu/millrace_gpu_tests --tap
  agreement=null
  if [ -z "$python" ]; then
    note 'agreement with transformers' null 0 'skipped: no python3 with torch and transformers'
  else
    choose_scratch
    shapes='qwen3-4b llama-8b'
    [ -n "$quick" ] && shapes=qwen3-4b
    # A rest for the sanitizer.
    limit=$(left)
    [ -n "$sanitize" ] && limit=$((limit / 2))
    # shellcheck disable=SC2086 # a list
    run_part 'agreement with transformers' "$limit" "$python" test/gpu/agreement.py --score build-gpu/millrace_gpu_score \
      --shapes $shapes --scratch "$scratch" --json build-gpu/agreement.json --budget "$((limit * 6 / 10))"
    [ -f build-gpu/agreement.json ] && agreement=$(cat build-gpu/agreement.json)
  fi
  [ -n "$sanitize" ] && run_sanitizer
  json=$out/$date-gpu-test.json
  printf '{\n  %s,\n  "seconds": %s,\n  "parts": [%s\n  ],\n  "agreement": %s\n}\n' "$(about)" "$(spent)" "$parts" \
    "$agreement" >"$json"
  echo "# $failed parts failed; $(spent) s; the results are in $json"
  [ "$failed" -eq 0 ]
  exit
}

[ "$what" = bench ] && run_bench
run_tests
