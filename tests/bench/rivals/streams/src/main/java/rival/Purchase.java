package rival;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/** What a return needs of its purchase, as it stands: kept under the purchase's id. Other facts keep an empty one. */
record Purchase(long seq, int day, int tier, List<Fact.Row> rows) {
    /** What is kept of a fact that is no purchase: that it was. */
    static final byte[] NONE = new byte[0];

    byte[] bytes() {
        byte[][] names = new byte[rows.size()][];
        int size = 14;
        for (int n = 0; n < names.length; n++) {
            names[n] = (rows.get(n).item() + " " + rows.get(n).kind()).getBytes(UTF_8);
            size += 6 + names[n].length;
        }
        ByteBuffer to = ByteBuffer.allocate(size).putLong(seq).putInt(day).put((byte) tier).put((byte) names.length);
        for (int n = 0; n < names.length; n++) {
            to.putInt(rows.get(n).pence()).putShort((short) names[n].length).put(names[n]);
        }
        return to.array();
    }

    static Purchase of(byte[] bytes) {
        ByteBuffer from = ByteBuffer.wrap(bytes);
        long seq = from.getLong();
        int day = from.getInt();
        int tier = from.get();
        int count = from.get();
        List<Fact.Row> rows = new ArrayList<>(count);
        for (int n = 0; n < count; n++) {
            int pence = from.getInt();
            byte[] name = new byte[from.getShort()];
            from.get(name);
            String text = new String(name, UTF_8);
            int at = text.indexOf(' ');
            rows.add(new Fact.Row(text.substring(0, at), pence, text.substring(at + 1)));
        }
        return new Purchase(seq, day, tier, rows);
    }
}
