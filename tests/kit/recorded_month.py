"""Runs a month in process and prints, as JSON, a digest of every record that was written, and which modules ran it.

Run as a program: once with the modules as they are, once with those of a wheel, which are compiled.
"""

import json
import sys
from hashlib import sha256

from simulator.deliver import value_of
from simulator.scenario import simulate
from streams.codec.codec import Codec
from tests.kit.driver import Driver
from tools.build_extensions import COMPILED

OBLIGATIONS = 60


def main() -> None:
    """Run the month in several sittings, so that states are read back; print what was written."""
    scenario = simulate(5, OBLIGATIONS)
    driver = Driver(now=scenario.closes_at)
    codec = Codec()
    for number, delivery in enumerate(scenario.deliveries):
        topic = next(topic for topic in driver.world.topology.inputs if topic.name == delivery.topic)
        driver.world.broker.publish(topic, delivery.key.encode(), value_of(delivery, codec.encode))
        if number % 100 == 0:
            driver.run()
    driver.run()
    digests = {}
    for (topic, partition), records in driver.world.broker.logs.items():
        digest = sha256()
        for record in records:
            digest.update(repr(None if record is None else (record.key, record.value, record.headers)).encode())
        digests[f"{topic.name}:{partition}"] = (len(records), digest.hexdigest())
    files = {name: str(sys.modules[name].__file__) for name in COMPILED}
    sys.stdout.write(json.dumps({"digests": digests, "files": files}))


if __name__ == "__main__":
    main()
