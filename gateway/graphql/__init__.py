"""The GraphQL API of the gateway.

`gateway.graphql.view` answers requests; each has a context, which `gateway.graphql.surroundings` makes. What the schema
needs of other parts of the gateway is in `gateway.graphql.ports`.
"""
