// What an application does with the Java driver. Arguments: host:port, protocol version, compression or `none`.

import com.datastax.oss.driver.api.core.CqlIdentifier;
import com.datastax.oss.driver.api.core.CqlSession;
import com.datastax.oss.driver.api.core.DefaultConsistencyLevel;
import com.datastax.oss.driver.api.core.config.DefaultDriverOption;
import com.datastax.oss.driver.api.core.config.DriverConfigLoader;
import com.datastax.oss.driver.api.core.cql.*;
import com.datastax.oss.driver.api.core.data.CqlDuration;
import com.datastax.oss.driver.api.core.data.CqlVector;
import com.datastax.oss.driver.api.core.data.TupleValue;
import com.datastax.oss.driver.api.core.data.UdtValue;
import com.datastax.oss.driver.api.core.metadata.schema.ClusteringOrder;
import com.datastax.oss.driver.api.core.metadata.schema.KeyspaceMetadata;
import com.datastax.oss.driver.api.core.metadata.schema.TableMetadata;
import com.datastax.oss.driver.api.core.servererrors.AlreadyExistsException;
import com.datastax.oss.driver.api.core.servererrors.InvalidQueryException;
import com.datastax.oss.driver.api.core.servererrors.SyntaxError;
import com.datastax.oss.driver.api.core.type.TupleType;
import com.datastax.oss.driver.api.core.type.UserDefinedType;
import com.datastax.oss.driver.api.core.uuid.Uuids;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletionStage;

public class Client {
    public static void main(String[] arguments) throws Exception {
        String[] address = arguments[0].split(":");
        InetSocketAddress node = new InetSocketAddress(address[0], Integer.parseInt(address[1]));
        String version = arguments[1];
        String compression = arguments[2];
        String keyspace = "java_" + version + "_" + compression + "_" + Long.toHexString(System.nanoTime());
        try (CqlSession session = connect(node, version, compression)) {
            run(session, keyspace, version);
        }
        System.out.println("done");
    }

    static CqlSession connect(InetSocketAddress node, String version, String compression) {
        var config = DriverConfigLoader.programmaticBuilder()
            .withDuration(DefaultDriverOption.REQUEST_TIMEOUT, Duration.ofSeconds(30))
            .withDuration(DefaultDriverOption.METADATA_SCHEMA_WINDOW, Duration.ofMillis(10))
            // Also those of the server, which it leaves out by default.
            .withStringList(DefaultDriverOption.METADATA_SCHEMA_REFRESHED_KEYSPACES, List.of())
            .withString(DefaultDriverOption.PROTOCOL_COMPRESSION, compression);
        // Without a version the driver asks what the server speaks.
        if (!version.equals("any")) {
            config.withString(DefaultDriverOption.PROTOCOL_VERSION, "V" + version);
        }
        return CqlSession.builder().addContactPoint(node).withLocalDatacenter("datacenter1").withConfigLoader(config.build()).build();
    }

    static void run(CqlSession session, String keyspace, String version) throws Exception {
        String spoken = session.getContext().getProtocolVersion().name();
        check(spoken.equals(version.equals("any") ? "V5" : "V" + version), spoken);
        session.execute("CREATE KEYSPACE " + keyspace + " WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}");
        session.execute("USE " + keyspace);
        session.execute("CREATE TYPE address (street text, numbers frozen<list<int>>)");
        session.execute("CREATE TABLE everything (k int, c timeuuid, s text static, b bigint, bl blob, bo boolean, d date, de decimal,"
            + " do double, du duration, f float, i inet, sm smallint, t time, ts timestamp, ti tinyint, u uuid, v varint, l list<int>,"
            + " se set<text>, m map<text, int>, tu tuple<int, text>, ad address, ve vector<float, 3>, PRIMARY KEY (k, c))"
            + " WITH CLUSTERING ORDER BY (c DESC) AND comment = 'all types'");
        session.execute("CREATE TABLE plain (k int, c int, v text, PRIMARY KEY (k, c))");
        session.execute("CREATE INDEX plain_by_v ON plain (v)");
        session.execute("CREATE TABLE counts (k text PRIMARY KEY, n counter)");
        schema(session, keyspace);
        values(session, keyspace);
        pages(session);
        batches(session);
        conditions(session);
        columnsChange(session);
        errors(session);
        session.execute("DROP KEYSPACE " + keyspace);
    }

