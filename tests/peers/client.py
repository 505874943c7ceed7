"""Reads a meter over TCP with the independent package `python-dlt645` and prints what it understood, as JSON.

Usage: client.py HOST PORT ADDRESS FRAME DI…; each DI is asked as the package's own Frame class asks it. FRAME, in hexadecimal
digits, is only taken apart, and a block only put together: the package's complaints are printed under `departs`.

How it differs from the standard is in README.md.
"""

import io
import json
import socket
import sys

import dlt645


def complaint(act):
    """The name of the exception with which `act` ends, or None."""
    try:
        act()
    except Exception as error:  # Whichever it is, its name is what is wanted.
        return type(error).__name__
    return None


def main():
    host, port, address, frame, items = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4], sys.argv[5:]
    block = dlt645.Frame(address)
    block.data = "0001FF00"
    departs = {
        "frame": complaint(lambda: dlt645.read_frame(dlt645.iogen(io.BytesIO(bytes.fromhex(frame))))),
        "block": complaint(block.dump),
    }
    with socket.create_connection((host, port), timeout=10) as connection:
        line = connection.makefile("rwb", buffering=0)
        answer = {"address": dlt645.get_addr(line), "items": {}, "departs": departs}
        for item in items:
            request = dlt645.Frame(address)
            request.data = item
            dlt645.write_frame(line, request)
            reply = dlt645.read_frame(dlt645.iogen(line))
            answer["items"][item] = {"from": reply.addr, "control": reply.control, "data": reply.data}
        answer["active_energy"] = dlt645.get_active_energy(address, line)
    print(json.dumps(answer))


main()
