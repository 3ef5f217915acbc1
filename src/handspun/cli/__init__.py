"""The command ``handspun``."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line: one clear line for an error, and the exit code 1 (failed), 2 (wrong usage) or 130 (Ctrl-C)."""
    from handspun.errors import HandspunError, MissingExtraError

    try:
        try:
            from handspun.cli.app import app
        except ModuleNotFoundError as error:
            if (error.name or "").startswith("handspun"):
                raise
            raise MissingExtraError("The command line", "cli") from error
        app()
    except HandspunError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except BrokenPipeError:  # the reader of a pipe, such as `head`, has seen enough
        sys.stderr.close()
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
