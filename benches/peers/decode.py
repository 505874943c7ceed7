"""Decodes frames given in hexadecimal digits again and again with one of the Python packages; prints its name and MB/s.

Only frames the package can decode count, and only their bytes: what it fails at costs it nothing.
"""

import sys
import time

peer, frames = sys.argv[1], [bytes.fromhex(frame) for frame in sys.argv[2:]]
frames = [frame.lstrip(b"\xfe") for frame in frames]

if peer == "client":
    import dlt645

    name = "python-dlt645"

    def decode(frame):
        read = dlt645.Frame()
        read.load(bytearray(frame))
        return int(read.data[:-8]) / 100

else:
    from loguru import logger

    logger.remove()
    from dlt645.common.transform import bcd_to_value
    from dlt645.protocol.protocol import DLT645Protocol

    name = "dlt645"

    def decode(frame):
        _, read = DLT645Protocol.deserialize_with_remaining(bytes(frame))
        return bcd_to_value(read.data[4:8], "XXXXXX.XX", "little")


def works(frame):
    try:
        decode(frame)
        return True
    except Exception:
        return False


able = [frame for frame in frames if works(frame)]
size, best = sum(map(len, able)), None
for _ in range(5):
    begun = time.perf_counter()
    for _ in range(200):
        for frame in able:
            decode(frame)
    spent = time.perf_counter() - begun
    best = spent if best is None or spent < best else best
print(name, size * 200 / 1e6 / best)
