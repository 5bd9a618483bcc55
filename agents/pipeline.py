"""Binds each processor of the topology to its agent, and makes a worker's stages."""

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec

from agents.agent import Agent, AgentContext
from agents.keyed_agent import KeyedAgent
from agents.router import KeyedTarget
from streams.topics import Topic
from streams.topology import TOPOLOGY, Processor, TopologyError
from streams.transport.commit import Stage


def agent_of(processor: Processor) -> type[Agent]:
    """The agent in `agents/<name of the processor>.py`: the class whose `processor` it is.

    Raises:
        TopologyError: there is no such file, or no such class in it.

    """
    name = f"agents.{processor.name}"
    found = vars(import_module(name)).values() if find_spec(name) is not None else ()
    for one in found:
        if isinstance(one, type) and issubclass(one, Agent) and vars(one).get("processor") is processor:
            return one
    raise TopologyError(
        f"the processor {processor.name} has no agent: write a subclass of Agent that names it to "
        f"agents/{processor.name}.py"
    )


AGENTS: tuple[type[Agent], ...] = tuple(map(agent_of, TOPOLOGY.in_flow_order))
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
            raise TopologyError(f"no agent is given for the processor {processor.name}")
        stage = agent_of[processor.name](context, targets)
        if isinstance(stage, KeyedAgent):
            targets |= {topic: stage for topic in processor.inputs if topic not in processor.late_inputs}
        stages.append(stage)
    return stages[::-1]
