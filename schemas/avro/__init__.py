"""The Avro schemas, one record a file, by which rentmatch reads its inputs and writes its outputs (contract, 2 and 6).

`known/` holds writers' schemas that are read besides these in single-object encoding: older versions, mostly.
"""
