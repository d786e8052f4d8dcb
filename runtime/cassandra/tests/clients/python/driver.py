"""What an application does with the Python driver. Arguments: host:port, protocol version, compression or `none`."""

import collections
import datetime
import decimal
import sys
import threading
import uuid

from cassandra import AlreadyExists, ConsistencyLevel, InvalidRequest
from cassandra.cluster import Cluster, ExecutionProfile, EXEC_PROFILE_DEFAULT
from cassandra.protocol import SyntaxException
from cassandra.query import BatchStatement, BatchType, SimpleStatement, dict_factory, UNSET_VALUE
from cassandra.util import Date, Duration, Time

address, version, compression = sys.argv[1:4]
host, port = address.rsplit(":", 1)
keyspace = f"python_{version}_{compression}_{uuid.uuid4().hex[:8]}"


def connect(keyspace=None):
    cluster = Cluster(
        [host],
        port=int(port),
        protocol_version=int(version),
        compression=False if compression == "none" else compression,
        execution_profiles={EXEC_PROFILE_DEFAULT: ExecutionProfile(row_factory=dict_factory, request_timeout=30)},
        schema_event_refresh_window=0,
    )
    return cluster, cluster.connect(keyspace)


cluster, session = connect()
assert cluster.protocol_version == int(version)
control = cluster.control_connection._connection
assert (control.compressor is not None or control._is_checksumming_enabled) or compression == "none"


def raises(error, statement, told, *values):
    try:
        session.execute(statement, *values)
    except error as refused:
        assert told in str(refused), refused
    else:
        raise AssertionError(f"{statement} went through")


# Schema: made, read back, and told to other clients.
session.execute(f"CREATE KEYSPACE {keyspace} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}")
watcher, _ = connect()
session.set_keyspace(keyspace)
session.execute("CREATE TYPE address (street text, numbers frozen<list<int>>)")
session.execute("""CREATE TABLE everything (k int, c timeuuid, s text static, a ascii, b bigint, bl blob, bo boolean, d date,
    de decimal, do double, du duration, f float, i inet, sm smallint, t time, ts timestamp, ti tinyint, u uuid, v varint,
    l list<int>, se set<text>, m map<text, frozen<address>>, tu tuple<int, text>, ad address, ve vector<float, 3>,
    PRIMARY KEY (k, c)) WITH CLUSTERING ORDER BY (c DESC) AND comment = 'all types' AND default_time_to_live = 86400""")
session.execute("CREATE TABLE counts (k text PRIMARY KEY, n counter)")
session.execute("CREATE TABLE plain (k int, c int, v text, PRIMARY KEY (k, c))")
session.execute("CREATE INDEX plain_by_v ON plain (v)")

table = cluster.metadata.keyspaces[keyspace].tables["everything"]
assert [column.name for column in table.primary_key] == ["k", "c"]
assert table.columns["c"].is_reversed and table.columns["s"].is_static
assert table.columns["m"].cql_type == "map<text, frozen<address>>", table.columns["m"].cql_type
assert table.options["comment"] == "all types"
assert cluster.metadata.keyspaces[keyspace].user_types["address"].field_names == ["street", "numbers"]
assert cluster.metadata.keyspaces[keyspace].indexes["plain_by_v"].index_options["target"] == "v"
assert "CREATE TABLE" in table.export_as_string()
assert cluster.metadata.keyspaces["system_virtual_schema"].virtual

told = threading.Event()
for _ in range(100):
    if "plain" in getattr(watcher.metadata.keyspaces.get(keyspace), "tables", {}):
        told.set()
        break
    threading.Event().wait(0.1)
assert told.is_set(), "no schema-change event came"

# Values of every type, there and back.
values = {
    "k": 1, "c": uuid.uuid1(), "s": "static", "a": "ascii", "b": -(2**63), "bl": b"\x00\xff", "bo": True,
    "d": Date(datetime.date(1969, 7, 20)), "de": decimal.Decimal("-12.345"), "do": 0.1, "du": Duration(1, 2, 3), "f": 0.5,
    "i": "::1", "sm": -32768, "t": Time(datetime.time(23, 59, 59, 999)), "ts": datetime.datetime(2020, 1, 2, 3, 4, 5, 678000),
    "ti": -128, "u": uuid.uuid4(), "v": -(10**30), "l": [3, 1, 2], "se": {"b", "a"}, "tu": (1, None), "ve": [1.0, 2.5, -3.0],
}
columns = list(values)
insert = session.prepare(f"INSERT INTO everything ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})")
assert insert.routing_key_indexes == [0]
session.execute(insert, values)
Address = collections.namedtuple("Address", ["street", "numbers"])
cluster.register_user_type(keyspace, "address", Address)
update = session.prepare("UPDATE everything SET m = m + ?, ad = ? WHERE k = ? AND c = ?")
session.execute(update, ({"home": Address("Elm", [1, 2])}, Address("Oak", None), 1, values["c"]))
row = session.execute("SELECT * FROM everything WHERE k = %s", (1,)).one()
for name, value in values.items():
    got = row[name]
    got = set(got) if name == "se" else list(got) if name == "ve" else got
    assert got == value, (name, got, value)
