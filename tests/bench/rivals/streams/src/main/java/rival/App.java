package rival;

import java.time.Duration;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler;
import org.apache.kafka.streams.state.KeyValueBytesStoreSupplier;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;
import org.apache.kafka.common.utils.Bytes;

/** The application: journal -> book -> entries, exactly-once. Runs until SIGTERM. */
public final class App {
    public static void main(String[] arguments) {
        KafkaStreams streams = new KafkaStreams(topology(), new StreamsConfig(settings()));
        streams.setUncaughtExceptionHandler(wrong -> {
            wrong.printStackTrace();
            Runtime.getRuntime().halt(1);
            return StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(Duration.ofSeconds(10))));
        streams.start();
    }

    private static Topology topology() {
        return new Topology()
            .addSource("journal", Told.JOURNAL)
            .addProcessor("book", Book::new, "journal")
            .addStateStore(store(Book.MEMBERS, true), "book")
            .addStateStore(store(Book.FACTS, false), "book")
            .addSink("entries", Told.ENTRIES, "book");
    }

    /** cached: written to the changelog once a commit. Each fact is written once, so caching it would cost and save nothing. */
    private static StoreBuilder<KeyValueStore<Bytes, byte[]>> store(String name, boolean cached) {
        KeyValueBytesStoreSupplier supplier = Boolean.getBoolean("rocksdb")
            ? Stores.persistentKeyValueStore(name) : Stores.inMemoryKeyValueStore(name);
        StoreBuilder<KeyValueStore<Bytes, byte[]>> builder =
            Stores.keyValueStoreBuilder(supplier, Serdes.Bytes(), Serdes.ByteArray()).withLoggingEnabled(Map.of());
        return cached && Told.tuned("cache_mb", 128) > 0 ? builder.withCachingEnabled() : builder.withCachingDisabled();
    }

    private static Properties settings() {
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, Told.APPLICATION);
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, Told.BROKERS);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, Told.FOLDER);
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        settings.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.ByteArraySerde.class);
        settings.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.ByteArraySerde.class);
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
        if (Boolean.getBoolean("untuned")) {
            return settings;
        }
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, Told.tuned("threads", 1)); // one core
        settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, Told.tuned("commit_ms", 1000));
        settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, Told.tuned("cache_mb", 128) << 20);
        settings.put(StreamsConfig.BUFFERED_RECORDS_PER_PARTITION_CONFIG, 10_000);
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG), Told.tuned("poll", 5_000));
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), Told.tuned("batch_kb", 256) << 10);
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.LINGER_MS_CONFIG), Told.tuned("linger_ms", 100));
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.COMPRESSION_TYPE_CONFIG),
            System.getProperty("compression", "lz4"));
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.BUFFER_MEMORY_CONFIG), 128 << 20);
        return settings;
    }
}
