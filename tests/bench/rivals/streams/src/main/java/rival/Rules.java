package rival;

import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneId;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The rules of programme.yaml: what a fact does to a member, and the entries that say so. No I/O, no clock. */
final class Rules {
    private static final ZoneId LONDON = ZoneId.of("Europe/London");
    private static final int[] PERCENT = {100, 125, 150};
    private static final Set<String> EXCLUDED = Set.of("tobacco", "gift-card");
    private static final int VALID_MONTHS = 6;
    private static final int WINDOW_MONTHS = 12;

    private static final Map<Integer, Long> validUntil = new HashMap<>();
    private static final Map<Integer, Long> countsUntil = new HashMap<>();

    private Rules() {}

    static int tier(long spend) {
        return spend >= 30_000 ? 2 : spend >= 10_000 ? 1 : 0;
    }

    /** Lots that have ended and days that count no longer, before a fact of this instant. */
    static void advance(Member member, long at, Posting posting) {
        while (!member.lots.isEmpty() && member.lots.get(0).expires <= at) {
            Member.Lot lot = member.lots.remove(0);
            member.gone.add(lot);
            posting.move("lot", "expired", lot.points, lot.purchase, "expiry");
        }
        while (!member.days.isEmpty() && countsUntil(member.days.get(0).day) <= at) {
            member.spend -= member.days.remove(0).spend;
        }
    }

    /** The purchase as it is to be kept. seq: its place in the journal. */
    static Purchase bought(Member member, Fact fact, long seq, Posting posting) {
        int day = (int) Instant.ofEpochMilli(fact.at).atZone(LONDON).toLocalDate().toEpochDay();
        Purchase purchase = new Purchase(seq, day, member.tier(), fact.rows);
        long base = base(purchase.rows(), purchase.tier());
        long wine = wine(purchase.rows());
        long points = base + wine;
        count(member, day, counted(purchase.rows()));
        posting.tell(fact.partner, "earned", points);
        String why = "base:+" + base + (wine > 0 ? " wine:+" + wine : "");
        long repaid = Math.min(points, member.debt);
        member.debt -= repaid;
        posting.move("issued", "debt", repaid, -1, why);
        if (points > repaid) {
            // times rise, so a new lot ends last: a month's end may equal the one before, and then the older goes first
            member.lots.add(new Member.Lot(seq, validUntil(day), points - repaid));
            posting.move("issued", "lot", points - repaid, seq, why);
        }
        return purchase;
    }

    /** Takes whole lines out of `purchase`, which is changed in place. */
    static void broughtBack(Member member, Fact fact, Purchase purchase, Posting posting) {
        long had = base(purchase.rows(), purchase.tier()) + wine(purchase.rows());
        long counted = counted(purchase.rows());
        for (Fact.Row row : fact.rows) {
            if (!purchase.rows().removeIf(one -> one.item().equals(row.item()) && one.pence() == row.pence())) {
                throw new IllegalStateException(fact.id + " brings back what was not bought: " + row.item());
            }
        }
        if (countsUntil(purchase.day()) > fact.at) {
            count(member, purchase.day(), counted(purchase.rows()) - counted);
        }
        long points = had - base(purchase.rows(), purchase.tier()) - wine(purchase.rows());
        posting.tell(fact.partner, "reversed", points);
        points -= reverse(member.lots, purchase.seq(), points, "lot", posting);
        points -= reverse(member.gone, purchase.seq(), points, "expired", posting);
        long owed = take(member, points, "reversed", "return", posting);
        member.debt += owed;
        posting.move("debt", "reversed", owed, -1, "return");
    }

    /** False: declined. */
    static boolean redeemed(Member member, Fact fact, Posting posting) {
        if (fact.points > member.available()) {
            return false;
        }
        take(member, fact.points, "spent", "redemption", posting);
        return true;
    }

    /** Takes from the lots, soonest expiry first; what they could not cover comes back. */
    private static long take(Member member, long points, String to, String why, Posting posting) {
        while (points > 0 && !member.lots.isEmpty()) {
            Member.Lot lot = member.lots.get(0);
            long part = Math.min(lot.points, points);
            lot.points -= part;
            points -= part;
            posting.move("lot", to, part, lot.purchase, why);
            if (lot.points == 0) {
                member.lots.remove(0);
            }
        }
        return points;
    }

    /** Takes back what is left of a purchase's own points; how many there were. */
    private static long reverse(List<Member.Lot> lots, long purchase, long points, String from, Posting posting) {
        for (Iterator<Member.Lot> all = lots.iterator(); all.hasNext(); ) {
            Member.Lot lot = all.next();
            if (lot.purchase == purchase) {
                long part = Math.min(lot.points, points);
                lot.points -= part;
                if (lot.points == 0) {
                    all.remove();
                }
                posting.move(from, "reversed", part, purchase, "return");
                return part;
            }
        }
        return 0;
    }

    private static void count(Member member, int day, long spend) {
        member.spend += spend;
        for (int n = member.days.size() - 1; n >= 0; n--) {
            if (member.days.get(n).day == day) {
                member.days.get(n).spend += spend;
                return;
            }
        }
        member.days.add(new Member.Day(day, spend));
    }

    private static long counted(List<Fact.Row> rows) {
        long sum = 0;
        for (Fact.Row row : rows) {
            sum += EXCLUDED.contains(row.kind()) ? 0 : row.pence();
        }
        return sum;
    }

    private static long base(List<Fact.Row> rows, int tier) {
        return counted(rows) * PERCENT[tier] / 10_000;
    }

    private static long wine(List<Fact.Row> rows) {
        long sum = 0;
        for (Fact.Row row : rows) {
            sum += row.kind().equals("wine") ? row.pence() : 0;
        }
        return sum / 200;
    }

    private static long validUntil(int day) {
        return validUntil.computeIfAbsent(day, any -> endOf(day, VALID_MONTHS));
    }

    private static long countsUntil(int day) {
        return countsUntil.computeIfAbsent(day, any -> endOf(day, WINDOW_MONTHS));
    }

    /** The first instant after the same day so many months later. */
    private static long endOf(int day, int months) {
        LocalDate last = LocalDate.ofEpochDay(day).plusMonths(months);
        return last.plusDays(1).atStartOfDay(LONDON).toInstant().toEpochMilli();
    }
}
