"""Refusals at the command line: the reason, and the command that helps."""

from domain.commands.refusal import Hint, Refused


def refusal_text(refused: Refused, break_id: str) -> str:
    """Say why a decision about a break is refused, and which command helps."""
    command = "rentmatch exceptions"
    match refused.hint:
        case None:
            return refused.message
        case Hint.SEE_DECISIONS:
            return f"{refused.message}; `{command} show {break_id}` shows its decisions"
        case Hint.COMMENT:
            return f"{refused.message}: `{command} comment {break_id}`"
        case Hint.ACCEPT:
            return f"{refused.message}; `{command} accept {break_id}` does"
        case Hint.APPROVE:
            return f"{refused.message}: `{command} approve {break_id}`"
        case Hint.WITHDRAW:
            return f"{refused.message}: `{command} withdraw {break_id} --decision {refused.decision_id}`"
        case Hint.NAME_DECISION:
            return f"{refused.message} (--decision)"
