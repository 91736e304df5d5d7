"""Becomes another program, which then ends with its parent: `python launch.py SIGNAL PARENT UID:GID COMMAND ...`.

Run as a file by the supervisor for each child, because what it does must happen between fork and exec, and Python
code between fork and exec may deadlock when the parent has threads. Linux only for the ending; elsewhere a child
outlives a supervisor that was killed with -9.
"""

from __future__ import annotations

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main(signal_number: str, parent: str, account: str, *command: str) -> None:
    if account != "-":
        uid, gid = map(int, account.split(":"))
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":  # after setuid, which clears it
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal_number))
        if os.getppid() != int(parent):
            sys.exit("the supervisor is gone already")
    try:
        os.execv(command[0], command)  # noqa: S606
    except OSError as wrong:
        sys.exit(f"cannot run {command[0]}: {wrong.strerror}")


if __name__ == "__main__":
    main(*sys.argv[1:])
