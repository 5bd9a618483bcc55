"""The MySQL or MariaDB of a ledger, whose binlog `rentmatch ledger mysql` reads."""

from pathlib import Path

from pydantic import BaseModel, Field, SecretStr


class LedgerSettings(BaseModel):
    """Address and credentials of the ledger's database."""

    ledger_mysql_url: SecretStr | None = Field(
        None, description="the ledger's MySQL or MariaDB, mysql://user:password@host:3306"
    )
    ledger_mysql_ca_file: Path | None = Field(
        None, description="PEM file of the certificate authority that signed its certificate; turns TLS on"
    )
    ledger_mysql_server_id: int | None = Field(
        None,
        ge=1,
        lt=1 << 32,
        description="the reader's server id, which no replica of that server may have; default: a number from its name",
    )
