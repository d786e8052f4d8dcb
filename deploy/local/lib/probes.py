"""Asks a server a question that it can only answer once it is ready to serve."""

import socket
import struct

TIMEOUT = 3


def kafka(port):
    """True when the broker lists itself in a metadata answer."""
    header = struct.pack(">hhih", 3, 4, 1, 7) + b"veltrix"
    body = struct.pack(">ib", 0, 0)  # no topics, create none
    request = header + body
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            size = struct.unpack(">i", _exactly(connection, 4))[0]
            answer = _exactly(connection, min(size, 1 << 20))
    except OSError:
        return False
    # correlation id, throttle time, number of brokers
    return len(answer) >= 12 and struct.unpack(">i", answer[8:12])[0] > 0


def cassandra(port):
    """True when a query is answered with rows."""
    query = b"SELECT release_version FROM system.local"
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) as connection:
            started = _cql(connection, 0x01, struct.pack(">hh11sh5s", 1, 11, b"CQL_VERSION", 5, b"3.0.0"))
            if started != 0x02:  # READY
                return False
            body = struct.pack(">i", len(query)) + query + struct.pack(">hb", 1, 0)
            return _cql(connection, 0x07, body) == 0x08  # QUERY, RESULT
    except OSError:
        return False


def _cql(connection, opcode, body):
    connection.sendall(struct.pack(">BBhBi", 4, 0, 0, opcode, len(body)) + body)
    header = _exactly(connection, 9)
    _exactly(connection, struct.unpack(">i", header[5:])[0])
    return header[4]


def _exactly(connection, count):
    data = b""
    while len(data) < count:
        part = connection.recv(count - len(data))
        if not part:
            raise ConnectionError("closed in the middle of an answer")
        data += part
    return data
