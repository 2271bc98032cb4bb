-- uniform - single-row updates spread over many rows, half of them +1, half of them -1.
--
--     client/wrk/prepare http://127.0.0.1:8080
--     wrk -t1 -c64 -d10 -s client/wrk/uniform.lua http://127.0.0.1:8080
--     wrk -t1 -c64 -d10 -s client/wrk/uniform.lua http://127.0.0.1:8080 -- rows=100
--
-- Different rows never wait for each other's locks; they share the disk flushes.
-- Options and their defaults: rowlock.lua.
local here = debug.getinfo(1, "S").source:match("^@(.*/)") or ""
local rowlock = dofile(here .. "rowlock.lua")

rowlock.run(rowlock.updates, {})
