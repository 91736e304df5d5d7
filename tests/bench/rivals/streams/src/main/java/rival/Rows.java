package rival;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.sql.SQLException;
import java.util.Arrays;
import org.postgresql.copy.CopyIn;
import org.postgresql.copy.CopyManager;

/** Rows of a table, packed as PostgreSQL's binary COPY wants them. */
final class Rows {
    private static final byte[] HEAD = {'P', 'G', 'C', 'O', 'P', 'Y', '\n', (byte) 255, '\r', '\n', 0, 0, 0, 0, 0, 0, 0, 0, 0};
    private static final int PIECE = 1 << 16;

    private final String sql;
    private final int columns;
    private byte[] bytes = new byte[1 << 20];
    private int size = HEAD.length;

    Rows(String table, int columns) {
        sql = "copy " + table + " from stdin (format binary)";
        this.columns = columns;
        System.arraycopy(HEAD, 0, bytes, 0, HEAD.length);
    }

    Rows row() {
        room(2);
        return number(columns, 2);
    }

    Rows int2(int value) {
        room(6);
        return number(2, 4).number(value, 2);
    }

    Rows int4(int value) {
        room(8);
        return number(4, 4).number(value, 4);
    }

    Rows int8(long value) {
        room(12);
        return number(8, 4).number(value, 8);
    }

    Rows text(String value) {
        return bytea(value.getBytes(UTF_8));
    }

    Rows bytea(byte[] value) {
        room(4 + value.length);
        number(value.length, 4);
        System.arraycopy(value, 0, bytes, size, value.length);
        size += value.length;
        return this;
    }

    /** Sends the rows, if there are any, and forgets them. */
    void copy(CopyManager copies) throws SQLException {
        if (size > HEAD.length) {
            room(2);
            number(-1, 2);
            CopyIn to = copies.copyIn(sql);
            for (int at = 0; at < size; at += PIECE) {
                to.writeToCopy(bytes, at, Math.min(PIECE, size - at));
            }
            to.endCopy();
            size = HEAD.length;
        }
    }

    private Rows number(long value, int width) {
        for (int shift = 8 * (width - 1); shift >= 0; shift -= 8) {
            bytes[size++] = (byte) (value >>> shift);
        }
        return this;
    }

    private void room(int more) {
        if (size + more > bytes.length) {
            bytes = Arrays.copyOf(bytes, 2 * bytes.length + more);
        }
    }
}
