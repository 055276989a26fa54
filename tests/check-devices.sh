#!/usr/bin/env bash
# Checks the host with its cargo features for other devices than the CPU, on a machine that has none of them:
#
#   cuda   compiles candle's kernels with NVIDIA's compiler, then types and lints of the whole host. Linux on x86-64.
#          Takes the toolkit that CUDA_HOME names or whose nvcc is on the PATH; else fetches the compiler from PyPI,
#          about 130 MB, into the target folder.
#   metal  types and lints of the inference crate for macOS on Apple silicon. The rest of the host needs Apple's C
#          compiler for SQLite and TLS; none of its code depends on the feature.
#
# Nothing is linked and nothing is run. Says nothing of what the devices compute, of their speed, or of their memory.
#
#   tests/check-devices.sh [cuda] [metal]      both if none is named; the first time takes about ten minutes
set -euo pipefail
cd "$(dirname "$0")/.."

# Apart from the usual target folder, whose contents another set of features would replace.
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target/devices}
# One that cudarc, which candle reaches CUDA through, knows.
CUDA_VERSION=13.0
lint=(cargo clippy --release)

toolkit() {
  if [ -n "${CUDA_HOME:-}" ]; then
    echo "$CUDA_HOME"
  elif command -v nvcc >/dev/null; then
    dirname "$(dirname "$(command -v nvcc)")"
  else
    local wheels="$CARGO_TARGET_DIR/cuda-wheels" home="$CARGO_TARGET_DIR/cuda-$CUDA_VERSION"
    if [ ! -d "$home" ]; then
      local packages=(nvidia-cuda-nvcc nvidia-nvvm nvidia-cuda-crt nvidia-cuda-runtime nvidia-cuda-cccl) wheel
      python3 -m pip download --quiet --no-deps --dest "$wheels" "${packages[@]/%/==$CUDA_VERSION.*}" >&2
      for wheel in "$wheels"/*.whl; do python3 -m zipfile -e "$wheel" "$home.part"; done
      # Archives of Python don't keep what may be run.
      chmod +x "$home.part"/nvidia/cu13/bin/* "$home.part"/nvidia/cu13/nvvm/bin/*
      mv "$home.part" "$home"
    fi
    echo "$home/nvidia/cu13"
  fi
}

check_cuda() {
  local home
  home=$(toolkit)
  # Kernels are compiled for one generation of devices; types do not depend on which.
  CUDA_HOME=$home CUDA_PATH=$home PATH=$home/bin:$PATH CUDA_COMPUTE_CAP=${CUDA_COMPUTE_CAP:-80} \
    "${lint[@]}" --package qpyt-studio --package qpyt-inference --features qpyt-studio/cuda,qpyt-inference/cuda \
    --all-targets -- -D warnings
}

check_metal() {
  local target=aarch64-apple-darwin
  if [ ! -d "$(rustc --print target-libdir --target "$target")" ]; then rustup target add "$target"; fi
  "${lint[@]}" --package qpyt-inference --features metal --target "$target" -- -D warnings
}

if [ $# = 0 ]; then set -- cuda metal; fi
for device in "$@"; do
  case $device in
    cuda) check_cuda ;;
    metal) check_metal ;;
    *) echo "usage: tests/check-devices.sh [cuda] [metal]" >&2; exit 2 ;;
  esac
done
