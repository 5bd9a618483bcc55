"""The broker's administration: connecting, provisioning topics, reading them from outside the group."""
