"""Starts a program as a service manager does: with a bound datagram socket as its first descriptor above 2."""
import os
import socket
import sys

family = socket.AF_INET6 if sys.argv[1] == "::1" else socket.AF_INET
bound = socket.socket(family, socket.SOCK_DGRAM)
bound.bind((sys.argv[1], 0))
print("activated", bound.getsockname()[1], flush=True)
os.dup2(bound.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="dns")
os.execvp(sys.argv[2], sys.argv[2:])
