"""The GraphQL API of the gateway: its schema, its limits, and the answers to documents."""
