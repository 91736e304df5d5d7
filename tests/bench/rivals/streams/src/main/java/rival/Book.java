package rival;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.time.Duration;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;

/** The processor: a record of the journal, the member's state, a record of entries. */
final class Book implements Processor<byte[], byte[], byte[], byte[]> {
    static final String MEMBERS = "members";
    static final String FACTS = "facts";
    /** The header with the fact as it came: the sink keeps it, and nobody else reads it. */
    static final String BODY = "body";

    /** So long without a record, and what is done is committed before its time. */
    private static final Duration QUIET = Duration.ofMillis(25);

    private final Posting posting = new Posting();
    private ProcessorContext<byte[], byte[]> context;
    private KeyValueStore<Bytes, byte[]> members;
    private KeyValueStore<Bytes, byte[]> facts;
    private boolean uncommitted;
    private boolean quiet;

    @Override
    public void init(ProcessorContext<byte[], byte[]> context) {
        this.context = context;
        members = context.getStateStore(MEMBERS);
        facts = context.getStateStore(FACTS);
        context.schedule(QUIET, PunctuationType.WALL_CLOCK_TIME, now -> commitWhenQuiet());
    }

    @Override
    public void process(Record<byte[], byte[]> record) {
        uncommitted = true;
        quiet = false;
        if (record.key() == null) {
            return; // the programme's own
        }
        Fact fact = Fact.of(record.value());
        Bytes id = Bytes.wrap(fact.id.getBytes(UTF_8));
        Bytes key = Bytes.wrap(record.key());
        byte[] stored = members.get(key);
        Member member = stored == null ? new Member() : Member.of(stored);
        if (fact.at <= member.highWater && facts.get(id) != null) {
            return; // a repeat
        }
        member.highWater = Math.max(member.highWater, fact.at);
        long seq = context.recordMetadata().orElseThrow().offset();
        String status = post(member, fact, id, seq);
        members.put(key, member.bytes());
        byte[] value = posting.encode(seq, fact, record.timestamp(), status, member);
        RecordHeaders headers = new RecordHeaders();
        headers.add(BODY, record.value());
        context.forward(new Record<>(record.key(), value, record.timestamp(), headers));
    }

    /** What the fact does, and that it was; the outcome's name. */
    private String post(Member member, Fact fact, Bytes id, long seq) {
        posting.begin(member.available() - member.debt);
        Rules.advance(member, fact.at, posting);
        byte[] kept = Purchase.NONE;
        String status = "done";
        switch (fact.type) {
            case "purchase" -> kept = Rules.bought(member, fact, seq, posting).bytes();
            case "return" -> {
                Bytes bought = Bytes.wrap(fact.purchase.getBytes(UTF_8));
                Purchase purchase = Purchase.of(facts.get(bought));
                Rules.broughtBack(member, fact, purchase, posting);
                facts.put(bought, purchase.bytes());
            }
            case "redemption_requested" -> status = Rules.redeemed(member, fact, posting) ? "done" : "declined";
            case "enrolled" -> { }
            default -> throw new IllegalArgumentException("no such fact: " + fact.type);
        }
        facts.put(id, kept);
        return status;
    }

    private void commitWhenQuiet() {
        if (uncommitted && quiet) {
            context.commit();
            uncommitted = false;
        }
        quiet = true;
    }
}
