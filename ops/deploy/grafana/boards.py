"""The three dashboards: the money, the pipeline, the exceptions.

Panels build on the sums of ops/deploy/prometheus/rules/recording.yml; the lines of limits are those of rules/thresholds.yml.
"""

from ops.deploy.grafana.panels import (
    COUNT,
    MINOR,
    PER_SECOND,
    RATIO,
    SECONDS,
    Dashboard,
    Panel,
    Query,
    Row,
    Variable,
)

CURRENCY = Variable("currency", "currency", "rentmatch_standing_minor", "currency")
INSTANCE = Variable("instance", "worker", 'rentmatch_build_info{job="rentmatch-worker"}', "instance")

_OF = '{currency=~"$currency"}'
_FRESH = ((5.0, "yellow"), (60.0, "orange"), (300.0, "red"))
_NONE_GOOD = ((1.0, "red"),)
_MINOR_NOTE = "In minor units (cents for USD) of the currency in the legend."


def _figures() -> Row:
    return Row(
        "Key figures",
        [
            Panel(
                "Clearing", [Query(f"rentmatch:clearing:ratio{_OF}", "{{currency}}")], RATIO, "stat", 4, 5, decimals=3,
                about="The share of net settled money that is posted, payment by payment. "
                "Money that is still in time lowers it, too.",
            ),
            Panel(
                "Completeness", [Query("rentmatch:completeness:ratio", "all three sources")], RATIO, "stat", 4, 5,
                decimals=2, about="The share of payments that app, processor and ledger have all reported.",
            ),
            Panel(
                "Timeliness", [Query('rentmatch:event_latency_seconds:p99{since="broker"}', "99 of 100 events within")],
                SECONDS, "stat", 4, 5, limits=((5.0, "yellow"), (30.0, "red")),
                about="From the broker's timestamp until the event's transaction is committed.",
            ),
            Panel(
                "Freshness", [Query("rentmatch:caught_up_age_seconds", "reconciled up to, ago")], SECONDS, "stat", 4, 5,
                limits=_FRESH, about="The age of the watermark, up to which everything is reconciled.",
            ),
            Panel(
                "Open breaks of priority 1", [Query('sum(rentmatch:open_breaks:sum{priority="1"})', "breaks")],
                COUNT, "stat", 4, 5, limits=_NONE_GOOD,
            ),
            Panel(
                "Suppressed alerts",
                [
                    Query("count(rentmatch:break_class_held) or vector(0)", "classes of breaks"),
                    Query("count(rentmatch:input_silent_since_timestamp_seconds) or vector(0)", "silent feeds"),
                ],
                COUNT, "stat", 4, 5, limits=((1.0, "orange"),),
                about="Alerts that do not fire now, because a feed is silent or the pipeline is behind (docs/runbook.md).",
            ),
        ],
    )  # fmt: skip


def _money() -> Row:
    return Row(
        "Money",
        [
            Panel(
                "Net settled and posted (minor units)",
                [
                    Query(f"rentmatch:standing_minor:sum{_OF}", "net settled {{currency}}"),
                    Query(f"rentmatch:posted_minor:sum{_OF}", "posted {{currency}}"),
                ],
                MINOR, about=f"Collected money after returns, refunds and chargebacks; and what the ledger has. {_MINOR_NOTE}",
            ),
            Panel(
                "Uncleared (minor units)", [Query(f"rentmatch:uncleared_minor:sum{_OF}", "{{currency}}")], MINOR,
                about=f"Sum over payments of |net settled - posted|. It rises and falls with the day; its floor is what is "
                f"stuck. {_MINOR_NOTE}",
            ),
            Panel(
                "Owed and paid (minor units)",
                [
                    Query(f"sum by (currency) (rentmatch_obligation_balance_minor{_OF})", "balance {{currency}}"),
                    Query(f"sum by (currency) (rentmatch_obligation_paid_minor{_OF})", "paid {{currency}}"),
                ],
                MINOR, about=_MINOR_NOTE,
            ),
            Panel(
                "Gross difference by currency (minor units)",
                [
                    Query(f"sum by (currency) (rentmatch:break_gross_drift_minor:sum{_OF})", "{{currency}}"),
                    Query(f"rentmatch:limit_gross_drift_minor{_OF}", "limit {{currency}}"),
                ],
                MINOR, about=f"Sum of |actual - expected| of open breaks: an excess hides no shortage. {_MINOR_NOTE}",
            ),
            Panel(
                "Net difference by currency (minor units)",
                [Query(f"sum by (currency) (rentmatch:break_net_drift_minor:sum{_OF})", "{{currency}}")],
                MINOR, about=f"The direction of the difference. 0 proves nothing. {_MINOR_NOTE}",
            ),
            Panel(
                "Past due by stage (minor units)",
                [Query(f"sum by (stage, currency) (rentmatch_past_due_minor{_OF})", "{{stage}} {{currency}}")],
                MINOR, stacked=True, about=f"The outstanding amounts of live late-payment alerts. {_MINOR_NOTE}",
            ),
        ],
    )  # fmt: skip


