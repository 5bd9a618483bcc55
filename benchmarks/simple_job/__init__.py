"""The peers' job in Python, on two libraries: the same rules and records as the Kafka Streams program's.

Nothing here may import the project's other modules: Quix Streams runs in an environment without their packages.
"""
