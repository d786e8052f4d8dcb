"""The two kinds of server: how each is configured, prepared and launched."""

import subprocess
import uuid
from base64 import urlsafe_b64encode
from pathlib import Path
from string import Template

import probes
from errors import Failure

HERE = Path(__file__).resolve().parent.parent
# What names of ports begin with that are reached through a port of somebody else; that one follows.
LINK = "link_"


class Kafka:
    """Apache Kafka as one KRaft node."""

    name = "kafka"
    variable = "VELTRIX_KAFKA"
    ports = ("port", "controller_port")
    probe = staticmethod(probes.kafka)

    @staticmethod
    def configure(directory, ports, durable):
        """Writes the configuration; called before every start, as ports may have changed."""
        del durable  # What the system was given to write outlives the process.
        links = [(name, port, name.removeprefix(LINK)) for name, port in ports.items() if name.startswith(LINK)]
        _render(HERE / "kafka/server.properties.template", directory / "server.properties", data=directory / "data",
                link_listeners="".join(f",{name.upper()}://127.0.0.1:{port}" for name, port, _ in links),
                # Clients that came through a link are sent back to it.
                link_advertised="".join(f",{name.upper()}://127.0.0.1:{through}" for name, _, through in links),
                link_protocols="".join(f",{name.upper()}:PLAINTEXT" for name, _, _ in links), **ports)

    @staticmethod
    def prepare(java, jars, directory):
        """Formats the data directory; does nothing if that was done."""
        if (directory / "data/meta.properties").exists():
            return
        cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode("ascii").rstrip("=")
        done = subprocess.run(
            [java, "-Xmx128m", "-cp", f"{jars}/*", "kafka.tools.StorageTool", "format", "--ignore-formatted",
             # An id may begin with a dash, which must not read as an option.
             f"--cluster-id={cluster}", "-c", str(directory / "server.properties")],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode != 0:
            raise Failure(f"formatting Kafka's data in {directory} failed:\n{done.stdout[-3000:]}")

    @staticmethod
    def command(java, jars, directory):
        """What to launch."""
        return [java, "-Xms256m", "-Xmx768m", "-XX:+ExitOnOutOfMemoryError", "-XX:-UsePerfData",
                f"-Dlog4j2.configurationFile={HERE / 'kafka/log4j2.properties'}",
                "-cp", f"{jars}/*", "kafka.Kafka", str(directory / "server.properties")]


class Cassandra:
    """Apache Cassandra as one node."""

    name = "cassandra"
    variable = "VELTRIX_CASSANDRA"
    ports = ("port", "storage_port")
    probe = staticmethod(probes.cassandra)

    @staticmethod
    def configure(directory, ports, durable):
        """Writes the configuration; called before every start, as ports may have changed."""
        _render(HERE / "cassandra/cassandra.yaml.template", directory / "cassandra.yaml", data=directory / "data",
                # Periodic: what was acknowledged in the last moments is lost when the process is killed.
                commitlog_sync="commitlog_sync: batch" if durable
                else "commitlog_sync: periodic\ncommitlog_sync_period: 10000ms", **ports)

    @staticmethod
    def prepare(java, jars, directory):
        """Cassandra prepares its directories by itself."""

    @staticmethod
    def command(java, jars, directory):
        """What to launch."""
        agent = next(jars.glob("jamm-*.jar"))
        options = [line for line in (HERE / "cassandra/jvm.options").read_text(encoding="utf-8").splitlines()
                   if line.startswith("-")]
        return [java, *options, f"-javaagent:{agent}",
                f"-Dcassandra.config={(directory / 'cassandra.yaml').as_uri()}",
                f"-Dcassandra.storagedir={directory / 'data'}",
                f"-Dlogback.configurationFile={HERE / 'cassandra/logback.xml'}",
                "-cp", f"{jars}/*", "org.apache.cassandra.service.CassandraDaemon"]


KINDS = {kind.name: kind for kind in (Kafka, Cassandra)}


def _render(template, target, **values):
    text = Template(template.read_text(encoding="utf-8")).substitute(values)
    target.write_text(text, encoding="utf-8")
