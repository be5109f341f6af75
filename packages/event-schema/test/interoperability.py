"""Reads and writes slotcast's values with Avro's own Python package, for the interoperability test.

Standard input: {"schemas": {name: schema}, "values": [{"schema": name, "hex": single object}]}. Standard output: fingerprints
as the package computes them, and for each value its fields and the value written anew. Integers are text, because JSON has
no exact ones beyond 2^53; bytes are hexadecimal text.
"""

import io
import json
import sys

import avro.schema
from avro.io import BinaryDecoder, BinaryEncoder, DatumReader, DatumWriter

MARKER = b"\xc3\x01"


def printable(value):
    if isinstance(value, dict):
        return {name: printable(field) for name, field in value.items()}
    if isinstance(value, list):
        return [printable(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, bytes):
        return value.hex()
    return value


def fingerprint(schema):
    return schema.fingerprint("CRC-64-AVRO")


def read(schema, value):
    if value[:2] != MARKER or value[2:10] != fingerprint(schema):
        raise ValueError(f"not a single object of {schema.fullname}: {value[:10].hex()}")
    body = io.BytesIO(value[10:])
    fields = DatumReader(schema).read(BinaryDecoder(body))
    if body.read():
        raise ValueError("bytes too many")
    return fields


def write(schema, fields):
    body = io.BytesIO()
    DatumWriter(schema).write(fields, BinaryEncoder(body))
    return MARKER + fingerprint(schema) + body.getvalue()


request = json.load(sys.stdin)
schemas = {name: avro.schema.parse(json.dumps(schema)) for name, schema in request["schemas"].items()}
values = []
for value in request["values"]:
    schema = schemas[value["schema"]]
    fields = read(schema, bytes.fromhex(value["hex"]))
    values.append({"fields": printable(fields), "hex": write(schema, fields).hex()})
json.dump(
    {"fingerprints": {name: fingerprint(schema)[::-1].hex() for name, schema in schemas.items()}, "values": values},
    sys.stdout,
)
