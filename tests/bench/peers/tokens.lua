-- wrk's requests: `wrk ... URL -- MODE FILE`. One token a line. MODE:
--   none    without a token
--   cycle   the tokens again and again, made into requests beforehand
--   stream  the same, read as they are sent: for more than memory should hold
--   once    each token once, then wrk stops
-- One thread only (-t1). The result is one line of JSON.
local ffi = require("ffi")
ffi.cdef("typedef struct { long seconds; long nanoseconds; } instant; int clock_gettime(int, instant *);")

local threads = {}
local started
used_us = 0

local function now_us()
    local at = ffi.new("instant")
    ffi.C.clock_gettime(1, at)
    return tonumber(at.seconds) * 1e6 + tonumber(at.nanoseconds) / 1e3
end

function setup(thread)
    table.insert(threads, thread)
end

function init(args)
    local mode, name = args[1], args[2]
    local method = args[3] or "GET"
    local length = tonumber(args[4] or "0")
    local head = method .. " " .. wrk.path .. " HTTP/1.1\r\nHost: " .. wrk.host .. ":" .. wrk.port .. "\r\n"
    local tail = "\r\n\r\n"
    if length > 0 then
        tail = "\r\nContent-Length: " .. length .. tail .. string.rep("x", length)
    end
    local function with(token)
        return head .. "Authorization: Bearer " .. token .. tail
    end

    if mode == "none" then
        local only = head .. "X-None: 1" .. tail
        request = function() return only end
    elseif mode == "cycle" then
        local all, next_one = {}, 0
        for line in io.lines(name) do table.insert(all, with(line)) end
        request = function()
            next_one = next_one % #all + 1
            return all[next_one]
        end
    elseif mode == "stream" then
        local file = io.open(name)
        request = function()
            local line = file:read("*l")
            if line == nil then
                file:seek("set")
                line = file:read("*l")
            end
            return with(line)
        end
    else
        local file, last = io.open(name), nil
        request = function()
            started = started or now_us()
            local line = file:read("*l")
            if line == nil then
                -- What is sent from here on is not answered to anybody: the loop ends with this turn.
                if used_us == 0 then used_us = now_us() - started end
                wrk.thread:stop()
                line = last
            end
            last = line
            return with(line)
        end
    end
end

function done(summary, latency)
    local us = summary.duration
    local used = tonumber(threads[1]:get("used_us")) or 0
    if used > 0 then us = used end
    io.write(string.format(
        'RESULT {"requests":%d,"us":%d,"bytes":%d,"status":%d,"connect":%d,"read":%d,"write":%d,"timeout":%d,"p50":%d,"p99":%d,"max":%d}\n',
        summary.requests, us, summary.bytes, summary.errors.status, summary.errors.connect, summary.errors.read, summary.errors.write,
        summary.errors.timeout, latency:percentile(50), latency:percentile(99), latency.max))
end
