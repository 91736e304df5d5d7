package rival;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.net.URI;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.postgresql.PGConnection;
import org.postgresql.copy.CopyManager;

/**
 * The sink: committed records of entries -> PostgreSQL, by COPY, with its position in the same transaction.
 *
 * It also says the rival's two lines, because what it has committed is what is durable.
 */
public final class Sink {
    private static final JsonFactory JSON = new JsonFactory();
    private static final Duration WAIT = Duration.ofMillis(50);
    /** After the last line, while what was used is read from outside. */
    private static final long STAY_MS = 1000;

    /** How a member stands after the last fact of a batch. */
    private record Standing(long available, long debt, int tier, long spend) {}

    private final Rows facts = new Rows("fact", 9);
    private final Rows entries = new Rows("entry", 10);
    private final Rows rewards = new Rows("reward", 5);
    private final Map<String, Standing> members = new HashMap<>();
    /** By partition: where the sink goes on, on the topic of entries and in the journal. */
    private final long[] next = new long[Told.PARTITIONS];
    private final long[] journal = new long[Told.PARTITIONS];
    private final Connection connection;
    private final CopyManager copies;

    private long warm = -1;
    private long began;
    private long ended;

    private Sink(Connection connection) throws SQLException {
        this.connection = connection;
        copies = connection.unwrap(PGConnection.class).getCopyAPI();
    }

