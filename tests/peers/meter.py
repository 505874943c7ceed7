"""A DL/T 645-2007 meter made of the independent package `dlt645` (MeterServerService), on TCP or on a serial port.

Prints one JSON line with where it listens, then serves until its standard input ends. The registers it holds are
given as JSON: {"address": "…", "energy": {"00010000": "1234.56", …}, "variable": {"02010100": "220.1", …}}.

How it differs from the standard is in README.md.
"""

import json
import os
import pty
import select
import sys
import threading
import tty

from loguru import logger

logger.remove()

from dlt645 import MeterServerService  # noqa: E402


def cable():
    """Two pseudo-terminals joined by a thread: what is written to one comes out of the other."""
    ends = []
    for _ in range(2):
        master, slave = pty.openpty()
        tty.setraw(slave)
        ends.append((master, slave, os.ttyname(slave)))
    masters = (ends[0][0], ends[1][0])

    def carry():
        while True:
            for end in select.select(masters, [], [])[0]:
                other = masters[1] if end == masters[0] else masters[0]
                os.write(other, os.read(end, 4096))

    threading.Thread(target=carry, daemon=True).start()
    return ends[0][2], ends[1][2]


def main():
    medium, given = sys.argv[1], json.loads(sys.argv[2])
    if medium == "tcp":
        meter = MeterServerService.new_tcp_server("127.0.0.1", 0, 30.0)
    else:
        ours, theirs = cable()
        meter = MeterServerService.new_rtu_server(ours, 8, 1, 2400, "E", 0.5)
    wire_order = bytes.fromhex(given["address"])[::-1]
    assert meter.set_address(bytearray(wire_order))
    for di, value in given.get("energy", {}).items():
        assert meter.set_00(int(di, 16), float(value)), di
    for di, value in given.get("variable", {}).items():
        assert meter.set_02(int(di, 16), float(value)), di
    assert meter.start()
    where = {"port": meter.server.port} if medium == "tcp" else {"path": theirs}
    print(json.dumps({"ready": where}), flush=True)
    sys.stdin.read()
    meter.stop()


main()
