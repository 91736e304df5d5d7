package rival;

/** What a rival is told in its environment (../README.md). */
final class Told {
    static final String BROKERS = of("KAFKA_BOOTSTRAP_SERVERS");
    static final String DATABASE = of("DATABASE_URL");
    static final String JOURNAL = of("RIVAL_JOURNAL");
    static final String ENTRIES = of("RIVAL_ENTRIES");
    static final int PARTITIONS = Integer.parseInt(of("RIVAL_PARTITIONS"));
    static final long RECORDS = Long.parseLong(of("RIVAL_RECORDS"));
    static final long WARM = Long.parseLong(of("RIVAL_WARM"));
    static final String FOLDER = of("RIVAL_FOLDER");
    /** Names the application, its group and its internal topics; it begins with the house's prefix. */
    static final String APPLICATION = JOURNAL + "-streams";

    private Told() {}

    private static String of(String name) {
        String value = System.getenv(name);
        if (value == null) {
            throw new IllegalStateException(name + " is not set");
        }
        return value;
    }

    /** A setting that a tuner may change: -Dname=value. */
    static int tuned(String name, int best) {
        return Integer.getInteger(name, best);
    }
}