    static void schema(CqlSession session, String name) {
        KeyspaceMetadata keyspace = session.refreshSchema().getKeyspace(name).get();
        TableMetadata table = keyspace.getTable("everything").get();
        check(table.getColumns().size() == 24, table.getColumns());
        check(table.getClusteringColumns().containsValue(ClusteringOrder.DESC), table.getClusteringColumns());
        check(table.getOptions().get(CqlIdentifier.fromInternal("comment")).equals("all types"), table.getOptions());
        check(table.describe(true).contains("ve vector<float, 3>"), table.describe(true));
        check(keyspace.getUserDefinedType("address").get().getFieldNames().size() == 2, "address");
        check(keyspace.getTable("plain").get().getIndexes().size() == 1, "index");
        check(session.getMetadata().getKeyspace("system_virtual_schema").get().isVirtual(), "virtual");
        check(session.getMetadata().getTokenMap().get().getTokenRanges().size() == 1, "token map");
        check(session.getMetadata().getNodes().size() == 1, "nodes");
    }

    static void values(CqlSession session, String keyspace) throws Exception {
        UserDefinedType addressType = session.getMetadata().getKeyspace(keyspace).get().getUserDefinedType("address").get();
        UdtValue address = addressType.newValue("Elm", List.of(1, 2));
        PreparedStatement insert = session.prepare("INSERT INTO everything (k, c, s, b, bl, bo, d, de, do, du, f, i, sm, t, ts, ti, u, v, l,"
            + " se, m, tu, ad, ve) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
        check(insert.getPartitionKeyIndices().equals(List.of(0)), insert.getPartitionKeyIndices());
        TupleType tupleType = (TupleType) insert.getVariableDefinitions().get("tu").getType();
        TupleValue tuple = tupleType.newValue(1, null);
        Object[] values = {
            1, Uuids.timeBased(), "static", Long.MIN_VALUE, ByteBuffer.wrap(new byte[] {0, -1}), true, LocalDate.of(1969, 7, 20),
            new BigDecimal("-12.345"), 0.1, CqlDuration.newInstance(1, 2, 3), 0.5f, InetAddress.getByName("::1"), Short.MIN_VALUE,
            LocalTime.of(23, 59, 59, 999), Instant.ofEpochMilli(1577934245678L), Byte.MIN_VALUE, UUID.randomUUID(),
            BigInteger.TEN.pow(30).negate(), List.of(3, 1, 2), Set.of("a", "b"), Map.of("x", 1), tuple, address,
            CqlVector.newInstance(1.0f, 2.5f, -3.0f),
        };
        session.execute(insert.bind(values));
        Row row = session.execute("SELECT k, c, s, b, bl, bo, d, de, do, du, f, i, sm, t, ts, ti, u, v, l, se, m, tu, ad, ve FROM everything").one();
        for (int at = 0; at < values.length; at++) {
            check(values[at].equals(row.getObject(at)), row.getColumnDefinitions().get(at).getName() + ": " + row.getObject(at));
        }
    }

    static void pages(CqlSession session) throws Exception {
        PreparedStatement insert = session.prepare("INSERT INTO plain (k, c, v) VALUES (:k, :c, :v)");
        List<CompletionStage<AsyncResultSet>> sent = new ArrayList<>();
        for (int c = 0; c < 1000; c++) {
            sent.add(session.executeAsync(insert.boundStatementBuilder().setInt("k", 7).setInt("c", c).setString("v", "" + c).build()));
        }
        for (CompletionStage<AsyncResultSet> one : sent) {
            one.toCompletableFuture().get();
        }
        SimpleStatement select = SimpleStatement.newInstance("SELECT c FROM plain WHERE k = ?", 7).setPageSize(300);
        ResultSet result = session.execute(select);
        check(result.getAvailableWithoutFetching() == 300, result.getAvailableWithoutFetching());
        int expected = 0;
        for (Row row : result) {
            check(row.getInt("c") == expected++, expected);
        }
        check(expected == 1000, expected);
        ByteBuffer state = session.execute(select).getExecutionInfo().getPagingState();
        check(session.execute(select.setPagingState(state)).one().getInt(0) == 300, "second page");
        String large = "x".repeat(1_000_000);
        session.execute("INSERT INTO everything (k, s) VALUES (8, ?)", large);
        check(session.execute("SELECT s FROM everything WHERE k = 8").one().getString(0).equals(large), "large value");
    }

    static void batches(CqlSession session) {
        PreparedStatement insert = session.prepare("INSERT INTO plain (k, c, v) VALUES (?, ?, ?)");
        session.execute(BatchStatement.newInstance(BatchType.LOGGED, insert.bind(9, 1, "a"),
            SimpleStatement.newInstance("INSERT INTO plain (k, c, v) VALUES (9, 2, 'b') USING TTL 100")));
        check(session.execute("SELECT * FROM plain WHERE k = 9").all().size() == 2, "batch");
        session.execute(BatchStatement.newInstance(BatchType.COUNTER,
            SimpleStatement.newInstance("UPDATE counts SET n = n + 5 WHERE k = 'x'"),
            SimpleStatement.newInstance("UPDATE counts SET n = n - 2 WHERE k = 'x'")));
        check(session.execute("SELECT n FROM counts").one().getLong("n") == 3, "counter");
    }

    static void conditions(CqlSession session) {
        PreparedStatement insert = session.prepare("INSERT INTO plain (k, c, v) VALUES (?, ?, ?) IF NOT EXISTS");
        check(session.execute(insert.bind(10, 1, "a")).wasApplied(), "first");
        ResultSet second = session.execute(insert.bind(10, 1, "b"));
        check(!second.wasApplied() && second.one().getString("v").equals("a"), "second");
        PreparedStatement update = session.prepare("UPDATE plain SET v = ? WHERE k = 10 AND c = 1 IF v = ?");
        check(session.execute(update.bind("c", "a").setSerialConsistencyLevel(DefaultConsistencyLevel.LOCAL_SERIAL)).wasApplied(), "update");
        ResultSet refused = session.execute(update.bind("d", "a"));
        check(!refused.wasApplied() && refused.one().getString("v").equals("c"), "refused");
        check(session.execute(BatchStatement.newInstance(BatchType.LOGGED, insert.bind(10, 2, "x"), update.bind("e", "c"))).wasApplied(), "batch");
    }

    static void columnsChange(CqlSession session) {
        PreparedStatement all = session.prepare("SELECT * FROM plain WHERE k = ?");
        check(session.execute(all.bind(9)).one().getColumnDefinitions().size() == 3, "before");
        session.execute("ALTER TABLE plain ADD w int");
        // Version 4 knows no change of the columns: its clients prepare anew.
        int expected = session.getContext().getProtocolVersion().getCode() >= 5 ? 4 : 3;
        for (int time = 0; time < 2; time++) {
            Row row = session.execute(all.bind(9)).one();
            check(row.getColumnDefinitions().size() >= expected && row.getString("v").equals("a"), row.getFormattedContents());
        }
    }

    static void errors(CqlSession session) {
        refuses(session, "SELEC 1", SyntaxError.class);
        refuses(session, "SELECT * FROM nowhere", InvalidQueryException.class);
        refuses(session, "CREATE TABLE plain (k int PRIMARY KEY)", AlreadyExistsException.class);
        ExecutionInfo traced = session.execute(SimpleStatement.newInstance("SELECT * FROM counts").setTracing(true)).getExecutionInfo();
        check(traced.getTracingId() != null, "tracing id");
        String warning = String.join(" ", session.execute("SELECT count(*) FROM plain").getExecutionInfo().getWarnings());
        check(warning.contains("Aggregation query used without partition key"), warning);
    }

    static void refuses(CqlSession session, String statement, Class<? extends Exception> error) {
        try {
            session.execute(statement);
        } catch (Exception refused) {
            check(error.isInstance(refused), refused);
            return;
        }
        throw new AssertionError(statement + " went through");
    }

    static void check(boolean holds, Object told) {
        if (!holds) {
            throw new AssertionError(told);
        }
    }
}
