"""The two kinds of server: how each is configured, prepared and launched."""

import subprocess
import uuid
from base64 import urlsafe_b64encode
from pathlib import Path
from string import Template

import probes
from errors import Failure

HERE = Path(__file__).resolve().parent.parent


class Kafka:
    """Apache Kafka as one KRaft node."""

    name = "kafka"
    variable = "VELTRIX_KAFKA"
    ports = ("port", "controller_port")
    probe = staticmethod(probes.kafka)

    @staticmethod
    def configure(directory, ports):
        """Writes the configuration; called before every start, as ports may have changed."""
        _render(HERE / "kafka/server.properties.template", directory / "server.properties",
                data=directory / "data", **ports)

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
    def configure(directory, ports):
        """Writes the configuration; called before every start, as ports may have changed."""
        _render(HERE / "cassandra/cassandra.yaml.template", directory / "cassandra.yaml",
                data=directory / "data", **ports)

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
