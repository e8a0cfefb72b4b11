#!/usr/bin/env bash
# training/train.sh [MODEL]: the wrist's T-L model again from nothing, into
# models/wrist-tl. Needs Debian's python3-torch, python3-numpy and
# libopenblas0-pthread; about 25 minutes on two idle cores and 1.2 GB under
# target/training. Quick when the sets are there already.
set -euo pipefail
cd "$(dirname "$0")/.."
model=${1:-models/wrist-tl}
sets=$PWD/target/training
python=${PYTHON:-/usr/bin/python3}
threads=$(nproc)
mkdir -p "$sets"

"$python" -c 'import numpy, torch' 2>/dev/null || {
    echo "training needs: apt-get install python3-torch python3-numpy libopenblas0-pthread" >&2
    exit 2
}

# The generator, optimized as far as it goes: it is what takes the time.
bonebox_test() {
    cargo --config profile.dev.package.bonebox.opt-level=3 test --locked --lib -- --exact "workbench::$1" >/dev/null
}
pack() {
    [ -e "$sets/$1.json" ] && return
    echo "inventing $1: subjects $2 to $3" >&2
    BONEBOX_TRAINING_SET="$sets $1 $2 $3 $4 $threads" \
        bonebox_test training_set::tests::writes_the_set_that_training_asks_for
}
pack test 2000000 2000300 1
pack validation 1000000 1000500 1
pack training 0 5000 2

"$python" training/train.py "$sets" "$model" --threads "$threads" --epochs "${EPOCHS:-18}"
for set in validation test; do
    BONEBOX_MODEL_ERROR="$PWD/$model/template.bin $sets/$set-predictions.json $sets/$set-report.json $threads" \
        bonebox_test model_error::tests::measures_the_model_that_training_asks_for
done
"$python" training/card.py "$model" "$sets/validation-report.json" "$sets/test-report.json"
