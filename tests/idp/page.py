"""An application for browsers: a page that asks for data, listens to events and opens a WebSocket, all with its cookie, and then says what came."""

import asyncio
import threading

from aiohttp import WSMsgType, web

PAGE = """<!doctype html><title>page</title><script>
const heard = {};
function tell(what, value) {
  heard[what] = value;
  if (["fetch", "post", "events", "socket"].every((name) => name in heard))
    fetch("/report", {method: "POST", body: JSON.stringify(heard)});
}
fetch("/data").then((answer) => answer.text()).then((text) => tell("fetch", text));
fetch("/data", {method: "POST", body: "x"}).then((answer) => answer.text()).then((text) => tell("post", text));
const events = [];
const source = new EventSource("/events");
source.onmessage = (event) => { events.push(event.data); if (events.length == 3) { source.close(); tell("events", events); } };
const socket = new WebSocket("ws://" + location.host + "/socket");
socket.onopen = () => socket.send("hello");
socket.onmessage = (event) => { socket.close(); tell("socket", event.data); };
</script>"""


class Page:
    """Runs in a thread of the test's; `reported` is what the page said, `cookies` what the application got of cookies."""

    def __init__(self, token):
        self.token, self.reported, self.cookies, self.port = token, None, set(), None
        self.loop, started = asyncio.new_event_loop(), threading.Event()
        threading.Thread(target=self.run, args=(started,), daemon=True).start()
        started.wait()

    def run(self, started):
        asyncio.set_event_loop(self.loop)
        application = web.Application()
        application.add_routes([
            web.get("/login", self.login),
            web.get("/page", self.page),
            web.route("*", "/data", self.data),
            web.get("/events", self.events),
            web.get("/socket", self.socket),
            web.post("/report", self.report),
        ])
        runner = web.AppRunner(application)
        self.loop.run_until_complete(runner.setup())
        self.loop.run_until_complete(web.TCPSite(runner, "127.0.0.1", 0).start())
        self.port = runner.addresses[0][1]
        started.set()
        self.loop.run_forever()

    async def login(self, _request):
        answer = web.HTTPFound("/page")
        answer.set_cookie("id_token", self.token, httponly=True, samesite="Lax")
        answer.set_cookie("theme", "dark")
        raise answer

    async def page(self, request):
        self.cookies.add(request.headers.get("Cookie"))
        return web.Response(text=PAGE, content_type="text/html")

    async def data(self, request):
        return web.Response(text=f"{request.method} {request.headers.get('X-Auth-Issuer')}")

    async def events(self, request):
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        for number in range(3):
            await answer.write(f"data: {number} {request.headers.get('X-Auth-Issuer')}\n\n".encode())
            await asyncio.sleep(0.05)
        return answer

    async def socket(self, request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            if message.type == WSMsgType.TEXT:
                await socket.send_str(f"{message.data} {request.headers.get('X-Auth-Issuer')}")
        return socket

    async def report(self, request):
        self.reported = await request.json()
        return web.Response()

    def stop(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