def _counts() -> Row:
    return Row(
        "Payments, obligations, breaks",
        [
            Panel("Payments by status", [Query("rentmatch:payments:sum", "{{status}}")], stacked=True),
            Panel("Payments by source", [Query("rentmatch:payments_by_legs:sum", "{{legs}}")], stacked=True,
                  about="Which of app, processor and ledger have reported them."),
            Panel("Obligations by status", [Query("rentmatch:obligations:sum", "{{status}}")], stacked=True),
            Panel("Open breaks by class and priority",
                  [Query("sort_desc(rentmatch:open_breaks:sum > 0)", "{{priority}} {{class}}")], kind="bargauge",
                  base_color="blue"),
            Panel("Ageing", [Query("rentmatch:obligations_ageing:sum", "{{bucket}}")], kind="bargauge",
                  base_color="blue", about="Obligations by the age of their oldest late due date."),
            Panel("Live late-payment alerts by stage", [Query("rentmatch:late_alerts:sum", "{{stage}}")], stacked=True),
        ],
    )  # fmt: skip


def _suspense() -> Row:
    return Row(
        "References and suspense",
        [
            Panel(
                "In suspense (minor units)", [Query(f"rentmatch:suspense_minor:sum{_OF}", "{{currency}}")], MINOR,
                about=f"Settled money whose reference no payment holds. It counts for no payment. {_MINOR_NOTE}",
            ),
            Panel("References by status", [Query("rentmatch:references:sum", "{{status}}")], stacked=True,
                  about="Processors' references with settlement records that name no payment."),
            Panel(
                "Accepted differences (minor units)",
                [Query(f"sum by (currency) (rentmatch:accepted_gross_drift_minor:sum{_OF})", "{{currency}}")], MINOR,
                about=f"Sum of |actual - expected| of breaks that people have accepted as they are. {_MINOR_NOTE}",
            ),
        ],
    )  # fmt: skip


