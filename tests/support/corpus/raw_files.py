"""What the tests of reading share: the content of a file, the cells of a table, the sentence of a refusal."""

import io

import pyarrow.parquet as pq

CANARY = "zebra-canary"
BOM = b"\xef\xbb\xbf"


def one_sentence(error, name):
    """The error's message, which names the file and quotes nothing of it."""
    message = str(error)
    assert message.startswith(name)
    assert message.endswith(".") and "\n" not in message
    assert CANARY not in message
    assert error.__suppress_context__ or error.__context__ is None, "a traceback may quote the file"
    return message


def cells(frame):
    return {column: frame[column].tolist() for column in frame}


def parquet(table, **options):
    buffer = io.BytesIO()
    pq.write_table(table, buffer, **options)
    return buffer.getvalue()
