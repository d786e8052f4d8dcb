"""Processes that outlive the command that started them, and how to know them again."""

import os
import signal
import subprocess
import time
from pathlib import Path

POLL = 0.1


def spawn(command, log, cwd):
    """Starts `command` in a session of its own with its output appended to `log`; returns its identity."""
    with open(log, "ab") as out:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                                 cwd=cwd, start_new_session=True)
    return {"pid": child.pid, "started": started(child.pid)}


def started(pid):
    """When `pid` started, as text that no later process with the same id shares; None if there is none (or a zombie)."""
    stat = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        try:
            # The command name may hold spaces and brackets; the fields after the last one do not.
            fields = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            return None
        if fields[0] in "ZX":
            return None
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{fields[19]}"
    done = subprocess.run(["ps", "-o", "stat=,lstart=", "-p", str(pid)], stdout=subprocess.PIPE, text=True, check=False)
    state, _, since = done.stdout.strip().partition(" ")
    return None if not since or state.startswith("Z") else since.strip()


def alive(identity):
    """Whether the very process that `spawn` returned still runs."""
    if not identity:
        return False
    reap(identity)
    return identity["started"] is not None and started(identity["pid"]) == identity["started"]


def reap(identity):
    """Collects the exit of a child of this command, so that it does not stay as a zombie."""
    try:
        os.waitpid(identity["pid"], os.WNOHANG)
    except ChildProcessError:
        pass


def end(identity, grace):
    """Ends the process: politely, and after `grace` seconds (0: at once) by force. Does nothing if it is gone."""
    if grace > 0:
        _signal(identity, signal.SIGTERM)
        if _wait_gone(identity, grace):
            return
    _signal(identity, signal.SIGKILL)
    _wait_gone(identity, 30)


def _signal(identity, number):
    if alive(identity):
        try:
            os.kill(identity["pid"], number)
        except ProcessLookupError:
            pass


def _wait_gone(identity, seconds):
    deadline = time.monotonic() + seconds
    while alive(identity):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL)
    return True
