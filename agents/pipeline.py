"""Binds the agents to the topology's processors, and makes a worker's stages."""

from collections.abc import Sequence

from agents.agent import Agent, AgentContext
from agents.allocate_installments import AllocateInstallments
from agents.keyed_agent import KeyedAgent
from agents.match_payments import MatchPayments
from agents.route_inputs import RouteInputs
from agents.router import KeyedTarget
from streams.topics import Topic
from streams.topology import TopologyError
from streams.transport.commit import Stage

AGENTS: tuple[type[Agent], ...] = (RouteInputs, MatchPayments, AllocateInstallments)
"""One for each processor of the topology."""


def make_stages(context: AgentContext, agents: Sequence[type[Agent]] = AGENTS) -> list[Stage]:
    """The stages over one store, in flow order: what one stage routes at a commit, the next one flushes in the same.

    The tests' in-process driver runs this same wiring.

    Raises:
        TopologyError: a processor of the topology has no agent.

    """
    agent_of = {agent.processor.name: agent for agent in agents}
    targets: dict[Topic, KeyedTarget] = {}
    stages: list[Stage] = []
    for processor in reversed(context.topology.in_flow_order):
        if processor.name not in agent_of:
            raise TopologyError(f"no agent is bound to the processor {processor.name}: add it to agents/pipeline.py")
        stage = agent_of[processor.name](context, targets)
        if isinstance(stage, KeyedAgent):
            targets |= dict.fromkeys(processor.inputs, stage)
        stages.append(stage)
    return stages[::-1]
