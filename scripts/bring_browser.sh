#!/usr/bin/env bash
# A Chromium for the tests of the page, unless there is one: the system's package where that can be installed, or Playwright's.
set -euo pipefail
cd "$(dirname "$0")/.."
found() { PYTHONPATH=tests/app "${PYTHON:-python3}" -c 'import sys; from browsing import find_chromium; sys.exit(find_chromium() is None)'; }
found && exit
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium >/dev/null
else
  "${PYTHON:-python3}" -m playwright install chromium
fi
found || { echo "No Chromium could be installed. Install one, or name it in HANDSPUN_CHROMIUM." >&2; exit 1; }
