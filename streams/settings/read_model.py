"""The MongoDB that holds the read model."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, SecretStr


class ReadModelSettings(BaseModel):
    """Address and credentials of MongoDB."""

    mongo_url: SecretStr | None = Field(
        None, description="connection string of the MongoDB of the read model; may contain a user and a password"
    )
    mongo_driver: Literal["motor", "pymongo"] = Field(
        "motor", description="asynchronous driver: Motor, or PyMongo's own client, which replaces it"
    )
    mongo_database: str = Field("rentmatch", pattern=r"^[a-zA-Z0-9_-]{1,63}$", description="database of the read model")
    mongo_ca_file: Path | None = Field(
        None, description="PEM file of the certificate authority that signed MongoDB's certificate; turns TLS on"
    )
