"""A ledger's changes as facts: rows of its tables, from Debezium or from the binlog of MySQL and MariaDB."""
