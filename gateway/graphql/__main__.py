"""Prints the schema: `python -m gateway.graphql > docs/schema.graphql`."""

import sys

from gateway.graphql.schema.factory import schema_text

sys.stdout.write(schema_text())