def _payouts() -> Row:
    collected, deposited, under_way = (
        f"rentmatch:{name}_minor:sum{_OF}" for name in ("payouts_collected", "payouts_deposited", "under_way")
    )
    return Row(
        "Payouts and the bank",
        [
            Panel(
                "Where collected money is (minor units)",
                [
                    Query(deposited, "on the account {{currency}}"),
                    Query(under_way, "under way {{currency}}"),
                    Query(f"{collected} - {deposited} - ({under_way} or 0 * {collected})", "neither {{currency}}"),
                ],
                MINOR, stacked=True,
                about="Lines of payouts, net of fees, with what in them belongs to no payment. Neither: payouts that are not "
                "reported yet, failed, name no account, have an open break, or a difference that people have accepted. "
                f"{_MINOR_NOTE}",
            ),
            Panel("Payouts by status", [Query("rentmatch:payouts:sum", "{{status}}")], stacked=True),
            Panel("Bank entries by match", [Query("rentmatch:bank_entries:sum", "{{matched_by}}")], stacked=True,
                  about="How they found their payout; unmatched ones belong to none (yet)."),
            Panel(
                "Bank entries without a payout (minor units)",
                [
                    Query(f"rentmatch:unmatched_entries_minor:sum{_OF}", "all {{currency}}"),
                    Query(f'rentmatch:break_gross_drift_minor:sum{{class="bank_entry_unexplained",{_OF[1:]}', "overdue {{currency}}"),
                ],
                MINOR, about=f"The sum of their absolute amounts; overdue ones are breaks. {_MINOR_NOTE}",
            ),
            Panel(
                "Payouts that differ (minor units)",
                [Query('rentmatch:break_gross_drift_minor:sum{class=~"deposit_.*|payout_.*",' + f"{_OF[1:]} > 0", "{{class}} {{currency}}")],
                MINOR, about=f"Sum of |actual - expected| of open breaks of payouts. {_MINOR_NOTE}",
            ),
            Panel(
                "Oldest payout and bank entry that wait",
                [
                    Query('rentmatch:waiting_age_seconds{what=~"under_way|unexplained"}', "{{what}}"),
                    Query('rentmatch:limit_waiting_age_seconds{what=~"under_way|unexplained"}', "limit {{what}}"),
                ],
                SECONDS, about="A payout in transit since its arrival date, a bank entry since its deadline.",
            ),
        ],
    )  # fmt: skip


def _returns() -> Row:
    def rate(category: str, limit: float) -> Panel:
        return Panel(
            f"ACH returns, {category}",
            [
                Query(f'rentmatch:ach_return:ratio{{category="{category}"}}', "returned"),
                Query(f'rentmatch:limit_ach_return_ratio{{category="{category}"}}', "NACHA's level"),
            ],
            RATIO, width=6, decimals=2, limits=((0.8 * limit, "orange"), (limit, "red")),
            about="Of the ACH debits of 60 days.",
        )  # fmt: skip

    return Row(
        "ACH returns of 60 days",
        [
            rate("unauthorized", 0.005),
            rate("administrative", 0.03),
            rate("overall", 0.15),
            Panel("ACH entries and returns",
                  [Query("sum(rentmatch_ach_entries_60d)", "entries"),
                   Query("sum by (category) (rentmatch_ach_returns_60d)", "{{category}}")], width=6),
        ],
    )  # fmt: skip


BUSINESS = Dashboard(
    "business",
    "rentmatch: the money",
    "For finance: net settled, posted, differences, late payments, payouts. Sums over all workers.",
    [_figures(), _money(), _counts(), _suspense(), _payouts(), _returns()],
    [CURRENCY],
    since="now-7d",
)

_HERE = '{instance=~"$instance"}'
_RATE = "[$__rate_interval]"


def _quantiles(metric: str, by: str, legend: str) -> list[Query]:
    """The median and the 99th percentile of a histogram."""
    grouped = f"le, {by}" if by else "le"
    return [
        Query(
            f"histogram_quantile({quantile}, sum by ({grouped}) (rate({metric}_bucket{_HERE}{_RATE})))",
            f"{name} {legend}".strip(),
        )
        for quantile, name in (("0.5", "50 %"), ("0.99", "99 %"))
    ]


