"""A service manager's socket: prints each notice as a line of JSON, until its input ends."""
import json
import socket
import sys
import threading

path = sys.argv[1]
name = "\0" + path[1:] if path.startswith("@") else path
manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
manager.bind(name)
print("bound", flush=True)


def read():
    while True:
        print(json.dumps(manager.recv(4096).decode().split("\n")), flush=True)


threading.Thread(target=read, daemon=True).start()
sys.stdin.read()
