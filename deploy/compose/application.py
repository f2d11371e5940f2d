"""A sample legacy application: it believes the headers that it gets, and shows them."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Application(BaseHTTPRequestHandler):
    """Answers every GET with who it thinks is asking."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        """Greets by identity headers; nothing here knows about tokens."""
        lines = [f"Hello, {self.headers.get('X-Auth-Name') or self.headers.get('X-Auth-Subject') or 'stranger'}.", ""]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        answer = ("\n".join(lines) + "\n").encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


if __name__ == "__main__":
    ThreadingHTTPServer(("0.0.0.0", 3000), Application).serve_forever()