def _reading() -> Row:
    return Row(
        "Reading",
        [
            Panel("Workers ready", [Query(f'sum(rentmatch_ready{{job="rentmatch-worker", {_HERE[1:]}) or vector(0)', "ready"),
                                    Query('count(up{job="rentmatch-worker"}) or vector(0)', "known")], COUNT, "stat", 6, 5),
            Panel("Watermark", [Query("rentmatch:caught_up_age_seconds", "ago")], SECONDS, "stat", 6, 5, limits=_FRESH),
            Panel("Lag", [Query("sum(rentmatch:input_lag_records:sum)", "records")], COUNT, "stat", 6, 5,
                  limits=((1000.0, "yellow"), (10000.0, "red"))),
            Panel("Versions", [Query('count by (version) (rentmatch_build_info{job="rentmatch-worker"})', "{{version}}")],
                  COUNT, "stat", 6, 5),
            Panel("Events by type", [Query(f"sum by (type) (rate(rentmatch_events_total{_HERE}{_RATE}))", "{{type}}")],
                  PER_SECOND, stacked=True),
            Panel("Lag by topic", [Query(f"sum by (topic) (rentmatch_input_lag_records{_HERE})", "{{topic}}")]),
            Panel("Age of the newest record by feed",
                  [Query("rentmatch:input_age_seconds", "{{topic}}"),
                   Query("rentmatch:limit_feed_silent_seconds * on () group_left () rentmatch:feed_rest_factor", "limit {{topic}}")],
                  SECONDS, about="By the broker's timestamps. Over its limit while another feed moves, a feed counts as "
                  "silent, and alerts that follow from that alone are suppressed."),
            Panel("Watermark, age by topic",
                  [Query("time() - min by (topic) (rentmatch_input_caught_up_timestamp_seconds)", "{{topic}}"),
                   Query("rentmatch:caught_up_age_seconds", "everything")], SECONDS),
            Panel("Facts", [Query(f"sum by (table, outcome) (rate(rentmatch_facts_total{_HERE}{_RATE}))", "{{table}} {{outcome}}")],
                  PER_SECOND),
            Panel("Outputs", [Query(f"sum by (topic) (rate(rentmatch_outputs_total{_HERE}{_RATE}))", "{{topic}}")], PER_SECOND),
        ],
    )  # fmt: skip


def _committing() -> Row:
    return Row(
        "Committing",
        [
            Panel("Latency since the broker",
                  [Query(f'rentmatch:event_latency_seconds:p{p}{{since="broker"}}', f"{p} %") for p in (50, 95, 99)], SECONDS,
                  limits=((30.0, "red"),)),
            Panel("Latency since the event occurred",
                  [Query(f'rentmatch:event_latency_seconds:p{p}{{since="occurred"}}', f"{p} %") for p in (50, 95, 99)], SECONDS,
                  about="The delay of producers plus that of rentmatch."),
            Panel("Commits", [Query(f"sum by (instance) (rate(rentmatch_commits_total{_HERE}{_RATE}))", "{{instance}}")], PER_SECOND),
            Panel("Commit duration", _quantiles("rentmatch_commit_duration_seconds", "instance", "{{instance}}"), SECONDS),
            Panel("Records per commit", _quantiles("rentmatch_commit_records", "", "")),
            Panel("Keys in the open transaction", [Query(f"rentmatch_pending_keys{_HERE}", "{{instance}}")]),
        ],
    )  # fmt: skip


def _group() -> Row:
    return Row(
        "The group",
        [
            Panel("Partitions by worker",
                  [Query(f"sum by (instance, topic) (rentmatch_partitions{_HERE})", "{{instance}} {{topic}}")], width=6, stacked=True),
            Panel("Rebalances in an hour",
                  [Query(f"max(increase(rentmatch_rebalances_total{_HERE}[1h]))", "rebalances"),
                   Query(f"sum(increase(rentmatch_transaction_failures_total{_HERE}[1h]))", "aborted transactions"),
                   Query(f"sum(resets(rentmatch_commits_total{_HERE}[1h]))", "restarts")], width=6),
            Panel("Recovery, records remaining", [Query(f"rentmatch_recovery_records_remaining{_HERE}", "{{instance}}")], width=6),
            Panel("Last recovery", [Query(f"rentmatch_recovery_seconds{_HERE}", "{{instance}}")], SECONDS, width=6),
        ],
    )  # fmt: skip


