"""The command ``handspun``: one module for each command.

Commands parse arguments, call the library and print; everything they compute belongs to the rooms below. Begin with ``app.py``.
"""

from __future__ import annotations

import io
import os
import sys


def main() -> None:
    """Run the command line: one clear line for an error, and the exit code 1 (failed), 2 (wrong usage) or 130 (Ctrl-C)."""
    from handspun.errors import HandspunError, MissingExtraError

    _make_streams_safe()
    try:
        try:
            from handspun.cli.app import run
        except ModuleNotFoundError as error:
            if (error.name or "").startswith("handspun"):
                raise
            raise MissingExtraError("The command line", "cli") from error
        try:
            sys.exit(run())
        finally:
            sys.stdout.flush()  # here a full disk can still be reported
    except HandspunError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except BrokenPipeError:  # the reader of a pipe, such as `head`, has stopped reading
        _drop_output()
        sys.exit(1)
    except OSError as error:
        if error.filename is None:  # standard output, for example on a full disk
            _drop_output()
            print(f"Error: {error.strerror or error}.", file=sys.stderr)
        else:  # a path that cannot even be looked at
            print(f"Error: Cannot read {error.filename}: {error.strerror}.", file=sys.stderr)
        sys.exit(1)
    except MemoryError as error:
        print(f"Error: There is not enough memory. {error}".rstrip(), file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def _drop_output() -> None:
    """Discard output that cannot be written: Python would try to write it again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _make_streams_safe() -> None:
    """Let no character and no closed stream stop a command: a character the terminal cannot show is printed as its number."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, io.TextIOWrapper(io.BytesIO(), encoding="utf-8"))
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
