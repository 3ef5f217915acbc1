#!/usr/bin/env bash
# Install Chromium for the tests of the page, unless there is one: the system's package if possible, otherwise Playwright's.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
found() { PYTHONPATH=tests/app "$python" -c 'import sys; from browsing import find_chromium; sys.exit(find_chromium() is None)'; }
# Without a font the page would show no text.
from_system() {
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
  apt-get update -qq || echo "The package lists could not be updated; continuing with the old ones." >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium fonts-dejavu-core >/dev/null
}
found || from_system || "$python" -m playwright install chromium
found || { echo "No Chromium could be installed. Install one, or name it in HANDSPUN_CHROMIUM." >&2; exit 1; }