def _answering() -> Row:
    return Row(
        "Read model and queries",
        [
            Panel("MongoDB answers", [Query("max(rentmatch_read_model_mongo_up)", "1: yes")], COUNT, "stat", 4,
                  limits=((1.0, "green"),), base_color="red"),
            Panel("Read model, records to write",
                  [Query("sum by (topic) (rentmatch_read_model_lag_records)", "{{topic}}"),], width=5),
            Panel("Read model, documents",
                  [Query(f"sum by (collection, outcome) (rate(rentmatch_read_model_documents_total{_RATE}))",
                         "{{collection}} {{outcome}}")], PER_SECOND, width=5),
            Panel("Requests by status", [Query(f"sum by (status) (rate(rentmatch_http_requests_total{_RATE}))", "{{status}}")],
                  PER_SECOND, width=5, stacked=True),
            Panel("Response time, 99 %",
                  [Query(f"histogram_quantile(0.99, sum by (le, route) (rate(rentmatch_http_request_seconds_bucket{_RATE})))",
                         "{{route}}")], SECONDS, width=5),
        ],
    )  # fmt: skip


def _feeding() -> Row:
    return Row(
        "Files, webhooks, ledgers",
        [
            Panel("Files by outcome",
                  [Query("sum by (feed, outcome) (increase(rentmatch_watch_files_total[1h]))", "{{feed}} {{outcome}}")],
                  stacked=True, about="Of watched directories, within an hour."),
            Panel("Files that wait or are missing",
                  [Query("max(rentmatch_watch_waiting_files)", "wait"), Query("max(rentmatch_watch_unmatched_files)", "of no feed"),
                   Query("count(rentmatch_watch_overdue_seconds > 0) or 0 * max(rentmatch_watch_waiting_files)", "feeds overdue")]),
            Panel("Webhooks by outcome", [Query(f"sum by (outcome) (rate(rentmatch_webhook_requests_total{_RATE}))", "{{outcome}}")],
                  PER_SECOND, stacked=True),
            Panel("Ledger: read up to",
                  [Query("time() - max by (ledger) (rentmatch_ledger_caught_up_timestamp_seconds)", "{{ledger}}, ago"),
                   Query("rentmatch:limit_ledger_behind_seconds", "limit")], SECONDS,
                  about="By the ledger's clock. With Debezium: what it has written."),
            Panel("Ledger: changes and records",
                  [Query(f"sum by (ledger) (rate(rentmatch_ledger_changes_total{_RATE}))", "{{ledger}} changes"),
                   Query(f"sum by (ledger, outcome) (rate(rentmatch_ledger_records_total{_RATE}))", "{{ledger}} {{outcome}}")],
                  PER_SECOND),
            Panel("Ledger: connected, states",
                  [Query("max by (ledger) (rentmatch_ledger_connected)", "{{ledger}} connected"),
                   Query("max by (ledger) (rentmatch_ledger_states)", "{{ledger}} states")]),
        ],
    )  # fmt: skip


PIPELINE = Dashboard(
    "pipeline",
    "rentmatch: the pipeline",
    "For the on-call engineer: input, throughput, workers.",
    [_reading(), _committing(), _group(), _answering(), _feeding()],
    [INSTANCE],
    since="now-6h",
)


def _transitions(lifecycle: str) -> Query:
    return Query(
        f'sum by (class) (increase(rentmatch_break_transitions_total{{lifecycle="{lifecycle}"}}[1h])) > 0', "{{class}}"
    )


def _decisions() -> Row:
    decided = "rentmatch:breaks_by_decision:sum"
    return Row(
        "Decisions",
        [
            Panel("Open breaks by decision",
                  [Query(f'sum(rentmatch:open_breaks:sum) - sum({decided}{{decision!="accepted"}})', "nothing decided"),
                   Query(f'{decided}{{decision!="accepted"}}', "{{decision}}")], width=6, stacked=True,
                  about="What people have decided about the breaks that are open."),
            Panel("Decisions in an hour, by action",
                  [Query("sum by (action) (increase(rentmatch_decisions_total[1h])) > 0", "{{action}}")], width=6, decimals=0),
            Panel("Accepted breaks by class", [Query("sum by (class) (rentmatch:accepted_breaks:sum) > 0", "{{class}}")], width=6,
                  stacked=True, about="They are not open. Any change of the class, the difference or the events opens them again."),
            Panel("Oldest that waits",
                  [Query("rentmatch:waiting_age_seconds", "{{what}}"),
                   Query("rentmatch:limit_waiting_age_seconds", "limit {{what}}")], SECONDS, width=6,
                  about="Money in suspense for its payment, an acceptance for a second person, a payout in transit for its deposit, a bank "
                  "entry for its payout; from the start of their day (UTC)."),
        ],
    )  # fmt: skip