    public static void main(String[] arguments) throws Exception {
        try (Connection connection = connect();
             KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings());
             Admin admin = Admin.create(Map.<String, Object>of("bootstrap.servers", Told.BROKERS))) {
            new Sink(connection).run(consumer, admin);
        }
    }

    private void run(KafkaConsumer<byte[], byte[]> consumer, Admin admin) throws Exception {
        List<TopicPartition> all =
            IntStream.range(0, Told.PARTITIONS).mapToObj(n -> new TopicPartition(Told.ENTRIES, n)).toList();
        consumer.assign(all);
        all.forEach(one -> consumer.seek(one, next[one.partition()]));
        boolean booked = false;
        while (true) {
            ConsumerRecords<byte[], byte[]> got = consumer.poll(WAIT);
            if (!got.isEmpty()) {
                for (ConsumerRecord<byte[], byte[]> record : got) {
                    add(record);
                }
                commit();
                tick();
            } else if (!booked) {
                booked = booked(admin);
            } else if (consumer.endOffsets(all).entrySet().stream().allMatch(e -> consumer.position(e.getKey()) >= e.getValue())) {
                break;
            }
        }
        System.out.printf("{\"events\": %d, \"seconds\": %.6f}%n", Told.RECORDS - warm, (ended - began) / 1e9);
        System.out.flush();
        Thread.sleep(STAY_MS);
    }

    /** Whether the application has committed the whole journal: then all of its output is on the topic. */
    private static boolean booked(Admin admin) throws Exception {
        return admin.listConsumerGroupOffsets(Told.APPLICATION).partitionsToOffsetAndMetadata().get().values().stream()
            .mapToLong(one -> one == null ? 0 : one.offset()).sum() >= Told.RECORDS;
    }

    /** The clock: what is committed is durable. */
    private void tick() {
        ended = System.nanoTime();
        if (warm < 0) {
            long done = 0;
            for (long one : journal) {
                done += one;
            }
            if (done >= Told.WARM) {
                warm = done;
                began = ended;
                System.out.println("warm");
                System.out.flush();
            }
        }
    }

    private void add(ConsumerRecord<byte[], byte[]> record) throws IOException {
        int partition = record.partition();
        long seq = 0;
        long recorded = 0;
        long available = 0;
        long debt = 0;
        long spend = 0;
        long rewarded = 0;
        int tier = 0;
        String fact = "";
        String type = "";
        String at = "";
        String status = "";
        String member = "";
        String partner = "";
        String kind = "";
        try (JsonParser parser = JSON.createParser(record.value())) {
            parser.nextToken();
            for (String name = parser.nextFieldName(); name != null; name = parser.nextFieldName()) {
                switch (name) {
                    case "seq" -> seq = parser.nextLongValue(0);
                    case "fact" -> fact = parser.nextTextValue();
                    case "type" -> type = parser.nextTextValue();
                    case "occurred_at" -> at = parser.nextTextValue();
                    case "recorded_at_ms" -> recorded = parser.nextLongValue(0);
                    case "status" -> status = parser.nextTextValue();
                    case "member" -> member = parser.nextTextValue();
                    case "available" -> available = parser.nextLongValue(0);
                    case "debt" -> debt = parser.nextLongValue(0);
                    case "tier" -> tier = parser.nextIntValue(0);
                    case "qualifying_minor" -> spend = parser.nextLongValue(0);
                    case "partner" -> partner = parser.nextTextValue();
                    case "kind" -> kind = parser.nextTextValue();
                    case "rewarded" -> rewarded = parser.nextLongValue(0);
                    case "entries" -> entries(parser, partition, seq, member);
                    default -> parser.nextToken();
                }
            }
        }
        facts.row().int2(partition).int8(seq).text(fact).text(member).text(type).text(at).int8(recorded).text(status)
            .bytea(record.headers().lastHeader(Book.BODY).value());
        if (rewarded > 0) {
            rewards.row().int2(partition).int8(seq).text(partner).text(kind).int8(rewarded);
        }
        members.put(member, new Standing(available, debt, tier, spend));
        next[partition] = record.offset() + 1;
        journal[partition] = seq + 1;
    }

    private void entries(JsonParser parser, int partition, long seq, String member) throws IOException {
        parser.nextToken();
        for (int n = 0; parser.nextToken() == JsonToken.START_OBJECT; n++) {
            String debit = "";
            String credit = "";
            String why = "";
            long points = 0;
            long lot = 0;
            long after = 0;
            for (String name = parser.nextFieldName(); name != null; name = parser.nextFieldName()) {
                switch (name) {
                    case "debit" -> debit = parser.nextTextValue();
                    case "credit" -> credit = parser.nextTextValue();
                    case "points" -> points = parser.nextLongValue(0);
                    case "lot" -> lot = parser.nextLongValue(0);
                    case "why" -> why = parser.nextTextValue();
                    case "balance_after" -> after = parser.nextLongValue(0);
                    default -> parser.nextToken();
                }
            }
            entries.row().int2(partition).int8(seq).int4(n).text(member).text(debit).text(credit)
                .int8(points).int8(lot).text(why).int8(after);
        }
    }

    /** One transaction: all rows, the members that changed, and how far it has come. */
    private void commit() throws SQLException {
        facts.copy(copies);
        entries.copy(copies);
        rewards.copy(copies);
        int count = members.size();
        String[] names = new String[count];
        long[] available = new long[count];
        long[] debt = new long[count];
        int[] tier = new int[count];
        long[] spend = new long[count];
        int n = 0;
        for (Map.Entry<String, Standing> one : members.entrySet()) {
            names[n] = one.getKey();
            available[n] = one.getValue().available;
            debt[n] = one.getValue().debt;
            tier[n] = one.getValue().tier;
            spend[n++] = one.getValue().spend;
        }
        members.clear();
        run("insert into member select * from unnest(?, ?, ?, ?, ?) on conflict (member) do update set "
            + "available = excluded.available, debt = excluded.debt, tier = excluded.tier, "
            + "qualifying_minor = excluded.qualifying_minor", "text", names, "int8", available, "int8", debt, "int4", tier, "int8", spend);
        run("update position p set next = r.next, journal = r.journal from unnest(?, ?, ?) r (partition, next, journal) "
            + "where p.partition = r.partition", "int4", IntStream.range(0, Told.PARTITIONS).toArray(), "int8", next, "int8", journal);
        connection.commit();
    }

    /** A statement with arrays: type, array, type, array ... */
    private void run(String sql, Object... arrays) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            for (int n = 0; n < arrays.length; n += 2) {
                statement.setArray(n / 2 + 1, connection.unwrap(PGConnection.class).createArrayOf((String) arrays[n], arrays[n + 1]));
            }
            statement.executeUpdate();
        }
    }

    /** Makes the tables, too: the database is empty. */
    private static Connection connect() throws SQLException, IOException {
        URI at = URI.create(Told.DATABASE);
        String[] user = at.getUserInfo().split(":", 2);
        Properties settings = new Properties();
        settings.put("user", user[0]);
        settings.put("password", user[1]);
        settings.put("tcpKeepAlive", "true");
        Connection connection =
            DriverManager.getConnection("jdbc:postgresql://" + at.getHost() + ":" + at.getPort() + at.getPath(), settings);
        connection.setAutoCommit(false);
        try (var statement = connection.createStatement(); var schema = Sink.class.getResourceAsStream("/schema.sql")) {
            statement.execute(new String(schema.readAllBytes(), UTF_8));
            statement.execute("insert into position select n, 0, 0 from generate_series(0, " + (Told.PARTITIONS - 1) + ") n");
        }
        connection.commit();
        return connection;
    }

    private static Properties settings() {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", Told.BROKERS);
        settings.put("isolation.level", "read_committed");
        settings.put("enable.auto.commit", "false");
        settings.put("auto.offset.reset", "none");
        settings.put("key.deserializer", ByteArrayDeserializer.class);
        settings.put("value.deserializer", ByteArrayDeserializer.class);
        settings.put("max.poll.records", Told.tuned("sink_poll", 10_000));
        settings.put("fetch.min.bytes", 1 << 20);
        settings.put("fetch.max.wait.ms", 50);
        settings.put("max.partition.fetch.bytes", 4 << 20);
        return settings;
    }
}
