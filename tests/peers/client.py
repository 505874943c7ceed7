"""Reads a meter over TCP with the independent package `python-dlt645` and prints what it understood, as JSON.

Usage: client.py HOST PORT ADDRESS DI…; each DI is asked as the package's own Frame class asks it.

How it differs from the standard: it ends a frame at the first byte 16H, wherever it stands, so a frame that holds
one is cut short and fails its check sum here; the tests choose registers accordingly.
"""

import json
import socket
import sys

import dlt645


def main():
    host, port, address, items = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4:]
    with socket.create_connection((host, port), timeout=10) as connection:
        line = connection.makefile("rwb", buffering=0)
        answer = {"address": dlt645.get_addr(line), "items": {}}
        for item in items:
            request = dlt645.Frame(address)
            request.data = item
            dlt645.write_frame(line, request)
            reply = dlt645.read_frame(dlt645.iogen(line))
            answer["items"][item] = {"from": reply.addr, "control": reply.control, "data": reply.data}
        answer["active_energy"] = dlt645.get_active_energy(address, line)
    print(json.dumps(answer))


main()
