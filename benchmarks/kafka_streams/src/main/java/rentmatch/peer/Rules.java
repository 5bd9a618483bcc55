package rentmatch.peer;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.apache.avro.util.Utf8;
import rentmatch.peer.records.*;
import rentmatch.peer.records.Initiated;
import rentmatch.v1.*;

/** The job's rules: state takes in facts, views are pure functions of state. */
final class Rules {
    private static final Utf8 DUPLICATE = new Utf8("duplicate_settlement");
    private static final Utf8 AMOUNT = new Utf8("settlement_amount_mismatch");
    private static final int SETTLED = Outcome.SETTLED.ordinal();

    private Rules() {}

    static PaymentState newPayment() {
        return new PaymentState(0, 0L, new ArrayList<>(4), null, new ArrayList<>(1), new ArrayList<>(1), null);
    }

    /** Returns false when the fact is already known. */
    static boolean apply(PaymentState state, Object fact) {
        if (fact instanceof PaymentInitiated f) {
            if (seen(state, f.event_id, f.occurred_at)) return false;
            if (state.initiated == null) {
                state.initiated = new Initiated(f.occurred_at, f.tenant_id, f.property_id, f.obligation_id, f.installment_id,
                        f.amount_minor, f.currency);
            }
        } else if (fact instanceof ProcessorSettled f) {
            if (seen(state, f.event_id, f.occurred_at)) return false;
            int outcome = f.outcome.ordinal();
            for (Settlement s : state.settlements) {
                if (s.outcome == outcome && s.reference.equals(f.processor_reference) && s.processor.equals(f.processor)) return true;
            }
            state.settlements.add(new Settlement(f.processor, f.processor_reference, outcome, f.gross_minor, f.fee_minor,
                    f.net_minor, f.currency));
        } else if (fact instanceof PaymentPosted f) {
            if (seen(state, f.event_id, f.occurred_at)) return false;
            post(state, f.posting_id, f.obligation_id, f.amount_minor, f.currency);
        } else if (fact instanceof PostingReversed f) {
            if (seen(state, f.event_id, f.occurred_at)) return false;
            post(state, f.reversal_id, f.obligation_id, -f.amount_minor, f.currency);
        }
        return true;
    }

    private static boolean seen(PaymentState state, Utf8 eventId, long occurredAt) {
        for (Utf8 known : state.seen) if (known.equals(eventId)) return true;
        state.seen.add(eventId);
        state.version++;
        state.rests_on = Math.max(state.rests_on, occurredAt);
        return false;
    }

    private static void post(PaymentState state, Utf8 id, Utf8 obligationId, long amount, Utf8 currency) {
        for (Posting p : state.postings) if (p.id.equals(id)) return;
        state.postings.add(new Posting(id, obligationId, amount, currency));
    }

    static PaymentReconciliation view(PaymentState state, Utf8 paymentId) {
        long gross = 0, fee = 0, net = 0, returned = 0, posted = 0;
        int settled = 0;
        for (Settlement s : state.settlements) {
            switch (Outcome.values()[s.outcome]) {
                case SETTLED -> {
                    settled++;
                    gross += s.gross;
                    fee += s.fee;
                    net += s.net;
                }
                case RETURNED, REFUNDED, CHARGEBACK -> returned += s.gross;
                case CHARGEBACK_REVERSED -> returned -= s.gross;
                default -> { }
            }
        }
        for (Posting p : state.postings) posted += p.amount;
        Initiated first = state.initiated;
        long amount = first == null ? 0 : first.amount;
        Utf8 broken = first != null && settled > 0 && gross != amount ? (settled > 1 ? DUPLICATE : AMOUNT) : null;
        PaymentStatus status;
        if (broken != null) status = PaymentStatus.exception;
        else if (returned > 0 && returned >= gross && posted == 0) status = PaymentStatus.returned;
        else if (first != null && amount == gross && gross == posted && returned == 0) status = PaymentStatus.reconciled;
        else if (settled > 0) status = PaymentStatus.settled;
        else status = state.settlements.isEmpty() ? PaymentStatus.initiated : PaymentStatus.failed;

        PaymentReconciliation view = new PaymentReconciliation();
        view.payment_id = paymentId;
        view.version = state.version;
        view.rests_on = state.rests_on;
        if (first != null) {
            view.obligation_id = first.obligation_id;
            view.installment_id = first.installment_id;
            view.tenant_id = first.tenant_id;
            view.property_id = first.property_id;
            view.initiated_at = first.at;
        } else if (!state.postings.isEmpty()) {
            view.obligation_id = state.postings.get(0).obligation_id;
        }
        view.currency = first != null ? first.currency
                : !state.settlements.isEmpty() ? state.settlements.get(0).currency : state.postings.get(0).currency;
        view.initiated_minor = amount;
        view.settled_gross_minor = gross;
        view.settled_fee_minor = fee;
        view.settled_net_minor = net;
        view.returned_minor = returned;
        view.posted_minor = posted;
        view.paid_minor = Math.max(0, gross - returned);
        view.pending_minor = state.settlements.isEmpty() ? amount : 0;
        view.status = status;
        view.open_break = broken;
        return view;
    }

