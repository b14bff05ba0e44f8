"""A web server for examples: one folder, one address, port 80.

    web_server.py FOLDER ADDRESS

The standard library's server looks its own name up in the DNS first, which a namespace without one
waits long for.
"""
import functools
import http.server
import socket
import socketserver
import sys


class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6 if ":" in sys.argv[2] else socket.AF_INET
    server_name, server_port = "office", 80

    def server_bind(self):
        socketserver.TCPServer.server_bind(self)


handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[1])
Server((sys.argv[2], 80), handler).serve_forever()
