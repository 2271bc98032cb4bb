-- leases - of one row each, and every one of them given back.
--
--     client/wrk/prepare http://127.0.0.1:8080
--     wrk -t64 -c64 -d10 -s client/wrk/leases.lua http://127.0.0.1:8080 -- threads=64
--
-- A thread has one connection and rows of its own, so that nobody waits for anybody. Half of the
-- requests give a lease back. Options and their defaults: rowlock.lua.
local here = debug.getinfo(1, "S").source:match("^@(.*/)") or ""
local rowlock = dofile(here .. "rowlock.lua")

rowlock.run(rowlock.leases, {})