EXCEPTIONS = Dashboard(
    "exceptions",
    "rentmatch: exceptions",
    "For those who work breaks, late installments and dead letters: what opens, what is resolved, what stays open.",
    [
        Row(
            "Now",
            [
                *(
                    Panel(f"Open, priority {priority}", [Query(f'sum(rentmatch:open_breaks:sum{{priority="{priority}"}})', "breaks")],
                          COUNT, "stat", 4, 5, limits=_NONE_GOOD if priority == 1 else ())
                    for priority in (1, 2, 3)
                ),
                Panel("Late-payment alerts", [Query("sum(rentmatch:late_alerts:sum)", "live")], COUNT, "stat", 4, 5),
                Panel("Dead letters of a day",
                      [Query("sum(increase(rentmatch_dead_letters_total[24h])) or vector(0)", "records")], COUNT, "stat", 4, 5,
                      limits=_NONE_GOOD, decimals=0),
                Panel("Suppressed alerts", [Query("rentmatch:break_class_held", "{{class}}")], COUNT, "stat", 4, 5,
                      base_color="orange", about="Classes whose alerts are suppressed now."),
                Panel("Firing alerts", [Query('ALERTS{alertname=~"Rentmatch.*", alertstate="firing"}')], kind="table",
                      width=24, height=6),
            ],
        ),
        Row(
            "Breaks",
            [
                Panel("Opened in an hour, by class", [_transitions("opened")], decimals=0),
                Panel("Resolved in an hour, by class", [_transitions("resolved")], decimals=0),
                Panel("Open breaks by class", [Query("sum by (class) (rentmatch:open_breaks:sum) > 0", "{{class}}")], stacked=True),
                Panel("Top classes by count", [Query("topk(10, sum by (class) (rentmatch:open_breaks:sum) > 0)", "{{class}}")],
                      kind="bargauge", base_color="blue"),
                Panel("Top classes by gross difference (minor units)",
                      [Query(f"topk(10, rentmatch:break_gross_drift_minor:sum{_OF} > 0)", "{{class}} {{currency}}")],
                      MINOR, "bargauge", base_color="blue", about=_MINOR_NOTE),
                Panel("Gross difference by class (minor units)",
                      [Query(f"rentmatch:break_gross_drift_minor:sum{_OF} > 0", "{{class}} {{currency}}")], MINOR,
                      about=_MINOR_NOTE),
            ],
        ),
        _decisions(),
        Row(
            "Late installments and dead letters",
            [
                Panel("Late-payment alerts published in an hour",
                      [Query("sum by (lifecycle) (increase(rentmatch_late_alert_transitions_total[1h]))", "{{lifecycle}}")],
                      decimals=0),
                Panel("Dead letters in an hour, by class",
                      [Query("sum by (topic, class) (increase(rentmatch_dead_letters_total[1h])) > 0", "{{topic}} {{class}}")],
                      decimals=0),
                Panel("Dead letters, share of the records by topic",
                      [Query('sum by (topic) (rate(rentmatch_events_total{outcome="dead_letter"}[15m])) '
                             "/ (sum by (topic) (rate(rentmatch_events_total[15m])) > 0)", "{{topic}}")], RATIO,
                      limits=((0.01, "red"),), decimals=2),
            ],
        ),
    ],
    [CURRENCY],
    since="now-24h",
)  # fmt: skip

DASHBOARDS = (BUSINESS, PIPELINE, EXCEPTIONS)
