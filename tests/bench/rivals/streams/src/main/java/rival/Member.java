package rival;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/** What a member's next fact needs, and how it is stored. Lots lie in their spending order. */
final class Member {
    /** Points of one purchase (its seq) that end at an instant. */
    static final class Lot {
        final long purchase;
        final long expires;
        long points;

        Lot(long purchase, long expires, long points) {
            this.purchase = purchase;
            this.expires = expires;
            this.points = points;
        }
    }

    /** Spend of a day that still counts for the level, oldest first. */
    static final class Day {
        final int day;
        long spend;

        Day(int day, long spend) {
            this.day = day;
            this.spend = spend;
        }
    }

    long spend;
    long debt;
    /** The newest instant: a fact that is newer cannot be a repeat. */
    long highWater = Long.MIN_VALUE;
    final List<Day> days;
    final List<Lot> lots;
    /** Points that expired and were not taken back, by purchase; `expires` is not used. */
    final List<Lot> gone;

    Member() {
        this(8, 8, 2);
    }

    private Member(int days, int lots, int gone) {
        this.days = new ArrayList<>(days);
        this.lots = new ArrayList<>(lots);
        this.gone = new ArrayList<>(gone);
    }

    long available() {
        long sum = 0;
        for (Lot lot : lots) {
            sum += lot.points;
        }
        return sum;
    }

    int tier() {
        return Rules.tier(spend);
    }

    byte[] bytes() {
        int size = 36 + 8 * days.size() + 20 * lots.size() + 12 * gone.size();
        ByteBuffer to = ByteBuffer.allocate(size).putLong(spend).putLong(debt).putLong(highWater);
        to.putInt(days.size()).putInt(lots.size()).putInt(gone.size());
        for (Day day : days) {
            to.putInt(day.day).putInt(Math.toIntExact(day.spend));
        }
        for (Lot lot : lots) {
            to.putLong(lot.purchase).putLong(lot.expires).putInt(Math.toIntExact(lot.points));
        }
        for (Lot lot : gone) {
            to.putLong(lot.purchase).putInt(Math.toIntExact(lot.points));
        }
        return to.array();
    }

    static Member of(byte[] bytes) {
        ByteBuffer from = ByteBuffer.wrap(bytes);
        long spend = from.getLong();
        long debt = from.getLong();
        long highWater = from.getLong();
        int days = from.getInt();
        int lots = from.getInt();
        int gone = from.getInt();
        Member member = new Member(days + 1, lots + 1, gone + 1);
        member.spend = spend;
        member.debt = debt;
        member.highWater = highWater;
        for (int n = 0; n < days; n++) {
            member.days.add(new Day(from.getInt(), from.getInt()));
        }
        for (int n = 0; n < lots; n++) {
            member.lots.add(new Lot(from.getLong(), from.getLong(), from.getInt()));
        }
        for (int n = 0; n < gone; n++) {
            member.gone.add(new Lot(from.getLong(), 0, from.getInt()));
        }
        return member;
    }
}
