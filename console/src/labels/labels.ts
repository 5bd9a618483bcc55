import type {
  AgeBucket,
  AgeingBucket,
  BreakLifecycle,
  DecisionAction,
  DecisionState,
  KeyKind,
  LateLifecycle,
  LateStage,
  MatchedBy,
  Method,
  ObligationStatus,
  PaymentStatus,
  PayoutStatus,
  ReferenceStatus,
  Role,
} from "../gql/enums.ts";

export type Tone = "neutral" | "info" | "success" | "warning" | "danger";

/** A value's words, and how much attention it asks for. */
export interface Label {
  text: string;
  tone: Tone;
}

const label = (text: string, tone: Tone = "neutral"): Label => ({ text, tone });
const UNKNOWN = label("Unknown to this console", "warning");

/** The words of every closed set. A member that the schema gains and this file lacks does not compile. */
export const PAYMENT_STATUS: Record<PaymentStatus, Label> = {
  EXCEPTION: label("Exception", "danger"),
  INITIATED: label("Initiated", "info"),
  RECONCILED: label("Reconciled", "success"),
  SETTLED: label("Settled", "info"),
  CHARGED_BACK: label("Charged back", "warning"),
  RETURNED: label("Returned", "warning"),
  REFUNDED: label("Refunded"),
  FAILED: label("Failed"),
  UNKNOWN,
};

export const OBLIGATION_STATUS: Record<ObligationStatus, Label> = {
  CANCELLED: label("Cancelled"),
  OVERPAID: label("Overpaid", "warning"),
  PAST_DUE: label("Past due", "danger"),
  PAID: label("Paid", "success"),
  PARTIALLY_PAID: label("Partially paid", "info"),
  OPEN: label("Open"),
  UNKNOWN,
};

export const PAYOUT_STATUS: Record<PayoutStatus, Label> = {
  EXCEPTION: label("Exception", "danger"),
  COLLECTING: label("Collecting"),
  FAILED: label("Failed", "warning"),
  CANCELLED: label("Cancelled"),
  RECONCILED: label("Reconciled", "success"),
  IN_TRANSIT: label("In transit", "info"),
  UNKNOWN,
};

export const REFERENCE_STATUS: Record<ReferenceStatus, Label> = {
  HELD: label("Held", "success"),
  SUSPENSE: label("In suspense", "warning"),
  CLAIMED_TWICE: label("Claimed twice", "danger"),
  UNKNOWN,
};

export const BREAK_LIFECYCLE: Record<BreakLifecycle, string> = {
  OPENED: "Open",
  UPDATED: "Open, changed",
  RESOLVED: "Resolved",
  ACCEPTED: "Accepted",
  UNKNOWN: UNKNOWN.text,
};

export const DECISION_STATE: Record<DecisionState, Label> = {
  ACKNOWLEDGED: label("Acknowledged", "info"),
  ASSIGNED: label("Assigned", "info"),
  ACCEPT_REQUESTED: label("Waits for a second person", "warning"),
  ACCEPTED: label("Accepted", "success"),
  UNKNOWN,
};

export const DECISION_ACTION: Record<DecisionAction, string> = {
  ACKNOWLEDGE: "Acknowledge",
  ASSIGN: "Assign",
  COMMENT: "Comment",
  ACCEPT: "Accept",
  APPROVE: "Approve",
  WITHDRAW: "Withdraw",
  UNKNOWN: UNKNOWN.text,
};

export const LATE_STAGE: Record<LateStage, Label> = {
  PAST_DUE: label("Past due", "warning"),
  FEE_ELIGIBLE: label("Fee may be charged", "warning"),
  DAYS_30: label("30 days late", "danger"),
  DAYS_60: label("60 days late", "danger"),
  DAYS_90: label("90 days late", "danger"),
  UNKNOWN,
};

export const LATE_LIFECYCLE: Record<LateLifecycle, Label> = {
  OPENED: label("Open", "warning"),
  ESCALATED: label("Escalated", "danger"),
  CURED: label("Cured", "success"),
  CANCELLED: label("Cancelled"),
  UNKNOWN,
};

export const AGEING_BUCKET: Record<AgeingBucket, string> = {
  CURRENT: "Current",
  DAYS_1_30: "1\u201330 days",
  DAYS_31_60: "31\u201360 days",
  DAYS_61_90: "61\u201390 days",
  DAYS_OVER_90: "Over 90 days",
  UNKNOWN: UNKNOWN.text,
};

export const AGE_BUCKET: Record<AgeBucket, string> = {
  HOURS_24: "Under 24 hours",
  DAYS_7: "1\u20137 days",
  DAYS_30: "7\u201330 days",
  OLDER: "Over 30 days",
};

export const KEY_KIND: Record<KeyKind, string> = {
  PAYMENT: "Payment",
  OBLIGATION: "Obligation",
  REFERENCE: "Reference",
  PAYOUT: "Payout",
  BANK_ENTRY: "Bank entry",
  UNKNOWN: UNKNOWN.text,
};

export const METHOD: Record<Method, string> = {
  ACH_DEBIT: "ACH debit",
  CARD: "Card",
  INSTANT: "Instant",
  CHECK: "Check",
  CASH: "Cash",
  UNKNOWN: UNKNOWN.text,
};

export const MATCHED_BY: Record<MatchedBy, string> = {
  NAMED: "Named in the entry",
  REFERENCE: "By reference",
  AMOUNT: "By amount",
  PERSON: "By a person",
  UNKNOWN: UNKNOWN.text,
};

export const ROLE: Record<Role, string> = {
  VIEWER: "Viewer",
  OPERATOR: "Operator",
  APPROVER: "Approver",
  ADMIN: "Administrator",
};