    /** The alert to send when the break differs from the last one sent, else null; keeps what was sent. */
    static MismatchAlert alert(PaymentState state, PaymentReconciliation view) {
        Utf8 broken = view.open_break;
        Utf8 mark = broken == null ? null : new Utf8(broken + ":" + view.settled_gross_minor);
        if (java.util.Objects.equals(mark, state.alert)) return null;
        MismatchAlert alert = alert(view, broken != null ? broken : new Utf8(state.alert.toString().split(":")[0]),
                broken == null ? Lifecycle.resolved : state.alert == null ? Lifecycle.opened : Lifecycle.updated);
        state.alert = mark;
        return alert;
    }

    static MismatchAlert alert(PaymentReconciliation view, Utf8 name, Lifecycle lifecycle) {
        return new MismatchAlert(new Utf8(view.payment_id + ":settlement"), name, name.equals(DUPLICATE) ? 1 : 2, lifecycle,
                view.payment_id, view.initiated_minor, view.settled_gross_minor, view.settled_gross_minor - view.initiated_minor,
                view.currency, view.rests_on);
    }

    static ObligationState newObligation() {
        return new ObligationState(0, 0L, null, new ArrayList<>(4));
    }

    /** Takes in a charge or a payment's snapshot. Returns false when nothing changed. */
    static boolean apply(ObligationState state, Object fact) {
        if (fact instanceof ObligationCharged charge) {
            if (state.charge != null) return false;
            state.charge = charge;
            state.rests_on = Math.max(state.rests_on, charge.occurred_at);
        } else {
            PaymentReconciliation p = (PaymentReconciliation) fact;
            long at = p.initiated_at == null ? Long.MAX_VALUE : p.initiated_at;
            PaymentShare share = new PaymentShare(p.payment_id, p.version, at, p.installment_id, p.paid_minor, p.pending_minor, p.posted_minor);
            int i = 0;
            while (i < state.payments.size() && !state.payments.get(i).payment_id.equals(p.payment_id)) i++;
            if (i == state.payments.size()) state.payments.add(share);
            else if (state.payments.get(i).version >= p.version) return false;
            else state.payments.set(i, share);
            state.rests_on = Math.max(state.rests_on, p.rests_on);
        }
        state.version++;
        return true;
    }

    static ObligationReconciliation view(ObligationState state, Utf8 obligationId, Utf8 currency) {
        ObligationCharged charge = state.charge;
        List<InstallmentCover> plan = new ArrayList<>(4);
        if (charge != null && charge.installments.isEmpty()) {
            plan.add(new InstallmentCover(obligationId, charge.due_date, charge.amount_minor, 0L, new ArrayList<>(1)));
        } else if (charge != null) {
            List<Installment> rows = new ArrayList<>(charge.installments);
            rows.sort(Comparator.<Installment>comparingInt(r -> r.due_date).thenComparingLong(r -> r.sequence));
            for (Installment r : rows) plan.add(new InstallmentCover(r.installment_id, r.due_date, r.amount_minor, 0L, new ArrayList<>(1)));
        }
        List<PaymentShare> payments = new ArrayList<>(state.payments);
        payments.sort(Comparator.<PaymentShare>comparingLong(p -> p.initiated_at).thenComparing(p -> p.payment_id));
        long paid = 0, pending = 0, posted = 0, over = 0;
        long[] left = new long[payments.size()];
        for (int i = 0; i < left.length; i++) { // a named installment first
            PaymentShare p = payments.get(i);
            paid += p.paid;
            pending += p.pending;
            posted += p.posted;
            left[i] = p.paid;
            if (p.installment_id == null) continue;
            for (InstallmentCover row : plan) if (row.installment_id.equals(p.installment_id)) left[i] -= fill(row, p, left[i]);
        }
        for (int i = 0; i < left.length; i++) { // then the oldest unfilled
            for (int k = 0; k < plan.size() && left[i] > 0; k++) left[i] -= fill(plan.get(k), payments.get(i), left[i]);
            over += left[i];
        }
        long balance = charge == null ? 0 : charge.amount_minor;
        ObligationStatus status = charge == null || paid == 0 ? ObligationStatus.open : paid == balance ? ObligationStatus.paid
                : paid > balance ? ObligationStatus.overpaid : ObligationStatus.partially_paid;
        ObligationReconciliation view = new ObligationReconciliation();
        view.obligation_id = obligationId;
        view.version = state.version;
        view.rests_on = state.rests_on;
        if (charge != null) {
            view.lease_id = charge.lease_id;
            view.tenant_id = charge.tenant_id;
            view.property_id = charge.property_id;
            view.period = charge.period;
        }
        view.currency = charge != null ? charge.currency : currency;
        view.charged_minor = balance;
        view.balance_minor = balance;
        view.paid_minor = paid;
        view.pending_minor = pending;
        view.posted_minor = posted;
        view.overpaid_minor = over;
        view.status = status;
        view.installments = plan;
        return view;
    }

    private static long fill(InstallmentCover row, PaymentShare payment, long money) {
        long part = Math.min(money, row.amount_minor - row.allocated_minor);
        if (part <= 0) return 0;
        row.allocated_minor += part;
        row.allocations.add(new Cover(payment.payment_id, part));
        return part;
    }
}
