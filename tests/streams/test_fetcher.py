"""When a fetcher is behind."""

import pytest

from streams.transport.fetcher import BACKLOG_RECORDS, OUTSTANDING_BYTES, Fetcher


@pytest.mark.parametrize(
    ("unread", "outstanding", "behind"),
    [
        (BACKLOG_RECORDS - 1, 0, False),
        (BACKLOG_RECORDS, 0, True),
        (0, OUTSTANDING_BYTES // 2, True),
    ],
)
def test_a_backlog_is_what_is_unread_or_not_processed(unread: int, outstanding: int, behind: bool) -> None:
    fetcher = Fetcher({}, {}, lambda batches: None, lambda error: None)
    fetcher._unread, fetcher._outstanding = unread, outstanding
    assert fetcher.behind is behind
