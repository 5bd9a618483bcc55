"""The types of the GraphQL schema; `factory` puts them together. docs/schema.graphql is printed from it."""
