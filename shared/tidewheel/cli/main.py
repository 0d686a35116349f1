"""The program ``tidewheel``. It imports the rest itself, so that an interrupt ends it silently at any moment."""

from __future__ import annotations

import signal


def main() -> None:
    """Runs the command line. An interrupt ends the process as it ends other programs: by the signal, with no traceback.

    A command that has something to do then, such as ``worker``, sets a handler of its own. What is started in the
    background may ignore interrupts, and goes on to.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from tidewheel.cli.app import app  # noqa: PLC0415 -- loading it takes the most of a second

    app()
