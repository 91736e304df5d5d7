package rival;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.List;

/** A record of the journal, decoded: the fields that the rules need. */
final class Fact {
    private static final JsonFactory JSON = new JsonFactory();

    /** A line of a receipt. */
    record Row(String item, int pence, String kind) {}

    String type = "";
    String id = "";
    String occurredAt = "";
    String member = "";
    String purchase = "";
    String partner = "";
    String store = "";
    long points;
    /** Epoch milliseconds of occurredAt. */
    long at;
    List<Row> rows = List.of();

    static Fact of(byte[] body) {
        try (JsonParser parser = JSON.createParser(body)) {
            Fact fact = new Fact();
            parser.nextToken();
            for (String name = parser.nextFieldName(); name != null; name = parser.nextFieldName()) {
                switch (name) {
                    case "type" -> fact.type = parser.nextTextValue();
                    case "id" -> fact.id = parser.nextTextValue();
                    case "occurred_at" -> fact.occurredAt = parser.nextTextValue();
                    case "member" -> fact.member = parser.nextTextValue();
                    case "purchase" -> fact.purchase = parser.nextTextValue();
                    case "partner" -> fact.partner = parser.nextTextValue();
                    case "store" -> fact.store = parser.nextTextValue();
                    case "points" -> fact.points = parser.nextLongValue(0);
                    case "lines" -> fact.rows = rows(parser);
                    default -> {
                        parser.nextToken();
                        parser.skipChildren();
                    }
                }
            }
            fact.at = instant(fact.occurredAt);
            return fact;
        } catch (IOException wrong) {
            throw new IllegalArgumentException("not a fact: " + wrong.getMessage(), wrong);
        }
    }

    private static List<Row> rows(JsonParser parser) throws IOException {
        List<Row> rows = new ArrayList<>(5);
        parser.nextToken();
        while (parser.nextToken() == JsonToken.START_OBJECT) {
            String item = "";
            String kind = "";
            int pence = 0;
            for (String name = parser.nextFieldName(); name != null; name = parser.nextFieldName()) {
                switch (name) {
                    case "item" -> item = parser.nextTextValue();
                    case "total_minor" -> pence = parser.nextIntValue(0);
                    case "categories" -> {
                        parser.nextToken();
                        kind = parser.nextTextValue();
                        while (parser.nextToken() != JsonToken.END_ARRAY) { }
                    }
                    default -> {
                        parser.nextToken();
                        parser.skipChildren();
                    }
                }
            }
            rows.add(new Row(item, pence, kind));
        }
        return rows;
    }

    /** "2025-03-01T07:08:09Z"; four times as fast as Instant.parse. */
    private static long instant(String text) {
        if (text.length() != 20 || text.charAt(19) != 'Z') {
            throw new IllegalArgumentException("not an instant: " + text);
        }
        long day = LocalDate.of(number(text, 0, 4), number(text, 5, 7), number(text, 8, 10)).toEpochDay();
        int second = (number(text, 11, 13) * 60 + number(text, 14, 16)) * 60 + number(text, 17, 19);
        return (day * 86_400 + second) * 1000;
    }

    private static int number(String text, int from, int to) {
        return Integer.parseInt(text, from, to, 10);
    }
}
