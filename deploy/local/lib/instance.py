"""One server of one directory: its ports, its process, its data."""

import json
import os
import shutil
import sys
import time

import jars
import java
import ports
import process
from errors import Failure
from kinds import HERE, LINK

# Long enough for a controlled shutdown on a busy machine.
STOP_GRACE = 30
PICK_ATTEMPTS = 3


class Instance:
    """A server under `base`/NAME. Callers hold the lock of `base`."""

    def __init__(self, kind, base):
        self.kind = kind
        self.directory = base / kind.name
        self.log = self.directory / "log"
        self._file = self.directory / "state.json"
        try:
            self.state = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self.state = {}

    @property
    def address(self):
        """host:port, or None before the first start."""
        return f"127.0.0.1:{self.state['ports']['port']}" if "ports" in self.state else None

    def running(self):
        """Whether the process that this directory's last start made still runs."""
        return process.alive(self.state.get("process"))

    def answers(self):
        """Whether it runs and answers a query."""
        return self.running() and self.kind.probe(self.state["ports"]["port"])

    @property
    def links(self):
        """Ports of others that clients come through, and where each has to lead: {port: host:port}."""
        return {name.removeprefix(LINK): f"127.0.0.1:{port}"
                for name, port in self.state.get("ports", {}).items() if name.startswith(LINK)}

    def launch(self, port=None, links=None, durable=False):
        """Starts it unless it runs; on `port`, else on the port it had, else on a free one; with these links, else with
        those it had. Does not wait."""
        if self.running():
            if port and port != self.state["ports"]["port"]:
                raise Failure(f"{self.kind.name} of {self.directory} already runs on {self.address}; "
                              f"stop it before starting it on port {port}")
            if links and {str(link) for link in links} != set(self.links):
                raise Failure(f"{self.kind.name} of {self.directory} already runs with other links; stop it first")
            return False
        directory = jars.fetch(self.kind.name, HERE / self.kind.name / "pom.xml")
        machine = java.find()
        self.directory.mkdir(parents=True, exist_ok=True)
        # Once asked for, it stays.
        durable = durable or self.state.get("durable", False)
        self._choose_ports(port, links)
        self.state["durable"] = durable
        self.kind.configure(self.directory, self.state["ports"], durable)
        self.kind.prepare(machine, directory, self.directory)
        if self.log.exists():
            self.log.replace(self.log.with_suffix(".old"))
        self.state["process"] = process.spawn(
            self.kind.command(machine, directory, self.directory), self.log, self.directory)
        self._save()
        return True

    def wait(self, timeout):
        """Waits until it answers."""
        deadline = time.monotonic() + timeout
        while not self.answers():
            if not self.running():
                raise Failure(f"{self.kind.name} ended while starting; the end of {self.log}:\n{self._tail()}")
            if time.monotonic() > deadline:
                raise Failure(f"{self.kind.name} did not answer on {self.address} within {timeout:.0f} s; "
                              f"the end of {self.log}:\n{self._tail()}")
            time.sleep(process.POLL)

    def stop(self, force=False):
        """Ends it, if it runs; its data stays. True if there was something to end."""
        if not self.running():
            return False
        process.end(self.state["process"], 0 if force else STOP_GRACE)
        return True

    def wipe(self):
        """Removes its data and configuration. It must be stopped."""
        if self._file.exists():
            shutil.rmtree(self.directory)

    def _choose_ports(self, port, links):
        had = self.state.get("ports", {})
        chosen = {}
        linked = [f"{LINK}{link}" for link in links] if links else [name for name in had if name.startswith(LINK)]
        for name in (*self.kind.ports, *linked):
            wanted = port if name == "port" and port else had.get(name)
            # Others know these.
            fixed = (name == "port" or name.startswith(LINK)) and wanted is not None
            if wanted is not None and self._becomes_free(wanted, fixed):
                chosen[name] = wanted
            elif fixed:
                raise Failure(f"port {wanted} for {self.kind.name} is taken by another process; "
                              f"free it, or name another with --{self.kind.name}-port")
            else:
                chosen[name] = ports.pick(set(chosen.values()))
        self.state = {"ports": chosen}
        self._save()

    @staticmethod
    def _becomes_free(port, patient):
        # A process that was just killed may hold its port for a moment longer.
        deadline = time.monotonic() + (5 if patient else 0)
        while not ports.is_free(port):
            if time.monotonic() > deadline:
                return False
            time.sleep(process.POLL)
        return True

    def _save(self):
        partial = self._file.with_suffix(".partial")
        partial.write_text(json.dumps(self.state), encoding="utf-8")
        os.replace(partial, self._file)

    def _tail(self):
        try:
            return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-20:])
        except OSError as error:
            print(error, file=sys.stderr)
            return ""
