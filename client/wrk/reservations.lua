-- reservations - of several rows each, and every one of them released again.
--
--     client/wrk/prepare http://127.0.0.1:8080
--     wrk -t64 -c64 -d10 -s client/wrk/reservations.lua http://127.0.0.1:8080 -- threads=64
--
-- A thread has one connection, so that a release follows its reservation. Half of the requests are
-- releases. Options and their defaults: rowlock.lua.
local here = debug.getinfo(1, "S").source:match("^@(.*/)") or ""
local rowlock = dofile(here .. "rowlock.lua")

rowlock.run(rowlock.reservations, {})
