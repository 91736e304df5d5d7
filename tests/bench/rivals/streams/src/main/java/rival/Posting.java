package rival;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** What a fact did: its entries, what its partner is told, and the record that says so on the topic of entries. */
final class Posting {
    private static final JsonFactory JSON = new JsonFactory();

    /** Points from one account to another; lot: the seq of a purchase, or -1. */
    record Entry(String debit, String credit, long points, long lot, String why, long balanceAfter) {}

    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream(1024);
    private final List<Entry> entries = new ArrayList<>();
    private long balance;
    private String partner = "";
    private String kind = "";
    private long rewarded;

    /** Forget the fact before. balance: the member's lots less debt. */
    void begin(long balance) {
        this.balance = balance;
        entries.clear();
        rewarded = 0;
    }

    void move(String debit, String credit, long points, long lot, String why) {
        if (points > 0) {
            balance += (held(credit) ? points : 0) - (held(debit) ? points : 0);
            entries.add(new Entry(debit, credit, points, lot, why, balance));
        }
    }

    private static boolean held(String account) {
        return account.equals("lot") || account.equals("debt");
    }

    void tell(String partner, String kind, long points) {
        if (!partner.isEmpty() && points > 0) {
            this.partner = partner;
            this.kind = kind;
            rewarded = points;
        }
    }

    byte[] encode(long seq, Fact fact, long recordedAt, String status, Member member) {
        bytes.reset();
        try (JsonGenerator to = JSON.createGenerator(bytes)) {
            to.writeStartObject();
            to.writeNumberField("seq", seq);
            to.writeStringField("fact", fact.id);
            to.writeStringField("type", fact.type);
            to.writeStringField("occurred_at", fact.occurredAt);
            to.writeNumberField("recorded_at_ms", recordedAt);
            to.writeStringField("status", status);
            to.writeStringField("member", fact.member);
            to.writeNumberField("available", member.available());
            to.writeNumberField("debt", member.debt);
            to.writeNumberField("tier", member.tier());
            to.writeNumberField("qualifying_minor", member.spend);
            if (rewarded > 0) {
                to.writeStringField("partner", partner);
                to.writeStringField("kind", kind);
                to.writeNumberField("rewarded", rewarded);
            }
            to.writeStringField("store", fact.store);
            to.writeArrayFieldStart("entries");
            for (Entry entry : entries) {
                to.writeStartObject();
                to.writeStringField("debit", entry.debit);
                to.writeStringField("credit", entry.credit);
                to.writeNumberField("points", entry.points);
                to.writeNumberField("lot", entry.lot);
                to.writeStringField("why", entry.why);
                to.writeNumberField("balance_after", entry.balanceAfter);
                to.writeEndObject();
            }
            to.writeEndArray();
            to.writeEndObject();
        } catch (IOException impossible) {
            throw new IllegalStateException(impossible);
        }
        return bytes.toByteArray();
    }
}
