#!/usr/bin/env bash
# The core tests in environments with only NumPy and pytest: with the oldest NumPy 2 release, and with the newest, side by side.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
check() { # NAME REQUIREMENT
  "$python" -m venv "$folder/$1"
  "$folder/$1/bin/python" -m pip install --quiet --no-deps .
  "$folder/$1/bin/python" -m pip install --quiet "$2" "pytest>=8.3"
  "$folder/$1/bin/python" -m pytest -q -p no:cacheprovider --basetemp "$folder/$1/tmp"
}
check oldest "numpy==2.0.0" >"$folder/oldest.log" 2>&1 & oldest=$!
check newest "numpy" >"$folder/newest.log" 2>&1 & newest=$!
failed=0
wait "$oldest" || failed=1
wait "$newest" || failed=1
for name in oldest newest; do
  echo "core tests with the $name NumPy 2"
  cat "$folder/$name.log"
done
exit "$failed"
