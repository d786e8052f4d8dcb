"""The jars of a server: fetched once from Maven Central, shared by every instance of this user."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

from errors import Failure, SETUP_HINT

ATTEMPTS = 3


def cache_dir():
    """Where jars are kept; may be deleted at any time no server runs."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "veltrix" / "servers"


@contextmanager
def locked(path):
    """Holds the file lock `path`; the kernel releases it when the process ends, however it ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def fetch(name, pom):
    """Returns the directory with the jars that `pom` names.

    The directory's name holds the pom's digest, so a changed pom is fetched anew. It is filled under a temporary name
    and renamed when complete: a download that broke off is never used.
    """
    digest = hashlib.sha256(pom.read_bytes()).hexdigest()[:12]
    target = cache_dir() / f"{name}-{digest}"
    if target.is_dir():
        return target
    # One lock for all servers: Maven's own repository is not safe for two writers either.
    with locked(cache_dir() / "fetch.lock"):
        if target.is_dir():
            return target
        for left in cache_dir().glob("partial-*"):
            shutil.rmtree(left, ignore_errors=True)
        partial = Path(tempfile.mkdtemp(prefix="partial-", dir=cache_dir()))
        print(f"fetching {name} from Maven Central", file=sys.stderr)
        _copy_dependencies(name, pom, partial)
        partial.chmod(0o755)
        partial.rename(target)
    return target


def _copy_dependencies(name, pom, directory):
    maven = shutil.which("mvn")
    if maven is None:
        raise Failure(f"mvn is not on PATH, so {name} cannot be fetched: {SETUP_HINT}")
    command = [maven, "--batch-mode", "--quiet", "--strict-checksums", "--file", str(pom),
               "dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={directory}"]
    output = ""
    for _ in range(ATTEMPTS):
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode == 0 and any(directory.glob("*.jar")):
            return
        output = done.stdout
    shutil.rmtree(directory, ignore_errors=True)
    raise Failure(f"fetching {name} failed {ATTEMPTS} times; is Maven Central reachable? Maven said:\n{output[-3000:]}")
