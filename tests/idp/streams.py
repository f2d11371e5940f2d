"""An application of a few lines whose bodies are long: uploads counted, downloads made, events sent when they are asked for."""

import http.server
import socketserver
import threading
import urllib.parse

PIECE = b"\0" * (1 << 20)


class Streams:
    """Runs in the test's own process; `send_event` lets `/events` say one more thing."""

    def __init__(self):
        self.uploaded = []
        self.events = threading.Semaphore(0)
        application = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            rbufsize = 1 << 20

            def log_message(self, *_arguments):
                pass

            def do_GET(self):
                path = urllib.parse.urlsplit(self.path)
                if path.path == "/events":
                    application.say_events(self)
                else:
                    application.give(self, int(urllib.parse.parse_qs(path.query)["bytes"][0]))

            def do_POST(self):
                application.take(self)

        class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
            daemon_threads = True
            allow_reuse_address = True

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def give(self, handler, count):
        handler.send_response(200)
        handler.send_header("Content-Length", str(count))
        handler.end_headers()
        while count:
            piece = PIECE[: min(count, len(PIECE))]
            handler.wfile.write(piece)
            count -= len(piece)

    def take(self, handler):
        left = count = int(handler.headers["Content-Length"])
        while left:
            read = len(handler.rfile.read1(min(left, len(PIECE))))
            if not read:
                break
            left -= read
        self.uploaded.append(count - left)
        handler.send_response(204)
        handler.end_headers()

    def say_events(self, handler):
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.flush()
        number = 0
        while True:
            self.events.acquire()
            event = f"id: {number}\ndata: event {number}\n\n".encode()
            try:
                handler.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
                handler.wfile.flush()
            except OSError:
                return
            number += 1

    def send_event(self):
        self.events.release()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
