"""Becomes the runtime of a function, and ends with the process that started it, however that ends."""

from __future__ import annotations

import os
import signal
import sys
import threading


def _end_with_parent(pipe: int) -> None:
    """Waits for the parent's end of the pipe to close, which its death does too; then ends all of this group."""
    while os.read(pipe, 1):
        pass
    os.killpg(os.getpgrp(), signal.SIGKILL)


def main() -> None:
    """The arguments: the pipe's number, the handler, and the code's folder, by which a list of processes tells it."""
    pipe, handler = int(sys.argv[1]), sys.argv[2]
    os.set_inheritable(pipe, False)
    threading.Thread(target=_end_with_parent, args=(pipe,), daemon=True).start()
    from awslambdaric.__main__ import main as serve  # noqa: PLC0415 - only the engine's venv has it

    sys.argv = ["awslambdaric", handler]
    serve(sys.argv)


if __name__ == "__main__":
    main()
