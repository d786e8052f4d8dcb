"""Finds a Java that both servers run on."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from errors import Failure, SETUP_HINT

# Cassandra 5.0 runs on 11 and 17, Kafka 4 on 17 and later.
MAJOR = 17


def find():
    """The path of a Java 17: $JAVA_HOME, else the one on PATH, else one under /usr/lib/jvm."""
    candidates = []
    if os.environ.get("JAVA_HOME"):
        candidates.append(os.path.join(os.environ["JAVA_HOME"], "bin", "java"))
    candidates.append(shutil.which("java"))
    candidates += sorted(str(path) for path in Path("/usr/lib/jvm").glob("*/bin/java"))
    seen = []
    for candidate in filter(None, candidates):
        major = _major(candidate)
        if major == MAJOR:
            return candidate
        seen.append(f"{candidate} is {major or 'not runnable'}")
    found = "; ".join(seen) or "no java was found"
    raise Failure(f"Java {MAJOR} is needed ({found}): {SETUP_HINT}")


def _major(java):
    try:
        done = subprocess.run([java, "-version"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)
    except OSError:
        return None
    match = re.search(r'version "(?:1\.)?(\d+)', done.stdout)
    return int(match.group(1)) if match else None