assert row["m"]["home"] == Address("Elm", [1, 2]) and row["ad"] == Address("Oak", None)

# Unset, null, and a result whose columns change under a prepared statement.
session.execute(session.prepare("INSERT INTO plain (k, c, v) VALUES (?, ?, ?)"), (0, 0, "there"))
session.execute(session.prepare("INSERT INTO plain (k, c, v) VALUES (?, ?, ?)"), (0, 0, UNSET_VALUE))
everything = session.prepare("SELECT * FROM plain WHERE k = ?")
assert session.execute(everything, (0,)).one() == {"k": 0, "c": 0, "v": "there"}
session.execute("ALTER TABLE plain ADD w int")
assert session.execute(everything, (0,)).one() == {"k": 0, "c": 0, "v": "there", "w": None}
assert session.execute(everything, (0,)).one() == {"k": 0, "c": 0, "v": "there", "w": None}

# Pages.
batch = BatchStatement(batch_type=BatchType.UNLOGGED, consistency_level=ConsistencyLevel.QUORUM)
put = session.prepare("INSERT INTO plain (k, c, v) VALUES (:k, :c, :v)")
for c in range(1000):
    batch.add(put, {"k": 7, "c": c, "v": str(c)})
session.execute(batch)
page = SimpleStatement("SELECT c, v FROM plain WHERE k = 7", fetch_size=300)
result = session.execute(page)
assert len(result.current_rows) == 300 and result.has_more_pages
assert [row["c"] for row in result] == list(range(1000))
resumed = session.execute(page, paging_state=session.execute(page).paging_state)
assert resumed.one()["c"] == 300
everything.fetch_size = 64
assert len(list(session.execute(everything, (7,)))) == 1000
assert session.execute("SELECT count(*) AS n FROM plain").one()["n"] == 1001

# A large value: many segments each way in version 5.
large = "".join(chr(97 + i % 26) for i in range(1_000_000))
session.execute("INSERT INTO everything (k, s) VALUES (8, %s)", (large,))
assert session.execute("SELECT s FROM everything WHERE k = 8").one()["s"] == large

# Batches of each kind, counters, and conditions.
batch = BatchStatement()
batch.add("INSERT INTO plain (k, c, v) VALUES (%s, %s, %s)", (9, 1, "a"))
batch.add(put, (9, 2, "b"))
session.execute(batch)
counters = BatchStatement(batch_type=BatchType.COUNTER)
counters.add("UPDATE counts SET n = n + 5 WHERE k = 'x'")
counters.add("UPDATE counts SET n = n - 2 WHERE k = 'x'")
session.execute(counters)
assert session.execute("SELECT n FROM counts").one()["n"] == 3

absent = session.prepare("INSERT INTO plain (k, c, v) VALUES (?, ?, ?) IF NOT EXISTS")
first, second = session.execute(absent, (10, 1, "a")), session.execute(absent, (10, 1, "b"))
assert first.was_applied and not second.was_applied
assert second.one()["v"] == "a"
assert session.execute("UPDATE plain SET v = 'c' WHERE k = 10 AND c = 1 IF v = 'a'").was_applied
refused = session.execute("UPDATE plain SET v = 'd' WHERE k = 10 AND c = 1 IF v = 'a'")
assert refused.one() == {"[applied]": False, "v": "c"}
conditional = BatchStatement(serial_consistency_level=ConsistencyLevel.LOCAL_SERIAL)
conditional.add(absent, (10, 2, "x"))
conditional.add("UPDATE plain SET v = 'e' WHERE k = 10 AND c = 1 IF v = 'c'")
assert session.execute(conditional).was_applied

# Errors by their class; warnings; traces; a custom payload; concurrent requests.
raises(SyntaxException, "SELEC 1", "line 1")
raises(InvalidRequest, "SELECT * FROM nowhere", "nowhere")
raises(InvalidRequest, "SELECT * FROM plain WHERE v > 'x'", "ALLOW FILTERING")
raises(AlreadyExists, "CREATE TABLE plain (k int PRIMARY KEY)", "plain")
traced = session.execute_async("SELECT k FROM plain WHERE k = 9", trace=True)
assert len(list(traced.result())) == 2 and traced._query_traces
assert session.execute("SELECT k FROM plain WHERE k = 9", custom_payload={"a": b"b"}).one()["k"] == 9
if int(version) >= 5:
    prepared = session.prepare("SELECT v FROM plain WHERE k = 9", keyspace=keyspace)
    assert len(list(session.execute(prepared))) == 2
futures = [session.execute_async(put, (11, c, "v")) for c in range(2000)]
for future in futures:
    future.result()
assert session.execute("SELECT count(*) AS n FROM plain WHERE k = 11").one()["n"] == 2000

session.execute(f"DROP KEYSPACE {keyspace}")
assert keyspace not in cluster.metadata.keyspaces
cluster.shutdown()
watcher.shutdown()
print("done")
