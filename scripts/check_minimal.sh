#!/usr/bin/env bash
# The core tests in environments with only NumPy and pytest: with the oldest NumPy 2 release, and with the newest.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for numpy in "numpy==2.0.0" "numpy"; do
  echo "core tests with $numpy"
  "$python" -m venv "$folder/venv" --clear
  "$folder/venv/bin/python" -m pip install --quiet --no-deps .
  "$folder/venv/bin/python" -m pip install --quiet "$numpy" "pytest>=8.3"
  "$folder/venv/bin/python" -m pytest -q -p no:cacheprovider
done
